"""torchrecurrent's own layers, as its users run them."""

from importlib.metadata import version

import torch
import torchrecurrent

from .case import NoSuchCase
from .twins import TWINS

BY_CELL = {twin.cell: twin for twin in TWINS}


def layers():
    """The names of all layers it has."""
    base = torchrecurrent.base.RecurrentLayerBase
    found = [(name, getattr(torchrecurrent, name)) for name in torchrecurrent.__all__]
    return sorted((name for name, one in found if issubclass(one, base)), key=str.lower)


class Peer:
    def __init__(self, options):
        torch.set_num_threads(options.threads)
        self.version = version("torchrecurrent")
        self.layers = layers()

    def build(self, case):
        twin = BY_CELL.get(case.cell)
        if twin is None or case.kind == "stream" or case.bidirectional or case.lengths or case.precision != "f32":
            raise NoSuchCase("has no such layer", expected=True)
        torch.manual_seed(1)
        try:
            model = getattr(torchrecurrent, twin.layer)(case.I, case.H, num_layers=case.layers, **twin.options)
        except ValueError as reason:  # one that needs as many inputs as units
            raise NoSuchCase(str(reason).splitlines()[0], expected=True)
        x, cotangent = torch.randn(case.T, case.B, case.I), torch.randn(case.T, case.B, case.H)

        def train():
            model.zero_grad()
            model(x)[0].backward(cotangent)

        def infer():
            with torch.inference_mode():
                model(x)

        return (train if case.kind == "training" else infer), twin.layer
