import CellgateCells

/// A recurrent cell of Keras: LSTM, GRU or SimpleRNN with its activations, as a cell's equations.
struct KerasCell: Equatable {
  enum Kind: String { case lstm = "LSTM", gru = "GRU", rnn = "SimpleRNN" }
  var kind: Kind
  var activation = "tanh"
  var recurrentActivation = "sigmoid"
  /// Whether a GRU resets after the product with the recurrent matrix.
  var resetAfter = true

  /// The functions that cells can have, by Keras' names; in Keras 2 `hard_sigmoid` is another function than in Keras 3.
  static let activations: [String] = [
    "linear", "tanh", "sigmoid", "relu", "hard_sigmoid", "hard_sigmoid_2", "gelu", "silu", "elu", "selu",
    "softplus", "softsign", "exponential", "relu6", "mish",
  ]

  /// Gates of a kernel.
  var gates: Int {
    switch kind {
    case .lstm: 4
    case .gru: 3
    case .rnn: 1
    }
  }

  /// Where Keras' blocks go: block k of Cellgate's rows is block `order[k]` of Keras' columns.
  var order: [Int] {
    switch kind {
    case .lstm: [0, 1, 2, 3]
    // r, z, n of z, r, h.
    case .gru: [1, 0, 2]
    case .rnn: [0]
    }
  }

  /// The name of the cell: that of Cellgate's own where it is one.
  var name: String {
    switch (kind, activation, recurrentActivation) {
    case (.lstm, "tanh", "sigmoid"): return "lstm"
    case (.gru, "tanh", "sigmoid"): return resetAfter ? "gru" : "gru-reset-before"
    case (.rnn, "tanh", _): return "rnn-tanh"
    case (.rnn, "relu", _): return "rnn-relu"
    case (.rnn, _, _): return "rnn-\(activation)"
    case (.lstm, _, _): return "lstm-\(activation)-\(recurrentActivation)"
    case (.gru, _, _):
      return (resetAfter ? "gru" : "gru-reset-before") + "-\(activation)-\(recurrentActivation)"
    }
  }

  /// The cell; nil of an activation that has no equation here.
  var cell: Cell? {
    if let own = Cell.named(name) { return own }
    guard Self.activations.contains(activation), Self.activations.contains(recurrentActivation) else {
      return nil
    }
    let text =
      "\(kind.rawValue) of Keras, \(activation)" + (kind == .rnn ? "" : " and \(recurrentActivation)")
    return try? Cell(name, summary: text, source: "https://keras.io/api/layers/recurrent_layers/") { cell in
      switch kind {
      case .lstm: lstm(cell)
      case .gru: gru(cell)
      case .rnn: rnn(cell)
      }
    }
  }

  /// The cell that this text is of; nil for a cell that Keras doesn't have.
  init?(_ cell: Cell) {
    let own: [(String, KerasCell)] = [
      ("lstm", KerasCell(kind: .lstm)), ("gru", KerasCell(kind: .gru)), ("rnn-tanh", KerasCell(kind: .rnn)),
      ("rnn-relu", KerasCell(kind: .rnn, activation: "relu")),
    ]
    var candidates = own.filter { $0.0 == cell.name }.map(\.1)
    if candidates.isEmpty {
      for first in Self.activations {
        candidates.append(KerasCell(kind: .rnn, activation: first))
        for second in Self.activations {
          candidates.append(KerasCell(kind: .lstm, activation: first, recurrentActivation: second))
          for resetAfter in [true, false] {
            candidates.append(
              KerasCell(
                kind: .gru, activation: first, recurrentActivation: second, resetAfter: resetAfter))
          }
        }
      }
      candidates.removeAll { $0.name != cell.name }
    }
    guard let found = candidates.first(where: { $0.cell?.text == cell.text }) else { return nil }
    self = found
  }

  init(
    kind: Kind, activation: String = "tanh", recurrentActivation: String = "sigmoid", resetAfter: Bool = true
  ) {
    self.kind = kind
    self.activation = activation
    self.recurrentActivation = recurrentActivation
    self.resetAfter = resetAfter
  }

  private func lstm(_ cell: CellBuilder) {
    let x = cell.input, h = cell.state("h"), c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
    let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o", start: .orthogonal)
    let b = cell.vectors("bias", gates: "i", "f", "g", "o", start: ["i": .input, "f": .forget])
    let act = Self.function(activation), gate = Self.function(recurrentActivation)
    let i = cell.define("i", gate(W.i(x) + U.i(h) + b.i))
    let f = cell.define("f", gate(W.f(x) + U.f(h) + b.f))
    let g = cell.define("g", act(W.g(x) + U.g(h) + b.g))
    let o = cell.define("o", gate(W.o(x) + U.o(h) + b.o))
    let c1 = cell.next(c, f * c + i * g)
    cell.next(h, o * act(c1))
  }

  private func gru(_ cell: CellBuilder) {
    let x = cell.input, h = cell.state("h")
    let W = cell.matrices("weight_ih", gates: "r", "z", "n")
    let U = cell.matrices("weight_hh", gates: "r", "z", "n", start: .orthogonal)
    let act = Self.function(activation), gate = Self.function(recurrentActivation)
    if resetAfter {
      let b = cell.vectors("bias_ih", gates: "r", "z", "n", start: ["z": .keep])
      let d = cell.vectors("bias_hh", gates: "r", "z", "n")
      let r = cell.define("r", gate(W.r(x) + b.r + U.r(h) + d.r))
      let z = cell.define("z", gate(W.z(x) + b.z + U.z(h) + d.z))
      let n = cell.define("n", act(W.n(x) + b.n + r * (U.n(h) + d.n)))
      cell.next(h, (1 - z) * n + z * h)
    } else {
      let b = cell.vectors("bias", gates: "r", "z", "n", start: ["z": .keep])
      let r = cell.define("r", gate(W.r(x) + U.r(h) + b.r))
      let z = cell.define("z", gate(W.z(x) + U.z(h) + b.z))
      let n = cell.define("n", act(W.n(x) + U.n(r * h) + b.n))
      cell.next(h, (1 - z) * n + z * h)
    }
  }

  private func rnn(_ cell: CellBuilder) {
    let x = cell.input, h = cell.state("h")
    let W = cell.matrix("weight_ih"), U = cell.matrix("weight_hh", start: .orthogonal)
    let b = cell.vector("bias")
    cell.next(h, Self.function(activation)(W(x) + U(h) + b))
  }

  private static func function(_ name: String) -> (CellExpression) -> CellExpression {
    switch name {
    case "tanh": { tanh($0) }
    case "sigmoid": { sigmoid($0) }
    case "relu": { relu($0) }
    case "hard_sigmoid": { x in max(min(x / 6 + 0.5, 1), 0) }
    case "hard_sigmoid_2": { x in max(min(0.2 * x + 0.5, 1), 0) }
    case "gelu": gelu
    case "silu": { x in x * sigmoid(x) }
    case "elu": { x in relu(x) + (exp(min(x, 0)) - 1) }
    case "selu":
      { x in
        let below = CellExpression(1.6732632423543772) * (exp(min(x, 0)) - 1)
        return CellExpression(1.0507009873554805) * (relu(x) + below)
      }
    case "softplus": { softplus($0) }
    case "softsign": { x in x / (1 + abs(x)) }
    case "exponential": { exp($0) }
    case "relu6": { x in min(relu(x), 6) }
    case "mish": { x in x * tanh(softplus(x)) }
    default: { $0 }
    }
  }

  /// x Φ(x) = relu(x) − |x| Q(|x|), Q the normal distribution's upper tail: e^{−u²/2} times a polynomial in 1 / (1 + 0.2316419 u),
  /// the form of Abramowitz and Stegun 26.2.17 with nine coefficients, fitted by least squares. Right to 2e-11.
  private static func gelu(_ x: CellExpression) -> CellExpression {
    let size = abs(x)
    let t = 1 / (1 + CellExpression(0.2316419) * size)
    let coefficients = [
      0.04394940153826, -0.3251017903906, 0.8874787884996, -1.112266264765, 1.028995313071, -0.4373769999264,
      0.2598587427723, 0.05924527172873, 0.0952175373024,
    ]
    var sum = CellExpression(coefficients[0])
    for coefficient in coefficients.dropFirst() { sum = sum * t + CellExpression(coefficient) }
    return relu(x) - size * (sum * t * exp(-(x * x) / 2))
  }
}
