# Made sentences in English and in German, with a tab between: awk -f sentences.awk > sentences.tsv
#
# What must be learned besides words: German puts the verb second and a participle last, times before places before things, and
# changes the ends of words by gender and case.

function random(below) { state = (state * 16807) % 2147483647; return int(state / 8) % below }
function one(words,  n, list) { n = split(words, list, "|"); return list[1 + random(n)] }
# A pair with a colon between, such as "reads:liest:read:gelesen".
function part(text, k,  list) { split(text, list, ":"); return list[k] }
function capital(text) { return toupper(substr(text, 1, 1)) substr(text, 2) }

BEGIN {
  state = seed ? seed : 7
  people = "man:der:Mann|woman:die:Frau|child:das:Kind|neighbour:der:Nachbar|teacher:die:Lehrerin"
  names = "Ada|Bruno|Clara|David"
  things = "book:n:Buch|letter:m:Brief|lamp:f:Lampe|map:f:Karte|key:m:Schlüssel|picture:n:Bild|chair:m:Stuhl|clock:f:Uhr"
  kinds = "small:klein|new:neu|beautiful:schön|red:rot|heavy:schwer"
  verbs = "reads:liest:read:gelesen|buys:kauft:bought:gekauft|finds:findet:found:gefunden|paints:malt:painted:gemalt|sells:verkauft:sold:verkauft|loses:verliert:lost:verloren"
  places = "in the garden:im Garten|in the kitchen:in der Küche|at the station:am Bahnhof|at home:zu Hause|on the bridge:auf der Brücke"
  times = "today:heute|now:jetzt|this morning:heute Morgen|on Sunday:am Sonntag|in the evening:am Abend"
  definite["m"] = "den"; definite["f"] = "die"; definite["n"] = "das"
  indefinite["m"] = "einen"; indefinite["f"] = "eine"; indefinite["n"] = "ein"
  for (pair = 0; pair < 4000; pair++) {
    if (random(3) == 0) {
      who = wer = one(names)
    } else {
      person = one(people); who = "the "; wer = part(person, 2) " "
      if (random(2)) { kind = one(kinds); who = who part(kind, 1) " "; wer = wer part(kind, 2) "e " }
      who = who part(person, 1); wer = wer part(person, 3)
    }
    thing = one(things); gender = part(thing, 2); known = random(2); kind = random(2) ? one(kinds) : ""
    what = known ? "the " : "a "; was = (known ? definite[gender] : indefinite[gender]) " "
    if (kind) {
      ending = gender == "m" ? "en" : gender == "n" && !known ? "es" : "e"
      what = what part(kind, 1) " "; was = was part(kind, 2) ending " "
    }
    what = what part(thing, 1); was = was part(thing, 3)
    verb = one(verbs); past = random(2)
    does = past ? "has " part(verb, 3) : part(verb, 1); tut = past ? "hat" : part(verb, 2)
    last = past ? " " part(verb, 4) : ""
    place = random(2) ? one(places) : ""; time = random(3) ? one(times) : ""
    english = who " " does " " what (place ? " " part(place, 1) : "")
    where = place ? " " part(place, 2) : ""
    if (time && random(2)) {
      english = part(time, 1) " " english
      german = part(time, 2) " " tut " " wer where " " was last
    } else {
      if (time) english = english " " part(time, 1)
      german = wer " " tut (time ? " " part(time, 2) : "") where " " was last
    }
    print capital(english) ".\t" capital(german) "."
  }
}
