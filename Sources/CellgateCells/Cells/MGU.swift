extension Cell {
  /// Minimal gated unit: one gate both forgets and resets.
  public static let mgu = Cell.builtIn(
    "mgu", "minimal gated unit, one gate", source: "Zhou et al. 2016, https://arxiv.org/abs/1603.09420"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let W = cell.matrices("weight_ih", gates: "f", "n")
    let U = cell.matrices("weight_hh", gates: "f", "n", start: .orthogonal)
    let b = cell.vectors("bias", gates: "f", "n", start: ["f": GateBias(0, chronoSign: -1)])

    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + b.f))
    let n = cell.define("n", tanh(W.n(x) + U.n(f * h) + b.n))
    cell.next(h, (1 - f) * h + f * n)
  }
}
