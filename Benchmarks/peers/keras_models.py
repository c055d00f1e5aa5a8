"""Keras 3 with PyTorch as its backend: its own example of film reviews, trained by `train_on_batch`."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras  # noqa: E402: the backend is chosen first
import numpy as np  # noqa: E402
import torch  # noqa: E402

from .case import Everyday, NoSuchCase  # noqa: E402

WORDS, STEPS = 20_000, 200
PART = 4  # one of so many batches is trained on: its steps take as long as the others'


class Peer:
    def __init__(self, options):
        torch.set_num_threads(options.threads)
        self.version = f"{keras.__version__} on PyTorch {torch.__version__}"

    def build(self, case):
        layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}.get(case.cell)
        if not isinstance(case, Everyday) or case.model != "imdb" or layer is None:
            raise NoSuchCase("not written for Keras here", expected=True)
        keras.utils.set_random_seed(1)
        model = keras.Sequential([
            keras.layers.Embedding(WORDS, 128, mask_zero=not case.is_padded),
            keras.layers.Bidirectional(layer(64, return_sequences=True)),
            keras.layers.Bidirectional(layer(64)),
            keras.layers.Dense(1, activation="sigmoid"),
        ])
        model.compile("adam", "binary_crossentropy")
        random, batches = np.random.default_rng(1), []
        for lengths in case.batches[::PART]:
            steps = STEPS if case.is_padded else max(lengths)
            words = np.minimum(WORDS - 1, WORDS ** random.random((len(lengths), steps))).astype("int64")
            if not case.is_padded:
                words[np.arange(steps) >= np.array(lengths)[:, None]] = 0
            batches.append((words, random.integers(0, 2, (len(lengths), 1)).astype("float32")))

        def steps_of(batches):
            return sum(STEPS if case.is_padded else max(lengths) for lengths in batches)

        def step():
            for words, target in batches:
                model.train_on_batch(words, target)

        step.scale = steps_of(case.batches) / steps_of(case.batches[::PART])
        return step, "one of 4 batches, by their steps"
