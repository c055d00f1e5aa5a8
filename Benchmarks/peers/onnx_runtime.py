"""ONNX Runtime: its LSTM, GRU and RNN operators, from a model that is built here; inference only. In int8 its LSTM with weights
that its own tool has quantised."""

import tempfile, time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from .case import NoSuchCase, Sessions

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
        if isinstance(case, Sessions):
            return self.sessions(case)
        if (case.cell not in OPERATORS or case.kind == "training" or case.layers > 1 or case.bidirectional
                or case.lengths or case.precision not in self.precisions(case)):
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

        wanted = ["Y"] if case.T > 1 else []  # of one step it is the next state
        outputs = [np.zeros((case.T, 1, case.B, case.H), np.float32) for _ in wanted]
        return self.stream(session, ("X", x), list(zip(names, ["Y_" + name for name in names], zeros)),
                           list(zip(wanted, outputs)), max(3, 300 // case.T))

    @staticmethod
    def precisions(case):
        return ("f32", "int8") if case.cell == "lstm" and case.kind == "stream" else ("f32",)

    def sessions(self, case):
        """The file that Cellgate has written: states go in, and those of the same name with `.next` come out."""
        session = onnxruntime.InferenceSession(case.file, self.options(1), providers=["CPUExecutionProvider"])
        after = {o.name for o in session.get_outputs() if o.name.endswith(".next")}
        states = [(i.name, i.name + ".next", np.zeros((case.batch, i.shape[-1]), np.float32))
                  for i in session.get_inputs() if i.name + ".next" in after]
        [x] = [i.name for i in session.get_inputs() if i.name + ".next" not in after]
        [y] = [o.name for o in session.get_outputs() if o.name not in after]
        rng = np.random.default_rng(1)
        shape = (1, case.batch)
        return self.stream(
            session, (x, rng.uniform(-1, 1, (*shape, case.hidden)).astype(np.float32)), states,
            [(y, np.zeros((*shape, case.outputs), np.float32))], 50)

    @staticmethod
    def stream(session, given, states, wanted, calls):
        """Streaming, in both ways that Python has; the better counts. `given` is the input, `states` are names before and after
        with zeros, `wanted` outputs besides."""
        # Bound memory: two sets of states that are read and written in turn, nothing copied in or out, not even the
        # next input.
        sets = [[onnxruntime.OrtValue.ortvalue_from_numpy(z.copy()) for _, _, z in states] for _ in range(2)]
        outputs = [(name, onnxruntime.OrtValue.ortvalue_from_numpy(array)) for name, array in wanted]
        value = onnxruntime.OrtValue.ortvalue_from_numpy(given[1])
        bindings = []
        for read, written in (sets, reversed(sets)):
            binding = session.io_binding()
            binding.bind_ortvalue_input(given[0], value)
            for (before, after, _), a, b in zip(states, read, written):
                binding.bind_ortvalue_input(before, a)
                binding.bind_ortvalue_output(after, b)
            for name, output in outputs:
                binding.bind_ortvalue_output(name, output)
            bindings.append(binding)
        turn = [0]

        # The session's own method, without the checks that its Python wrapper makes at every call.
        run_bound, raw = session._sess.run_with_iobinding, [b._iobinding for b in bindings]

        def bound():
            run_bound(raw[turn[0]], None)
            turn[0] ^= 1

        bound.keeps = bindings, sets, value, outputs  # a binding points into memory that it doesn't own

        fetched = [after for _, after, _ in states] + [name for name, _ in wanted]
        feed = {given[0]: given[1], **{before: zeros for before, _, zeros in states}}

        def plain():
            results = session.run(fetched, feed)
            for (before, _, _), result in zip(states, results):
                feed[before] = result

        best = {}
        for name, run in (("bound memory", bound), ("run", plain)):
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
        options = self.options(1 if case.kind == "stream" else self.threads)
        written = model.SerializeToString() if case.precision == "f32" else self.quantized(model)
        return onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])

    @staticmethod
    def quantized(model):
        """The file of the model with signed bytes for weights, whose operands are quantised at every step."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with tempfile.TemporaryDirectory() as folder:
            whole, small = Path(folder, "whole.onnx"), Path(folder, "small.onnx")
            onnx.save(model, whole)
            quantize_dynamic(whole, small, weight_type=QuantType.QInt8)
            return small.read_bytes()

    @staticmethod
    def options(threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        return options
