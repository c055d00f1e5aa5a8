# Made sentences about animals, which a small language model learns in a minute: awk -f animals.awk > animals.txt

function random(below) { state = (state * 16807) % 2147483647; return int(state / 8) % below }

BEGIN {
  state = 7
  split("The cat|A dog|The old horse|A small bird|The grey fox|A young bear", who, "|")
  split("sleeps|runs|sings|waits|looks around|eats", does, "|")
  split("in the garden|by the river|under the tree|on the hill|near the house", where, "|")
  split("while it rains|when the sun is low|all day long|before the night|in the morning", when, "|")
  for (i = 0; i < 4000; i++) {
    s = who[1 + random(6)] " " does[1 + random(6)] " " where[1 + random(5)]
    if (random(2)) s = s " " when[1 + random(5)]
    print s "."
  }
}
