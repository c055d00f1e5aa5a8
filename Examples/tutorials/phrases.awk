# Made sentences with their translations into a made language, a tab between: awk -f phrases.awk > phrases.tsv
#
# The verb comes last, adjectives after their nouns, the object ends with -n, and there are no articles: word for word nothing
# would be right.

function random(below) { state = (state * 16807) % 2147483647; return state % below }
function one(words,  n, list) { n = split(words, list, "|"); return list[1 + random(n)] }

# A noun with or without an adjective and a place, in both languages: the parts before and after the "=" of a word.
function thing(ending,  noun, adjective) {
  split(one("sailor=mara|captain=kevo|dog=runo|cat=tisu|harbour=dalo|ship=velu|letter=papi|lamp=lumo|child=pelu|baker=fano"), noun, "=")
  english = one("the|a") " "
  other = noun[2] ending
  if (random(2)) {
    split(one("old=gor|small=min|red=rub|tired=lang|happy=fel|green=ver"), adjective, "=")
    english = english adjective[1] " "
    other = other " " adjective[2] "a" ending
  }
  english = english noun[1]
}

BEGIN {
  state = seed ? seed : 7
  if (!sentences) sentences = 2000
  for (s = 0; s < sentences; s++) {
    split(one("sees=vidas|paints=pentas|finds=trovas|loves=amas|forgets=forgas|waits for=sperat"), verb, "=")
    thing(""); subject = english; agent = other
    thing("n"); object = english; patient = other
    when = random(3)
    split(one("today=hodi|at night=noktu|in the fog=nebulu|on Monday=lundi"), time, "=")
    text = subject " " verb[1] " " object (when ? "" : " " time[1])
    text = " " text
    gsub(/ a old/, " an old", text)
    print toupper(substr(text, 2, 1)) substr(text, 3) "." "\t" toupper(substr(agent, 1, 1)) substr(agent, 2) " " patient (when ? "" : " " time[2]) " " verb[2] "."
  }
}
