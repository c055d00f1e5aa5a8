# Made reviews of a mountain hut with a class each, as CSV: awk -f reviews.awk > reviews.csv
#
# What a word says depends on the words around it ("not good", "hardly bad"), so counting words is not enough; and a review that
# praises may find something to blame.

function random(below) { state = (state * 16807) % 2147483647; return state % below }
function one(words,  n, list) { n = split(words, list, "|"); return list[1 + random(n)] }

# A sentence that praises (1) or blames (0) one thing.
function opinion(praises,  thing, turned, word) {
  thing = one("the soup|the bread|the view|the room|the host|the bunk|the path to the hut|the coffee|the stove")
  turned = random(5) < 2
  word = (praises != turned) ? one("good|lovely|excellent|pleasant|fine|wonderful") \
    : one("bad|awful|dreadful|poor|dull|disappointing")
  if (!turned) return thing " " one("was|is|was really|was always|felt") " " word
  return thing " " one("was not|was hardly|is never|was anything but|was far from") " " word
}

function review(praises,  text, count, i) {
  text = one("we stayed one night|we came by in the rain|a stop on our way north|we walked up from the valley|second visit")
  count = 1 + random(4)
  for (i = 0; i < count; i++) text = text one(", and |. |; |, ") opinion(random(9) ? praises : !praises)
  if (random(3) == 0) text = text one(". we left at dawn|. the children slept well|. it snowed at night")
  return toupper(substr(text, 1, 1)) substr(text, 2) "."
}

BEGIN {
  state = seed ? seed : 20
  if (!rows) rows = 2000
  print "id,review,verdict"
  for (row = 1; row <= rows; row++) {
    praises = random(2)
    printf "%d,\"%s\",%s\n", row, review(praises), praises ? "good" : "bad"
  }
}
