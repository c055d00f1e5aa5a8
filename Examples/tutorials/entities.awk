# Made sentences with persons, places and ships in CoNLL's two columns: awk -f entities.awk > entities.conll
#
# Some names are those of a person in one sentence, of a place or a ship in another, and the parts of names are put together
# so that many are seen once: what they are shows in how they are built and in the words around them.

function random(below) { state = (state * 16807) % 2147483647; return state % below }
function one(words,  n, list) { n = split(words, list, "|"); return list[1 + random(n)] }

function out(text, tag,  n, words, i) {
  n = split(text, words, " ")
  for (i = 1; i <= n; i++) print words[i] "\t" (tag == "" ? "O" : (i == 1 ? "B-" : "I-") tag)
}
function syllables() { return one("Bar|Dal|Fen|Gor|Hal|Kel|Lin|Mar|Nor|Ran|Sel|Tor|Ul|Ves") one("|a|e|i|o|u") }
function person() {
  if (random(6) == 0) return out(both(), "PER")
  out(one("Ada|Bruno|Clara|David|Emma|Felix|Greta|Hugo|Ida|Jonas") (random(2) ? " " syllables() one("sen|dottir|mann|ini|ova") : ""), "PER")
}
function place() {
  if (random(6) == 0) return out(both(), "LOC")
  out((random(5) ? "" : one("New|Upper|Port") " ") syllables() one("burg|ford|haven|stad|vik|minster"), "LOC")
}
function ship() {
  if (random(4) == 0) return out(both(), "SHIP")
  out(one("Star of|Pride of|Queen of") " " syllables() one("burg|ford|haven|stad|vik"), "SHIP")
}
# Names that may be anything.
function both() { return one("Florence|Sidney|Victoria|Carolina|Austin|Charlotte") }

BEGIN {
  state = seed ? seed : 5
  if (!sentences) sentences = 800
  for (s = 0; s < sentences; s++) {
    form = random(9)
    if (form == 0) { person(); out(one("sails to|lives in|comes from|wrote a letter from|has never seen")); place() }
    else if (form == 1) { out("the"); ship(); out(one("left|reached|called at|is bound for")); place(); out(one("at dawn|on Monday|with a cargo of tea|in the fog")) }
    else if (form == 2) { person(); out("and"); person(); out(one("met in|quarrelled in|were married in")); place() }
    else if (form == 3) { out(one("captain|doctor|mister|miss")); person(); out(one("went on board the|was the cook of the|bought the|painted the")); ship() }
    else if (form == 4) { out(one("in|near|north of")); place(); out(one("it has rained for a week|the harbour is frozen|nobody slept")) }
    else if (form == 5) { out("the road from"); place(); out("to"); place(); out(one("is closed|was flooded|is long")) }
    else if (form == 7) { out(both(), one("PER|LOC|SHIP")); out(one("is loved by everybody|was in the fog all night")) }
    else if (form == 6) { person(); out(one("told|asked|owed")); person(); out(one("about the|a cabin on the")); ship() }
    else { out(one("it rains|the tide is late|tea is dear this year|no ship came today|the old map is wrong")) }
    out("."); print ""
  }
}
