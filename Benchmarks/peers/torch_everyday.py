"""Everyday models as one writes them in PyTorch: Keras' example of film reviews with packed sequences, and SegRNN."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from .case import NoSuchCase

WORDS, STEPS = 20_000, 200
WINDOWS, SERIES, WINDOW, HORIZON, SEGMENT, UNITS = 256, 7, 96, 96, 24, 512
LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU}


def word(*shape):
    """Words as often as in language: the logarithm of their rank is uniform."""
    return (WORDS ** torch.rand(*shape)).long().clamp_(max=WORDS - 1)


class Reviewer(nn.Module):
    """Vectors of 128 numbers, two layers of 64 units in both directions, the last outputs of both, a logit."""

    def __init__(self, layer):
        super().__init__()
        self.words, self.head = nn.Embedding(WORDS, 128), nn.Linear(128, 1)
        self.layer = layer(128, 64, num_layers=2, bidirectional=True)

    def forward(self, words, lengths):
        x = self.words(words)
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, enforce_sorted=False)
        states = self.layer(x)[1]
        last = states[0] if isinstance(states, tuple) else states
        return self.head(torch.cat([last[-2], last[-1]], 1))


class SegRNN(nn.Module):
    """Segments of a window through a layer, then each segment of the forecast in one step from its state."""

    def __init__(self, layer):
        super().__init__()
        self.encoder, self.head = nn.Linear(SEGMENT, UNITS), nn.Linear(UNITS, SEGMENT)
        self.layer = layer(UNITS, UNITS)
        self.position = nn.Parameter(torch.randn(HORIZON // SEGMENT, UNITS))
        self.series = nn.Parameter(torch.zeros(SERIES + 1, UNITS))

    def forward(self, x, series):
        count = x.shape[1]
        encoded = F.relu(self.encoder(x.view(-1, SEGMENT, count).transpose(1, 2)))
        states = self.layer(encoded)[1]
        z = (self.position.unsqueeze(1) + self.series[series]).reshape(1, -1, UNITS)
        repeats = HORIZON // SEGMENT
        again = (tuple(s.repeat(1, repeats, 1) for s in states) if isinstance(states, tuple)
                 else states.repeat(1, repeats, 1))
        last = self.layer(z, again)[0][0]
        return self.head(last).view(repeats, count, SEGMENT).transpose(1, 2).reshape(HORIZON, count)


def build(case):
    layer = LAYERS.get(case.cell)
    if layer is None:
        raise NoSuchCase("torch.nn has no such layer", expected=True)
    torch.manual_seed(1)
    if case.model == "segrnn":
        model, count = SegRNN(layer), WINDOWS * SERIES
        x, target = torch.randn(WINDOW, count), torch.randn(HORIZON, count)
        numbers = torch.arange(count) % SERIES + 1
        batches = [lambda: F.mse_loss(model(x, numbers), target)]
    else:
        model, batches = Reviewer(layer), []
        for lengths in case.batches:
            steps = STEPS if case.is_padded else max(lengths)
            words, target = word(steps, len(lengths)), torch.randint(0, 2, (len(lengths), 1)).float()
            own = None if case.is_padded else torch.tensor(lengths)
            batches.append(lambda words=words, own=own, target=target: F.binary_cross_entropy_with_logits(
                model(words, own), target))
    adam = torch.optim.Adam(model.parameters(), 1e-3)

    def step():
        for loss in batches:
            adam.zero_grad()
            loss().backward()
            adam.step()

    return step
