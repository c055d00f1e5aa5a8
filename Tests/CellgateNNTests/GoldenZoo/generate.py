"""Reference vectors for the published cells, with numpy alone: every cell written out step by step from its paper.

    python3 generate.py FOLDER [--seed N]

A case is a safetensors file as `../Golden/README.md` describes it, all in float64. Gradients are complex steps: with f analytic,
df/dx is the imaginary part of f(x + iε) ÷ ε, to the last digits for ε = 1e-40, and owes nothing to any derivative that is
written down. Functions with a kink take the side of the real part.
"""
import argparse, json, os, struct
import numpy as np

T, B, I, H = 4, 2, 3, 4


# Functions of complex numbers.
def sigmoid(x): return 1 / (1 + np.exp(-x))
def relu(x): return np.where(x.real > 0, x, 0)
def softplus(x): return np.log(1 + np.exp(x))
def largest(a, b): return np.where(a.real > b.real, a, b)
def hard_sigmoid(x): return np.where(abs(x.real) < 2.5, 0.2 * x + 0.5, x.real > 0)
def normal(x): d = x - x.mean(-1, keepdims=True); return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)
def mul(matrix, x): return x @ matrix.T


tanh = np.tanh
CELLS = {}


def cell(name, states, **parameters):
    """A cell's states and its parameters: (gates, shape of one gate, None or, of fixed ones, their values, True for any); a step takes
    parameters by name and gate. Fixed parameters have a gradient of 0."""
    def register(step):
        CELLS[name] = (states.split(), parameters, step)
        return step
    return register


def matrices(gates, columns): return (gates, (H, columns), None)
def vectors(gates, fixed=None): return (gates, (H,), fixed)
def scalars(gates=1, fixed=None): return (gates, (), fixed)
def fixed_matrix(columns): return (1, (H, columns), True)


def lstm_like(z, s):
    """i, f, g, o before their functions → h, c of the plain LSTM."""
    c = sigmoid(z[1]) * s["c"] + sigmoid(z[0]) * tanh(z[2])
    return {"h": sigmoid(z[3]) * tanh(c), "c": c}


@cell("lstm-projected", "h c", weight_ih=matrices(4, I), weight_hh=matrices(4, H), weight_hr=matrices(1, H), bias=vectors(4))
def _(p, x, s):
    s1 = lstm_like([mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(4)], s)
    return {"h": mul(p["weight_hr"][0], s1["h"]), "c": s1["c"]}


@cell("lstm-layernorm", "h c", weight_ih=matrices(4, I), weight_hh=matrices(4, H), gain=vectors(5), bias=vectors(5))
def _(p, x, s):
    z = [normal(mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"])) * p["gain"][k] + p["bias"][k] for k in range(4)]
    c = sigmoid(z[1]) * s["c"] + sigmoid(z[0]) * tanh(z[2])
    return {"h": sigmoid(z[3]) * tanh(normal(c) * p["gain"][4] + p["bias"][4]), "c": c}


@cell("gru-layernorm", "h", weight_ih=matrices(3, I), weight_hh=matrices(3, H), gain_ih=vectors(3), gain_hh=vectors(3),
      bias_ih=vectors(3), bias_nh=vectors(1))
def _(p, x, s):
    u = [normal(mul(p["weight_ih"][k], x)) * p["gain_ih"][k] + p["bias_ih"][k] for k in range(3)]
    v = [normal(mul(p["weight_hh"][k], s["h"])) * p["gain_hh"][k] for k in range(3)]
    r, z = sigmoid(u[0] + v[0]), sigmoid(u[1] + v[1])
    return {"h": z * s["h"] + (1 - z) * tanh(u[2] + r * (v[2] + p["bias_nh"][0]))}


@cell("indrnn", "h", weight_ih=matrices(1, I), weight_hh=vectors(1), bias=vectors(1))
def _(p, x, s): return {"h": relu(mul(p["weight_ih"][0], x) + p["weight_hh"][0] * s["h"] + p["bias"][0])}


def gate_and_candidate(name, function):
    """Two sums of x and h: a gate that keeps the state, and what takes its place."""
    keeps = 1 if name == "ugrnn" else 0

    @cell(name, "h", weight_ih=matrices(2, I), weight_hh=matrices(2, H), bias=vectors(2))
    def _(p, x, s):
        z = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(2)]
        gate = sigmoid(z[keeps])
        return {"h": gate * s["h"] + (1 - gate) * function(z[1 - keeps])}


gate_and_candidate("ugrnn", tanh)
gate_and_candidate("ligru", relu)


@cell("janet", "h", weight_ih=matrices(2, I), weight_hh=matrices(2, H), bias=vectors(2))
def _(p, x, s):
    f, c = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(2)]
    return {"h": sigmoid(f) * s["h"] + (1 - sigmoid(f - 1)) * tanh(c)}


@cell("mingru", "h", weight_ih=matrices(2, I), bias=vectors(2))
def _(p, x, s):
    z, n = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(2)]
    return {"h": s["h"] + sigmoid(z) * (n - s["h"])}


@cell("minlstm", "h", weight_ih=matrices(3, I), bias=vectors(3))
def _(p, x, s):
    f, i, n = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(3)]
    f, i = sigmoid(f), sigmoid(i)
    return {"h": (f * s["h"] + i * n) / (f + i)}


@cell("mut1", "h", weight_ih=matrices(3, I), weight_hh=matrices(2, H), bias=vectors(3))
def _(p, x, s):
    z, r, n = [mul(p["weight_ih"][k], x) for k in range(3)]
    z = sigmoid(z + p["bias"][0])
    r = sigmoid(r + mul(p["weight_hh"][0], s["h"]) + p["bias"][1])
    return {"h": tanh(mul(p["weight_hh"][1], r * s["h"]) + tanh(n) + p["bias"][2]) * z + s["h"] * (1 - z)}


def mutation(name, read):
    @cell(name, "h", weight_ih=matrices(3, I), weight_hh=matrices(3, H), bias=vectors(3))
    def _(p, x, s):
        a = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(3)]
        z = sigmoid(a[0] + mul(p["weight_hh"][0], read(s["h"])))
        r = sigmoid(a[1] + mul(p["weight_hh"][1], s["h"]))
        return {"h": tanh(a[2] + mul(p["weight_hh"][2], r * s["h"])) * z + s["h"] * (1 - z)}


mutation("mut2", lambda h: h)
mutation("mut3", tanh)


@cell("scrn", "y h s", weight_sx=matrices(1, I), weight_ih=matrices(1, I), weight_hh=matrices(1, H), weight_hs=matrices(1, H),
      weight_yh=matrices(1, H), weight_ys=matrices(1, H))
def _(p, x, s):
    context = (1 - 0.95) * mul(p["weight_sx"][0], x) + 0.95 * s["s"]
    h = sigmoid(mul(p["weight_hs"][0], context) + mul(p["weight_ih"][0], x) + mul(p["weight_hh"][0], s["h"]))
    return {"y": mul(p["weight_yh"][0], h) + mul(p["weight_ys"][0], context), "h": h, "s": context}


@cell("ran", "h c", weight_cx=matrices(1, I), weight_ih=matrices(2, I), weight_hh=matrices(2, H), bias=vectors(2))
def _(p, x, s):
    i, f = [sigmoid(mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k]) for k in range(2)]
    c = i * mul(p["weight_cx"][0], x) + f * s["c"]
    return {"h": tanh(c), "c": c}


@cell("sru", "h c", weight_ih=matrices(4, I), weight_ch=vectors(2), bias=vectors(2))
def _(p, x, s):
    n, f, r, skip = [mul(p["weight_ih"][k], x) for k in range(4)]
    f = sigmoid(f + p["weight_ch"][0] * s["c"] + p["bias"][0])
    r = sigmoid(r + p["weight_ch"][1] * s["c"] + p["bias"][1])
    c = f * s["c"] + (1 - f) * n
    return {"h": r * c + (1 - r) * skip, "c": c}


@cell("cfn", "h", weight_in=matrices(1, I), weight_ih=matrices(2, I), weight_hh=matrices(2, H), bias=vectors(2))
def _(p, x, s):
    forget, take = [
        sigmoid(mul(p["weight_hh"][k], s["h"]) + mul(p["weight_ih"][k], x) + p["bias"][k]) for k in range(2)]
    return {"h": forget * tanh(s["h"]) + take * tanh(mul(p["weight_in"][0], x))}


def antisymmetric(p, h):
    matrix = p["weight_hh"][0]
    return mul(matrix - matrix.T - 0.01 * np.eye(H), h)


@cell("antisymmetric-rnn", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(1))
def _(p, x, s): return {"h": s["h"] + 0.1 * tanh(antisymmetric(p, s["h"]) + mul(p["weight_ih"][0], x) + p["bias"][0])}


@cell("antisymmetric-rnn-gated", "h", weight_ih=matrices(2, I), weight_hh=matrices(1, H), bias=vectors(2))
def _(p, x, s):
    z, n = [antisymmetric(p, s["h"]) + mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(2)]
    return {"h": s["h"] + 0.1 * sigmoid(z) * tanh(n)}


@cell("fastrnn", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(1), alpha=scalars(), beta=scalars())
def _(p, x, s):
    n = tanh(mul(p["weight_ih"][0], x) + mul(p["weight_hh"][0], s["h"]) + p["bias"][0])
    return {"h": sigmoid(p["alpha"][0]) * n + sigmoid(p["beta"][0]) * s["h"]}


@cell("fastgrnn", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(2), zeta=scalars(), nu=scalars())
def _(p, x, s):
    a = mul(p["weight_ih"][0], x) + mul(p["weight_hh"][0], s["h"])
    z, n = sigmoid(a + p["bias"][0]), tanh(a + p["bias"][1])
    return {"h": (sigmoid(p["zeta"][0]) * (1 - z) + sigmoid(p["nu"][0])) * n + z * s["h"]}


@cell("star", "h", weight_ih=matrices(2, I), weight_hh=matrices(1, H), bias=vectors(2))
def _(p, x, s):
    k = sigmoid(mul(p["weight_ih"][0], x) + mul(p["weight_hh"][0], s["h"]) + p["bias"][0])
    z = tanh(mul(p["weight_ih"][1], x) + p["bias"][1])
    return {"h": tanh(s["h"] + k * (z - s["h"]))}


@cell("atr", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H))
def _(p, x, s):
    a, b = mul(p["weight_ih"][0], x), mul(p["weight_hh"][0], s["h"])
    return {"h": sigmoid(a + b) * a + sigmoid(a - b) * s["h"]}


@cell("multiplicative-lstm", "h c", weight_mx=matrices(1, I), weight_hh=matrices(1, H), weight_ih=matrices(4, I),
      weight_mh=matrices(4, H), bias=vectors(4))
def _(p, x, s):
    m = mul(p["weight_mx"][0], x) * mul(p["weight_hh"][0], s["h"])
    return lstm_like([mul(p["weight_ih"][k], x) + mul(p["weight_mh"][k], m) + p["bias"][k] for k in range(4)], s)


@cell("multiplicative-rnn", "h", weight_mx=matrices(1, I), weight_mh=matrices(1, H), weight_hm=matrices(1, H),
      weight_ih=matrices(1, I), bias=vectors(1))
def _(p, x, s):
    rows = []
    for one, h in zip(x, s["h"]):  # each input has its transition
        transition = p["weight_hm"][0] @ np.diag(p["weight_mx"][0] @ one) @ p["weight_mh"][0]
        rows.append(tanh(transition @ h + p["weight_ih"][0] @ one + p["bias"][0]))
    return {"h": np.stack(rows)}


@cell("cornn", "y z", weight_ih=matrices(1, I), weight_hh=matrices(1, H), weight_zh=matrices(1, H), bias=vectors(1))
def _(p, x, s):
    force = tanh(mul(p["weight_hh"][0], s["y"]) + mul(p["weight_zh"][0], s["z"]) + mul(p["weight_ih"][0], x) + p["bias"][0])
    z = s["z"] + 0.042 * force - 0.042 * 2.7 * s["y"] - 0.042 * 4.7 * s["z"]
    return {"y": s["y"] + 0.042 * z, "z": z}


@cell("lem", "y z", weight_ih=matrices(4, I), weight_hh=matrices(3, H), weight_zh=matrices(1, H), bias=vectors(4))
def _(p, x, s):
    a = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(4)]
    step, slow, drive = [a[k] + mul(p["weight_hh"][k], s["y"]) for k in range(3)]
    z = s["z"] + sigmoid(step) * (tanh(drive) - s["z"])
    return {"y": s["y"] + sigmoid(slow) * (tanh(mul(p["weight_zh"][0], z) + a[3]) - s["y"]), "z": z}


@cell("unicornn", "y z", weight_ih=matrices(1, I), weight_hh=vectors(1), weight_ch=vectors(1), bias=vectors(1))
def _(p, x, s):
    speed = 0.1 * (0.5 + 0.5 * tanh(p["weight_ch"][0] / 2))
    z = s["z"] - speed * (tanh(p["weight_hh"][0] * s["y"] + mul(p["weight_ih"][0], x) + p["bias"][0]) + 0.1 * s["y"])
    return {"y": s["y"] + speed * z, "z": z}


@cell("slstm", "h c n m", weight_ih=matrices(4, I), weight_hh=matrices(4, H), bias=vectors(4))
def _(p, x, s):
    i, f, z, o = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(4)]
    kept = np.log(sigmoid(f)) + s["m"]
    m = largest(kept, i)
    c = np.exp(kept - m) * s["c"] + np.exp(i - m) * tanh(z)
    n = np.exp(kept - m) * s["n"] + np.exp(i - m)
    return {"h": sigmoid(o) * c / n, "c": c, "n": n, "m": m}


def bistable(name, recurrent, times):
    @cell(name, "h", weight_ih=matrices(3, I), weight_hh=recurrent, bias=vectors(3))
    def _(p, x, s):
        a, c, n = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(3)]
        a = 1 + tanh(a + times(p["weight_hh"][0], s["h"]))
        c = sigmoid(c + times(p["weight_hh"][1], s["h"]))
        return {"h": c * s["h"] + (1 - c) * tanh(n + a * s["h"])}


bistable("brc", vectors(2), lambda w, h: w * h)
bistable("nbrc", matrices(2, H), mul)


@cell("trnn", "h", weight_ih=matrices(2, I), bias=vectors(2))
def _(p, x, s):
    z, f = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(2)]
    return {"h": sigmoid(f) * s["h"] + (1 - sigmoid(f)) * z}


def typed(p, x, s):
    return [mul(p["weight_ih"][k], x) + s["pqr"[k]] + p["bias"][k] for k in range(3)], {
        "pqr"[k]: mul(p["weight_previous"][k], x) for k in range(3)}


@cell("tgru", "h p q r", weight_ih=matrices(3, I), weight_previous=matrices(3, I), bias=vectors(3))
def _(p, x, s):
    (z, f, o), previous = typed(p, x, s)
    return {"h": sigmoid(f) * s["h"] + z * tanh(o), **previous}


@cell("tlstm", "h c p q r", weight_ih=matrices(3, I), weight_previous=matrices(3, I), bias=vectors(3))
def _(p, x, s):
    (z, f, o), previous = typed(p, x, s)
    c = sigmoid(f) * s["c"] + (1 - sigmoid(f)) * z
    return {"h": c * tanh(o), "c": c, **previous}


@cell("nas", "h c", weight_ih=matrices(8, I), weight_hh=matrices(8, H))
def _(p, x, s):
    a, b = [mul(w, x) for w in p["weight_ih"]], [mul(w, s["h"]) for w in p["weight_hh"]]
    one = [f(a[k] * b[k] if k == 3 else a[k] + b[k])
           for k, f in enumerate([sigmoid, relu, sigmoid, relu, tanh, sigmoid, tanh, sigmoid])]
    c = tanh(tanh(one[0] * one[1]) + s["c"]) * tanh(one[2] + one[3])
    return {"h": tanh(c * tanh(tanh(one[4] * one[5]) + sigmoid(one[6] + one[7]))), "c": c}


@cell("sgrn", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(1), bias_hh=vectors(1))
def _(p, x, s):
    a = mul(p["weight_ih"][0], x) + p["bias"][0]
    f = sigmoid(a + mul(p["weight_hh"][0], s["h"]) + p["bias_hh"][0])
    return {"h": tanh((1 - f) * a + f * s["h"])}


@cell("minimal-rnn", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H), weight_zz=matrices(1, H), bias=vectors(2))
def _(p, x, s):
    z = tanh(mul(p["weight_ih"][0], x) + p["bias"][0])
    u = sigmoid(mul(p["weight_hh"][0], s["h"]) + mul(p["weight_zz"][0], z) + p["bias"][1])
    return {"h": u * s["h"] + (1 - u) * z}


@cell("lstm-original", "h c", weight_ih=matrices(3, I), weight_hh=matrices(3, H), bias=vectors(3))
def _(p, x, s):
    i, g, o = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(3)]
    c = s["c"] + sigmoid(i) * tanh(g)
    return {"h": sigmoid(o) * tanh(c), "c": c}


@cell("lstm-residual", "h c", weight_ih=matrices(4, I), weight_hh=matrices(4, H), weight_hr=matrices(1, H),
      weight_rx=matrices(1, I), weight_ph=vectors(3), bias=vectors(4))
def _(p, x, s):
    i, f, g, o = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(4)]
    peep = p["weight_ph"]
    c = sigmoid(f + peep[1] * s["c"]) * s["c"] + sigmoid(i + peep[0] * s["c"]) * tanh(g)
    return {"h": sigmoid(o + peep[2] * c) * (mul(p["weight_hr"][0], tanh(c)) + mul(p["weight_rx"][0], x)), "c": c}


@cell("lstm-controller", "h v c", weight_ih=matrices(5, I), weight_hh=matrices(5, H), bias=vectors(5))
def _(p, x, s):
    z = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["v"]) + p["bias"][k] for k in range(5)]
    plain = lstm_like(z, s)
    return {**plain, "v": sigmoid(z[4]) * tanh(plain["c"])}


def simple_gated(name, out, **more):
    @cell(name, "h", weight_ih=matrices(2, I), weight_hh=matrices(2, H), **more, bias=vectors(2))
    def _(p, x, s):
        taken = mul(p["weight_ih"][0], x) + p["bias"][0]
        gated = tanh(mul(p["weight_hh"][0], taken * s["h"])) * s["h"]
        z = hard_sigmoid(mul(p["weight_ih"][1], x) + p["bias"][1] + mul(p["weight_hh"][1], s["h"]))
        return {"h": (1 - z) * s["h"] + z * out(p, gated)}


simple_gated("sgu", lambda p, gated: softplus(gated))
simple_gated("dsgu", lambda p, gated: sigmoid(mul(p["weight_ho"][0], gated)), weight_ho=matrices(1, H))


@cell("lightru", "h", weight_nx=matrices(1, I), weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(1))
def _(p, x, s):
    f = sigmoid(mul(p["weight_ih"][0], x) + mul(p["weight_hh"][0], s["h"]) + p["bias"][0])
    return {"h": (1 - f) * s["h"] + f * tanh(mul(p["weight_nx"][0], x))}


@cell("miru1", "h", weight_ih=matrices(2, I), weight_hh=matrices(2, H), bias=vectors(2))
def _(p, x, s):
    r, n = [mul(p["weight_ih"][k], x) + p["bias"][k] for k in range(2)]
    n = tanh(n + mul(p["weight_hh"][1], sigmoid(r + mul(p["weight_hh"][0], s["h"])) * s["h"]))
    return {"h": 0.5 * s["h"] + (1 - 0.5) * n}


@cell("miru2", "h", weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(1))
def _(p, x, s):
    n = tanh(mul(p["weight_ih"][0], x) + p["bias"][0] + mul(p["weight_hh"][0], 0.5 * s["h"]))
    return {"h": 0.5 * s["h"] + (1 - 0.5) * n}


@cell("intersection-rnn", "y h", weight_yx=matrices(1, I), weight_ih=matrices(4, I), weight_hh=matrices(4, H),
      bias=vectors(4))
def _(p, x, s):
    y, h, depth, time = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], s["h"]) + p["bias"][k] for k in range(4)]
    depth, time = sigmoid(depth), sigmoid(time)
    return {"y": depth * mul(p["weight_yx"][0], x) + (1 - depth) * relu(y), "h": time * s["h"] + (1 - time) * tanh(h)}


@cell("esn", "h", weight_ih=fixed_matrix(I), weight_hh=fixed_matrix(H), leak=scalars(fixed=[0.3]))
def _(p, x, s):
    new = tanh(mul(p["weight_ih"][0], x) + 0.9 * mul(p["weight_hh"][0], s["h"]))
    return {"h": (1 - p["leak"][0]) * s["h"] + p["leak"][0] * new}


@cell("mtrnn", "y u", weight_ih=matrices(1, I), weight_hh=matrices(1, H), bias=vectors(1),
      tau=vectors(1, fixed=np.linspace(2, 70, H)))
def _(p, x, s):
    u = (1 - 1 / p["tau"][0]) * s["u"] + (mul(p["weight_ih"][0], x) + mul(p["weight_hh"][0], s["y"]) + p["bias"][0]) / p["tau"][0]
    return {"y": tanh(u), "u": u}


DELAYS = " ".join(f"h_{k}" for k in range(2, 11))


@cell("tau-gru", "h " + DELAYS, weight_ih=matrices(4, I), weight_hh=matrices(4, H), bias=vectors(4))
def _(p, x, s):
    read = [s["h"], s["h_10"], s["h"], s["h"]]
    u, z, g, a = [mul(p["weight_ih"][k], x) + mul(p["weight_hh"][k], read[k]) + p["bias"][k] for k in range(4)]
    new = {"h": s["h"] + sigmoid(g) * (tanh(u) + sigmoid(a) * tanh(z) - s["h"]), "h_2": s["h"]}
    return {**new, **{f"h_{k}": s[f"h_{k - 1}"] for k in range(3, 11)}}


# Cases.
def split(parameters, values):
    return {name: values[name].reshape((gates,) + shape) for name, (gates, shape, _) in parameters.items()}


def run(name, values):
    """Outputs and last states."""
    states, parameters, step = CELLS[name]
    p, s, outputs = split(parameters, values), {k: values[k + "0"] for k in states}, []
    for x in values["input"]:
        new = step(p, x, s)
        assert sorted(new) == sorted(states), name
        s = new
        outputs.append(s[states[0]])
    return np.stack(outputs), s


def case(name, seed):
    states, parameters, _ = CELLS[name]
    random = np.random.default_rng([seed, sum(map(ord, name))])
    def uniform(shape, bound=1.0): return random.uniform(-bound, bound, shape).astype(np.float32).astype(np.float64)
    values = {"input": uniform((T, B, I))}
    for state in states:
        values[state + "0"] = uniform((B, H), 0.8)
    if "n" in states:
        values["n0"] = (1 + abs(values["n0"])).astype(np.float32).astype(np.float64)  # a normaliser is a sum of positive numbers
    for key, (gates, shape, fixed) in parameters.items():
        values[key] = uniform((gates * shape[0],) + shape[1:] if shape else (gates,))
        if fixed is not None and fixed is not True:
            values[key] = np.asarray(fixed, np.float32).astype(np.float64)
    cotangents = {"cotangent_output": uniform((T, B, H))}
    for state in states:
        cotangents[f"cotangent_{state}n"] = uniform((B, H))

    def loss(values):
        output, last = run(name, values)
        return (output * cotangents["cotangent_output"]).sum() + sum(
            (last[state] * cotangents[f"cotangent_{state}n"]).sum() for state in states)

    complexes = {key: value.astype(complex) for key, value in values.items()}
    output, last = run(name, complexes)
    tensors = {**values, **cotangents, "output": output.real, "loss": np.array([loss(complexes).real])}
    for state in states:
        tensors[state + "n"] = last[state].real
    step = 1e-40
    for key, value in complexes.items():
        gradient = np.zeros(value.shape)
        if key in parameters and parameters[key][2] is not None:
            tensors["grad_" + key] = gradient
            continue
        for place in np.ndindex(*value.shape):
            moved = value.copy()
            moved[place] += 1j * step
            gradient[place] = loss({**complexes, key: moved}).imag / step
        tensors["grad_" + key] = gradient
    return tensors


def write(path, tensors):
    header, offset = {}, 0
    for key, value in tensors.items():
        header[key] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [offset, offset + value.size * 8]}
        offset += value.size * 8
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            file.write(np.ascontiguousarray(value, dtype="<f8").tobytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    index = []
    for name in sorted(CELLS):
        file = f"{name}.safetensors"
        write(os.path.join(options.folder, file), case(name, options.seed))
        index.append({"file": file, "cell": name, "T": T, "B": B, "I": I, "H": H, "layers": 1, "bidirectional": False,
                      "lengths": False, "saturated": False})
    with open(os.path.join(options.folder, "index.json"), "w") as file:
        json.dump(index, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
