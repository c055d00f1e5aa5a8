extension Cell {
  /// LSTM whose forget gate is what the input gate leaves: f = 1 − i.
  public static let lstmCoupled = Cell.builtIn(
    "lstm-coupled", "LSTM with coupled gates, f = 1 − i",
    source: "Greff et al. 2017, https://arxiv.org/abs/1503.04069"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "g", "o", start: .orthogonal)
    let b = cell.vectors("bias", gates: "i", "g", "o", start: ["i": GateBias(-1, chronoSign: -1)])

    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + b.i))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + b.o))
    let c1 = cell.next(c, (1 - i) * c + i * g)
    cell.next(h, o * tanh(c1))
  }
}
