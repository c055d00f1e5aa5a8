#!/usr/bin/env python3
"""Makes recordings of telephone numbers that are dialled with keypad tones, in noise, and their transcripts.

    dial.py FOLDER [COUNT]      COUNT files 0001.wav and 0001.txt …, 300 if it is left out
"""

import math
import random
import struct
import sys
import wave
from pathlib import Path

RATE = 8000
KEYS = {key: (low, high) for low, keys in ((697, "123"), (770, "456"), (852, "789"), (941, "*0#"))
        for key, high in zip(keys, (1209, 1336, 1477))}


def dialled(keys):
    samples = []

    def add(seconds, tones=()):
        for index in range(int(seconds * RATE)):
            value = sum(math.sin(2 * math.pi * tone * index / RATE) for tone in tones)
            samples.append(loudness * value + random.gauss(0, 0.02))

    loudness = random.uniform(0.02, 0.3)
    add(random.uniform(0.05, 0.4))
    for key in keys:
        add(random.uniform(0.05, 0.15), KEYS[key])
        add(random.uniform(0.04, 0.2))
    return samples


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300
    folder.mkdir(parents=True, exist_ok=True)
    random.seed(1)
    for number in range(1, count + 1):
        keys = "".join(random.choice("0123456789") for _ in range(random.randint(3, 8)))
        values = [round(32767 * max(-1, min(1, value))) for value in dialled(keys)]
        with wave.open(str(folder / f"{number:04}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
            file.writeframes(struct.pack(f"<{len(values)}h", *values))
        (folder / f"{number:04}.txt").write_text(keys + "\n")


main()
