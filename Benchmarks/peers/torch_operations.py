"""PyTorch's own of each operation of the tests' registry, on inputs of the same sizes. Sequences and pictures have their
channels where PyTorch wants them."""

import torch
from torch.nn import functional as F

from .case import NoSuchCase


def spread(count, below):
    """The registry's indices."""
    return torch.tensor([i * i * 7 % below for i in range(count)])


def checkered(rows, columns):
    return (torch.arange(rows)[:, None] + torch.arange(columns)) % 2 == 1


def variance(axes):
    return lambda x: x.var(dim=axes, correction=0)


AXES = {"last": (1,), "first": (0,), "middle": (1,), "ends": (0, 2), "all": (0, 1)}


def attended(scores, values):
    """Contexts [N, M] and weights [N, S] of scores [S, N] and values [S, N, M]."""
    weights = scores.softmax(0)
    return torch.cat([torch.einsum("sn,snm->nm", weights, values), weights.t()], 1)


def scaled(q, k, v):
    weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
    return torch.cat([weights @ v, weights], -1)


OPERATIONS = {
    "additive_attention": lambda q, k, v, score: attended(torch.tanh(q + k) @ score, v),
    "dot_attention": lambda q, k, v: attended(0.7 * (q * k).sum(-1), v),
    "scaled_dot_product_attention": scaled,
    "negate": lambda x: -x, "abs": torch.abs, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt,
    "square": torch.square, "power": lambda x: x ** 2.5, "clamp": lambda x: x.clamp(-0.7, 0.9),
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "softplus": F.softplus,
    "less": lambda a, b: a < b, "where": None, "filled": None,
    "softmax": lambda x: x.softmax(1), "softmax_first": lambda x: x.softmax(0), "softmax_middle": lambda x: x.softmax(1),
    "log_softmax": lambda x: x.log_softmax(1), "log_softmax_first": lambda x: x.log_softmax(0),
    "log_softmax_middle": lambda x: x.log_softmax(1),
    "transpose": lambda x: x.t().contiguous(), "permute_heads": lambda x: x.permute(0, 2, 1, 3).contiguous(),
    "permute_last": lambda x: x.permute(2, 0, 1).contiguous(), "permute_swap": lambda x: x.permute(2, 1, 0).contiguous(),
    "permute_batch": lambda x: x.permute(0, 2, 1).contiguous(),
    "broadcast": lambda x: x.expand(2, -1, 4).contiguous(), "slice": lambda x: x[:, 1:3].contiguous(),
    "stack": lambda a, b: torch.stack([a, b], 1), "concatenate": lambda *x: torch.cat(x, -1),
    "concatenate_first": lambda *x: torch.cat(x, 0),
    "pad": lambda x: F.pad(x, (2, 3, 1, 0, 0, 1), value=5),
    "matmul": torch.matmul, "matmul_bt": lambda a, b: a @ b.mT, "matmul_at": lambda a, b: a.mT @ b,
    "matmul_batch": torch.matmul, "matmul_batch_bt": lambda a, b: a @ b.mT, "matmul_batch_at": lambda a, b: a.mT @ b,
    "matmul_shared": torch.matmul, "linear": F.linear,
    "layer_norm": lambda x, weight, bias: F.layer_norm(x, weight.shape, weight, bias),
    "conv1d": F.conv1d, "conv1d_padded": lambda x, w, b: F.conv1d(x, w, b, padding=1),
    "conv2d": lambda x, w, b: F.conv2d(x, w, b, padding=1),
    "conv2d_depthwise_many": lambda x, w, b: F.conv2d(x, w, b, padding=1, groups=17),
    "max_pool1d": lambda x: F.max_pool1d(x, 2), "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, 2), "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
}
for name, apply in {"add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.div,
                    "maximum": lambda a, b: torch.maximum(a + 0.05, b),
                    "minimum": lambda a, b: torch.minimum(a + 0.05, b)}.items():
    OPERATIONS |= {name: apply, f"{name}_row": apply, f"{name}_column": apply}
for suffix, axes in AXES.items():
    OPERATIONS |= {
        f"sum_{suffix}": lambda x, a=axes: x.sum(a), f"mean_{suffix}": lambda x, a=axes: x.mean(a),
        f"max_{suffix}": lambda x, a=axes: x.amax(a), f"min_{suffix}": lambda x, a=axes: x.amin(a),
        f"variance_{suffix}": variance(axes),
    }

LAYOUTS = {"conv1d": (1, 2, 0), "pool1d": (1, 2, 0), "conv2d": (0, 3, 1, 2), "pool2d": (0, 3, 1, 2)}


def with_indices(name, x):
    """Operations whose indices or masks depend on the sizes."""
    size = x[0].shape
    if name == "softmax_of_first":
        seen = torch.arange(size[1]) < (torch.arange(size[0]) * 7 % (size[1] + 1))[:, None]
        return lambda x: x.masked_fill(~seen, -torch.inf).softmax(1).masked_fill(~seen, 0)
    if name == "gather":
        index = spread(8 * size[0] // 5, size[0])
        return lambda x: x.index_select(0, index)
    if name == "gather_middle":
        index = spread(8, size[1])
        return lambda x: x.index_select(1, index)
    if name == "gather_last":
        index = spread(8, size[1])
        return lambda x: x.index_select(1, index)
    if name == "scatter_add":
        index = spread(x[1].shape[0], size[0])
        return lambda x, values: x.index_add(0, index, values)
    if name == "embedding":
        index = spread(21, size[0]).reshape(7, 3)
        return lambda table: F.embedding(index, table)
    if name == "where":
        mask = checkered(*size)
        return lambda a, b: torch.where(mask, a, b)
    if name == "filled":
        mask = checkered(*size[-2:])
        return lambda x: x.masked_fill(mask, -7)
    return OPERATIONS.get(name)


def build(case):
    """A function that applies the operation, forward or forward and backward."""
    torch.manual_seed(1)
    inputs = [0.5 + torch.rand(shape) for shape in case.shapes]
    for part, axes in LAYOUTS.items():
        if part in case.name:
            inputs[0] = inputs[0].permute(axes).contiguous()
    apply = with_indices(case.name, inputs)
    if apply is None:
        raise NoSuchCase(f"'{case.name}' is not written here")
    if case.kind == "forward":

        def infer():
            with torch.inference_mode():
                apply(*inputs)

        return infer
    for x in inputs:
        x.requires_grad_()
    cotangent = apply(*inputs).detach()

    def train():
        for x in inputs:
            x.grad = None
        apply(*inputs).backward(cotangent)

    return train
