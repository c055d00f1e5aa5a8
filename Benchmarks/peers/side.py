"""Both sides of a comparison as processes that stay alive and are asked line by line, so that taking turns costs
no start-up, and no side's idle threads or memory are in the other's way."""

import json, os, select, subprocess, sys, time

from .case import Captions, Everyday, NoSuchCase, Operation, Search, Sessions, Transformer, Translation
from .environment import HERE, PYTHON


class Side:
    """A process that answers lines with lines of JSON."""

    def __init__(self, name, command, threads, deadline=1800):
        self.name, self.deadline = name, deadline
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        cores = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_getaffinity") else None

        def pin():  # JAX has no other way to be told
            if cores:
                os.sched_setaffinity(0, cores)

        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE,
                                        env=environment, preexec_fn=pin)
        self.rest = b""

    def ask(self, line):
        if self.process.poll() is not None:
            raise NoSuchCase(f"{self.name} has ended with code {self.process.returncode}")
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise NoSuchCase(f"{self.name} has ended")
        end = time.monotonic() + self.deadline
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                self.process.kill()
                raise NoSuchCase(f"{self.name} gave no answer in {self.deadline} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                self.process.wait()
                raise NoSuchCase(f"{self.name} ended with code {self.process.returncode}")
            self.rest += part
        answer, self.rest = self.rest.split(b"\n", 1)
        record = json.loads(answer)
        if isinstance(record, dict) and "error" in record:
            raise NoSuchCase(record["error"], record.get("expected", False))
        return record

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


class Cellgate(Side):
    """`grid serve`, of this tree or of another build."""

    built = False

    def __init__(self, threads, program=None):
        if program is None and not Cellgate.built:
            print("building grid", file=sys.stderr)
            subprocess.run(["swift", "build", "-c", "release", "--package-path", str(HERE), "--product", "grid"],
                           check=True, stdout=subprocess.DEVNULL)
            Cellgate.built = True
        self.threads = threads
        super().__init__("before" if program else "cellgate",
                         [str(program.resolve() if program else HERE / ".build/release/grid"), "serve"], threads)
        self.version = ""

    def words(self, case):
        words = ["--cell", case.cell, "--steps", case.T, "--input", case.I, "--hidden", case.H]
        words += ["--precision", case.precision, "--threads", self.threads, *case.extra]
        if case.kind != "stream":
            words += ["--batch", case.B, "--layers", case.layers]
        if case.bidirectional:
            words.append("--bidirectional")
        if case.lengths:
            words += ["--lengths", ",".join(map(str, case.lengths))]
        return " ".join(map(str, words))

    def time(self, case, repeats, calls=1):
        """Seconds of each of `repeats` runs, each the mean of `calls`; the record bears what else is known."""
        if isinstance(case, Operation):
            record = self.ask(f"operation --name {case.name} --pass {case.kind} --threads {self.threads}"
                              f" --repeats {repeats} --calls {calls}")
            return [t * 1e-3 for t in record["times_ms"]], record
        if isinstance(case, Captions):
            record = self.ask(f"captions --name {case.form} --cell {case.cell} --pass {case.kind} --steps {case.steps}"
                              f" --batch {case.batch} --width {case.width} --pictures {case.pictures}"
                              f" --threads {self.threads} --repeats {repeats}")
            return [t * 1e-3 for t in record["times_ms"]], record
        if isinstance(case, Translation):
            record = self.ask(f"translation --cell {case.cell} --pass {case.kind} --steps {case.steps}"
                              f" --batch {case.batch} --width {case.width} --pictures {case.sentences}"
                              f" --threads {self.threads} --repeats {repeats}")
            return [t * 1e-3 for t in record["times_ms"]], record
        if isinstance(case, Everyday):
            lengths = f" --batch {len(case.lengths)} --lengths {','.join(map(str, case.lengths))} --steps 200"
            record = self.ask(f"everyday --name {case.model} --cell {case.cell}"
                              f" --pass {'padded' if case.is_padded else 'masked'}{lengths if case.lengths else ''}"
                              f" --threads {self.threads} --repeats {repeats}")
            return [t * 1e-3 for t in record["times_ms"]], record
        if isinstance(case, Transformer):
            record = self.ask(f"transformer --pass {case.kind} --layers {case.layers} --hidden {case.hidden}"
                              f" --heads {case.heads} --steps {case.steps} --batch {case.batch}"
                              f" --threads {self.threads} --repeats {repeats}")
            return [t * 1e-3 for t in record["times_ms"]], record
        if isinstance(case, Search):
            record = self.ask(f"search --pass {case.kind} --keys {case.keys} --hidden {case.hidden} --batch {case.batch}"
                              f" --threads {self.threads} --repeats {repeats}")
            if case.kind == "lists":
                record["note"] = (f"{record['lists']} lists, {record['probes']} looked at, recall {record['recall']:.3f}, "
                                  f"{record['bytes_per_key']:.0f} bytes a key, made in {record['build_seconds']:.0f} s")
            return [t * 1e-3 for t in record["times_ms"]], record
        if isinstance(case, Sessions):
            record = self.ask(f"sessions --cell {case.cell} --batch {case.batch} --input {case.hidden}"
                              f" --hidden {case.hidden} --layers {case.layers} --outputs {case.outputs}"
                              f" --onnx {case.file} --threads {self.threads} --repeats {repeats} --calls {calls}")
            return [t * 1e-6 for t in record["times_us"]], record
        if case.kind == "stream" and case.B != 1:
            raise NoSuchCase("grid streams one sequence")
        calls_words = f" --calls {calls}" if case.kind == "stream" else ""
        record = self.ask(f"{case.kind} {self.words(case)} --repeats {repeats}{calls_words}")
        if case.kind == "stream":
            return [t * case.T * 1e-6 for t in record["times_us"]], record
        return [t * 1e-3 for t in record["times_ms"]], record

    def memory(self, case):
        record = self.ask(f"memory {self.words(case)}")
        return record["before_bytes"], record["peak_bytes"]

    def peak(self):
        """The machine's GFLOP/s: the best of several measurements."""
        best = 0
        for _ in range(8):
            best = max(best, self.ask(f"peak --threads {self.threads}")["gflops"])
            time.sleep(0.02)
        return best


class Peer(Side):
    """A peer in a process of its own; see worker.py."""

    def __init__(self, name, threads, options=()):
        super().__init__(name, [str(PYTHON), "-m", "peers.worker", name, "--threads", str(threads), *options],
                         threads)
        about = self.ask("{}")
        self.version, self.layers = about["version"], about["layers"]

    def time(self, case, repeats, calls=1):
        record = self.ask(json.dumps({"case": case.record(), "repeats": repeats, "calls": calls}))
        return record["seconds"], record

    def memory(self, case):
        record = self.ask(json.dumps({"case": case.record(), "memory": True}))
        return record["before_bytes"], record["peak_bytes"]
