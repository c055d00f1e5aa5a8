"""PyTorch: torch.nn's layer where the cell exists; else a loop over the cell's step with a hoisted input product
and merged gate products, the better of eager and torch.compile on the step."""

import os, signal, time

import torch
from torch import sigmoid, tanh

from . import torch_captions, torch_everyday, torch_operations, torch_transformer, torch_translation
from .case import Captions, Everyday, NoSuchCase, Operation, Transformer, Translation

LAYERS = {
    "lstm": torch.nn.LSTM,
    "gru": torch.nn.GRU,
    "rnn-tanh": torch.nn.RNN,
    "rnn-relu": lambda *a, **k: torch.nn.RNN(*a, nonlinearity="relu", **k),
}

# Steps of other cells. `gx` is the hoisted W x + b; the matrices come transposed.


def lstm_wm(gx, h, c, U, M, O):
    i, f, g, o = torch.addmm(gx, h, U).chunk(4, 1)
    mi, mf = tanh(c @ M).chunk(2, 1)
    c = sigmoid(f + mf) * c + sigmoid(i + mi) * tanh(g)
    return sigmoid(o + tanh(c @ O)) * tanh(c), c


def lstm_ph_full(gx, h, c, U, M, O):
    i, f, g, o = torch.addmm(gx, h, U).chunk(4, 1)
    mi, mf = (c @ M).chunk(2, 1)
    c = sigmoid(f + mf) * c + sigmoid(i + mi) * tanh(g)
    return sigmoid(o + c @ O) * tanh(c), c


def lstm_ph(gx, h, c, U, pi, pf, po):
    i, f, g, o = torch.addmm(gx, h, U).chunk(4, 1)
    c = sigmoid(f + pf * c) * c + sigmoid(i + pi * c) * tanh(g)
    return sigmoid(o + po * c) * tanh(c), c


def lstm_coupled(gx, h, c, U):
    i, g, o = torch.addmm(gx, h, U).chunk(3, 1)
    i = sigmoid(i)
    c = (1 - i) * c + i * tanh(g)
    return sigmoid(o) * tanh(c), c


def mgu(gx, h, U, N):
    fx, nx = gx.chunk(2, 1)
    f = sigmoid(torch.addmm(fx, h, U))
    return ((1 - f) * h + f * tanh(torch.addmm(nx, f * h, N)),)


# The step, its states, gates, and the shapes of its weights for H.
LOOPS = {
    "lstm-wm": (lstm_wm, 2, 4, lambda H: [(H, 4 * H), (H, 2 * H), (H, H)]),
    "lstm-ph-full": (lstm_ph_full, 2, 4, lambda H: [(H, 4 * H), (H, 2 * H), (H, H)]),
    "lstm-ph": (lstm_ph, 2, 4, lambda H: [(H, 4 * H), (H,), (H,), (H,)]),
    "lstm-coupled": (lstm_coupled, 2, 3, lambda H: [(H, 3 * H)]),
    "mgu": (mgu, 1, 2, lambda H: [(H, H), (H, H)]),
}


class Peer:
    def __init__(self, options):
        torch.set_num_threads(options.threads)
        self.version = torch.__version__
        self.compile_limit = 0 if options.no_compile else options.compile_limit

    def build(self, case):
        if isinstance(case, Operation):
            return torch_operations.build(case), ""
        if isinstance(case, Captions):
            return torch_captions.build(case), ""
        if isinstance(case, Translation):
            return torch_translation.build(case), ""
        if isinstance(case, Everyday):
            return torch_everyday.build(case), ""
        if isinstance(case, Transformer):
            return torch_transformer.build(case)
        if case.kind == "stream" and case.precision == "int8" and case.cell == "lstm":
            return self.quantized(case), "quantize_dynamic"
        if case.kind == "stream":
            raise NoSuchCase("not timed: torch.nn has no streaming call", expected=True)
        if case.precision != "f32":
            raise NoSuchCase("timed in f32 only", expected=True)
        torch.manual_seed(1)
        if case.cell in LAYERS:
            return self.layer(case), "torch.nn"
        if case.cell not in LOOPS or case.layers > 1 or case.bidirectional or case.lengths:
            raise NoSuchCase("not written as a loop here", expected=True)
        return self.loop(case)

    def layer(self, case):
        D = 2 if case.bidirectional else 1
        layer = LAYERS[case.cell](case.I, case.H, num_layers=case.layers, bidirectional=case.bidirectional)
        x, cotangent = torch.randn(case.T, case.B, case.I), torch.randn(case.T, case.B, D * case.H)
        lengths = torch.tensor(case.lengths) if case.lengths else None

        def forward():
            if lengths is None:
                return layer(x)[0]
            packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            return torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], total_length=case.T)[0]

        def train():
            layer.zero_grad()
            forward().backward(cotangent)

        def infer():
            with torch.inference_mode():
                forward()

        return train if case.kind == "training" else infer

    @staticmethod
    def quantized(case):
        """Calls of a dynamically quantised LSTM, the states carried on."""
        from torch.ao.quantization import quantize_dynamic

        layer = quantize_dynamic(torch.nn.LSTM(case.I, case.H).eval(), {torch.nn.LSTM}, dtype=torch.qint8)
        x, states = torch.rand(case.T, 1, case.I) * 2 - 1, [None]

        def run():
            with torch.inference_mode():
                states[0] = layer(x, states[0])[1]

        return run

    def loop(self, case):
        step, states, gates, shapes = LOOPS[case.cell]
        T, B, I, H = case.T, case.B, case.I, case.H

        def parameter(*shape):
            return torch.empty(shape).uniform_(-H**-0.5, H**-0.5).requires_grad_()

        # As a layer would keep them: [rows, columns]; the step gets their transposes.
        W, b = parameter(gates * H, I), parameter(gates * H)
        weights = [parameter(*reversed(shape)) for shape in shapes(H)]
        x, cotangent = torch.randn(T, B, I), torch.randn(T, B, H)

        def forward(step):
            gates_x = torch.nn.functional.linear(x, W, b).unbind(0)  # indexing would cost T² backward
            operands = [w.t() if w.dim() == 2 else w for w in weights]
            state, outputs = (torch.zeros(B, H),) * states, []
            for t in range(T):
                state = step(gates_x[t], *state, *operands)
                outputs.append(state[0])
            return torch.stack(outputs)

        def run_of(step):
            def train():
                for p in (W, b, *weights):
                    p.grad = None
                forward(step).backward(cotangent)

            def infer():
                with torch.inference_mode():
                    forward(step)

            return train if case.kind == "training" else infer

        eager = run_of(step)
        if self.compile_limit == 0:
            return eager, "eager"
        try:
            compiled = run_of(self.compiled(step))
            with TimeLimit(self.compile_limit):
                compiled()
        except Exception as problem:  # whatever a compiler may end with: the loop can run without
            return eager, f"eager; torch.compile: {type(problem).__name__}"
        best = {}
        for name, run in (("eager", eager), ("compiled", compiled)):
            run()
            times = []
            for _ in range(3):
                start = time.perf_counter()
                run()
                times.append(time.perf_counter() - start)
            best[name] = sorted(times)[1]
        if best["compiled"] < best["eager"]:
            return compiled, f"compiled (eager {best['eager'] * 1e3:.1f} ms)"
        return eager, f"eager (compiled {best['compiled'] * 1e3:.1f} ms)"

    @staticmethod
    def compiled(step):
        # In this process, so that a time limit ends it.
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        torch._dynamo.reset()
        return torch.compile(step, dynamic=False, fullgraph=True)


class TimeLimit:
    """Raises TimeoutError when its block takes longer than `seconds`."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        def end(*_):
            raise TimeoutError(f"more than {self.seconds:g} s")

        self.before = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)
