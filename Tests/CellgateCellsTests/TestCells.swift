import CellgateCells

extension Cell {
  /// The registry, and cells that use every operation and oddity of the expression language.
  static let allAndOdd: [Cell] = all + [odd, functions]

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
}
