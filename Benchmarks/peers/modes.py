"""What `compare` compares: each mode is a function of the options that gives its session and report."""

import math, random, tempfile

from . import goals
from .case import Captions, Case, Everyday, NoSuchCase, Operation, Search, Sessions, Transformer, Translation
from .report import Report, number, times, verdict
from .rounds import best_peer, ratio_of, take_turns
from .side import Cellgate, Peer
from .twins import TWINS


class Session:
    """The sides of one mode, and the options."""

    def __init__(self, options, mode, threads=None):
        self.options, self.threads = options, threads or options.threads
        self.cellgate = Cellgate(self.threads)
        self.peers = [self.peer(name) for name in peers_of(mode, options)]
        self.machine = self.cellgate.ask("machine")
        self.machine["peak_gflops"] = self.cellgate.peak()

    def peer(self, name):
        words = ["--compile-limit", str(self.options.compile_limit)]
        if not self.options.compile:
            words.append("--no-compile")
        if name == "torchrecurrent":
            words += ["--step-limit", "20"]
        return Peer(name, self.threads, words)

    def report(self, title, columns):
        return Report(title, columns, [self.cellgate, *self.peers], self.machine, self.threads,
                      self.options.markdown)

    def measure(self, case, peers=None, budget=None):
        """Every side's result on a case."""
        turns = {"cellgate": (self.cellgate, case)}
        turns |= {peer.name: (peer, case) for peer in (self.peers if peers is None else peers)}
        return take_turns(turns, self.options.rounds, budget or self.options.budget)

    def kept(self, case, results, **more):
        return {**case.record(), **{name: r.kept() for name, r in results.items()}, **more}

    def rows(self):
        if self.options.shapes:
            return self.options.shapes
        grid = [(r["steps"], r["batch"], r["input"], r["hidden"]) for r in self.cellgate.ask("rows")]
        return [grid[i] for i in self.options.rows] if self.options.rows else grid

    def notes(self, report, case, results):
        for name, result in results.items():
            if result.note and result.seconds is not None and name == "torch" and result.note != "torch.nn":
                report.note(f"torch, {case.cell} at {case.shape}: {result.note}")
            if result.is_amiss:
                report.note(f"{name}, {case.cell} at {case.shape}: {result.note}")

    def close(self):
        for side in (self.cellgate, *self.peers):
            side.close()


CELLS = ["lstm", "lstm-wm", "gru", "rnn-tanh"]

PEERS = {
    "training": ["torch", "jax", "torchrecurrent"], "forward": ["torch", "jax", "onnxruntime"],
    "streaming": ["onnxruntime"], "quantized": ["onnxruntime", "torch"], "scaling": ["torch"], "shapes": ["torch"], "lengths": ["torch"],
    "stacks": ["torch"], "precision": [], "memory": ["torch", "jax"],
    "recompute": [], "operations": ["torch"], "captions": ["torch"], "translation": ["torch"], "everyday": ["torch", "keras"],
    "transformer": ["torch"], "search": ["faiss"], "builds": [], "zoo": ["torchrecurrent"],
}


def peers_of(mode, options):
    return PEERS[mode] if options.peers is None else [p for p in PEERS[mode] if p in options.peers]


def grid(session, kind):
    """The grid's shapes, training or forward."""
    report = session.report(
        f"{'A training step' if kind == 'training' else 'A forward pass'}, fp32, ms, medians of "
        f"{session.options.rounds} interleaved rounds",
        [("cell", 9), ("T, B, I, H", 19), ("cellgate", 8), ("of peak", 7), *((p.name, 8) for p in session.peers),
         ("ratio", 7), ("goal", 14)])
    for shape in session.rows():
        for cell in session.options.cells or CELLS:
            case = Case(kind, cell, *shape)
            results = session.measure(case)
            own, ratio = results["cellgate"], ratio_of(results)
            if own.seconds is None:
                raise NoSuchCase(own.note)
            rate = own.record["operations"] / own.seconds * 1e-9
            share = rate / session.machine["peak_gflops"]
            goal = goals.training(case) if kind == "training" else None
            part = goals.peak_share(case) if kind == "training" else None
            star = "" if part is None or share >= part else "*"
            if star:
                report.note("*: below its share of the peak: 75 % at H >= 256 and B >= 64, 55 % at H = 128")
            report.row(
                [cell, case.shape, number(own.ms), f"{100 * share:.0f} %{star}",
                 *(number(results[p.name].ms) for p in session.peers), times(ratio), verdict(ratio, goal)],
                session.kept(case, results, ratio=ratio, goal=goal, best_peer=best_peer(results)[0], gflops=rate,
                             peak_share=share, peak_share_goal=part))
            session.notes(report, case, results)
    return report


def training(options):
    session = Session(options, "training")
    return session, grid(session, "training")


def forward(options):
    session = Session(options, "forward")
    return session, grid(session, "forward")


def zoo(options):
    """A training step of every cell, beside torchrecurrent's layer of the same equations where there is one."""
    session = Session(options, "zoo")
    report = session.report(
        f"A training step of published cells, fp32, ms, medians of {options.rounds} interleaved rounds",
        [("cell", 23), ("T, B, I, H", 17), ("cellgate", 8), ("of peak", 7), *((p.name, 14) for p in session.peers),
         ("ratio", 8), ("its layer", 21)])
    twins, cells = {twin.cell: twin for twin in TWINS}, session.cellgate.ask("cells")
    if unknown := [name for name in options.cells or [] if name not in cells]:
        raise NoSuchCase(f"--cells: '{unknown[0]}' is not a cell")
    for shape in session.rows() if options.rows or options.shapes else [(128, 16, 128, 128)]:
        ratios = []
        for cell in options.cells or cells:
            case, twin = Case("training", cell, *shape), twins.get(cell)
            results = session.measure(case, None if twin else [])
            own, ratio = results["cellgate"], ratio_of(results)
            if own.seconds is None:
                raise NoSuchCase(own.note)
            share = own.record["operations"] / own.seconds * 1e-9 / session.machine["peak_gflops"]
            layer = twin.layer if twin else None
            peers = [number(results[p.name].ms) if p.name in results else "–" for p in session.peers]
            report.row([cell, case.shape, number(own.ms), f"{100 * share:.0f} %", *peers, times(ratio), layer or "–"],
                       session.kept(case, results, layer=layer, ratio=ratio, peak_share=share))
            for name, result in results.items():
                if result.seconds is None:
                    report.note(f"{name}, {cell} at {case.shape}: {result.note}")
            if ratio is not None:
                ratios.append(ratio)
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            report.note(f"{', '.join(map(str, shape))}: {len(ratios)} cells with a layer, {min(ratios):.2f} to "
                        f"{max(ratios):.2f} ×, geometric mean {mean:.2f} ×: {verdict(mean, goals.ZOO)}")
    known = {twin.layer for twin in TWINS}
    for peer in session.peers:
        for layer in [] if options.cells else peer.layers:
            if layer not in known:
                report.row(["–", "", "–", "–", *("–" for _ in session.peers), "–", layer], {"cell": None, "layer": layer})
    return session, report


def streaming(options):
    """One sequence through one layer, then batches of sequences through two layers with head and softmax."""
    session = Session(options, "streaming", threads=1)
    report = session.report(
        "Streaming, µs per step of all sequences",
        [("cell", 8), ("model", 29), ("batch", 5), ("a call", 9), ("cellgate", 8),
         *((p.name, 11) for p in session.peers), ("ratio", 7), ("goal", 14)])

    def row(case, model, batch, steps, goal=None):
        results = session.measure(case)
        ratio = ratio_of(results)

        def step(result):
            return None if result.seconds is None else result.seconds / steps * 1e6

        record = session.kept(case, results, ratio=ratio, goal=goal,
                              us_per_step={n: step(r) for n, r in results.items()})
        record.pop("file", None)  # it is gone when the numbers are read
        report.row(
            [case.cell, model, str(batch), f"{steps} step{'s' if steps > 1 else ''}",
             number(step(results["cellgate"])), *(number(step(results[p.name])) for p in session.peers),
             times(ratio), verdict(ratio, goal)], record)
        for name, result in results.items():
            if result.note:
                report.note(f"{name}, {case.cell}, {model}, batch {batch}, {steps} a call: {result.note}")

    for cell in options.cells or ["lstm"]:
        for H in [s[3] for s in options.shapes or []] or [128, 256, 512]:
            for index, steps in enumerate([100, 1]):
                goal = goals.STREAMING.get(H, (None, None))[index] if cell == "lstm" else None
                row(Case("stream", cell, steps, 1, H, H), f"1 × {H}", 1, steps, goal)
    with tempfile.TemporaryDirectory() as folder:
        for cell in options.cells or ["lstm", "lstm-wm"]:
            for H in [s[3] for s in options.shapes or []] or [256]:
                for batch in [1, 8, 64]:
                    case = Sessions(cell, batch, H, 2, 64, f"{folder}/{cell}-{H}-{batch}.onnx")
                    row(case, f"2 × {H}, dense 64, softmax", batch, 1)
    return session, report


def quantized(options):
    """One sequence step by step in signed bytes: beside float32, and beside the peers' quantised LSTMs."""
    session = Session(options, "quantized", threads=1)
    wide = Cellgate(session.threads)  # a process each, so that both stay warm
    report = session.report(
        "Streaming in signed bytes, µs per step of one sequence on one thread",
        [("cell", 8), ("I, H", 10), ("a call", 9), ("f32", 8), ("int8", 8), ("f32/int8", 8), ("goal", 14),
         *((f"{p.name} int8", 16) for p in session.peers), ("ratio", 7), ("goal", 14)])
    for cell in options.cells or ["lstm", "lstm-wm"]:
        for H in [s[3] for s in options.shapes or []] or [512, 1024]:
            for steps in [100, 1]:
                whole = Case("stream", cell, steps, 1, H, H)
                case = Case(**{**whole.__dict__, "precision": "int8"})
                turns = {"f32": (wide, whole), "cellgate": (session.cellgate, case)}
                turns |= {peer.name: (peer, case) for peer in session.peers}
                results = take_turns(turns, options.rounds, options.budget)
                before, own = results.pop("f32"), results["cellgate"]
                if own.seconds is None:
                    raise NoSuchCase(own.note)
                gain, ratio, each = before.seconds / own.seconds, ratio_of(results), 1e6 / steps
                report.row(
                    [cell, f"{H}, {H}", f"{steps} step{'s' if steps > 1 else ''}", number(before.seconds * each),
                     number(own.seconds * each), times(gain), verdict(gain, goals.QUANTIZED),
                     *(number(results[p.name].seconds and results[p.name].seconds * each) for p in session.peers),
                     times(ratio), verdict(ratio, goals.QUANTIZED_PEERS if ratio else None)],
                    session.kept(case, {"f32": before, **results}, ratio=ratio, gain=gain))
                for name, result in results.items():
                    if result.is_amiss:
                        report.note(f"{name}, {cell}, {H}, {steps} a call: {result.note}")
    wide.close()
    return session, report


def scaling(options):
    """Time per step over T and over B at a fixed H: flat where it is linear."""
    session = Session(options, "scaling")
    report = session.report(
        "A training step over T and B at H = 128, ns per step and sequence",
        [("cell", 8), ("T", 6), ("B", 5), ("cellgate ms", 11), ("ns", 7), ("to the first", 12),
         *((f"{p.name} ms", 9) for p in session.peers), ("ratio", 7)])
    sweeps = [[(T, 8) for T in (64, 256, 1024, 4096, 16384)], [(128, B) for B in (1, 4, 16, 64, 256, 1024)]]
    for cell in options.cells or ["lstm", "lstm-wm"]:
        for sweep in sweeps:
            first = None
            for T, B in sweep:
                case = Case("training", cell, T, B, 32, 128)
                # A loop in Python over thousands of steps shows nothing new.
                peers = session.peers if cell in ("lstm", "gru", "rnn-tanh") else []
                results = session.measure(case, peers)
                own = results["cellgate"]
                each = own.seconds / (T * B) * 1e9
                first = first or each
                report.row(
                    [cell, str(T), str(B), number(own.ms), number(each, 1), times(each / first),
                     *(number(results[p.name].ms) if p.name in results else "–" for p in session.peers),
                     times(ratio_of(results))],
                    session.kept(case, results, ns_per_step=each, to_first=each / first, ratio=ratio_of(results)))
    return session, report


def shapes(options):
    """No shape may be slower than PyTorch's layer: a sweep over B and H."""
    session = Session(options, "shapes")
    report = session.report(
        "A sweep over B and H, ms",
        [("cell", 8), ("T, B, I, H", 19), ("training", 9), ("torch", 9), ("ratio", 7), ("forward", 9),
         ("torch", 9), ("ratio", 7), ("slower", 6)])
    few = ([1, 4, 16, 64, 256, 1024], [1, 8, 32, 64, 128, 256, 512, 1024, 2048])
    many = ([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100, 128, 256, 512, 1024],
            [1, 2, 4, 8, 10, 16, 20, 32, 48, 64, 96, 100, 128, 200, 256, 384, 512, 650, 1000, 1024, 1500, 2048])
    slower = []
    for cell in options.cells or ["lstm"]:
        for B in (many if options.all else few)[0]:
            for H in (many if options.all else few)[1]:
                I = min(H, 256)
                # A tenth of a second of the machine's time, and half a gigabyte of saved states.
                per_step = 24 * B * H * (I + H) / (session.machine["peak_gflops"] * 1e9)
                T = int(max(8, min(256, 0.1 / per_step, 5e8 / (32 * B * H))))
                texts, record = [], {}
                for kind in ("training", "forward"):
                    case = Case(kind, cell, T, B, I, H)
                    results = session.measure(case, budget=options.budget / 2)
                    ratio = ratio_of(results)
                    texts += [number(results["cellgate"].ms), number(results["torch"].ms if "torch" in results else None),
                              times(ratio)]
                    record[kind] = session.kept(case, results, ratio=ratio)
                    if ratio is not None and ratio < 1:
                        slower.append(f"{kind} {cell} {case.shape}: {ratio:.2f} ×")
                behind = any(r["ratio"] is not None and r["ratio"] < 1 for r in record.values())
                report.row([cell, case.shape, *texts, "slower" if behind else ""], record)
    report.note(f"slower than torch in {len(slower)} of {2 * len(report.rows)} measurements"
                + "".join("\n  " + line for line in slower))
    return session, report


def lengths(options):
    """Unequal lengths: the time against the sum of the steps, beside packed sequences."""
    session = Session(options, "lengths")
    report = session.report(
        "A training step of sequences of unequal lengths, ms",
        [("cell", 8), ("T, B, I, H", 18), ("lengths", 16), ("steps", 6), ("cellgate", 9), ("of full", 7),
         ("torch", 9), ("of full", 7), ("ratio", 7)])
    for shape in options.shapes or [(200, 100, 2, 128), (128, 64, 256, 256)]:
        for cell in options.cells or ["lstm", "lstm-wm"]:
            T, B = shape[:2]
            rng = random.Random(1)
            kinds = {
                "all full": None,
                "even, 1 to T": [rng.randint(1, T) for _ in range(B)],
                "one full, T/8": [T] + [T // 8] * (B - 1),
                "half full, T/4": [T if i % 2 else T // 4 for i in range(B)],
            }
            full = {}
            for name, values in kinds.items():
                case = Case("training", cell, *shape, lengths=tuple(values) if values else None)
                results = session.measure(case)
                for side, result in results.items():
                    full.setdefault(side, result.seconds)

                def part(side):
                    result = results.get(side)
                    if result is None or result.seconds is None or not full[side]:
                        return "–"
                    return f"{100 * result.seconds / full[side]:.0f} %"

                share = case.valid_steps / (T * B)
                torch = results.get("torch")
                report.row(
                    [cell, case.shape, name, f"{100 * share:.0f} %", number(results["cellgate"].ms),
                     part("cellgate"), number(torch.ms if torch else None), part("torch"), times(ratio_of(results))],
                    session.kept(case, results, step_share=share, ratio=ratio_of(results)))
    return session, report


def stacks(options):
    """Two layers, two directions, both."""
    session = Session(options, "stacks")
    report = session.report(
        "A training step of layers and directions, ms",
        [("cell", 8), ("T, B, I, H", 18), ("layers", 6), ("directions", 10), ("cellgate", 9), ("of peak", 7),
         ("torch", 9), ("ratio", 7)])
    for shape in options.shapes or [(200, 100, 2, 128), (128, 16, 128, 128), (128, 64, 256, 256),
                                    (100, 1, 128, 256)]:
        for cell in options.cells or ["lstm", "gru"]:
            for layers, both in [(1, False), (2, False), (1, True), (2, True)]:
                case = Case("training", cell, *shape, layers=layers, bidirectional=both)
                results = session.measure(case)
                own = results["cellgate"]
                share = own.record["operations"] / own.seconds * 1e-9 / session.machine["peak_gflops"]
                torch = results.get("torch")
                report.row(
                    [cell, case.shape, str(layers), "2" if both else "1", number(own.ms), f"{100 * share:.0f} %",
                     number(torch.ms if torch else None), times(ratio_of(results))],
                    session.kept(case, results, peak_share=share, ratio=ratio_of(results)))
    return session, report


def precision(options):
    """bfloat16 against the same in float32."""
    session = Session(options, "precision")
    wide = Cellgate(session.threads)  # a process each, so that both stay warm
    report = session.report(
        "bf16 against f32, ms; streams µs per step on one thread",
        [("what", 8), ("cell", 8), ("T, B, I, H", 19), ("f32", 9), ("bf16", 9), ("ratio", 7), ("goal", 14)])
    rows = options.shapes or [r for r in session.rows() if r[3] >= 256]
    cases = [Case(kind, cell, *row) for row in rows for cell in options.cells or ["lstm", "lstm-wm"]
             for kind in ("training", "forward")]
    cases += [Case("stream", "lstm", steps, 1, H, H) for H in (128, 256, 512, 1024) for steps in (100, 1)]
    cache = session.machine["caches"].get("L2", 1 << 20)
    for case in cases:
        half = Case(**{**case.__dict__, "precision": "bf16"})
        results = take_turns({"f32": (wide, case), "bf16": (session.cellgate, half)}, options.rounds, options.budget)
        if results["bf16"].seconds is None:
            report.note(f"bf16: {results['bf16'].note}")
        a, b = results["f32"].seconds, results["bf16"].seconds
        ratio = a / b if a and b else None
        goal = goals.PRECISION if case.kind == "training" and case.H >= 512 else None
        if case.kind == "stream":
            goal = goals.PRECISION_STREAMING if 4 * 4 * case.H * (case.I + case.H) > cache else None
        scale = 1e6 / case.T if case.kind == "stream" else 1e3
        report.row(
            [case.kind, case.cell, case.shape, number(a * scale if a else None), number(b * scale if b else None),
             times(ratio), verdict(ratio, goal)],
            session.kept(case, results, ratio=ratio, goal=goal))
    wide.close()
    return session, report


def memory(options):
    """The peak resident size of three training steps in fresh processes; nothing is subtracted."""
    session = Session(options, "memory")
    names = [peer.name for peer in session.peers]
    report = session.report(
        "Peak resident size of a training step in a fresh process, and before the step, MB",
        [("cell", 8), ("T, B, I, H", 18), ("cellgate", 8), ("before", 6),
         *((text, 8) for name in names for text in (name, "before")), ("of torch", 8), ("goal", 14)])
    for shape in options.shapes or session.rows()[:1]:
        for cell in options.cells or ["lstm", "lstm-wm"]:
            case, sizes = Case("training", cell, *shape), {}
            for name in ["cellgate", *names]:
                side = Cellgate(options.threads) if name == "cellgate" else Peer(name, options.threads, ["--no-compile"])
                try:
                    sizes[name] = side.memory(case)
                except NoSuchCase as reason:
                    report.note(f"{name}, {cell}: {reason}")
                side.close()

            def megabytes(name):
                return [f"{size / 1e6:,.0f}" for size in reversed(sizes[name])] if name in sizes else ["–", "–"]

            share = sizes["cellgate"][1] / sizes["torch"][1] if {"cellgate", "torch"} <= sizes.keys() else None
            goal = goals.MEMORY if cell == "lstm-wm" else None
            met = "" if goal is None or share is None else f"{'met' if share <= goal else 'missed'} ({goal:.0%})"
            report.row(
                [cell, case.shape, *megabytes("cellgate"), *(t for n in names for t in megabytes(n)),
                 f"{share:.0%}" if share else "–", met],
                {**case.record(), **{n: dict(zip(("before_bytes", "peak_bytes"), s)) for n, s in sizes.items()},
                 "of_torch": share, "goal": goal})
    return session, report


def recompute(options):
    """What is kept recomputed instead, over T, with states kept every √T steps."""
    session = Session(options, "recompute")
    report = session.report(
        "Gradient checkpointing every √T steps: a training step's time in ms, and the peak resident size of a fresh process "
        "less what it has before the step, MB",
        [("cell", 8), ("T, B, I, H", 19), ("K", 4), ("all kept", 9), ("recomputed", 10), ("time", 7),
         ("goal", 14), ("all kept MB", 11), ("recomputed MB", 13), ("memory", 7)])
    # Both of memory in the same run of T: four times the steps are to take twice the memory.
    shapes = options.shapes or session.rows()[:1] + [(T, 32, 1, 128) for T in (256, 1024, 4096, 16384)]
    plain = Cellgate(session.threads)
    for cell in options.cells or ["lstm", "lstm-wm"]:
        for shape in shapes:
            every = round(shape[0] ** 0.5)
            case = Case("training", cell, *shape)
            again = Case(**{**case.__dict__, "extra": ("--recompute-every", every)})
            results = take_turns({"all kept": (plain, case), "recomputed": (session.cellgate, again)},
                                 options.rounds, options.budget)
            sizes = []
            for one in (case, again):
                side = Cellgate(session.threads)
                before, peak = side.memory(one)
                side.close()
                sizes.append(peak - before)
            a, b = results["all kept"], results["recomputed"]
            ratio = b.seconds / a.seconds
            met = "met" if ratio < goals.RECOMPUTATION else "missed"
            report.row(
                [cell, case.shape, str(every), number(a.ms), number(b.ms), times(ratio),
                 f"{met} (< {goals.RECOMPUTATION} ×)", *(number(size / 1e6, 0) for size in sizes),
                 f"{100 * sizes[1] / sizes[0]:.0f} %"],
                session.kept(case, results, recompute_every=every, time_ratio=ratio,
                             added_bytes=dict(zip(results, sizes))))
    plain.close()
    return session, report


def operations(options):
    """The operations of the tests' registry, forward, and forward and backward."""
    session = Session(options, "operations")
    report = session.report(
        "An operation on tensors, µs",
        [("operation", 20), ("shapes", 28), ("forward", 9), *((p.name, 9) for p in session.peers), ("ratio", 7),
         ("goal", 12), ("and back", 9), *((p.name, 9) for p in session.peers), ("ratio", 7)])
    known = session.cellgate.ask("operations")
    for name in options.names or []:
        if name not in [one["name"] for one in known]:
            raise NoSuchCase(f"--names: '{name}' is not an operation that is timed")
    for one in known:
        if options.names and one["name"] not in options.names:
            continue
        shapes, texts, record, goal = tuple(map(tuple, one["shapes"])), [], {}, goals.OPERATIONS.get(one["name"])
        for kind in ["forward"] + (["training"] if one["is_differentiable"] else []):
            case = Operation(one["name"], kind, shapes)
            results = session.measure(case)
            ratio = ratio_of(results)
            if results["cellgate"].seconds is None:
                raise NoSuchCase(results["cellgate"].note)
            texts += [number(r.seconds and r.seconds * 1e6, 1) for r in results.values()] + [times(ratio)]
            record[kind] = session.kept(case, results, ratio=ratio)
            if kind == "forward":
                texts.append(verdict(ratio, goal))
                record["goal"] = goal
            for side, result in results.items():
                if result.is_amiss:
                    report.note(f"{side}, {one['name']}: {result.note}")
        report.row([one["name"], " ".join("×".join(map(str, shape)) for shape in shapes), *texts], record)
    return session, report


def captions(options):
    """Caption models with 512 units: a training step of 128 captions of 16 words, and captions of 12 words of 1,000
    pictures by beam search of width 5."""
    session = Session(options, "captions")
    report = session.report(
        "Caption models: 512 units, 2,550 words, 9 regions; a training step in ms, 1,000 pictures by beam search in s",
        [("form", 17), ("cell", 8), ("what", 9), ("cellgate", 9), *((p.name, 9) for p in session.peers), ("ratio", 7),
         ("goal", 12)])
    cells = options.cells or ["lstm", "lstm-wm"]
    cases = [Captions(form, cell, "training") for form in FORMS for cell in cells]
    cases += [Captions(form, cells[0], "beam", steps=12) for form in FORMS]
    for case in cases:
        results = session.measure(case)
        if results["cellgate"].seconds is None:
            raise NoSuchCase(results["cellgate"].note)
        is_beam = case.kind == "beam"
        ratio, goal = ratio_of(results), goals.CAPTIONS_BEAM if is_beam else goals.CAPTIONS.get((case.form, case.cell))
        texts = [number(r.seconds and r.seconds * (1 if is_beam else 1e3), 2 if is_beam else 1) for r in results.values()]
        report.row([case.form, case.cell, case.kind, *texts, times(ratio), verdict(ratio, goal)],
                   session.kept(case, results, ratio=ratio, goal=goal))
        for side, result in results.items():
            if result.is_amiss:
                report.note(f"{side}, {case.form}, {case.cell}: {result.note}")
    return session, report


def transformer(options):
    """Causal layers of a Transformer: a training step, and sequences decoded step by step with their keys and values."""
    session = Session(options, "transformer")
    report = session.report(
        "Transformers: causal layers that normalise first; a training step in ms, a decoded step in µs",
        [("what", 9), ("L, D, heads, T, B", 21), ("cellgate", 9), *((p.name, 9) for p in session.peers), ("ratio", 7),
         ("goal", 12)])
    cases = [Transformer("training", *sizes) for sizes in
             ((4, 256, 4, 128, 32), (2, 128, 4, 128, 32), (4, 256, 4, 512, 8), (2, 512, 8, 128, 16))]
    cases += [Transformer("decoding", *sizes) for sizes in
              ((4, 256, 4, 128, 1), (4, 256, 4, 1024, 1), (2, 512, 8, 256, 1), (4, 256, 4, 128, 16))]
    for case in cases:
        results = session.measure(case)
        own, ratio = results["cellgate"], ratio_of(results)
        if own.seconds is None:
            raise NoSuchCase(own.note)
        factor = 1e3 if case.kind == "training" else 1e6 / case.steps
        texts = [number(r.seconds and r.seconds * factor, 1) for r in results.values()]
        report.row([case.kind, case.shape, *texts, times(ratio), verdict(ratio, goals.TRANSFORMER)],
                   session.kept(case, results, ratio=ratio, goal=goals.TRANSFORMER))
        for side, result in results.items():
            if result.is_amiss:
                report.note(f"{side}, {case.kind} at {case.shape}: {result.note}")
            elif result.note == "torch.nn":
                report.note(f"{side}, {case.kind} at {case.shape}: torch.nn.TransformerEncoder")
    return session, report


def search(options):
    """The ten nearest of a million keys for a batch of queries: the exact search beside faiss' flat index, and the search by lists beside
    faiss' lists with codes of 4 bits, both at a recall of 0.95."""
    session = Session(options, "search")
    report = session.report(
        "Searches: a batch of queries, the ten nearest keys, in ms",
        [("what", 8), ("keys and queries", 32), ("cellgate", 9), *((p.name, 9) for p in session.peers), ("ratio", 7),
         ("goal", 12)])
    for case in [Search(kind, 1_000_000, 256, batch) for kind in ("exact", "lists") for batch in (64, 1)]:
        results = session.measure(case)
        own, ratio = results["cellgate"], ratio_of(results)
        if own.seconds is None:
            raise NoSuchCase(own.note)
        goal = goals.SEARCH if case.batch == 64 else None
        report.row([case.kind, case.shape, *(number(r.seconds and r.seconds * 1e3, 2) for r in results.values()),
                    times(ratio), verdict(ratio, goal)], session.kept(case, results, ratio=ratio, goal=goal))
        for side, result in results.items():
            if result.note:
                report.note(f"{side}, {case.kind}, {case.shape}: {result.note}")
    return session, report


FORMS = ["show-and-tell", "show-attend-tell", "up-down"]


def translation(options):
    """A translator with 256 units and 6,000 symbols a side: a training step of 128 pairs of 9 to 18 symbols, and translations of
    18 symbols of 200 sentences by beam search of width 5."""
    session = Session(options, "translation")
    report = session.report(
        "Translation: 256 units, 6,000 symbols; a training step in ms, 200 sentences by beam search in s",
        [("cell", 8), ("what", 9), ("cellgate", 9), *((p.name, 9) for p in session.peers), ("ratio", 7), ("goal", 12)])
    for cell in options.cells or ["lstm", "lstm-wm"]:
        for kind in ("training", "beam"):
            case = Translation(cell, kind)
            results = session.measure(case)
            if results["cellgate"].seconds is None:
                raise NoSuchCase(results["cellgate"].note)
            is_beam = kind == "beam"
            ratio, goal = ratio_of(results), None if is_beam else goals.TRANSLATION
            texts = [number(r.seconds and r.seconds * (1 if is_beam else 1e3), 2 if is_beam else 1)
                     for r in results.values()]
            report.row([cell, kind, *texts, times(ratio), verdict(ratio, goal)],
                       session.kept(case, results, ratio=ratio, goal=goal))
            for side, result in results.items():
                if result.is_amiss:
                    report.note(f"{side}, {cell}: {result.note}")
    return session, report


def everyday(options):
    """An epoch of Keras' example of film reviews, 25,000 of them of unequal lengths, and of SegRNN on ETTh1's 8,449 windows."""
    session = Session(options, "everyday")
    report = session.report(
        "Everyday models: seconds of an epoch, updates included",
        [("model", 8), ("reviews", 24), ("padding", 7), ("cellgate", 9), *((p.name, 9) for p in session.peers),
         ("ratio", 7), ("goal", 14)])
    rng = random.Random(1)
    count = 32 * max(1, options.batches)
    lengths = [min(200, max(10, round(math.exp(rng.gauss(5.24, 0.645))))) for _ in range(count)]
    batches = [sorted(lengths)[i:i + 32] for i in range(0, count, 32)]
    rng.shuffle(batches)
    alike = tuple(length for batch in batches for length in batch)
    cells = options.cells or ["lstm"]
    cases = [(text, Everyday("imdb", cell, own, is_padded), 25_000 / count)
             for cell in cells
             for text, own, is_padded in [("padded to 200 words", tuple(lengths), True),
                                          ("as they come, masked", tuple(lengths), False),
                                          ("like lengths together", alike, False)]]
    cases.append(("", Everyday("segrnn", "gru"), 8_449 / 256))
    names = options.names or ["imdb", "segrnn"]
    if unknown := [name for name in names if name not in ("imdb", "segrnn")]:
        raise NoSuchCase(f"--names: expected some of imdb, segrnn, found {', '.join(unknown)}")
    for text, case, scale in cases:
        if case.model not in names:
            continue
        results = session.measure(case)
        if results["cellgate"].seconds is None:
            raise NoSuchCase(results["cellgate"].note)
        ratio, padding = ratio_of(results), case.padding
        report.row(
            [case.model, text, f"{100 * padding:.0f} %" if case.lengths else "–",
             *(number(r.seconds and r.seconds * scale, 1) for r in results.values()), times(ratio),
             verdict(ratio, goals.EVERYDAY)],
            session.kept(case, results, reviews=text, padding=padding, passes_of_an_epoch=scale, ratio=ratio,
                         goal=goals.EVERYDAY, best_peer=best_peer(results)[0]))
        for side, result in results.items():
            if result.note:
                report.note(f"{side}, {case.model}{', ' + text if text else ''}: {result.note}")
    if "imdb" not in names:
        return session, report
    data = session.cellgate.ask(f"everyday --pass data --cell {cells[0]} --batch {count} --threads {session.threads}")
    report.note(
        f"classify on {data['reviews']:,} made reviews of {data['megabytes']:.1f} MB: reading and tokenising "
        f"{data['reading_ms']:.0f} ms in all, a batch {data['batching_ms']:.2f} ms, its update {data['update_ms']:.1f} ms: "
        f"batching {100 * data['batching_share']:.1f} % of a step, all of it {100 * data['first_epoch_share']:.1f} % of the "
        f"first epoch; padding {100 * data['padding_share']:.1f} % of the steps")
    report.rows.append(data)
    return session, report


def builds(options):
    """Another build of Cellgate beside this one: the grid, unequal lengths, streams and memory."""
    session = Session(options, "builds")
    report = session.report(
        "Two builds: training steps in ms, streams in µs a step, peak resident sizes in MB",
        [("what", 10), ("cell", 8), ("T, B, I, H", 19), ("before", 9), ("now", 9), ("ratio", 7)])
    before = {threads: Cellgate(threads, options.before) for threads in {session.threads, 1}}
    now = {session.threads: session.cellgate, 1: Cellgate(1)}
    cells, rng, ratios = options.cells or CELLS, random.Random(1), {}
    cases = [("training", session.threads, Case("training", cell, *shape))
             for shape in session.rows() for cell in cells]
    cases += [("lengths", session.threads,
               Case("training", cell, 200, 100, 2, 128, lengths=tuple(rng.randint(1, 200) for _ in range(100))))
              for cell in cells]
    cases += [("streaming", 1, Case("stream", cell, steps, 1, H, H))
              for cell in cells for H in (128, 256, 512) for steps in (100, 1)]

    def row(what, case, sides, values, text):
        ratio = values["now"] / values["before"]
        ratios.setdefault(what, []).append(ratio)
        report.row([what, case.cell, case.shape, *map(text, values.values()), times(ratio)],
                   {**case.record(), "what": what, **sides, "ratio": ratio})

    for what, threads, case in cases:
        results = take_turns({"before": (before[threads], case), "now": (now[threads], case)},
                             options.rounds, options.budget)
        scale = 1e6 / case.T if what == "streaming" else 1e3
        row(what, case, {name: result.kept() for name, result in results.items()},
            {name: result.seconds * scale for name, result in results.items()}, number)
    for cell in cells:
        case, sizes = Case("training", cell, *session.rows()[0]), {}
        for name, program in (("before", options.before), ("now", None)):
            side = Cellgate(session.threads, program)
            sizes[name] = side.memory(case)[1] / 1e6
            side.close()
        row("memory", case, {}, sizes, lambda size: number(size, 0))
    for what, found in ratios.items():
        report.note(f"{what}: geometric mean {math.exp(sum(map(math.log, found)) / len(found)):.3f}, "
                    f"largest {max(found):.3f} × of {len(found)}")
    for side in (*before.values(), now[1]):
        side.close()
    return session, report


MODES = {"training": training, "forward": forward, "zoo": zoo, "streaming": streaming,
         "quantized": quantized, "scaling": scaling, "shapes": shapes,
         "lengths": lengths, "stacks": stacks, "precision": precision, "memory": memory,
         "recompute": recompute, "operations": operations, "captions": captions, "translation": translation,
         "everyday": everyday,
         "transformer": transformer, "search": search, "builds": builds}
