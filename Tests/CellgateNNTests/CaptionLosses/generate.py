#!/usr/bin/env python3
"""Trains two models of captions with PyTorch for 20 updates, and keeps what they start from and each update's loss.

    python3 generate.py FOLDER

Needs torch, numpy and safetensors. A file has the first parameters under Cellgate's names, `features`, the batches' words
[20, B, T] with -1 after each caption's end, and `losses` [20], the mean cross-entropy of a batch's words and ends.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

V, E, H, A, WIDTH, REGIONS, B, T, STEPS = 19, 6, 8, 7, 5, 4, 4, 6, 20
START, END = 1, 2


class ShowAndTell(nn.Module):
    """The picture as the first input, then the words (Vinyals et al. 2015)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        self.subject = nn.Linear(WIDTH, E)
        self.lstm = nn.LSTM(E, H)
        self.head = nn.Linear(H, V)

    def forward(self, features, words):
        x = torch.cat([self.subject(features)[None], self.embedding(words)])
        return self.head(self.lstm(x)[0][1:])


class ShowAttendTell(nn.Module):
    """Additive attention over regions before each step (Xu et al. 2015)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        self.query, self.key = nn.Linear(H, A, bias=False), nn.Linear(WIDTH, A)
        self.score = nn.Parameter(torch.empty(A).uniform_(-0.5, 0.5))
        self.first = nn.Linear(WIDTH, 2 * H)
        self.lstm = nn.LSTMCell(E + WIDTH, H)
        self.head = nn.Linear(H, V)

    def forward(self, regions, words):  # regions [R, B, D]
        h, c = torch.tanh(self.first(regions.mean(0))).chunk(2, -1)
        keys, outputs = self.key(regions), []
        for x in self.embedding(words):
            weights = torch.softmax(torch.tanh(self.query(h) + keys) @ self.score, 0)
            context = (weights[..., None] * regions).sum(0)
            h, c = self.lstm(torch.cat([x, context], -1), (h, c))
            outputs.append(h)
        return self.head(torch.stack(outputs))


def names(model):
    """PyTorch's parameters by Cellgate's names; the second bias of the LSTM is zero and not trained."""
    state = {
        "decoder.embedding.weight": model.embedding.weight, "decoder.head.weight": model.head.weight,
        "decoder.head.bias": model.head.bias,
    }
    lstm = dict(model.lstm.named_parameters())
    suffix = "_l0" if "weight_ih_l0" in lstm else ""
    for own, theirs in [("weight_ih", "weight_ih"), ("weight_hh", "weight_hh"), ("bias", "bias_ih")]:
        state[f"decoder.recurrent.{own}_l0"] = lstm[theirs + suffix]
    second = lstm["bias_hh" + suffix]
    second.requires_grad_(False)
    second.zero_()
    if isinstance(model, ShowAndTell):
        state |= {"decoder.subject.weight": model.subject.weight, "decoder.subject.bias": model.subject.bias}
    else:
        state |= {
            "decoder.attention.query_weight": model.query.weight, "decoder.attention.key_weight": model.key.weight,
            "decoder.attention.bias": model.key.bias, "decoder.attention.score": model.score,
            "decoder.first_states.weight": model.first.weight, "decoder.first_states.bias": model.first.bias,
        }
    return state


def main(folder):
    for name, kind in [("show-and-tell", ShowAndTell), ("show-attend-tell", ShowAttendTell)]:
        torch.manual_seed(1)
        random = np.random.default_rng(1)
        model = kind()
        state = names(model)
        kept = {key: value.detach().numpy().copy() for key, value in state.items()}
        shape = (STEPS, B, WIDTH) if kind is ShowAndTell else (STEPS, REGIONS, B, WIDTH)
        features = random.uniform(-1, 1, shape).astype(np.float32)
        words = np.full((STEPS, B, T), -1, np.int64)
        for step in range(STEPS):
            for b in range(B):
                length = int(random.integers(1, T + 1))
                words[step, b, :length] = random.integers(3, V, length)
        optimizer = torch.optim.Adam(state.values(), lr=0.01)
        losses = []
        for step in range(STEPS):
            own = torch.from_numpy(words[step]).T  # [T, B]
            first = torch.full((1, B), START)
            inputs = torch.cat([first, own.clamp(min=0)])
            targets = torch.full((T + 1, B), -1)
            targets[:T] = own
            lengths = (own >= 0).sum(0)
            targets[lengths, torch.arange(B)] = END
            logits = model(torch.from_numpy(features[step]), inputs)
            loss = F.cross_entropy(logits.reshape(-1, V), targets.reshape(-1), ignore_index=-1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(list(state.values()), 0.1)
            optimizer.step()
            losses.append(loss.item())
        kept |= {"features": features, "words": words, "losses": np.array(losses, np.float64)}
        save_file(kept, pathlib.Path(folder) / f"{name}.safetensors")


main(sys.argv[1])
