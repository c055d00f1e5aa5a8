"""The first updates of a run in PyTorch: `losses CONFIG FOLDER` prints the losses in f32 and in f64 as JSON.

The folder holds what `grid losses` wrote: losses.safetensors and, as updates.json, its answer.
"""

import gzip, json, os, struct, sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .pytorch import LAYERS, LOOPS


def safetensors(path):
    """The F32 tensors of a safetensors file by name."""
    data = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + n for n in entry["data_offsets"])
            tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], "<f4").copy().reshape(entry["shape"]))
    return tensors


class Model(torch.nn.Module):
    """A recurrent layer of parameters in Cellgate's order, and a linear head; before it perhaps an embedding."""

    def __init__(self, cell, tensors):
        super().__init__()
        self.cell = cell
        parameters = {name: t for name, t in tensors.items() if not name.startswith("batch.")}
        for name, tensor in parameters.items():
            self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(tensor.clone()))

    def own(self, name):
        return getattr(self, f"recurrent_{name}_l0")

    def forward(self, x):
        """The layer's outputs [T, B, H] from zero states."""
        return self.run(x)[0]

    def run(self, x, state=None):
        """The outputs and the states behind them, from those before them."""
        if self.cell in LAYERS:
            hidden = self.own("weight_hh").shape[1]
            layer = LAYERS[self.cell](x.shape[2], hidden)
            biases = ("bias_ih", "bias_hh") if self.cell == "gru" else ("bias", None)
            own = {"weight_ih_l0": "weight_ih", "weight_hh_l0": "weight_hh", "bias_ih_l0": biases[0],
                   "bias_hh_l0": biases[1]}
            zeros = torch.zeros(self.own("weight_hh").shape[0])
            values = {name: zeros if mine is None else self.own(mine) for name, mine in own.items()}
            return torch.func.functional_call(layer, values, (x, state))
        step, states, _, _ = LOOPS[self.cell]
        gates = F.linear(x, self.own("weight_ih"), self.own("bias")).unbind(0)
        memory = self.own("weight_mh" if self.cell == "lstm-wm" else "weight_ph")
        i, f, o = memory.chunk(3, 0)
        weights = [self.own("weight_hh").t()]
        weights += [i, f, o] if memory.dim() == 1 else [torch.cat([i, f]).t(), o.t()]
        state, outputs = state or (torch.zeros(x.shape[1], memory.shape[-1]),) * states, []
        for gate in gates:
            state = step(gate, *state, *weights)
            outputs.append(state[0])
        return torch.stack(outputs), state

    def head(self, h):
        return F.linear(h, self.head_weight, self.head_bias)


class Transformer(Model):
    """Layers of a Transformer that normalise first and a linear head, written out; before them perhaps an embedding. Those of a
    language model are causal, see a window and go on from the keys and values of the batch before."""

    def __init__(self, config, tensors):
        super().__init__("transformer", tensors)
        own = config["task_options"]
        self.heads, self.positions = own.get("heads", 4), own.get("positions", "rotary")
        self.layers = own.get("blocks", config["layers"])
        self.window = own.get("context", own["length"]) if config["task"] != "adding" else None

    def own(self, name):
        return getattr(self, "transformer_" + name.replace(".", "_"))

    def linear(self, x, name):
        return F.linear(x, self.own(name + ".weight"), self.own(name + ".bias"))

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.own(name + ".weight"), self.own(name + ".bias"))

    def apart(self, x, first=None):
        """[T, B, D] as [B, heads, T, d], turned by the places from `first` on."""
        x = x.unflatten(2, (self.heads, -1)).permute(1, 2, 0, 3)
        if first is None or self.positions != "rotary":
            return x
        half = x.shape[3] // 2
        rates = 10_000 ** (-2 * torch.arange(half, dtype=torch.float64) / x.shape[3])
        angles = torch.arange(first, first + x.shape[2], dtype=torch.float64)[:, None] * rates
        c, s = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * c - b * s, b * c + a * s], 3)

    def run(self, x, state=None):
        if hasattr(self, "transformer_input_weight"):
            x = self.linear(x, "input")
        count, state = state or (0, [None] * self.layers)
        steps, size = x.shape[0], x.shape[2]
        if self.positions == "sinusoidal":
            places = (count + torch.arange(steps, dtype=torch.float64)) % (self.window or steps)
            rates = 10_000 ** (-2 * (torch.arange(size) // 2).double() / size)
            angles = places[:, None] * rates
            table = torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos())
            x = x + table[:, None].to(x.dtype)
        kept = []
        for number, past in enumerate(state):
            part = f"layers.{number}."
            n = self.norm(x, part + "norm1")
            q, k, v = (self.linear(n, f"{part}self_attn.{name}") for name in ("query", "key", "value"))
            if past is not None:
                k, v = torch.cat([past[0], k]), torch.cat([past[1], v])
            before, mask = len(k) - steps, None
            if self.window:
                distance = (before + torch.arange(steps))[:, None] - torch.arange(len(k))
                mask = (distance >= 0) & (distance < self.window)
                kept.append((k[-self.window:], v[-self.window:]))
            context = F.scaled_dot_product_attention(
                self.apart(q, before), self.apart(k, 0), self.apart(v), attn_mask=mask)
            x = x + self.linear(context.permute(2, 0, 1, 3).flatten(2), part + "self_attn.output")
            x = x + self.linear(F.gelu(self.linear(self.norm(x, part + "norm2"), part + "linear1")), part + "linear2")
        return self.norm(x, "norm"), (count + steps, kept)


def detached(state):
    """States through which no gradient flows."""
    if torch.is_tensor(state):
        return state.detach()
    return tuple(map(detached, state)) if isinstance(state, (tuple, list)) else state


def adding(model, x, following):
    return F.mse_loss(model.head(model(x)[-1])[:, 0], (x[:, :, 0] * x[:, :, 1]).sum(0))


def copying(model, x, following):
    classes = torch.full(x.shape[:2], 8)
    classes[-10:] = x[:10].argmax(2)
    return F.cross_entropy(model.head(model(x)).flatten(0, 1), classes.flatten())


class Digits:
    """Finds each image's label in the training files by its pixels."""

    def __init__(self, order):
        folder = Path(os.environ["CELLGATE_DATA"]) / "mnist"
        images = gzip.open(folder / "train-images-idx3-ubyte.gz").read()[16:]
        labels = gzip.open(folder / "train-labels-idx1-ubyte.gz").read()[8:]
        pixels = np.frombuffer(images, np.uint8).reshape(-1, 784)[:, order]
        self.labels = {row.tobytes(): label for row, label in zip(pixels, labels)}

    def __call__(self, model, x, following):
        rows = (x[:, :, 0].t() * 255).round().to(torch.uint8).numpy()
        classes = torch.tensor([self.labels[row.tobytes()] for row in rows])
        return F.cross_entropy(model.head(model(x)[-1]), classes)


class Characters:
    """Each character's next one, states carried over; the last one's next is the first of the following batch."""

    def __init__(self):
        self.state = None

    def __call__(self, model, x, following):
        x, following = x.long(), following.long()
        output, state = model.run(model.embedding_weight[x], self.state)
        self.state = detached(state)
        classes = torch.cat([x[1:], following[:1]])
        return F.cross_entropy(model.head(output).flatten(0, 1), classes.flatten())


TASKS = {
    "adding": lambda: adding,
    "copying": lambda: copying,
    "smnist": lambda: Digits(np.arange(784)),
    "pmnist": lambda: Digits(np.random.RandomState(92916).permutation(784)),
    "ptb-char": Characters,
    "text": Characters,
}


def optimizer(config, parameters):
    own = config["optimizer_settings"]
    if config["optimizer"] == "rmsprop":
        return torch.optim.RMSprop(parameters, alpha=own["smoothing"], eps=own["epsilon"])
    if config["optimizer"] == "adam":
        return torch.optim.Adam(parameters, betas=(own["beta1"], own["beta2"]), eps=own["epsilon"])
    sys.exit(f"losses: no {config['optimizer']} here")


def main():
    config, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    is_stack = config["layers"] > 1 and config["cell"] != "transformer"
    if config["task"] not in TASKS or is_stack or config["bidirectional"] or config["dropout"]:
        sys.exit(f"losses: expected one layer, one direction, no dropout, and a task of {', '.join(TASKS)}")
    tensors = safetensors(folder / "losses.safetensors")
    rates = json.loads((folder / "updates.json").read_text())["learning_rates"]
    print(json.dumps([train(config, tensors, rates, dtype) for dtype in (torch.float32, torch.float64)]))


def train(config, tensors, rates, dtype):
    """The loss of each update, with a learning rate for each."""
    torch.set_default_dtype(dtype)
    tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    is_transformer = config["cell"] == "transformer"
    model = Transformer(config, tensors) if is_transformer else Model(config["cell"], tensors)
    loss_of = TASKS[config["task"]]()
    rule = optimizer(config, list(model.parameters()))
    losses = []
    for update, rate in enumerate(rates):
        rule.param_groups[0]["lr"] = rate
        rule.zero_grad()
        loss = loss_of(model, tensors[f"batch.{update}"], tensors[f"batch.{update + 1}"])
        loss.backward()
        if "clip_norm" in config:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["clip_norm"])
        rule.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    main()
