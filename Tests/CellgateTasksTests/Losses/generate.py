#!/usr/bin/env python3
"""Trains small models that translate, answer and transcribe with PyTorch for 20 updates, and keeps what they start from and the losses.

    python3 generate.py FOLDER

Needs torch, numpy and safetensors. A file has the first parameters under Cellgate's names, the batches of the updates, padded with
0 (symbols) or -1 (targets), and `losses` [20].
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

V, W, E, H, A, B, STEPS = 17, 19, 6, 8, 7, 4, 20
START, END = 1, 2


def named(prefix, lstm):
    """The LSTM's parameters by Cellgate's names; its second bias is zero and not trained."""
    names = {}
    for name, parameter in lstm.named_parameters():
        kind, suffix = name.rsplit("_l0", 1) if "_l0" in name else (name, "")
        if kind == "bias_hh":
            parameter.requires_grad_(False)
            parameter.zero_()
        else:
            names[f"{prefix}.{'bias' if kind == 'bias_ih' else kind}_l0{suffix}"] = parameter
    return names


def read(lstm, x, lengths):
    """The outputs and last states of padded sequences [T, B, F]."""
    outputs, states = lstm(pack_padded_sequence(x, lengths, enforce_sorted=False))
    return pad_packed_sequence(outputs, total_length=x.shape[0])[0], states


class Attention(nn.Module):
    """score · tanh(W_q query + W_k value + b), normalised over the valid places."""

    def __init__(self, query, value):
        super().__init__()
        self.query, self.key = nn.Linear(query, A, bias=False), nn.Linear(value, A)
        self.score = nn.Parameter(torch.empty(A).uniform_(-0.5, 0.5))

    def named(self, prefix):
        return {f"{prefix}.query_weight": self.query.weight, f"{prefix}.key_weight": self.key.weight,
                f"{prefix}.bias": self.key.bias, f"{prefix}.score": self.score}

    def forward(self, query, values, valid):  # [B, Q], [S, B, M], [S, B]
        scores = torch.tanh(self.query(query) + self.key(values)) @ self.score
        weights = torch.softmax(scores.masked_fill(~valid, float("-inf")), 0)
        return (weights[..., None] * values).sum(0), weights


class Translation(nn.Module):
    """An encoder in both directions; a decoder from its mean, attention after the cell, tied weights (Luong et al. 2015)."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(V, E), nn.Embedding(W, H)
        self.encoder, self.decoder = nn.LSTM(E, H, bidirectional=True), nn.LSTM(H, H)
        self.attention, self.first = Attention(H, 2 * H), nn.Linear(2 * H, 2 * H)
        self.combination, self.bias = nn.Linear(3 * H, H), nn.Parameter(torch.zeros(W))

    def named(self):
        return ({"embedding.weight": self.source.weight, "decoder.embedding.weight": self.target.weight,
                 "decoder.head_bias": self.bias, "decoder.first_states.weight": self.first.weight,
                 "decoder.first_states.bias": self.first.bias, "decoder.combination.weight": self.combination.weight,
                 "decoder.combination.bias": self.combination.bias}
                | named("encoder", self.encoder) | named("decoder.recurrent", self.decoder)
                | self.attention.named("decoder.attention"))

    def loss(self, batch):
        source, target = batch["source"], batch["target"]
        valid = source > 0
        lengths = valid.sum(0)
        memory, _ = read(self.encoder, self.source(source), lengths)
        mean = (memory * valid[..., None]).sum(0) / lengths[:, None]
        h, c = torch.tanh(self.first(mean)).chunk(2, -1)
        inputs = torch.cat([torch.full((1, B), START), target.clamp(min=0)])
        outputs, _ = self.decoder(self.target(inputs), (h[None].contiguous(), c[None].contiguous()))
        logits = []
        for output in outputs:
            context, _ = self.attention(output, memory, valid)
            logits.append(F.linear(torch.tanh(self.combination(torch.cat([context, output], -1))),
                                   self.target.weight, self.bias))
        expected = torch.cat([target, torch.full((1, B), -1)])
        expected[(target >= 0).sum(0), torch.arange(B)] = END
        return F.cross_entropy(torch.cat(logits), expected.flatten(), ignore_index=-1)

    def batch(self, random):
        source, target = np.zeros((7, B), np.int64), np.full((6, B), -1, np.int64)
        for b in range(B):
            n, m = int(random.integers(1, 8)), int(random.integers(1, 7))
            source[:n, b], target[:m, b] = random.integers(3, V, n), random.integers(3, W, m)
        return {"source": source, "target": target}


class Answer(nn.Module):
    """Sentences read in both directions, places from the end, and three looks by steps of an LSTM, trained to be at given sentences."""

    def __init__(self):
        super().__init__()
        self.words, self.reader = nn.Embedding(V, E), nn.LSTM(E, H, bidirectional=True)
        self.places = nn.Parameter(torch.randn(5, 2 * H) * 0.1)
        self.attention, self.first = Attention(H, 2 * H), nn.Linear(2 * H, 2 * H)
        self.looks, self.head = nn.LSTM(4 * H, H), nn.Linear(3 * H, 5)

    def named(self):
        return ({"sentences.embedding.weight": self.words.weight, "places.weight": self.places,
                 "memory.first_states.weight": self.first.weight, "memory.first_states.bias": self.first.bias,
                 "head.weight": self.head.weight, "head.bias": self.head.bias}
                | named("sentences.recurrent", self.reader) | named("memory.recurrent", self.looks)
                | self.attention.named("memory.attention"))

    def sentence(self, words):  # [.., C], at least a word each
        flat = words.reshape(-1, words.shape[-1]).T
        _, (h, _) = read(self.reader, self.words(flat), (flat > 0).sum(0))
        return torch.cat([h[0], h[1]], -1).reshape(*words.shape[:-1], 2 * H)

    def loss(self, batch):
        story, question, answers, looked = (batch[name] for name in ("story", "question", "answers", "supporting"))
        valid = story[..., 0] > 0
        padded = story.clone()
        padded[..., 0] = padded[..., 0].clamp(min=3)  # An empty sentence is read, and not looked at.
        count = valid.sum(0)
        place = (count - 1 - torch.arange(story.shape[0])[:, None]).clamp(min=0)
        facts = self.sentence(padded) + self.places[place.clamp(max=4)]
        query = self.sentence(question)
        h, c = torch.tanh(self.first(query)).chunk(2, -1)
        weights = []
        for _ in range(3):
            context, seen = self.attention(h, facts, valid)
            weights.append(seen)
            _, (h, c) = self.looks(torch.cat([query, context], -1)[None], (h[None], c[None]))
            h, c = h[0], c[0]
        loss = F.cross_entropy(self.head(torch.cat([h, query], -1)), answers)
        for look in range(2):
            seen = weights[look][looked[look], torch.arange(B)]
            loss = loss - torch.log(seen + 1e-6).sum() / B
        return loss

    def batch(self, random):
        story, question = np.zeros((6, B, 5), np.int64), np.zeros((B, 5), np.int64)
        supporting = np.zeros((2, B), np.int64)
        for b in range(B):
            count = int(random.integers(1, 7))
            for s in range(count):
                n = int(random.integers(1, 6))
                story[s, b, :n] = random.integers(3, V, n)
            n = int(random.integers(1, 6))
            question[b, :n] = random.integers(3, V, n)
            supporting[:, b] = random.integers(0, count, 2)
        return {"story": story, "question": question, "supporting": supporting, "answers": random.integers(0, 5, B)}


class Speech(nn.Module):
    """An LSTM in both directions and the loss of connectionist temporal classification; one transcript is too long."""

    def __init__(self):
        super().__init__()
        self.recurrent, self.head = nn.LSTM(E, H, bidirectional=True), nn.Linear(2 * H, 5)

    def named(self):
        return named("recurrent", self.recurrent) | {"head.weight": self.head.weight, "head.bias": self.head.bias}

    def loss(self, batch):
        lengths, targets = batch["lengths"], batch["targets"]
        outputs, _ = read(self.recurrent, batch["features"], lengths)
        counts = (targets >= 0).sum(0)
        losses = F.ctc_loss(F.log_softmax(self.head(outputs), -1), targets.clamp(min=0).T, lengths, counts,
                            reduction="none", zero_infinity=True)
        return losses.sum() / counts.sum()

    def batch(self, random):
        lengths, targets = random.integers(4, 10, B), np.full((5, B), -1, np.int64)
        for b in range(B):
            n = int(random.integers(1, 5))
            targets[:n, b] = random.integers(1, 5, n)
        lengths[0], targets[:, 0] = 4, [1, 1, 2, 2, 1]
        features = random.uniform(-1, 1, (9, B, E)).astype(np.float32)
        for b in range(B):
            features[lengths[b]:, b] = 0
        return {"features": features, "lengths": lengths, "targets": targets}


def main(folder):
    for name, kind in [("translate", Translation), ("answer", Answer), ("transcribe", Speech)]:
        torch.manual_seed(1)
        random = np.random.default_rng(1)
        model = kind()
        state = model.named()
        kept = {key: value.detach().numpy().copy() for key, value in state.items()}
        batches = [model.batch(random) for _ in range(STEPS)]
        optimizer = torch.optim.Adam(state.values(), lr=0.01)
        losses = []
        for batch in batches:
            loss = model.loss({key: torch.from_numpy(np.asarray(value)) for key, value in batch.items()})
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        kept |= {key: np.stack([batch[key] for batch in batches]) for key in batches[0]}
        save_file(kept | {"losses": np.array(losses, np.float64)}, pathlib.Path(folder) / f"{name}.safetensors")


main(sys.argv[1])
