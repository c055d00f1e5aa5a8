"""Caption models as one writes them in PyTorch: a layer of torch.nn over whole captions where there is one and nothing
comes between its steps, else a loop over cells; and beam search of the usual form, a picture at a time."""

import torch
from torch import nn
from torch.nn import functional as F

from .case import NoSuchCase

V, E, H, A, R, FEATURES, END = 2550, 512, 512, 512, 9, 512, 0
DROPOUT = 0.5
PICTURES = 50  # of the thousand that are decoded: the others take as long


class LSTMWM(nn.Module):
    """A step of the LSTM with Working Memory Connections, its products merged."""

    def __init__(self, size, units):
        super().__init__()
        self.x, self.h = nn.Linear(size, 4 * units), nn.Linear(units, 4 * units, bias=False)
        self.m, self.o = nn.Linear(units, 2 * units, bias=False), nn.Linear(units, units, bias=False)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x(x) + self.h(h)).chunk(4, 1)
        mi, mf = torch.tanh(self.m(c)).chunk(2, 1)
        c = torch.sigmoid(f + mf) * c + torch.sigmoid(i + mi) * torch.tanh(g)
        return torch.sigmoid(o + torch.tanh(self.o(c))) * torch.tanh(c), c


CELLS = {"lstm": nn.LSTMCell, "lstm-wm": LSTMWM, "gru": None}


class Captioner(nn.Module):
    """One of the three forms, a step at a time or over whole captions [T, B]."""

    def __init__(self, form, cell):
        super().__init__()
        self.form = form
        self.words, self.drop, self.head = nn.Embedding(V, E), nn.Dropout(DROPOUT), nn.Linear(H, V)
        if form == "show-and-tell":
            self.picture = nn.Linear(FEATURES, E)
            self.cells = nn.ModuleList([nn.LSTM(E, H) if cell == "lstm" else CELLS[cell](E, H)])
            return
        self.keys, self.query = nn.Linear(FEATURES, A), nn.Linear(H, A, bias=False)
        self.score = nn.Linear(A, 1, bias=False)
        sizes = [E + FEATURES] if form == "show-attend-tell" else [E + H + FEATURES, FEATURES + H]
        self.cells = nn.ModuleList([CELLS[cell](size, H) for size in sizes])
        self.first = nn.ModuleList([nn.Linear(FEATURES, 2 * H) for _ in sizes])

    def attend(self, h, regions, keys):
        scores = self.score(torch.tanh(self.query(h).unsqueeze(1) + keys)).squeeze(-1)
        return torch.bmm(scores.softmax(1).unsqueeze(1), regions).squeeze(1)

    def start(self, x):
        """What steps go on from: the states, and what they look at."""
        if self.form == "show-and-tell":
            state = (x.new_zeros(x.shape[0], H),) * 2
            return [self.cell(0, self.picture(x), state)], ()
        mean = x.mean(1)
        return [tuple(torch.tanh(map(mean)).chunk(2, 1)) for map in self.first], (x, self.keys(x), mean)

    def cell(self, index, x, state):
        layer = self.cells[index]
        if isinstance(layer, nn.LSTM):
            output, (h, c) = layer(x.unsqueeze(0), tuple(s.unsqueeze(0) for s in state))
            return h[0], c[0]
        return layer(x, state)

    def step(self, words, states, seen):
        """The output and the states after vectors of words [B, E]."""
        if self.form == "show-and-tell":
            states = [self.cell(0, words, states[0])]
        elif self.form == "show-attend-tell":
            context = self.attend(states[0][0], *seen[:2])
            states = [self.cells[0](torch.cat([words, context], 1), states[0])]
        else:
            lower = self.cells[0](torch.cat([words, states[1][0], seen[2]], 1), states[0])
            context = self.attend(lower[0], *seen[:2])
            states = [lower, self.cells[1](torch.cat([context, lower[0]], 1), states[1])]
        return states[-1][0], states

    def forward(self, x, words):
        vectors = self.words(words)
        if isinstance(self.cells[0], nn.LSTM):
            outputs = self.cells[0](torch.cat([self.picture(x).unsqueeze(0), vectors]))[0][1:]
        else:
            (states, seen), outputs = self.start(x), []
            for one in vectors.unbind(0):
                output, states = self.step(one, states, seen)
                outputs.append(output)
            outputs = torch.stack(outputs)
        return self.head(self.drop(outputs))


def training(model, case):
    # Words as often as in language: the logarithm of their rank is uniform.
    words = (2 + (V - 2) ** torch.rand(case.steps, case.batch) - 1).long()
    next_words = words.roll(-1, 0)
    next_words[-1] = END
    shape = (case.batch, FEATURES) if case.form == "show-and-tell" else (case.batch, R, FEATURES)
    x, adam = torch.randn(shape), torch.optim.Adam(model.parameters(), 5e-4)

    def step():
        adam.zero_grad()
        F.cross_entropy(model(x, words).reshape(-1, V), next_words.reshape(-1)).backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.1)
        adam.step()

    return step


def beam(model, case):
    """Beams of one picture after another, without an end: every caption is as long."""
    shape = (PICTURES, FEATURES) if case.form == "show-and-tell" else (PICTURES, R, FEATURES)
    pictures, width = torch.randn(shape), case.width
    model.eval()

    def one(x):
        states, seen = model.start(x)
        words, sums, captions = torch.ones(1, dtype=torch.long), torch.zeros(1), torch.zeros(1, 0, dtype=torch.long)
        for _ in range(case.steps):
            output, states = model.step(model.words(words), states, seen)
            scores = sums.unsqueeze(1) + model.head(output).log_softmax(1)
            sums, places = scores.view(-1).topk(width)
            rows, words = places // V, places % V
            states = [tuple(s[rows] for s in state) for state in states]
            seen = tuple(s[rows] for s in seen)
            captions = torch.cat([captions[rows], words.unsqueeze(1)], 1)
        return captions[0]

    def step():
        with torch.inference_mode():
            for index in range(PICTURES):
                one(pictures[index:index + 1])

    step.scale = case.pictures / PICTURES
    return step


def build(case):
    if CELLS.get(case.cell) is None:
        raise NoSuchCase("not written as a caption model here", expected=True)
    torch.manual_seed(1)
    model = Captioner(case.form, case.cell)
    return (training if case.kind == "training" else beam)(model, case)
