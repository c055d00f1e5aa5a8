#!/usr/bin/env python3
"""Makes a folder of golden cases: every cell's forward pass and gradients in float64 by PyTorch's autograd.

    python3 generate.py FOLDER [--seed N]

The formulas are the textbook ones, written out step by step and independent of the package. Only PyTorch is
needed. README.md says what a case holds.
"""

import argparse
import json
import pathlib
import struct

import torch

sigmoid, tanh = torch.sigmoid, torch.tanh


# One step: parameters p by name, input x [B, I], states by name [B, H]; returns the new states, h first.


def gates(p, x, h, count):
    """W x + U h + b of each gate, [B, H] each."""
    return (x @ p["weight_ih"].T + h @ p["weight_hh"].T + p["bias"]).chunk(count, dim=1)


def rnn(activation):
    return lambda p, x, h: [activation(gates(p, x, h, 1)[0])]


def gru(p, x, h):
    ri, zi, ni = (x @ p["weight_ih"].T + p["bias_ih"]).chunk(3, dim=1)
    rh, zh, nh = (h @ p["weight_hh"].T + p["bias_hh"]).chunk(3, dim=1)
    r, z = sigmoid(ri + rh), sigmoid(zi + zh)
    n = tanh(ni + r * nh)
    return [(1 - z) * n + z * h]


def lstm(memory):
    """An LSTM whose gates i, f (of the old cell state) and o (of the new one) see memory(p, gate, c) as well."""

    def step(p, x, h, c):
        i, f, g, o = gates(p, x, h, 4)
        i = sigmoid(i + memory(p, 0, c))
        f = sigmoid(f + memory(p, 1, c))
        c = f * c + i * tanh(g)
        o = sigmoid(o + memory(p, 2, c))
        return [o * tanh(c), c]

    return step


def vector_peephole(p, gate, c):
    return p["weight_ph"].chunk(3)[gate] * c


def full_peephole(p, gate, c):
    return c @ p["weight_ph"].chunk(3)[gate].T


def working_memory(p, gate, c):
    return tanh(c @ p["weight_mh"].chunk(3)[gate].T)


def shapes(count, **more):
    """Shapes for sizes I and H of a cell of `count` gates."""
    usual = {"weight_ih": lambda I, H: (count * H, I), "weight_hh": lambda I, H: (count * H, H)}
    return usual | (more or {"bias": lambda I, H: (count * H,)})


def bias(I, H):
    return (4 * H,)


CELLS = {  # states, step, shapes of the parameters
    "rnn-tanh": ("h", rnn(tanh), shapes(1)),
    "rnn-relu": ("h", rnn(torch.relu), shapes(1)),
    "gru": ("h", gru, shapes(3, bias_ih=lambda I, H: (3 * H,), bias_hh=lambda I, H: (3 * H,))),
    "lstm": ("hc", lstm(lambda p, gate, c: 0), shapes(4)),
    "lstm-ph": ("hc", lstm(vector_peephole), shapes(4, weight_ph=lambda I, H: (3 * H,), bias=bias)),
    "lstm-ph-full": ("hc", lstm(full_peephole), shapes(4, weight_ph=lambda I, H: (3 * H, H), bias=bias)),
    "lstm-wm": ("hc", lstm(working_memory), shapes(4, weight_mh=lambda I, H: (3 * H, H), bias=bias)),
}


def layer(step, p, x, states, lengths, backward):
    """One layer in one direction: past a length the output is 0 and the states stay."""
    steps = range(len(x))
    outputs = [None] * len(x)
    for t in reversed(steps) if backward else steps:
        valid = (t < lengths).unsqueeze(1)
        after = step(p, x[t], *states)
        states = [torch.where(valid, new, old) for new, old in zip(after, states)]
        outputs[t] = torch.where(valid, after[0], torch.zeros_like(after[0]))
    return torch.stack(outputs), states


def make(case, seed):
    """The tensors of one case, by name."""
    names, step, parameter_shapes = CELLS[case["cell"]]
    T, B, I, H = (case[key] for key in "TBIH")
    layers, directions = case["layers"], 2 if case["bidirectional"] else 1
    places = layers * directions
    generator = torch.Generator().manual_seed(seed)

    def normal(shape, scale=1.0):  # float32 numbers, so that a float32 implementation starts from the same
        return (scale * torch.randn(shape, generator=generator)).double()

    lengths = torch.full((B,), T)
    if case["lengths"]:
        lengths = torch.randint(1, T + 1, (B,), generator=generator)
    leaves = {"input": normal((T, B, I))}
    for name in names:
        leaves[name + "0"] = normal((B, H) if places == 1 else (places, B, H))
    scale = 2.0 if case["saturated"] else 0.7 / H**0.5
    suffixes = [
        "" if places == 1 else f"_l{place // directions}" + "_reverse" * (place % directions)
        for place in range(places)
    ]
    for place, suffix in enumerate(suffixes):
        size = I if place < directions else directions * H
        for name, shape in parameter_shapes.items():
            leaves[name + suffix] = normal(shape(size, H), 0.5 if name.startswith("bias") else scale)
    for leaf in leaves.values():
        leaf.requires_grad_()

    first = {name: leaves[name + "0"].reshape(places, B, H) for name in names}
    finals = {name: [] for name in names}
    x = leaves["input"]
    for number in range(layers):
        outputs = []
        for direction in range(directions):
            place = number * directions + direction
            p = {name: leaves[name + suffixes[place]] for name in parameter_shapes}
            states = [first[name][place] for name in names]
            output, states = layer(step, p, x, states, lengths, backward=direction == 1)
            outputs.append(output)
            for name, state in zip(names, states):
                finals[name].append(state)
        x = torch.cat(outputs, dim=2)

    results = {"output": x}
    for name in names:
        results[name + "n"] = torch.stack(finals[name]).reshape(leaves[name + "0"].shape)
    cotangents = {"cotangent_" + name: normal(value.shape) for name, value in results.items()}
    loss = sum((value * cotangents["cotangent_" + name]).sum() for name, value in results.items())
    loss.backward()

    tensors = leaves | results | cotangents | {"loss": loss.reshape(1)}
    tensors |= {"grad_" + name: leaf.grad for name, leaf in leaves.items()}
    if case["lengths"]:
        tensors["lengths"] = lengths
    return {name: tensor.detach() for name, tensor in sorted(tensors.items())}


def write(path, tensors, case):
    """A safetensors file: the header's length, the header, the numbers."""
    header, data = {"__metadata__": {"case": json.dumps(case)}}, b""
    for name, tensor in tensors.items():
        bytes_ = tensor.contiguous().numpy().tobytes()
        header[name] = {
            "dtype": "I64" if tensor.dtype == torch.int64 else "F64",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(bytes_)],
        }
        data += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def cases():
    """(file without ending, attributes) of every case, cell by cell."""
    sizes = [(1, 1, 1, 1), (5, 3, 4, 6), (7, 4, 3, 16), (33, 2, 1, 20), (12, 9, 5, 33)]
    for cell in CELLS:
        for T, B, I, H in sizes:
            for lengths in (False, True) if T > 1 else (False,):
                name = f"{cell}-T{T}-B{B}-I{I}-H{H}" + "-lengths" * lengths
                yield name, dict(
                    cell=cell, T=T, B=B, I=I, H=H, layers=1, bidirectional=False, lengths=lengths,
                    saturated=T == 7)
        yield f"{cell}-2layers-bidirectional-lengths", dict(
            cell=cell, T=6, B=4, I=3, H=8, layers=2, bidirectional=True, lengths=True, saturated=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    index = []
    for number, (name, case) in enumerate(cases()):
        file = name + ".safetensors"
        write(options.folder / file, make(case, 1000 * options.seed + number), case)
        index.append({"file": file} | case)
    (options.folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(index)} cases in {options.folder}")


if __name__ == "__main__":
    main()
