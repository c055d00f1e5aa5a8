extension Cell {
  /// LSTM with Working Memory Connections: the gates see the cell state through tanh(W c).
  public static let lstmWM = Cell.builtIn(
    "lstm-wm", "LSTM with working memory connections: gates see tanh(W c)",
    source: "Landi et al. 2021, https://arxiv.org/abs/2109.00020"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    let M = cell.matrices("weight_mh", gates: "i", "f", "o")
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])

    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + tanh(M.i(c)) + b.i))
    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + tanh(M.f(c)) + b.f))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let c1 = cell.next(c, f * c + i * g)
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + tanh(M.o(c1)) + b.o))
    cell.next(h, o * tanh(c1))
  }
}
