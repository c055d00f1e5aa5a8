"""What is timed."""

from dataclasses import asdict, dataclass
from typing import Optional


@dataclass(frozen=True)
class Case:
    """A run over sequences: `kind` is training (forward, backward, gradients of all parameters), forward, or
    stream (calls of T steps each with the states carried on, batch B)."""

    kind: str
    cell: str
    T: int
    B: int
    I: int
    H: int
    layers: int = 1
    bidirectional: bool = False
    lengths: Optional[tuple] = None
    precision: str = "f32"
    extra: tuple = ()  # further words for Cellgate

    @property
    def is_short(self):
        """Whether a run is too short to be timed by itself."""
        return self.kind == "stream"

    @property
    def shape(self):
        return f"{self.T}, {self.B}, {self.I}, {self.H}"

    @property
    def valid_steps(self):
        return sum(self.lengths) if self.lengths else self.T * self.B

    def record(self):
        record = {k: v for k, v in asdict(self).items() if v not in (None, (), False)}
        if self.lengths:
            record["lengths"] = list(self.lengths)
        return record

    @staticmethod
    def of(record):
        record = dict(record)
        if "lengths" in record:
            record["lengths"] = tuple(record["lengths"])
        record["extra"] = tuple(record.get("extra", ()))
        return Case(**record)


@dataclass(frozen=True)
class Operation:
    """An operation of the tests' registry on inputs of some shapes: `kind` is forward, or training (forward, and
    backward from a given gradient)."""

    name: str
    kind: str
    shapes: tuple
    is_short = True

    def record(self):
        return {"operation": self.name, "kind": self.kind, "shapes": [list(shape) for shape in self.shapes]}

    @staticmethod
    def of(record):
        return Operation(record["operation"], record["kind"], tuple(map(tuple, record["shapes"])))


@dataclass(frozen=True)
class Captions:
    """A caption model of a form: `kind` is training (a step of `batch` captions of `steps` words, with its update), or
    beam (search for captions of `steps` words of so many pictures)."""

    form: str
    cell: str
    kind: str
    steps: int = 16
    batch: int = 128
    width: int = 5
    pictures: int = 1000
    is_short = False

    def record(self):
        return asdict(self)

    @staticmethod
    def of(record):
        return Captions(**record)


@dataclass(frozen=True)
class Translation:
    """A translator: `kind` is training (a step of `batch` pairs of sentences of at most `steps` symbols, with its update), or beam
    (search for translations of `steps` symbols of so many sentences)."""

    cell: str
    kind: str
    steps: int = 18
    batch: int = 128
    width: int = 5
    sentences: int = 200
    is_short = False

    def lengths(self, stride):
        """The lengths of a batch, from half of the steps to all of them; the other side has the same."""
        return [self.steps - i * stride % (self.steps // 2 + 1) for i in range(self.batch)]

    def record(self):
        return asdict(self)

    @staticmethod
    def of(record):
        return Translation(**record)


@dataclass(frozen=True)
class Everyday:
    """A pass over batches of an everyday model, with its updates: `imdb` over reviews of `lengths`, 32 a batch in this order, each batch
    as long as its longest review with a mask, or all of 200 words without one; `segrnn` over one batch."""

    model: str
    cell: str
    lengths: tuple = ()
    is_padded: bool = False
    kind = "training"
    is_short = False

    @property
    def batches(self):
        """The lengths of each batch."""
        return [self.lengths[i:i + 32] for i in range(0, len(self.lengths), 32)]

    @property
    def padding(self):
        """The share of the steps past the ends of reviews."""
        steps = sum((200 if self.is_padded else max(batch)) * len(batch) for batch in self.batches)
        return 1 - sum(self.lengths) / steps if steps else 0

    def record(self):
        return asdict(self) | {"lengths": list(self.lengths)}

    @staticmethod
    def of(record):
        return Everyday(**{**record, "lengths": tuple(record["lengths"])})


@dataclass(frozen=True)
class Transformer:
    """Causal layers of a Transformer: `kind` is training (forward, backward, gradients of all parameters), or decoding (the steps
    of `batch` sequences one after another, with the keys and values of those before)."""

    kind: str
    layers: int
    hidden: int
    heads: int
    steps: int
    batch: int
    is_short = False

    @property
    def shape(self):
        return f"{self.layers}, {self.hidden}, {self.heads}, {self.steps}, {self.batch}"

    def record(self):
        return asdict(self)

    @staticmethod
    def of(record):
        return Transformer(**record)


@dataclass(frozen=True)
class Search:
    """`batch` queries among `keys` keys of `hidden` numbers, the ten nearest: exact, or by lists that find 95 % of them."""

    kind: str
    keys: int
    hidden: int
    batch: int
    is_short = False

    @property
    def shape(self):
        return f"{self.keys:,} × {self.hidden}, {self.batch} queries"

    def record(self):
        return asdict(self)

    @staticmethod
    def of(record):
        return Search(**record)


@dataclass(frozen=True)
class Sessions:
    """A step of `batch` sequences whose states are carried on, through `layers` layers of a cell, a dense head of `outputs`
    numbers and softmax. Cellgate writes the model for ONNX Runtime into `file`."""

    cell: str
    batch: int
    hidden: int
    layers: int
    outputs: int
    file: str
    is_short = True

    @property
    def shape(self):
        return f"{self.layers} × {self.hidden}, batch {self.batch}"

    def record(self):
        return asdict(self)

    @staticmethod
    def of(record):
        return Sessions(**record)


def case_of(record):
    """The case that `record()` gave."""
    kind = (Operation if "operation" in record else Everyday if "model" in record else Captions if "form" in record
            else Translation if "sentences" in record else Sessions if "outputs" in record
            else Transformer if "heads" in record else Search if "keys" in record else Case)
    return kind.of(record)


class NoSuchCase(Exception):
    """A side has not run a case; says why. Nothing is amiss where it isn't made for it."""

    def __init__(self, reason, expected=False):
        super().__init__(reason)
        self.expected = expected
