extension Cell {
  /// Gated recurrent unit; the reset gate applies after the product, as in cuDNN and PyTorch.
  public static let gru = Cell.builtIn(
    "gru", "gated recurrent unit, reset after the product",
    source: "Cho et al. 2014, https://arxiv.org/abs/1406.1078"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let W = cell.matrices("weight_ih", gates: "r", "z", "n")
    let U = cell.matrices("weight_hh", gates: "r", "z", "n", start: .orthogonal)
    let b = cell.vectors("bias_ih", gates: "r", "z", "n", start: ["z": .keep])
    let bh = cell.vectors("bias_hh", gates: "r", "z", "n")

    let r = cell.define("r", sigmoid(W.r(x) + b.r + U.r(h) + bh.r))
    let z = cell.define("z", sigmoid(W.z(x) + b.z + U.z(h) + bh.z))
    let n = cell.define("n", tanh(W.n(x) + b.n + r * (U.n(h) + bh.n)))
    cell.next(h, (1 - z) * n + z * h)
  }
}
