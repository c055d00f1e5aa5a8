import CellgateCells

/// A function of a recurrent node's equations, by its name in files.
struct ONNXActivation: Equatable {
  let name: String
  let alpha: Double
  let beta: Double

  /// The numbers that a function takes, each with what it is where the node doesn't say.
  private enum Number {
    case none
    case usual(Double)
    /// ONNX doesn't say, or ONNX Runtime takes another number than it says.
    case needed
  }

  private static let known: [String: (alpha: Number, beta: Number)] = [
    "relu": (.none, .none), "tanh": (.none, .none), "sigmoid": (.none, .none), "affine": (.needed, .needed),
    "leakyrelu": (.usual(0.01), .none), "thresholdedrelu": (.needed, .none), "scaledtanh": (.needed, .needed),
    "hardsigmoid": (.usual(0.2), .usual(0.5)), "elu": (.usual(1), .none), "softsign": (.none, .none),
    "softplus": (.none, .none),
  ]

  /// Why a function can't be taken.
  enum Problem: Error { case unknown, lacksNumbers }

  /// Their names, for errors.
  static let names = known.keys.sorted().joined(separator: ", ")

  static let sigmoid = ONNXActivation("Sigmoid"), tanh = ONNXActivation("Tanh"), relu = ONNXActivation("Relu")

  private init(_ name: String) { (self.name, alpha, beta) = (name.lowercased(), 0, 0) }

  /// The function of a name, which takes its alpha and beta from those that are left.
  init(
    _ name: String, alphas: inout ArraySlice<Float>, betas: inout ArraySlice<Float>
  ) throws(Problem) {
    guard let known = Self.known[name.lowercased()] else { throw .unknown }
    func number(_ kind: Number, _ given: inout ArraySlice<Float>) throws(Problem) -> Double {
      if case .none = kind { return 0 }
      // A number in the file is the decimal that it prints as: 0.2, not 0.20000000298.
      if let value = given.popFirst() { return Double("\(value)") ?? Double(value) }
      guard case .usual(let value) = kind else { throw .lacksNumbers }
      return value
    }
    self.name = name.lowercased()
    alpha = try number(known.alpha, &alphas)
    beta = try number(known.beta, &betas)
  }

  /// The function of x, from those that equations have.
  func callAsFunction(_ x: CellExpression) -> CellExpression {
    let (a, b) = (CellExpression(alpha), CellExpression(beta))
    switch name {
    case "relu": return CellgateCells.relu(x)
    case "tanh": return CellgateCells.tanh(x)
    case "sigmoid": return CellgateCells.sigmoid(x)
    case "affine": return a * x + b
    case "leakyrelu": return CellgateCells.relu(x) - a * CellgateCells.relu(-x)
    case "thresholdedrelu":
      // x where it is above α, else 0: the factor is 1 as soon as x − α is more than nothing.
      let above = CellgateCells.relu(x - a) * 1e30
      return x * min(above, 1)
    case "scaledtanh": return a * CellgateCells.tanh(b * x)
    case "hardsigmoid": return max(min(a * x + b, 1), 0)
    case "elu":
      let below = exp(min(x, 0)) - 1
      return CellgateCells.relu(x) + a * below
    case "softsign": return x / (1 + abs(x))
    default: return softplus(x)
    }
  }

  /// "hardsigmoid(0.2, 0.5)".
  var text: String {
    guard let known = Self.known[name] else { return name }
    var numbers: [String] = []
    if case .none = known.alpha {} else { numbers.append("\(alpha)") }
    if case .none = known.beta {} else { numbers.append("\(beta)") }
    return numbers.isEmpty ? name : name + "(" + numbers.joined(separator: ", ") + ")"
  }
}

/// What a recurrent node computes at a step, in one direction.
struct ONNXCellOptions: Equatable {
  enum Kind: String { case lstm = "LSTM", gru = "GRU", rnn = "RNN" }
  var kind: Kind
  /// f, g, h of an LSTM, f, g of a GRU, f of an RNN.
  var activations: [ONNXActivation]
  /// The bound of what the functions of gates and candidates are given; nil for none.
  var clip: Double?
  /// f = 1 − i.
  var couplesGates = false
  var hasPeepholes = false
  /// A GRU's reset after the product, as Cellgate's `gru`.
  var resetsAfterProduct = false

  /// The functions where a node names none.
  static func usual(_ kind: Kind) -> [ONNXActivation] {
    switch kind {
    case .lstm: [.sigmoid, .tanh, .tanh]
    case .gru: [.sigmoid, .tanh]
    case .rnn: [.tanh]
    }
  }

  /// The gates of Cellgate's parameters as numbers of the file's blocks: LSTM i, o, f, c; GRU z, r, h.
  var blocks: [Int] {
    switch kind {
    case .lstm: couplesGates ? [0, 3, 1] : [0, 2, 3, 1]
    case .gru: [1, 0, 2]
    case .rnn: [0]
    }
  }

  /// The same of the peepholes i, o, f.
  var peepholeBlocks: [Int] { couplesGates ? [0, 1] : [0, 2, 1] }

  /// Whether the input's and the output's biases stay apart.
  var hasTwoBiases: Bool { kind == .gru && resetsAfterProduct }

  /// The cell: one of Cellgate's where there is one, else one of these equations.
  func cell() throws(CellError) -> Cell {
    let isUsual = activations == Self.usual(kind) && clip == nil
    switch kind {
    case .lstm where isUsual && !hasPeepholes: return couplesGates ? .lstmCoupled : .lstm
    case .lstm where isUsual && !couplesGates: return .lstmPeephole
    case .gru where isUsual && resetsAfterProduct: return .gru
    case .rnn where isUsual: return .rnnTanh
    case .rnn where activations == [.relu] && clip == nil: return .rnnReLU
    default: break
    }
    var parts: [String] = []
    if hasPeepholes { parts.append("with peepholes") }
    if couplesGates { parts.append("f = 1 − i") }
    if kind == .gru {
      parts.append(resetsAfterProduct ? "reset after the product" : "reset before the product")
    }
    if activations != Self.usual(kind) { parts.append(activations.map(\.text).joined(separator: ", ")) }
    if let clip { parts.append("sums in ±\(clip)") }
    let name = kind.rawValue.lowercased() + "-onnx"
    return try Cell(
      name, summary: "\(kind.rawValue) of an ONNX file: " + parts.joined(separator: ", "),
      source: "https://onnx.ai/onnx/operators/onnx__\(kind.rawValue).html", equations: equations)
  }

  private func bounded(_ sum: CellExpression) -> CellExpression {
    guard let clip else { return sum }
    return max(min(sum, CellExpression(clip)), CellExpression(-clip))
  }

  private func equations(_ cell: CellBuilder) {
    let x = cell.input
    let h = cell.state("h")
    let f = activations[0]
    switch kind {
    case .rnn:
      let W = cell.matrix("weight_ih")
      let U = cell.matrix("weight_hh", start: .orthogonal)
      let b = cell.vector("bias")
      cell.next(h, f(bounded(W(x) + U(h) + b)))
    case .gru:
      let g = activations[1]
      let W = cell.matrices("weight_ih", gates: "r", "z", "n")
      let U = cell.matrices("weight_hh", gates: "r", "z", "n", start: .orthogonal)
      let n: CellExpression, z: CellExpression
      if resetsAfterProduct {
        let b = cell.vectors("bias_ih", gates: "r", "z", "n", start: ["z": .keep])
        let bh = cell.vectors("bias_hh", gates: "r", "z", "n")
        let r = cell.define("r", f(bounded(W.r(x) + b.r + U.r(h) + bh.r)))
        z = cell.define("z", f(bounded(W.z(x) + b.z + U.z(h) + bh.z)))
        n = cell.define("n", g(bounded(W.n(x) + b.n + r * (U.n(h) + bh.n))))
      } else {
        let b = cell.vectors("bias", gates: "r", "z", "n", start: ["z": .keep])
        let r = cell.define("r", f(bounded(W.r(x) + U.r(h) + b.r)))
        z = cell.define("z", f(bounded(W.z(x) + U.z(h) + b.z)))
        n = cell.define("n", g(bounded(W.n(x) + U.n(r * h) + b.n)))
      }
      cell.next(h, (1 - z) * n + z * h)
    case .lstm: lstm(cell, x, h)
    }
  }

  private func lstm(_ cell: CellBuilder, _ x: CellExpression, _ h: CellExpression) {
    let (act, candidate, output) = (activations[0], activations[1], activations[2])
    let c = cell.state("c")
    let W: LinearMaps, U: LinearMaps, b: Vectors
    if couplesGates {
      W = cell.matrices("weight_ih", gates: "i", "g", "o")
      U = cell.matrices("weight_hh", gates: "i", "g", "o", start: .orthogonal)
    } else {
      W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
      U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    }
    let p: Vectors? =
      !hasPeepholes
      ? nil
      : couplesGates
        ? cell.vectors("weight_ph", gates: "i", "o") : cell.vectors("weight_ph", gates: "i", "f", "o")
    if couplesGates {
      b = cell.vectors("bias", gates: "i", "g", "o", start: ["i": GateBias(-1, chronoSign: -1)])
    } else {
      b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])
    }
    func seen(_ sum: CellExpression, _ weights: CellExpression?, _ memory: CellExpression) -> CellExpression {
      weights.map { sum + $0 * memory } ?? sum
    }
    let i = cell.define("i", act(bounded(seen(W.i(x) + U.i(h), p?.i, c) + b.i)))
    let kept =
      couplesGates
      ? (1 - i) * c : cell.define("f", act(bounded(seen(W.f(x) + U.f(h), p?.f, c) + b.f))) * c
    let g = cell.define("g", candidate(bounded(W.g(x) + U.g(h) + b.g)))
    let c1 = cell.next(c, kept + i * g)
    let o = cell.define("o", act(bounded(seen(W.o(x) + U.o(h), p?.o, c1) + b.o)))
    cell.next(h, o * output(c1))
  }
}
