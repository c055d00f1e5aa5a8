extension Cell {
  /// Long short-term memory with a forget gate.
  public static let lstm = Cell.builtIn(
    "lstm", "long short-term memory with a forget gate",
    source: "Gers et al. 2000, https://doi.org/10.1162/089976600300015015"
  ) { cell in
    let x = cell.input
    let h = cell.state("h")
    let c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])

    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + b.i))
    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + b.f))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + b.o))
    let c1 = cell.next(c, f * c + i * g)
    cell.next(h, o * tanh(c1))
  }
}
