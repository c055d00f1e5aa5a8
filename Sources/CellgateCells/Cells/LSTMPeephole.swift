extension Cell {
  /// LSTM with peephole connections: each gate sees its own unit's cell state.
  public static let lstmPeephole = Cell.builtIn(
    "lstm-ph", "LSTM with peepholes, a weight per unit",
    source: "Gers et al. 2002, https://www.jmlr.org/papers/v3/gers02a.html"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    let p = cell.vectors("weight_ph", gates: "i", "f", "o")
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])

    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + p.i * c + b.i))
    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + p.f * c + b.f))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let c1 = cell.next(c, f * c + i * g)
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + p.o * c1 + b.o))
    cell.next(h, o * tanh(c1))
  }
}
