#!/usr/bin/env python3
"""Runs convolutional LSTMs of PyTorch's conv2d over a few frames, and keeps weights, outputs and gradients.

    python3 generate.py FOLDER

Needs torch, numpy and safetensors. Each file has `x` [T, B, C, y, x] as [T, B, y, x, C], the first states `h0` and `c0`
[B, y, x, H], the parameters as a cell on a grid has them, [N, k · k · K] of conv2d's [N, K, k, k], the output [T, B, y, x, H],
the last memory `cn`, and the gradients of Σ output · `dy` + Σ cn · `dc` under grad/NAME.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn import functional as F

T, B, C, H, ROWS, COLUMNS = 3, 2, 3, 4, 5, 4


def last(x):
    """Channels last."""
    return x.detach().movedim(-3, -1).contiguous().numpy().astype(np.float32)


def matrix(weight):
    return weight.detach().permute(0, 2, 3, 1).reshape(len(weight), -1).contiguous().numpy().astype(np.float32)


def run(kernel, memory, seed):
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)

    def leaf(*shape, bound=1.0):
        return torch.empty(*shape).uniform_(-bound, bound).float().double().requires_grad_()

    x, h, c = leaf(T, B, C, ROWS, COLUMNS), leaf(B, H, ROWS, COLUMNS), leaf(B, H, ROWS, COLUMNS)
    weights = {
        "weight_ih": leaf(4 * H, C, kernel, kernel, bound=0.4),
        "weight_hh": leaf(4 * H, H, kernel, kernel, bound=0.4),
        "bias": leaf(4 * H),
    }
    if memory:
        weights["weight_mh"] = leaf(3 * H, H, kernel, kernel, bound=0.4)
    first = (h, c)
    outputs = []
    for step in x:
        z = (
            F.conv2d(step, weights["weight_ih"], weights["bias"], padding=kernel // 2)
            + F.conv2d(h, weights["weight_hh"], padding=kernel // 2)
        )
        i, f, g, o = z.chunk(4, 1)
        if memory:
            mi, mf, mo = weights["weight_mh"].chunk(3)
            i = i + torch.tanh(F.conv2d(c, mi, padding=kernel // 2))
            f = f + torch.tanh(F.conv2d(c, mf, padding=kernel // 2))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        if memory:
            o = o + torch.tanh(F.conv2d(c, mo, padding=kernel // 2))
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    y = torch.stack(outputs)
    dy, dc = torch.empty_like(y).uniform_(-1, 1).float().double(), torch.empty_like(c).uniform_(-1, 1).float().double()
    ((y * dy).sum() + (c * dc).sum()).backward()
    tensors = {"x": last(x), "h0": last(first[0]), "c0": last(first[1]), "y": last(y), "cn": last(c)}
    tensors |= {"dy": last(dy), "dc": last(dc), "grad/x": last(x.grad)}
    tensors |= {"grad/h0": last(first[0].grad), "grad/c0": last(first[1].grad)}
    for name, weight in weights.items():
        own = matrix if weight.dim() == 4 else lambda value: value.detach().numpy().astype(np.float32)
        tensors[name], tensors["grad/" + name] = own(weight), own(weight.grad)
    return tensors


folder = pathlib.Path(sys.argv[1])
save_file(run(3, False, 1), folder / "lstm.safetensors")
save_file(run(3, True, 2), folder / "lstm-wm.safetensors")
save_file(run(5, True, 3), folder / "lstm-wm-5.safetensors")
