# Made stories about who went where, with questions, in bAbI's form: awk -f errands.awk > errands.txt
#
# A question is about the last place of a person or of a thing that somebody carries: the second kind needs two sentences.

function random(below) { state = (state * 16807) % 2147483647; return int(state / 8) % below }
function one(words,  n, list) { n = split(words, list, "|"); return list[1 + random(n)] }

BEGIN {
  state = seed ? seed : 7
  people = "Ada|Bruno|Clara|David"
  places = "harbour|market|library|garden|station"
  things = "parcel|lantern|letter"
  for (story = 0; story < 600; story++) {
    line = 0
    split("", at); split("", went); split("", holder); split("", took)
    for (turn = 0; turn < 3; turn++) {
      for (k = 2 + random(2); k > 0; k--) {
        who = one(people)
        if (random(3) == 0) {
          what = one(things)
          if (!(what in holder)) {
            holder[what] = who; took[what] = ++line
            print line " " who " " one("took|picked up") " the " what "."
            continue
          }
        }
        at[who] = one(places); went[who] = ++line
        print line " " who " " one("went to|walked to|is back at") " the " at[who] "."
      }
      asked = 0
      for (k = split(things, list, "|"); k > 0; k--) {
        what = list[k]
        if (!asked && (what in holder) && (holder[what] in at) && random(2)) {
          asked = 1
          print ++line " Where is the " what "?\t" at[holder[what]] "\t" took[what] " " went[holder[what]]
        }
      }
      for (k = split(people, list, "|"); k > 0; k--) {
        if (!asked && (list[k] in at) && random(2)) {
          asked = 1
          print ++line " Where is " list[k] "?\t" at[list[k]] "\t" went[list[k]]
        }
      }
    }
  }
}
