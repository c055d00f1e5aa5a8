extension Cell {
  /// LSTM-WM with W tanh(c) instead of tanh(W c): an ablation.
  public static let lstmWMInner = Cell.builtIn(
    "lstm-wm-inner", "LSTM-WM, ablation: W tanh(c) instead of tanh(W c)",
    source: "an ablation of Landi et al. 2021, https://arxiv.org/abs/2109.00020"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    let M = cell.matrices("weight_mh", gates: "i", "f", "o")
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])

    let m = tanh(c)
    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + M.i(m) + b.i))
    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + M.f(m) + b.f))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let c1 = cell.next(c, f * c + i * g)
    let m1 = tanh(c1)
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + M.o(m1) + b.o))
    cell.next(h, o * m1)
  }
}
