"""How many times as fast as the best peer each row is to be, and what share of the peak it is to reach."""

# T, B, I, H: LSTM and LSTM-WM
TRAINING = {
    (784, 128, 1, 128): (3.5, 5),
    (200, 100, 2, 128): (2.5, 4),
    (128, 16, 64, 64): (1.5, 3.5),
    (128, 16, 128, 128): (1.4, 4),
    (128, 64, 256, 256): (1.8, 2.6),
    (128, 16, 512, 512): (1.3, 2.7),
    (128, 64, 512, 512): (1.4, 2.1),
    (150, 128, 50, 1000): (1.3, 1.75),
    (100, 1, 128, 256): (1.5, 3.5),
}

# I = H: in a call of 100 steps, in calls of one
STREAMING = {128: (1.5, 3), 256: (1.5, 1.3), 512: (1.1, 1.3)}

PRECISION = 1.6  # bfloat16 over float32 in training, at H >= 512
PRECISION_STREAMING = 1.5  # where the float32 weights outgrow the second-level cache
QUANTIZED = 1.8  # signed bytes over float32, streaming at H >= 512
QUANTIZED_PEERS = 1  # over the better quantised LSTM of PyTorch and ONNX Runtime
MEMORY = 0.6  # of PyTorch's peak resident size, LSTM-WM at the first shape
RECOMPUTATION = 1.4  # times as long at most

ZOO = 8  # times as fast as torchrecurrent, the geometric mean of its cells

# Caption models: a training step of a form with a cell, and beam search.
CAPTIONS = {("show-and-tell", "lstm"): 1.3, ("show-and-tell", "lstm-wm"): 2.5, ("show-attend-tell", "lstm"): 1.5}
CAPTIONS_BEAM = 5

TRANSLATION = 1.5  # an epoch: a step of it

EVERYDAY = 1.5  # an epoch

TRANSFORMER = 1

SEARCH = 1  # batches of 64: exact, and by lists at equal recall

# Forward, over PyTorch on the same threads.
OPERATIONS = {"matmul": 1, "matmul_batch": 1}


def training(case):
    if case.cell in ("lstm", "lstm-wm"):
        both = TRAINING.get((case.T, case.B, case.I, case.H))
        return both[case.cell == "lstm-wm"] if both else None
    if case.T == 128 and case.cell == "gru":
        return 2.5 if case.H <= 256 else 2
    if case.T == 128 and case.cell.startswith("rnn"):
        return 1.5
    return None


def peak_share(case):
    if case.H >= 256 and case.B >= 64:
        return 0.75
    return 0.55 if case.H == 128 else None
