import CellgateBasics
import CellgateTensor

/// What a text has had lately: a model's outputs, and the symbol after each.
struct MemoryLane {
  /// [n, H].
  private(set) var outputs: [Float] = []
  /// The symbol after each.
  private(set) var symbols: [Int32] = []

  /// Adds outputs with the symbol after each.
  mutating func append(_ outputs: some Sequence<Float>, _ symbols: some Sequence<Int32>) {
    self.outputs += outputs
    self.symbols += symbols
  }

  /// Forgets all but the last `window` symbols.
  mutating func keepLast(_ window: Int) {
    let surplus = symbols.count - window
    guard surplus > 0 else { return }
    outputs.removeFirst(surplus * (outputs.count / symbols.count))
    symbols.removeFirst(surplus)
  }

  /// The products `[N, n]` of outputs `[N, H]` with those of the lane, of which there is at least one.
  func products(_ outputs: Tensor) -> [Float] {
    PackedLinear(weight: Tensor(self.outputs, shape: [symbols.count, outputs.shape[1]]))(outputs).scalars
  }
}

/// Symbols with weights that are given as logarithms, as parts of their sum.
struct MemoryWeights {
  private let weights: [(symbol: Int32, part: Double)]

  init(_ logarithms: some Sequence<(Float, Int32)>) {
    let largest = logarithms.lazy.map(\.0).max() ?? 0
    var all = 0.0
    let unscaled = logarithms.map { logarithm, symbol in
      let weight = CLibrary.exp(Double(logarithm - largest))
      all += weight
      return (symbol: symbol, part: weight)
    }
    weights = unscaled.map { ($0.symbol, $0.part / all) }
  }

  /// The part of a symbol.
  func part(of symbol: Int32) -> Double { weights.reduce(0) { $0 + ($1.symbol == symbol ? $1.part : 0) } }

  /// Adds each symbol's part times a share.
  func add(to probabilities: inout [Double], share: Double) {
    for (symbol, part) in weights where probabilities.indices.contains(Int(symbol)) {
      probabilities[Int(symbol)] += share * part
    }
  }
}
