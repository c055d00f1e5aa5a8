"""A peer's process: reads a line of JSON, answers with one.

    {}                                              {"version", "layers" it is known by, or none}
    {"case", "repeats", "calls"}                    {"seconds": [...], "note"}
    {"case", "memory": true}                        {"before_bytes", "peak_bytes"}, in a fresh process
    what can't be run                               {"error", "expected"}
"""

import argparse, importlib, json, os, resource, sys, time

from .case import NoSuchCase, case_of

MODULES = {"torch": "pytorch", "keras": "keras_models", "jax": "jax_scan", "torchrecurrent": "torch_recurrent",
           "faiss": "faiss_search", "onnxruntime": "onnx_runtime"}


def resident():
    """Bytes in use, and the most that were."""
    try:
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        return tuple(int(status[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
        return peak, peak


class Worker:
    def __init__(self, peer, limit):
        self.peer, self.limit, self.case, self.step, self.note = peer, limit, None, None, ""

    def time(self, case, repeats, calls):
        if case != self.case:
            self.step = self.case = None  # its memory is free before the next takes as much
            step, self.note = self.peer.build(case)
            start = time.perf_counter()
            step()
            if time.perf_counter() - start > self.limit:
                raise NoSuchCase(f"a step takes more than {self.limit:g} s")
            step()
            self.step, self.case = step, case
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            for _ in range(calls):
                self.step()
            # A peer may do a part of a case, all of whose parts take as long.
            seconds.append((time.perf_counter() - start) / calls * getattr(self.step, "scale", 1))
        return {"seconds": seconds, "note": self.note}

    def memory(self, case):
        step, _ = self.peer.build(case)
        before, _ = resident()
        for _ in range(3):
            step()
        return {"before_bytes": before, "peak_bytes": resident()[1]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=MODULES)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--compile-limit", type=float, default=300)
    parser.add_argument("--step-limit", type=float, default=60)
    options = parser.parse_args()
    # Only answers go to the pipe; what a peer prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = importlib.import_module("." + MODULES[options.peer], __package__).Peer(options)
    worker = Worker(peer, options.step_limit)
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if not request:
                answer = {"version": peer.version, "layers": getattr(peer, "layers", [])}
            elif request.get("memory"):
                answer = worker.memory(case_of(request["case"]))
            else:
                answer = worker.time(case_of(request["case"]), request["repeats"], request["calls"])
        except NoSuchCase as reason:
            answer = {"error": str(reason), "expected": reason.expected}
        except Exception as problem:
            answer = {"error": f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
