import CellgateCells

extension Cell {
  /// The registry, and cells that use every operation and oddity of the expression language.
  static let allAndOdd: [Cell] = core + [odd, functions, layerNorm, late, projected, wide, turned, kept]

  /// P of a problem with H hidden units: less than H, or more.
  func testedProjection(hidden: Int) -> Int { name.hasPrefix("wide") ? hidden + 6 : (hidden + 1) / 2 }

  /// A cell of the tests, whose definition is right.
  private static func defined(_ name: String, _ summary: String, _ equations: (CellBuilder) -> Void) -> Cell {
    do throws(CellError) {
      return try Cell(name, summary: summary, equations: equations)
    } catch { preconditionFailure(error.description) }
  }

  static let odd = defined("odd", "arithmetic, parameters and states in every place") { cell in
    let x = cell.input
    let h = cell.state("h"), a = cell.state("a"), b = cell.state("b")
    let W = cell.matrices("w", gates: "p", "q"), U = cell.matrix("u"), V = cell.matrix("v")
    let k = cell.vector("k"), s = cell.vectors("s", gates: "p", "q")
    let p = cell.define("p", relu(W.p(x) + s.p * a - 0.25) + exp(-h * h))
    let q = cell.define("q", sigmoid(W.q(x) + U(h) + U(p) + k * k) / (1.5 + p * p))
    let ratio = q / (2 + h * h)
    cell.next(a, b)
    cell.next(b, V(ratio) * 0.5 + a / 3)
    cell.next(h, tanh(2 * ratio - p) - s.q * b + 1 / (2 + q))
  }

  static let functions = defined("functions", "every elementwise function") { cell in
    let x = cell.input
    let h = cell.state("h"), c = cell.state("c")
    let W = cell.matrices("w", gates: "p", "q"), U = cell.matrices("u", gates: "p", "q"), M = cell.matrix("m")
    let k = cell.vector("k", start: GateBias(1))
    let low = cell.define("low", min(W.p(x) + U.p(h), k * c))
    let high = cell.define("high", max(low, abs(h) - 0.25))
    let rate = cell.define("rate", softplus(W.q(x) + U.q(h) + M(c)))
    let new = cell.next(c, log(1.5 + rate) * high - sqrt(rate + 0.1) * c / 4)
    cell.next(h, tanh(max(new, 0.1) + min(-rate, relu(h))) + sigmoid(abs(new)) * exp(-h))
  }

  /// Ba et al. 2016, https://arxiv.org/abs/1607.06450, with one normalisation of all that arrives at a gate.
  static let layerNorm = defined("layer-norm", "LSTM with normalised gates and cell state") { cell in
    let x = cell.input
    let h = cell.state("h"), c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o")
    let one = GateBias(1)
    let gain = cell.vectors(
      "gain", gates: "i", "f", "g", "o", "c", start: ["i": one, "f": one, "g": one, "o": one, "c": one])
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", "c")
    func normalized(_ z: CellExpression, _ gain: CellExpression, _ bias: CellExpression) -> CellExpression {
      (z - mean(z)) / sqrt(variance(z) + 1e-3) * gain + bias
    }
    let i = cell.define("i", sigmoid(normalized(W.i(x) + U.i(h), gain.i, b.i)))
    let f = cell.define("f", sigmoid(normalized(W.f(x) + U.f(h), gain.f, b.f)))
    let g = cell.define("g", tanh(normalized(W.g(x) + U.g(h), gain.g, b.g)))
    let new = cell.next(c, f * c + i * g)
    let o = cell.define("o", sigmoid(normalized(W.o(x) + U.o(h), gain.o, b.o)))
    cell.next(h, o * tanh(normalized(new, gain.c, b.c)))
  }

  /// Products of what x alone gives; reductions of states, of a parameter, of products and of each other, without a
  /// mean beside a variance; a state that is one number.
  static let late = defined("late", "reductions in every place") { cell in
    let x = cell.input
    let h = cell.state("h"), m = cell.state("m")
    let W = cell.matrix("w"), U = cell.matrices("u", gates: "p", "q"), V = cell.matrix("v"),
      k = cell.vector("k")
    let a = cell.define("a", tanh(W(x)))
    let spread = cell.define("spread", variance(U.p(a) - h) + 0.1 * mean(k * k + k))
    cell.next(m, mean(abs(h)) - variance(m * k))
    cell.next(h, tanh(U.q(a) + V(spread * h) / (1 + mean(spread * a)) + m) + mean(k))
  }

  /// Matrices and their transposes beside one another, alone, of two sizes and in chains; scalars that are added and that
  /// multiply; powers; a state that is read three steps back.
  static let turned = defined("turned", "transposes, scalars, powers and delays in every place") { cell in
    let x = cell.input
    let h = cell.state("h"), m = cell.state("m", size: .projection)
    let W = cell.matrices("w", gates: "p", "q"), A = cell.matrices("a", gates: "p", "q")
    let V = cell.matrix("v", rows: .projection)
    let s = cell.scalars("scale", gates: "p", "q", start: ["q": GateBias(1)])
    let t = cell.scalar("rate", size: .projection, start: GateBias(0.5))
    let p = cell.define("p", tanh(A.p(h) - A.p.transposed(h) + W.p(x) + s.p))
    let new = cell.next(m, t * m + sigmoid(V(p) + t).raised(to: 2))
    let q = cell.define("q", sigmoid(V.transposed(new) + W.q(x) + A.p.transposed(A.q.transposed(p)) + s.p))
    let root = (q + 0.5).raised(to: 1.5) * p + sigmoid(s.p) * (1 + q).raised(to: -1.25)
    cell.next(h, s.q * q * cell.earlier(h, by: 3) / 2 + root / 3)
  }

  /// Fixed and learned parameters of every kind beside one another; a fixed bias inside a product's sum.
  static let kept = defined("kept", "fixed parameters in every place") { cell in
    let x = cell.input
    let h = cell.state("h"), m = cell.state("m", size: .projection)
    let W = cell.matrices("w", gates: "p", "q"), A = cell.matrix("a", start: .orthogonal, fixed: true)
    let V = cell.matrices("v", gates: "p", "q", rows: .projection, fixed: true), U = cell.matrix("u")
    let b = cell.vectors(
      "b", gates: "p", "q", start: ["p": GateBias(-1, to: 1), "q": GateBias(0.5)], fixed: true)
    let t = cell.vector("t", size: .projection, start: GateBias(2, to: 9), fixed: true)
    let s = cell.scalars("s", gates: "p", "q", start: ["p": GateBias(0.25)], fixed: true),
      k = cell.vector("k")
    let p = cell.define("p", sigmoid(W.p(x) + A(h) + b.p))
    let new = cell.next(m, m + (V.p(p) + V.q(h) - m) / t)
    let q = cell.define("q", tanh(W.q(x) + U(new) + A.transposed(p) + b.q * k))
    cell.next(h, (1 - s.p) * h + s.p * q + (s.q + 0.5) * b.p)
  }

  /// Sak et al. 2014, https://arxiv.org/abs/1402.1128, with PyTorch's names.
  static let projected = defined("projected", "LSTM whose output is projected") { cell in
    let x = cell.input
    let h = cell.state("h", size: .projection), c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o")
    let R = cell.matrix("weight_hr", rows: .projection), b = cell.vectors("bias", gates: "i", "f", "g", "o")
    let i = cell.define("i", sigmoid(W.i(x) + U.i(h) + b.i))
    let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + b.f))
    let g = cell.define("g", tanh(W.g(x) + U.g(h) + b.g))
    let new = cell.next(c, f * c + i * g)
    let o = cell.define("o", sigmoid(W.o(x) + U.o(h) + b.o))
    cell.next(h, R(o * tanh(new)))
  }

  /// Values of both sizes in every place: states, vectors, constants, matrices of x and of each size, reductions.
  static let wide = defined("wide", "two sizes in every place") { cell in
    let x = cell.input
    let c = cell.state("c"), m = cell.state("m", size: .projection), n = cell.state("n", size: .projection)
    let W = cell.matrices("w", gates: "p", "q", rows: .projection), V = cell.matrix("v", rows: .projection)
    let U = cell.matrices("u", gates: "p", "q"), A = cell.matrix("a"), X = cell.matrix("x_c")
    let b = cell.vectors("b", gates: "p", "q", size: .projection), k = cell.vector("k")
    let p = cell.define("p", sigmoid(W.p(x) + V(c) + b.p))
    let q = cell.define("q", tanh((W.q(x) - mean(n)) / (1 + variance(m)) + b.q * m))
    let new = cell.next(m, p * m + (1 - p) * q)
    cell.next(n, max(m, 0.1))
    cell.next(c, tanh(X(x) + U.p(new) + A(c) + k * mean(c)) + 0.5 * tanh(U.q(n * q)))
  }
}
