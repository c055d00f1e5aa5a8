"""JAX: jit over lax.scan with the input product hoisted; for training, of the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.numpy import tanh

from .case import NoSuchCase

sigmoid = jax.nn.sigmoid

# Steps, as in pytorch.py: (parameters, state, gx) to the next state, whose first part is the output.


def rnn_tanh(p, state, gx):
    return (tanh(gx + state[0] @ p["U"]),)


def rnn_relu(p, state, gx):
    return (jnp.maximum(gx + state[0] @ p["U"], 0),)


def gru(p, state, gx):
    (h,) = state
    rx, zx, nx = jnp.split(gx, 3, 1)
    rh, zh, nh = jnp.split(h @ p["U"] + p["bh"], 3, 1)
    r, z = sigmoid(rx + rh), sigmoid(zx + zh)
    return ((1 - z) * tanh(nx + r * nh) + z * h,)


def lstm(p, state, gx):
    h, c = state
    i, f, g, o = jnp.split(gx + h @ p["U"], 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def lstm_wm(p, state, gx):
    h, c = state
    i, f, g, o = jnp.split(gx + h @ p["U"], 4, 1)
    mi, mf = jnp.split(tanh(c @ p["M"]), 2, 1)
    c = sigmoid(f + mf) * c + sigmoid(i + mi) * tanh(g)
    return sigmoid(o + tanh(c @ p["O"])) * tanh(c), c


def lstm_ph_full(p, state, gx):
    h, c = state
    i, f, g, o = jnp.split(gx + h @ p["U"], 4, 1)
    mi, mf = jnp.split(c @ p["M"], 2, 1)
    c = sigmoid(f + mf) * c + sigmoid(i + mi) * tanh(g)
    return sigmoid(o + c @ p["O"]) * tanh(c), c


def lstm_ph(p, state, gx):
    h, c = state
    i, f, g, o = jnp.split(gx + h @ p["U"], 4, 1)
    c = sigmoid(f + p["pf"] * c) * c + sigmoid(i + p["pi"] * c) * tanh(g)
    return sigmoid(o + p["po"] * c) * tanh(c), c


def lstm_coupled(p, state, gx):
    h, c = state
    i, g, o = jnp.split(gx + h @ p["U"], 3, 1)
    i = sigmoid(i)
    c = (1 - i) * c + i * tanh(g)
    return sigmoid(o) * tanh(c), c


def mgu(p, state, gx):
    (h,) = state
    fx, nx = jnp.split(gx, 2, 1)
    f = sigmoid(fx + h @ p["U"])
    return ((1 - f) * h + f * tanh(nx + (f * h) @ p["N"]),)


# The step, its states, gates, and the shapes of its other weights for H.
CELLS = {
    "rnn-tanh": (rnn_tanh, 1, 1, lambda H: {"U": (H, H)}),
    "rnn-relu": (rnn_relu, 1, 1, lambda H: {"U": (H, H)}),
    "gru": (gru, 1, 3, lambda H: {"U": (H, 3 * H), "bh": (3 * H,)}),
    "lstm": (lstm, 2, 4, lambda H: {"U": (H, 4 * H)}),
    "lstm-wm": (lstm_wm, 2, 4, lambda H: {"U": (H, 4 * H), "M": (H, 2 * H), "O": (H, H)}),
    "lstm-ph-full": (lstm_ph_full, 2, 4, lambda H: {"U": (H, 4 * H), "M": (H, 2 * H), "O": (H, H)}),
    "lstm-ph": (lstm_ph, 2, 4, lambda H: {"U": (H, 4 * H), "pi": (H,), "pf": (H,), "po": (H,)}),
    "lstm-coupled": (lstm_coupled, 2, 3, lambda H: {"U": (H, 3 * H)}),
    "mgu": (mgu, 1, 2, lambda H: {"U": (H, H), "N": (H, H)}),
}


class Peer:
    def __init__(self, options):
        self.version = jax.__version__

    def build(self, case):
        if (case.cell not in CELLS or case.kind == "stream" or case.layers > 1 or case.bidirectional
                or case.lengths or case.precision != "f32"):
            raise NoSuchCase("not written here", expected=True)
        step, states, gates, shapes = CELLS[case.cell]
        rng = np.random.default_rng(1)

        def uniform(*shape):
            bound = case.H**-0.5
            return jnp.asarray(rng.uniform(-bound, bound, shape), jnp.float32)

        x, cotangent = uniform(case.T, case.B, case.I), uniform(case.T, case.B, case.H)
        parameters = {"W": uniform(case.I, gates * case.H), "b": uniform(gates * case.H)}
        parameters |= {name: uniform(*shape) for name, shape in shapes(case.H).items()}
        start = (jnp.zeros((case.B, case.H), jnp.float32),) * states

        def forward(p, x):
            def body(state, gx):
                state = step(p, state, gx)
                return state, state[0]

            return jax.lax.scan(body, start, x @ p["W"] + p["b"])[1]

        if case.kind == "forward":
            run = jax.jit(forward)
            return lambda: jax.block_until_ready(run(parameters, x)), "scan"
        gradient = jax.jit(jax.grad(lambda p, x, cotangent: jnp.sum(forward(p, x) * cotangent)))
        return lambda: jax.block_until_ready(gradient(parameters, x, cotangent)), "scan"
