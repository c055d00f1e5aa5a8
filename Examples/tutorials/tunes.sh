#!/bin/sh
# Made tunes as MIDI files: sh tunes.sh FOLDER [HOW MANY]
#
# Each has 16 bars of four quarters over one of four rows of chords: A A B A, the melody in eighths from chord note to chord note, a bass
# note for each half of a bar. What comes next depends on the chord, and on what was played four bars ago.
set -eu
folder="${1:?expected a folder: sh tunes.sh FOLDER [HOW MANY]}"
mkdir -p "$folder"

# A line for each tune: its number, then its bytes as printf writes them.
awk -v tunes="${2:-60}" '
  function random(below) { state = (state * 16807) % 2147483647; return state % below }
  function byte(value) { bytes = bytes sprintf("\\%03o", value); size++ }
  function event(ticks, status, key, velocity) { byte(ticks); byte(status); byte(key); byte(velocity) }

  # The melody of four bars: mostly the nearest note of the chord above or below, else a step of the scale.
  function phrase(name, row,  bar, eighth, key, root) {
    split(rows[row], chords, " ")
    key = 67 + random(8)
    for (bar = 0; bar < 4; bar++) {
      root = chords[bar + 1]
      for (eighth = 0; eighth < 8; eighth++) {
        direction = key > 79 ? -1 : key < 62 ? 1 : random(2) ? 1 : -1
        do key += direction; while (!(eighth % 2 ? in_scale[key % 12] : in_chord(key, root)))
        melody[name, bar * 8 + eighth] = key
      }
    }
  }
  # Triads of C major: a third and a fifth above the root, counted in notes of the scale.
  function in_chord(key, root,  steps, note) {
    steps = 0
    for (note = root; note % 12 != key % 12; note++) if (in_scale[(note + 1) % 12]) steps++
    return in_scale[key % 12] && (steps == 0 || steps == 2 || steps == 4)
  }

  BEGIN {
    state = 11
    split("0 2 4 5 7 9 11", scale, " ")
    for (i in scale) in_scale[scale[i]] = 1
    rows[0] = "48 45 41 43"; rows[1] = "48 43 45 41"; rows[2] = "45 41 48 43"; rows[3] = "50 43 48 45"
    for (tune = 1; tune <= tunes; tune++) {
      bytes = ""; size = 0
      row["A"] = random(4); row["B"] = random(4)
      phrase("A", row["A"]); phrase("B", row["B"])
      bass = 0
      for (part = 1; part <= 4; part++) {
        name = substr("AABA", part, 1)
        split(rows[row[name]], chords, " ")
        for (place = 0; place < 32; place++) {
          if (place % 4 == 0) {
            if (bass) event(0, 128, bass, 0)
            bass = chords[int(place / 8) + 1]
            event(0, 144, bass, 72)
          }
          event(0, 144, melody[name, place], 88)
          event(48, 128, melody[name, place], 0)  # 96 ticks are a quarter
        }
      }
      event(0, 128, bass, 0)
      event(0, 255, 47, 0)  # the end
      track = bytes; length_of_track = size
      bytes = ""; size = 0
      byte(int(length_of_track / 65536)); byte(int(length_of_track / 256) % 256); byte(length_of_track % 256)
      printf "%03d MThd\\000\\000\\000\\006\\000\\000\\000\\001\\000\\140MTrk\\000%s%s\n", tune, bytes, track
    }
  }' | while read -r tune bytes; do printf "$bytes" > "$folder/$tune.mid"; done
