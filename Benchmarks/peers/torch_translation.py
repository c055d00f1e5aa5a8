"""A translator as one writes it in PyTorch: torch.nn.LSTM over packed sentences in both directions, a decoder over whole
sentences with additive attention after it, tied weights; and beam search of the usual form, a sentence at a time."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .case import NoSuchCase

V, E, H, A = 6000, 256, 256, 256
DROPOUT = 0.3
SENTENCES = 20  # of those that are decoded: the others take as long


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target, self.drop = nn.Embedding(V, E), nn.Embedding(V, H), nn.Dropout(DROPOUT)
        self.encoder, self.decoder = nn.LSTM(E, H, bidirectional=True), nn.LSTM(H, H)
        self.first, self.combination = nn.Linear(2 * H, 2 * H), nn.Linear(3 * H, H)
        self.keys, self.query = nn.Linear(2 * H, A), nn.Linear(H, A, bias=False)
        self.score, self.bias = nn.Linear(A, 1, bias=False), nn.Parameter(torch.zeros(V))

    def encode(self, source, lengths):
        """What is looked at [B, S, 2H] with its keys and mask, and the decoder's first states."""
        packed = pack_padded_sequence(self.drop(self.source(source)), lengths, enforce_sorted=False)
        memory = self.drop(pad_packed_sequence(self.encoder(packed)[0])[0]).transpose(0, 1)
        valid = torch.arange(source.shape[0]) < lengths.unsqueeze(1)
        mean = (memory * valid.unsqueeze(2)).sum(1) / lengths.unsqueeze(1)
        states = tuple(s.unsqueeze(0).contiguous() for s in torch.tanh(self.first(mean)).chunk(2, 1))
        return (memory, self.keys(memory), valid), states

    def decode(self, vectors, states, seen):
        """Logits [T, B, V] of vectors of symbols [T, B, H], and the states."""
        memory, keys, valid = seen
        outputs, states = self.decoder(vectors, states)
        scores = self.score(torch.tanh(self.query(outputs.transpose(0, 1)).unsqueeze(2) + keys.unsqueeze(1))).squeeze(3)
        weights = scores.masked_fill(~valid.unsqueeze(1), float("-inf")).softmax(2)
        context = torch.bmm(weights, memory).transpose(0, 1)
        outputs = self.drop(torch.tanh(self.combination(torch.cat([context, outputs], 2))))
        return F.linear(outputs, self.target.weight, self.bias), states


def training(model, case):
    def symbols(lengths):  # as often as in language: the logarithm of their rank is uniform
        drawn = (3 + (V - 4) ** torch.rand(max(lengths), case.batch) - 1).long()
        return drawn.masked_fill(torch.arange(max(lengths)).unsqueeze(1) >= torch.tensor(lengths), 0)

    source, target = symbols(case.lengths(7)), symbols(case.lengths(5))
    lengths, adam = torch.tensor(case.lengths(7)), torch.optim.Adam(model.parameters(), 1e-3)
    inputs = torch.cat([torch.full((1, case.batch), 1), target])
    expected = torch.cat([target, torch.zeros(1, case.batch, dtype=torch.long)])
    expected[torch.tensor(case.lengths(5)), torch.arange(case.batch)] = 2

    def step():
        adam.zero_grad()
        seen, states = model.encode(source, lengths)
        logits, _ = model.decode(model.drop(model.target(inputs)), states, seen)
        F.cross_entropy(logits.reshape(-1, V), expected.reshape(-1), ignore_index=0).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        adam.step()

    return step


def beam(model, case):
    """Beams of one sentence after another, without an end: every translation is as long."""
    sources, width = torch.randint(3, V, (SENTENCES, case.steps, 1)), case.width
    model.eval()

    def one(source):
        seen, states = model.encode(source, torch.tensor([case.steps]))
        words, sums, written = torch.ones(1, dtype=torch.long), torch.zeros(1), torch.zeros(1, 0, dtype=torch.long)
        for _ in range(case.steps):
            logits, states = model.decode(model.target(words).unsqueeze(0), states, seen)
            scores = sums.unsqueeze(1) + logits[0].log_softmax(1)
            sums, places = scores.view(-1).topk(width)
            rows, words = places // V, places % V
            states = tuple(s[:, rows].contiguous() for s in states)
            seen = tuple(s[rows] for s in seen)
            written = torch.cat([written[rows], words.unsqueeze(1)], 1)
        return written[0]

    def step():
        with torch.inference_mode():
            for source in sources:
                one(source)

    step.scale = case.sentences / SENTENCES
    return step


def build(case):
    if case.cell != "lstm":
        raise NoSuchCase("not written as a translator here", expected=True)
    torch.manual_seed(1)
    model = Translator()
    return (training if case.kind == "training" else beam)(model, case)
