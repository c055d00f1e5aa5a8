"""Which of torchrecurrent's layers is which of Cellgate's cells, how its weights are made of Cellgate's, and where it parts from
the published equations."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Twin:
    """`options` are what the layer is to be made with so that it has the cell's constants. `weights` says of what each of its
    parameters is stacked: of Cellgate's parameters by name, of a single gate of them (`bias.1`), or of zeros for a gate (`0`);
    those left out have the same names, `bias_ih` is `bias`, and what Cellgate lacks is zero. A `slip` is where its numbers
    part from the published ones; `mended` are options that undo it, where there are any."""

    cell: str
    layer: str
    options: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    slip: str = ""
    mended: dict = field(default_factory=dict)
    note: str = ""


SLOPE = "a hard sigmoid of slope 1/6, PyTorch's, where Theano and Chainer have 0.2"

TWINS = [
    Twin("antisymmetric-rnn", "AntisymmetricRNN", {"epsilon": 0.1, "gamma": 0.01}, note="ε is 1 and γ 0 by default"),
    Twin("antisymmetric-rnn-gated", "GatedAntisymmetricRNN", {"epsilon": 0.1, "gamma": 0.01},
         note="ε is 1 and γ 0 by default"),
    Twin("atr", "ATR", note="has biases besides"),
    Twin("brc", "BR"),
    Twin("cfn", "CFN", weights={"weight_ih": "weight_ih weight_in", "bias_ih": "bias 0"},
         note="has a bias at W x besides"),
    Twin("cornn", "coRNN", {"dt": 0.042, "gamma": 2.7, "epsilon": 4.7}, {"weight_ch": "weight_zh"},
         note="its text damps the new c, its code the old one, as here"),
    Twin("dsgu", "DSGU", slip=SLOPE, mended={"gate_nonlinearity": "hard sigmoid"}, note="has a bias at W_gh besides"),
    Twin("fastgrnn", "FastGRNN", slip="the gate is tanh where the paper has σ", mended={"nonlinearity": "sigmoid"},
         note="ζ and ν start at 3 and −3, in the authors' code at 1 and −4"),
    Twin("fastrnn", "FastRNN", note="α and β start at 3 and −3, in the authors' code at −3 and 3: the state is hardly kept"),
    Twin("indrnn", "IndRNN", {"nonlinearity": "relu"}, {"vector_u": "weight_hh"}, note="tanh by default"),
    Twin("intersection-rnn", "IntersectionRNN", note="x enters y without a matrix, and so I = H"),
    Twin("janet", "JANET", note="β is learned"),
    Twin("lem", "LEM", weights={
        "weight_ih": "weight_ih.1 weight_ih.0 weight_ih.2 weight_ih.3", "bias_ih": "bias.1 bias.0 bias.2 bias.3",
        "weight_hh": "weight_hh.1 weight_hh.0 weight_hh.2", "weight_ch": "weight_zh"},
        slip="y reads the old z where the paper, and its own text, have the new one"),
    Twin("lightru", "LightRU", weights={"weight_ih": "weight_nx weight_ih", "bias_ih": "0 bias"},
         note="has a bias at W_n besides"),
    Twin("ligru", "LiGRU", note="does not normalise over the batch either"),
    Twin("lstm-controller", "MCLSTM", weights={
        "weight_ih": "weight_ih.1 weight_ih.0 weight_ih.3 weight_ih.4 weight_ih.2",
        "weight_hh": "weight_hh.1 weight_hh.0 weight_hh.3 weight_hh.4 weight_hh.2",
        "bias_ih": "bias.1 bias.0 bias.3 bias.4 bias.2"}),
    Twin("lstm-original", "OriginalLSTM"),
    Twin("lstm-ph", "PeepholeLSTM"),
    Twin("lstm-residual", "ResLSTM", weights={"weight_proj": "weight_hr", "weight_res": "weight_rx"}),
    Twin("lstm-wm", "WMCLSTM", note="its text lacks the tanh around W c, and W h in the candidate; its code has them"),
    Twin("mgu", "MGU"),
    Twin("minimal-rnn", "MinimalRNN", weights={"weight_mm": "weight_zz", "bias_ih": "bias.0", "bias_hh": "bias.1"}),
    Twin("miru1", "MiRU1"),
    Twin("miru2", "MiRU2"),
    Twin("multiplicative-lstm", "MultiplicativeLSTM", weights={
        "weight_ih": "weight_mx weight_ih", "bias_ih": "0 bias"}, note="has biases in m besides"),
    Twin("mut1", "MUT1", weights={"bias_ih": "bias.0 bias.1 0", "bias_hh": "0 bias.2"}),
    Twin("mut2", "MUT2"),
    Twin("mut3", "MUT3"),
    Twin("nas", "NAS", slip="the fourth sum is a sum where TensorFlow's NASCell has a product", note="has biases besides"),
    Twin("nbrc", "NBR"),
    Twin("ran", "RAN", weights={"weight_ih": "weight_cx weight_ih", "bias_ih": "bias"}),
    Twin("scrn", "SCRN", {"alpha": 0.95}, {
        "weight_ih": "weight_sx weight_ih", "weight_hh": "weight_hh weight_yh", "weight_ch": "weight_hs weight_ys"},
        slip="tanh(y) is fed back in the place of h", note="α is learned and starts at 0.5, in the paper at 0.95"),
    Twin("sgrn", "SGRN", weights={"bias_ih": "bias", "bias_hh": "bias_hh"}),
    Twin("sgu", "SGU", slip=SLOPE, mended={"gate_nonlinearity": "hard sigmoid"}, note="has a bias at W_gh besides"),
    Twin("star", "STAR", weights={"weight_ih": "weight_ih.1 weight_ih.0", "bias_ih": "bias.1 bias.0"}),
    Twin("tau-gru", "tauGRU", {"delay": 9}, note="its delay counts from the last state"),
    Twin("tgru", "TGRU", weights={"weight_hh": "weight_previous"}),
    Twin("tlstm", "TLSTM", weights={"weight_hh": "weight_previous"}),
    Twin("trnn", "TRNN"),
    Twin("ugrnn", "UGRNN"),
    Twin("unicornn", "UnICORNN", {"dt": 0.1, "alpha": 0.1}, note="its text has σ where its code and the paper have tanh; α is 0 by default"),
]
