"""Causal layers of a Transformer in PyTorch: torch.nn.TransformerEncoderLayer, and layers as one writes them around
scaled_dot_product_attention, which also decode step by step with the keys and values of the steps before."""

import time

import torch
from torch import nn
from torch.nn import functional as F


class Layer(nn.Module):
    """A layer that normalises first, whose maps of queries, keys and values are one."""

    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.maps, self.output = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.first, self.second = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)

    def apart(self, x):
        """[B, T, D] as [B, heads, T, d]."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def rest(self, x, context):
        x = x + self.output(context.transpose(1, 2).flatten(2))
        return x + self.second(F.gelu(self.first(self.norm2(x))))

    def forward(self, x):
        q, k, v = (self.apart(part) for part in self.maps(self.norm1(x)).chunk(3, 2))
        return self.rest(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))

    def step(self, x, place, keys, values):
        """A step x [B, 1, D] at a place, whose key and value are put beside the others."""
        q, k, v = (self.apart(part) for part in self.maps(self.norm1(x)).chunk(3, 2))
        keys[:, :, place], values[:, :, place] = k[:, :, 0], v[:, :, 0]
        return self.rest(x, F.scaled_dot_product_attention(q, keys[:, :, :place + 1], values[:, :, :place + 1]))


class Written(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.layers = nn.ModuleList([Layer(case.hidden, case.heads) for _ in range(case.layers)])
        self.norm = nn.LayerNorm(case.hidden)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class Library(nn.Module):
    def __init__(self, case):
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            case.hidden, case.heads, 4 * case.hidden, dropout=0, activation="gelu", batch_first=True, norm_first=True)
        self.stack = nn.TransformerEncoder(
            layer, case.layers, nn.LayerNorm(case.hidden), enable_nested_tensor=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(case.steps)

    def forward(self, x):
        return self.stack(x, mask=self.mask, is_causal=True)


def training(model, case):
    x = torch.randn(case.batch, case.steps, case.hidden)
    arriving = torch.randn(case.batch, case.steps, case.hidden)

    def step():
        model.zero_grad()
        model(x).backward(arriving)

    return step


def decoding(model, case):
    x, heads = torch.randn(case.batch, case.steps, case.hidden), case.heads
    kept = [tuple(torch.zeros(case.batch, heads, case.steps, case.hidden // heads) for _ in range(2))
            for _ in model.layers]

    def run():
        with torch.inference_mode():
            for place in range(case.steps):
                y = x[:, place:place + 1]
                for layer, (keys, values) in zip(model.layers, kept):
                    y = layer.step(y, place, keys, values)
                model.norm(y)

    return run


def timed(step):
    step()
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def build(case):
    """Of training the faster of both."""
    torch.manual_seed(1)
    if case.kind == "decoding":
        return decoding(Written(case).eval(), case), "written"
    steps = {name: training(make(case), case) for name, make in (("torch.nn", Library), ("written", Written))}
    best = min(steps, key=lambda name: timed(steps[name]))
    return steps[best], best
