"""Computes with torchrecurrent what `grid numbers` computed with Cellgate's cells: a record a line comes in, a row a line goes out, and
first the layers that no cell is the same as."""

import json, sys
from importlib.metadata import version

import torch
import torchrecurrent
from torch import relu, sigmoid, tanh
from torch.func import functional_call

from .torch_recurrent import layers
from .twins import TWINS


class HardSigmoid(torch.nn.Module):
    """Theano's and Chainer's."""

    def forward(self, x): return (0.2 * x + 0.5).clamp(0, 1)


# What the layers with a slip that no option undoes compute: a step from the parameters of Cellgate's cell.


def lem(p, x, y, z):
    W, U, b = [p[name].chunk(n) for name, n in (("weight_ih", 4), ("weight_hh", 3), ("bias", 4))]
    d, e, n = [x @ W[k].T + y @ U[k].T + b[k] for k in range(3)]
    new = torch.lerp(y, tanh(z @ p["weight_zh"].T + x @ W[3].T + b[3]), sigmoid(e))
    return new, torch.lerp(z, tanh(n), sigmoid(d))


def nas(p, x, h, c):
    functions = sigmoid, relu, sigmoid, relu, tanh, sigmoid, tanh, sigmoid
    sums = (x @ p["weight_ih"].T + h @ p["weight_hh"].T).chunk(8, 1)
    a, b, d, e, f, g, i, j = [function(part) for function, part in zip(functions, sums)]
    c = tanh(tanh(a * b) + c) * tanh(d + e)
    return tanh(c * tanh(tanh(f * g) + sigmoid(i + j))), c


def scrn(p, x, y, s):
    s = 0.05 * x @ p["weight_sx"].T + 0.95 * s
    h = sigmoid(s @ p["weight_hs"].T + x @ p["weight_ih"].T + y @ p["weight_hh"].T)
    return tanh(h @ p["weight_yh"].T + s @ p["weight_ys"].T), s


SLIPS = {"lem": lem, "nas": nas, "scrn": scrn}


def run_layer(twin, H, p, x, options):
    """Outputs of torchrecurrent's layer with Cellgate's parameters."""
    if twin.cell == "intersection-rnn":  # which takes W x for its x
        x = x @ p["weight_yx"].T
        p = {**p, "weight_ih": p["weight_ih"] @ p["weight_yx"].inverse()}
    options = {k: HardSigmoid() if v == "hard sigmoid" else v for k, v in options.items()}
    layer = getattr(torchrecurrent, twin.layer)(x.shape[2], H, **options)

    def piece(text):
        name, _, gate = text.partition(".")
        if name == "0":
            return x.new_zeros(H)
        return p[name][int(gate) * H:(int(gate) + 1) * H] if gate else p[name]

    values = {}
    for name, tensor in layer.cells[0].state_dict().items():
        if name in twin.weights:
            values[name] = torch.cat([piece(text) for text in twin.weights[name].split()])
        elif name == "bias_ih" and "bias" in p:
            values[name] = p["bias"]
        elif name.startswith("bias"):
            values[name] = torch.zeros_like(tensor)
        elif name in p:
            values[name] = p[name]
        elif tensor.dim() > 0:  # but for a constant that it learns
            raise ValueError(f"{twin.layer}: nothing is known of its {name}")
        if name in values and values[name].shape != tensor.shape:
            raise ValueError(f"{twin.layer}: {name} is {list(tensor.shape)}, found {list(values[name].shape)}")
    return functional_call(layer, {f"cells.0.{name}": value for name, value in values.items()}, (x,))[0]


def run_step(step, H, p, x):
    states = [x.new_zeros(x.shape[1], H) for _ in range(2)]
    outputs = []
    for one in x:
        states = step(p, one, *states)
        outputs.append(states[0])
    return torch.stack(outputs)


def difference(found, expected):
    """The largest, relative to the largest magnitude."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


def compare(twin, record):
    T, B = record["steps"], record["batch"]

    def tensor(values, *shape):
        return torch.tensor(values).reshape(shape)

    x = tensor(record["input"], T, B, -1)
    cotangent = tensor(record["output_gradient"], T, B, -1)
    H = cotangent.shape[2]
    shapes = {one["name"]: one["shape"] for one in record["parameters"]}
    p = {one["name"]: tensor(one["values"], *one["shape"]) for one in record["parameters"]}

    def computed(run, **more):
        leaves = [value.clone().requires_grad_() for value in (x, *p.values())]
        output = run(twin=twin, H=H, p=dict(zip(p, leaves[1:])), x=leaves[0], **more)
        return [output.detach(), *torch.autograd.grad(output, leaves, cotangent, allow_unused=True)]

    def parts(results):
        return [tensor(results["output"], T, B, -1), tensor(results["input"], T, B, -1),
                *(tensor(values, *shapes[name]) for name, values in zip(p, results["parameters"]))]

    def both(found, expected):
        return {"outputs": difference(found[0], expected[0]),
                "gradients": max(difference(torch.zeros_like(e) if f is None else f, e)
                                 for f, e in zip(found[1:], expected[1:]))}

    layer = computed(run_layer, options=twin.options)
    row = {"cell": twin.cell, "layer": twin.layer, "slip": twin.slip, "note": twin.note,
           "reference": both(layer, parts(record["reference"])), "fast": both(layer, parts(record["fast"]))}
    if twin.mended:
        row["explained"] = both(computed(run_layer, options=twin.options | twin.mended), parts(record["reference"]))
    elif twin.slip:
        step = SLIPS[twin.cell]
        row["explained"] = both(computed(lambda twin, H, p, x: run_step(step, H, p, x)), layer)
    return row


def main():
    torch.set_default_dtype(torch.float64)  # constants that it learns would be rounded to float32
    known = {twin.layer for twin in TWINS}
    print(json.dumps({"version": version("torchrecurrent"), "missing": [name for name in layers() if name not in known]}))
    for twin, line in zip(TWINS, sys.stdin):
        print(json.dumps(compare(twin, json.loads(line))))


if __name__ == "__main__":
    main()
