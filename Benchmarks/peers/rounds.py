"""Taking turns: every side runs a case for a fraction of a second, round after round, and the medians count. What
else happens on the machine hits all sides alike."""

import statistics, time
from dataclasses import dataclass, field

from .case import NoSuchCase

PAUSE = 0.5  # until the threads of the side before have gone to sleep: JAX's spin for a while


@dataclass
class Result:
    """Seconds of one side's run of a case: the median of the rounds' medians."""

    seconds: float = None
    rounds: list = field(default_factory=list)
    note: str = ""
    is_amiss: bool = False
    record: dict = field(default_factory=dict)

    @property
    def ms(self):
        return None if self.seconds is None else self.seconds * 1e3

    def kept(self):
        if self.seconds is None:
            return {"missing": self.note}
        kept = {"ms": self.ms, "rounds_ms": [t * 1e3 for t in self.rounds]}
        return kept | ({"note": self.note} if self.note else {})


def take_turns(turns, rounds, budget):
    """Results of (side, case) turns, by name: each takes about `budget` seconds in each of the rounds."""
    results, plans = {}, {}
    for name, (side, case) in turns.items():
        results[name] = Result()
        try:
            seconds, record = side.time(case, 1)
            calls = max(1, round(1e-3 / seconds[0])) if case.is_short else 1
            if calls > 1:
                seconds, record = side.time(case, 1, calls)
            plans[name] = (max(1, min(200, int(budget / (seconds[0] * calls)))), calls)
            results[name].note = record.get("note", "")
        except NoSuchCase as reason:
            results[name].note, results[name].is_amiss = str(reason), not reason.expected
    names = list(plans)
    for turn in range(rounds):
        for name in names[turn % len(names):] + names[:turn % len(names)] if names else []:
            side, case = turns[name]
            time.sleep(PAUSE)
            try:
                seconds, results[name].record = side.time(case, *plans[name])
                results[name].rounds.append(statistics.median(seconds))
            except NoSuchCase as reason:
                results[name].note, results[name].is_amiss = str(reason), True
    for result in results.values():
        if result.rounds:
            result.seconds = statistics.median(result.rounds)
    return results


def best_peer(results):
    """The fastest peer's name and seconds, or None and None."""
    peers = {n: r.seconds for n, r in results.items() if n != "cellgate" and r.seconds is not None}
    name = min(peers, key=peers.get) if peers else None
    return name, peers.get(name)


def ratio_of(results):
    """How many times as long the best peer takes."""
    _, best = best_peer(results)
    own = results["cellgate"].seconds
    return best / own if best and own else None
