extension Cell {
  /// LSTM with full peephole matrices and no tanh: as many parameters as LSTM-WM.
  public static let lstmPeepholeFull = Cell.builtIn(
    "lstm-ph-full", "LSTM with full peephole matrices, no tanh",
    source: "Landi et al. 2021, https://arxiv.org/abs/2109.00020, the baseline LSTM-PH"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    let M = cell.matrices("weight_ph", gates: "i", "f", "o")
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])

    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + M.i(c) + b.i))
    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + M.f(c) + b.f))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let c1 = cell.next(c, f * c + i * g)
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + M.o(c1) + b.o))
    cell.next(h, o * tanh(c1))
  }
}
