"""ONNX Runtime: its LSTM, GRU and RNN operators, from a model that is built here; inference only."""

import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from .case import NoSuchCase

# The operator, its states, gates and attributes.
OPERATORS = {
    "lstm": ("LSTM", 2, 4, {}),
    "gru": ("GRU", 1, 3, {"linear_before_reset": 1}),
    "rnn-tanh": ("RNN", 1, 1, {"activations": ["Tanh"]}),
}


class Peer:
    def __init__(self, options):
        self.threads = options.threads
        self.version = onnxruntime.__version__

    def build(self, case):
        if (case.cell not in OPERATORS or case.kind == "training" or case.layers > 1 or case.bidirectional
                or case.lengths or case.precision != "f32"):
            raise NoSuchCase("inference of one layer only", expected=True)
        _, states, _, _ = OPERATORS[case.cell]
        session = self.session(case)
        rng = np.random.default_rng(1)
        x = rng.uniform(-1, 1, (case.T, case.B, case.I)).astype(np.float32)
        zeros = [np.zeros((1, case.B, case.H), np.float32) for _ in range(states)]
        names = ["h", "c"][:states]
        if case.kind == "forward":
            feed = {"X": x, **dict(zip(names, zeros))}
            return lambda: session.run(["Y"], feed), "run"

        # Streaming, in both ways that Python has; the better counts. Bound memory: two sets of states that are
        # read and written in turn, nothing copied in or out, not even the next input.
        wanted = "Y" if case.T > 1 else None  # of one step it is the next state
        sets = [[onnxruntime.OrtValue.ortvalue_from_numpy(z.copy()) for z in zeros] for _ in range(2)]
        output = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((case.T, 1, case.B, case.H), np.float32))
        value = onnxruntime.OrtValue.ortvalue_from_numpy(x)
        bindings = []
        for read, written in (sets, reversed(sets)):
            binding = session.io_binding()
            binding.bind_ortvalue_input("X", value)
            for name, a, b in zip(names, read, written):
                binding.bind_ortvalue_input(name, a)
                binding.bind_ortvalue_output("Y_" + name, b)
            if wanted:
                binding.bind_ortvalue_output(wanted, output)
            bindings.append(binding)
        turn = [0]

        # The session's own method, without the checks that its Python wrapper makes at every call.
        run_bound, raw = session._sess.run_with_iobinding, [b._iobinding for b in bindings]

        def bound():
            run_bound(raw[turn[0]], None)
            turn[0] ^= 1

        bound.keeps = bindings, sets, value, output  # a binding points into memory that it doesn't own

        fetched = ["Y_" + name for name in names] + ([wanted] if wanted else [])
        feed = {"X": x, **dict(zip(names, zeros))}

        def plain():
            results = session.run(fetched, feed)
            for name, result in zip(names, results):
                feed[name] = result

        best = {}
        for name, run in (("bound memory", bound), ("run", plain)):
            calls = max(3, 300 // case.T)
            for _ in range(calls):
                run()
            start = time.perf_counter()
            for _ in range(calls):
                run()
            best[name] = ((time.perf_counter() - start) / calls, run)
        name = min(best, key=lambda name: best[name][0])
        return best[name][1], name

    def session(self, case):
        operator, states, gates, attributes = OPERATORS[case.cell]
        rng = np.random.default_rng(1)

        def constant(name, *shape):
            bound = case.H**-0.5
            return onnx.numpy_helper.from_array(rng.uniform(-bound, bound, shape).astype(np.float32), name)

        def value(name, *shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        T, B, I, H = case.T, case.B, case.I, case.H
        weights = [constant("W", 1, gates * H, I), constant("R", 1, gates * H, H), constant("b", 1, 2 * gates * H)]
        names = ["h", "c"][:states]
        whole = [value("Y", T, 1, B, H)] if case.kind == "forward" or T > 1 else []
        node = helper.make_node(operator, ["X", "W", "R", "b", "", *names],
                                ["Y" if whole else "", *("Y_" + n for n in names)], hidden_size=H, **attributes)
        graph = helper.make_graph(
            [node], case.cell, [value("X", T, B, I), *(value(n, 1, B, H) for n in names)],
            whole + [value("Y_" + n, 1, B, H) for n in names], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        onnx.checker.check_model(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if case.kind == "stream" else self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
