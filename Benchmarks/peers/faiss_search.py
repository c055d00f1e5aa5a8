"""faiss: its flat index, or an inverted file with codes of 4 bits in registers whose candidates are compared as half floats."""

import time

import faiss
import numpy

from .case import NoSuchCase, Search

WANTED, RECALL, SEARCHES = 10, 0.95, 512


class Peer:
    def __init__(self, options):
        faiss.omp_set_num_threads(options.threads)
        self.version = faiss.__version__

    def build(self, case):
        if not isinstance(case, Search):
            raise NoSuchCase("searches only", expected=True)
        random = numpy.random.default_rng(1)
        inner = min(32, case.hidden)
        projection = random.standard_normal((inner, case.hidden), dtype=numpy.float32) / numpy.float32(inner) ** 0.5

        def vectors(count):
            near = random.standard_normal((count, inner), dtype=numpy.float32) @ projection
            return near + 0.1 * random.standard_normal((count, case.hidden), dtype=numpy.float32)

        keys = numpy.concatenate([vectors(min(1 << 16, case.keys - first)) for first in range(0, case.keys, 1 << 16)])
        queries = vectors(max(case.batch, SEARCHES))
        flat = faiss.IndexFlatL2(case.hidden)
        flat.add(keys)
        if case.kind == "exact":
            return lambda: flat.search(queries[:case.batch], WANTED), ""
        nearest = flat.search(queries, WANTED)[1]
        lists = int(4 * case.keys ** 0.5)
        start = time.perf_counter()
        index = faiss.index_factory(case.hidden, f"IVF{lists},PQ{case.hidden // 4}x4fs,Refine(SQfp16)")
        index.train(keys[random.choice(case.keys, min(case.keys, 64 * lists), replace=False)])
        index.add(keys)
        seconds = time.perf_counter() - start
        inverted = faiss.extract_index_ivf(index.base_index)
        # As many lists as are needed; candidates as on the other side, or half as many where those do.
        best = None
        for factor in (4, 8, 16):
            index.k_factor = factor
            for power in range(lists.bit_length()):
                inverted.nprobe = min(lists, 1 << power)
                found = index.search(queries, WANTED)[1]
                recall = sum(len(set(a) & set(b)) for a, b in zip(nearest, found)) / nearest.size
                if recall < RECALL:
                    continue
                begin = time.perf_counter()
                index.search(queries[:64], WANTED)
                took = time.perf_counter() - begin
                if best is None or took < best[0]:
                    best = (took, factor, inverted.nprobe, recall)
                break
        if best is None:
            raise NoSuchCase("reaches no recall of 0.95")
        _, index.k_factor, inverted.nprobe, recall = best
        size = case.hidden // 8 + 8 + 2 * case.hidden
        note = (f"{lists} lists, {inverted.nprobe} looked at, {int(index.k_factor)} candidates a key, recall {recall:.3f}, "
                f"about {size} bytes a key, made in {seconds:.0f} s")
        return lambda: index.search(queries[:case.batch], WANTED), note
