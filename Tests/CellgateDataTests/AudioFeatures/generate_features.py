"""Makes expected.json with torchaudio (2.11 with PyTorch): features and other rates of a made sound, and of a recording of 16 bits
and one channel if there is one.

    python3 generate_features.py expected.json [RECORDING.wav]

The suite "Features of sounds" takes the file that CELLGATE_AUDIO_FEATURES names in place of the one here.
"""

import json
import math
import sys
import wave
from pathlib import Path

import torch

# torchaudio refuses a PyTorch of another CUDA version, which is not used here.
torch.version.cuda = "13.0"
import torchaudio

FEATURES = [
    {"kind": "log-mel", "rate": 8000, "window": 200, "hop": 80, "size": 256, "bands": 40, "lowest": 0, "highest": 4000},
    {"kind": "mfcc", "rate": 16000, "window": 400, "hop": 160, "size": 512, "bands": 40, "coefficients": 13, "lowest": 0,
     "highest": 8000},
    {"kind": "log-mel", "rate": 11025, "window": 275, "hop": 110, "size": 275, "bands": 23, "lowest": 60, "highest": 5000},
    {"kind": "mfcc", "rate": 8000, "window": 256, "hop": 100, "size": 300, "bands": 26, "coefficients": 26, "lowest": 20,
     "highest": 3800},
]
RATES = [(44100, 8000), (8000, 16000), (11025, 8000), (48000, 16000), (8000, 11025)]


def sound(count, rate):
    """Two tones, one of which rises and falls, in noise."""
    values, state = [], 1
    for index in range(count):
        time, state = index / rate, (state * 1103515245 + 12345) % 2**31
        value = 0.5 * math.sin(2 * math.pi * 440 * time) * (1 + math.sin(2 * math.pi * 7 * time)) / 2
        values.append(value + 0.25 * math.sin(2 * math.pi * 1234.5 * time) + 0.01 * (state / 2**31 - 0.5))
    return torch.tensor(values, dtype=torch.float32).double()


def features(case, x):
    mel = {"n_fft": case["size"], "win_length": case["window"], "hop_length": case["hop"], "center": False,
           "f_min": case["lowest"], "f_max": case["highest"], "n_mels": case["bands"]}
    if case["kind"] == "mfcc":
        made = torchaudio.transforms.MFCC(case["rate"], case["coefficients"], log_mels=True, melkwargs=mel).double()(x)
    else:
        made = (torchaudio.transforms.MelSpectrogram(case["rate"], **mel).double()(x) + 1e-6).log()
    return case | {"numbers": [round(value, 6) for value in made.T.flatten().tolist()]}


def resampled(old, new):
    made = torchaudio.functional.resample(sound(200, old), old, new)
    return {"from": old, "to": new, "samples": [round(value, 6) for value in made.tolist()]}


def recording(path):
    with wave.open(path) as file:
        numbers, rate = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16), file.getframerate()
    x = numbers.double() / 32768
    made = [features(case, torchaudio.functional.resample(x, rate, case["rate"])) for case in FEATURES]
    return {"file": str(Path(path).resolve()), "features": made}


made = {
    "features": [features(case, sound(case["size"] + 5 * case["hop"] + 3, case["rate"])) for case in FEATURES],
    "resampled": [resampled(*rates) for rates in RATES],
}
if len(sys.argv) > 2:
    made["recording"] = recording(sys.argv[2])
Path(sys.argv[1]).write_text(json.dumps(made) + "\n")
