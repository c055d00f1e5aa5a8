"""torchrecurrent's own layers, as its users run them."""

from importlib.metadata import version

import torch
import torchrecurrent

from .case import NoSuchCase

LAYERS = {"lstm-wm": "WMCLSTM", "lstm-ph": "PeepholeLSTM", "mgu": "MGU"}


class Peer:
    def __init__(self, options):
        torch.set_num_threads(options.threads)
        self.version = version("torchrecurrent")

    def build(self, case):
        layer = getattr(torchrecurrent, LAYERS.get(case.cell, ""), None)
        if layer is None or case.kind == "stream" or case.bidirectional or case.lengths or case.precision != "f32":
            raise NoSuchCase("has no such layer", expected=True)
        torch.manual_seed(1)
        model = layer(case.I, case.H, num_layers=case.layers)
        x, cotangent = torch.randn(case.T, case.B, case.I), torch.randn(case.T, case.B, case.H)

        def train():
            model.zero_grad()
            model(x)[0].backward(cotangent)

        def infer():
            with torch.inference_mode():
                model(x)

        return (train if case.kind == "training" else infer), LAYERS[case.cell]
