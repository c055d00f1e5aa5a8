#!/usr/bin/env python3
"""Makes a folder of cases of operations: values and gradients in float64 by PyTorch's autograd.

    python3 generate_operations.py FOLDER [--seed N]

Only PyTorch is needed. README.md says what a case holds.
"""

import argparse
import json
import pathlib
import sys

import torch
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from generate import write

# Each operation: a list of (attributes, inputs, arguments, function of both). Inputs are shapes of normal numbers, or
# tensors; arguments are whole numbers.


def positive(*shape):
    return 0.2 + torch.rand(shape, dtype=torch.float64)


def integers(high, *shape):
    return torch.randint(high, shape)


def unary(apply, x=None):
    return [({}, {"x": x if x is not None else (4, 37)}, {}, lambda x: apply(x))]


def binary(apply, divisor=False):
    shapes = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((2, 1, 4), (3, 1)), ((5,), (2, 5))]
    return [({}, {"a": a, "b": positive(*b) if divisor else b}, {}, lambda a, b: apply(a, b)) for a, b in shapes]


def reduction(apply):
    cases = [((3, 4), [1], False), ((2, 3, 4), [0, 2], True), ((2, 3, 4), [1], False), ((5, 70), [0], False)]
    return [({"axes": axes, "keep": keep}, {"x": x}, {}, lambda x, axes=axes, keep=keep: apply(x, axes, keep))
            for x, axes, keep in cases]


def along(apply):
    return [({"axis": 1}, {"x": x * torch.randn(shape, dtype=torch.float64)}, {}, lambda x: apply(x, 1))
            for x, shape in ((1, (3, 7)), (1, (2, 5, 4)), (40, (4, 33)))]


def product(a, b, transpose_a=False, transpose_b=False):
    return ({"transpose_a": transpose_a, "transpose_b": transpose_b}, {"a": a, "b": b}, {},
            lambda a, b: (a.mT if transpose_a else a) @ (b.mT if transpose_b else b))


def convolution(apply, x, weight, stride=1, padding=0, dilation=1, groups=1):
    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (attributes, {"x": x, "weight": weight, "bias": weight[:1]}, {},
            lambda x, weight, bias: apply(x, weight, bias, **attributes))


def pool(apply, x, kernel, stride, **padding):
    attributes = {"kernel": kernel, "stride": stride} | padding
    return [(attributes, {"x": x}, {}, lambda x: apply(x, kernel, stride, **padding))]


def concatenation(axis):
    shapes = [[3 + n if a == axis else 3 for a in range(3)] for n in range(3)]
    return ({"axis": axis}, dict(zip("abc", map(tuple, shapes))), {}, lambda a, b, c: torch.cat([a, b, c], axis))


def cross_entropy(smoothing, size):
    classes = integers(7, 9) - 1
    classes[0] = 2
    return ({"label_smoothing": smoothing, "ignored": -1, "reduction": "mean over the classes that count"},
            {"logits": size * torch.randn(9, 6, dtype=torch.float64)}, {"classes": classes},
            lambda logits, classes: F.cross_entropy(logits, classes, ignore_index=-1, label_smoothing=smoothing))


def attended(scores, seen, values):
    """Contexts and weights, of the places that are seen; where none is all are 0."""
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1).masked_fill(~seen, 0)
    return {"context": weights @ values, "weights": weights}


def additive_attention(query, keys, query_weight, key_weight, bias, score, lengths):
    hidden = torch.tanh((query @ query_weight.T)[:, None] + keys @ key_weight.T + bias)
    seen = torch.arange(keys.shape[1]) < lengths[:, None]
    result = attended((hidden @ score)[:, None], seen[:, None], keys)
    return {name: y.squeeze(1) for name, y in result.items()}


def scaled_dot_product_attention(q, k, v, lengths=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if lengths is not None:
        seen = (torch.arange(k.shape[-2]) < lengths[:, None])[:, None, None].expand(scores.shape)
    result = attended(scores, seen.expand(scores.shape), v)
    return {"y": result["context"], "weights": result["weights"]}


def crf_log_likelihood(emissions, transitions, start, end, tags, lengths):
    """The score of the tags less the logarithm of the sum over all paths; transitions[from, to]."""
    values = []
    for b, length in enumerate(lengths.tolist()):
        y, x = tags[:length, b], emissions[:length, b]
        score = start[y[0]] + x.gather(1, y[:, None]).sum() + transitions[y[:-1], y[1:]].sum() + end[y[-1]]
        sums = start + x[0]
        for row in x[1:]:
            sums = torch.logsumexp(sums[:, None] + transitions, 0) + row
        values.append(score - torch.logsumexp(sums + end, 0))
    return torch.stack(values)


def ctc_loss(zero_infinity):
    def loss(logits, targets, input_lengths, target_lengths):
        return F.ctc_loss(logits.log_softmax(-1), targets, input_lengths, target_lengths, reduction="none",
                          zero_infinity=zero_infinity)
    return loss


def transformer_encoder_layer(size, heads, units, norm_first, activation, causal, lengths):
    """torch.nn.TransformerEncoderLayer over [B, T, D]; outputs past a length are 0."""
    layer = torch.nn.TransformerEncoderLayer(
        size[2], heads, units, dropout=0, activation=activation, batch_first=True, norm_first=norm_first).double()
    shapes = {name: tuple(parameter.shape) for name, parameter in layer.named_parameters()}
    # Parameters of the size that layers have.
    inputs = {"x": size} | {name: torch.randn(shape, dtype=torch.float64) * (0.3 if len(shape) > 1 else 1)
                            for name, shape in shapes.items()}
    attributes = {"heads": heads, "norm_first": norm_first, "activation": activation, "causal": causal}
    mask = torch.nn.Transformer.generate_square_subsequent_mask(size[1], dtype=torch.float64) if causal else None

    def apply(x, lengths=None, **parameters):
        padding = None if lengths is None else torch.arange(size[1]) >= lengths[:, None]
        if mask is not None and padding is not None:
            padding = torch.zeros(padding.shape, dtype=torch.float64).masked_fill(padding, float("-inf"))
        y = torch.func.functional_call(
            layer, parameters, (x,), {"src_mask": mask, "src_key_padding_mask": padding})
        return y if lengths is None else y.masked_fill((torch.arange(size[1]) >= lengths[:, None])[:, :, None], 0)

    return attributes, inputs, {} if lengths is None else {"lengths": torch.tensor(lengths)}, apply


def batch_norm(training):
    """[N, C, L]"""
    arguments = {"running_mean": torch.randn(4, dtype=torch.float64), "running_var": positive(4)}
    return ({"training": training, "epsilon": 1e-5}, {"x": (5, 4, 3), "weight": (4,), "bias": (4,)}, arguments,
            lambda x, weight, bias, running_mean, running_var:
            F.batch_norm(x, running_mean.clone(), running_var.clone(), weight, bias, training, eps=1e-5))


def operations():
    return {
        "matmul": [
            product((3, 4), (4, 5)), product((2, 3, 4), (2, 4, 5)), product((2, 3, 4), (2, 5, 4), transpose_b=True),
            product((2, 4, 3), (2, 4, 5), transpose_a=True), product((2, 3, 17, 8), (2, 3, 8, 33)),
            product((3, 5, 4), (4, 6)), product((2, 4, 3), (2, 5, 4), True, True)],
        "add": binary(torch.add), "subtract": binary(torch.sub), "multiply": binary(torch.mul),
        "divide": binary(torch.div, divisor=True), "maximum": binary(torch.maximum), "minimum": binary(torch.minimum),
        "exp": unary(torch.exp), "log": unary(torch.log, positive(4, 37)), "sqrt": unary(torch.sqrt, positive(4, 37)),
        "abs": unary(torch.abs), "sigmoid": unary(torch.sigmoid), "tanh": unary(torch.tanh), "relu": unary(torch.relu),
        "silu": unary(F.silu), "softplus": unary(F.softplus), "negate": unary(torch.neg),
        "gelu": unary(F.gelu) + [({"approximate": "tanh"}, {"x": (6, 11)}, {}, lambda x: F.gelu(x, approximate="tanh"))],
        "clamp": [({"low": -0.7, "high": 0.9}, {"x": (5, 9)}, {}, lambda x: x.clamp(-0.7, 0.9))],
        "power": [({"exponent": e}, {"x": positive(5, 7)}, {}, lambda x, e=e: x ** e) for e in (2.0, 0.5, -1.0, 3.7)],
        "sum": reduction(lambda x, axes, keep: x.sum(axes, keep)),
        "mean": reduction(lambda x, axes, keep: x.mean(axes, keep)),
        "max": reduction(lambda x, axes, keep: x.amax(axes, keep)),
        "min": reduction(lambda x, axes, keep: x.amin(axes, keep)),
        "softmax": along(torch.softmax), "log_softmax": along(torch.log_softmax),
        "transpose": [({"axes": axes}, {"x": x}, {}, lambda x, axes=axes: x.permute(axes))
                      for x, axes in (((3, 4), [1, 0]), ((2, 3, 4), [2, 0, 1]), ((2, 3, 4, 5), [0, 2, 1, 3]))],
        "concatenate": [concatenation(axis) for axis in range(3)],
        "pad": [({"before": [0, 0, 1], "after": [0, 1, 2]}, {"x": (2, 3, 4)}, {}, lambda x: F.pad(x, (1, 2, 0, 1)))],
        "gather": [({"axis": axis}, {"x": (5, 6, 3)}, {"index": integers(5, 8)},
                    lambda x, index, axis=axis: x.index_select(axis, index)) for axis in (0, 1)],
        "scatter_add": [({"axis": 0}, {"x": (6, 4), "values": (9, 4)}, {"index": integers(6, 9)},
                         lambda x, values, index: x.index_add(0, index, values))],
        "embedding": [({}, {"weight": (11, 5)}, {"index": integers(11, 7, 3)},
                       lambda weight, index: F.embedding(index, weight))],
        "conv1d": [
            convolution(F.conv1d, (2, 3, 11), (4, 3, 3)), convolution(F.conv1d, (2, 4, 12), (6, 2, 5), 2, 2, 1, 2),
            convolution(F.conv1d, (1, 3, 15), (2, 3, 3), 1, 3, 3)],
        "conv2d": [
            convolution(F.conv2d, (2, 3, 8, 9), (4, 3, 3, 3), 1, 1), convolution(F.conv2d, (1, 3, 11, 11), (5, 3, 7, 7), 2, 3),
            convolution(F.conv2d, (2, 4, 7, 6), (4, 1, 3, 3), 1, 1, 1, 4)],
        "max_pool1d": pool(F.max_pool1d, (2, 3, 11), 3, 2), "avg_pool1d": pool(F.avg_pool1d, (2, 3, 12), 4, 2),
        "max_pool2d": pool(F.max_pool2d, (2, 3, 9, 8), 3, 2, padding=1),
        "avg_pool2d": pool(F.avg_pool2d, (2, 3, 8, 8), 2, 2),
        "layer_norm": [({"epsilon": 1e-5}, {"x": x, "weight": x[-1:], "bias": x[-1:]}, {},
                        lambda x, weight, bias: F.layer_norm(x, weight.shape, weight, bias)) for x in ((4, 7), (3, 2, 33))],
        "additive_attention": [
            ({}, {"query": (3, 4), "keys": (3, 5, 6), "query_weight": (7, 4), "key_weight": (7, 6), "bias": (7,), "score": (7,)},
             {"lengths": torch.tensor([5, 2, 4])}, additive_attention)],
        "scaled_dot_product_attention": [
            ({"causal": False}, {"q": (2, 2, 5, 4), "k": (2, 2, 7, 4), "v": (2, 2, 7, 4)},
             {"lengths": torch.tensor([7, 4])}, scaled_dot_product_attention),
            ({"causal": True}, {"q": (2, 3, 6, 8), "k": (2, 3, 6, 8), "v": (2, 3, 6, 8)}, {}, scaled_dot_product_attention)],
        "transformer_encoder_layer": [
            transformer_encoder_layer((3, 5, 8), 2, 16, True, "gelu", False, [5, 2, 4]),
            transformer_encoder_layer((2, 4, 12), 3, 24, False, "gelu", False, [4, 3]),
            transformer_encoder_layer((2, 7, 8), 2, 12, False, "relu", True, None),
            transformer_encoder_layer((2, 70, 8), 1, 9, True, "relu", True, [70, 66])],
        "batch_norm": [batch_norm(True), batch_norm(False)],
        "crf_log_likelihood": [
            ({"transitions": "[from, to]"}, {"emissions": (6, 3, 4), "transitions": (4, 4), "start": (4,), "end": (4,)},
             {"tags": integers(4, 6, 3), "lengths": torch.tensor([6, 1, 4])}, crf_log_likelihood)],
        "ctc_loss": [
            ({"blank": 0}, {"logits": (12, 3, 5)},
             {"targets": 1 + integers(4, 3, 5), "input_lengths": torch.tensor([12, 10, 8]),
              "target_lengths": torch.tensor([3, 5, 0])}, ctc_loss(False)),
            ({"blank": 0, "zero_infinity": True}, {"logits": (4, 4, 4)},
             {"targets": torch.tensor([[1, 1, 1], [1, 2, 3], [2, 2, 1], [3, 3, 3]]),
              "input_lengths": torch.tensor([4, 2, 4, 0]), "target_lengths": torch.tensor([3, 3, 2, 0])},
             ctc_loss(True))],
        "cross_entropy": [cross_entropy(0.0, 1), cross_entropy(0.1, 1), cross_entropy(0.0, 30)],
    }


def make(inputs, arguments, function):
    """The tensors of a case."""
    leaves = {}
    for name, value in inputs.items():
        tensor = torch.randn(value, dtype=torch.float64) if isinstance(value, tuple) else value
        leaves[name] = tensor.float().double().requires_grad_()  # exactly representable in float32
    outputs = function(**leaves, **arguments)
    if not isinstance(outputs, dict):
        outputs = {"y": outputs}
    cotangents = {name: torch.randn(y.shape, dtype=torch.float64).float().double() for name, y in outputs.items()}
    sum((y * cotangents[name]).sum() for name, y in outputs.items()).backward()
    tensors = {f"in.{name}": leaf for name, leaf in leaves.items()}
    tensors |= {f"out.{name}": y for name, y in outputs.items()}
    tensors |= {f"cotangent.{name}": cotangent for name, cotangent in cotangents.items()}
    tensors |= {f"grad.{name}": leaf.grad for name, leaf in leaves.items()}
    tensors |= {f"arg.{name}": value for name, value in arguments.items()}
    return {name: tensor.detach() for name, tensor in sorted(tensors.items())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    index = []
    for operation, cases in operations().items():
        for number, (attributes, inputs, arguments, function) in enumerate(cases, 1):
            file, case = f"{operation}-{number}.safetensors", {"operation": operation} | attributes
            write(options.folder / file, make(inputs, arguments, function), case)
            index.append({"file": file} | case)
    (options.folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(index)} cases in {options.folder}")


if __name__ == "__main__":
    main()
