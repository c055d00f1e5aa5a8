import CellgateTensor

/// What a model is judged by besides its loss: a mean over rows, as of `Loss`.
public struct ModelMetric: Sendable, Equatable, CustomStringConvertible {
  /// The name in histories and files: "accuracy".
  public let name: String
  /// Whether larger values are better.
  public let higherIsBetter: Bool

  private let terms: @Sendable (_ output: LayerValue, _ target: Tensor, _ loss: Loss) -> [Double]

  /// A metric by its name and the value of each row of an output.
  public init(
    _ name: String, higherIsBetter: Bool = false,
    rows: @escaping @Sendable (_ output: LayerValue, _ target: Tensor, _ loss: Loss) -> [Double]
  ) {
    self.name = name
    self.higherIsBetter = higherIsBetter
    terms = rows
  }

  /// The weighed sum over the rows of an output, and their weight.
  package func sum(
    _ output: LayerValue, target: Tensor, loss: Loss, weights: [Float]?
  ) -> (sum: Double, weight: Double) {
    let terms = terms(output, target, loss)
    guard let weights = Loss.weights(of: output, weights) else {
      return (terms.reduce(0, +), Double(terms.count))
    }
    var (sum, total) = (0.0, 0.0)
    for (term, weight) in zip(terms, weights) where weight != 0 {
      sum += Double(weight) * term
      total += Double(weight)
    }
    return (sum, total)
  }

  /// The same name.
  public static func == (left: ModelMetric, right: ModelMetric) -> Bool { left.name == right.name }
  /// The name.
  public var description: String { name }
}

extension ModelMetric {
  private static func rows(
    _ output: Tensor, _ target: Tensor,
    _ value: (_ output: ArraySlice<Float>, _ target: ArraySlice<Float>) -> Double
  ) -> [Double] {
    let (width, y, t) = (output.shape.last ?? 1, output.scalars, target.scalars)
    let count = width > 0 ? y.count / width : 0
    let own = count > 0 ? t.count / count : 0
    return (0..<count).map {
      value(y[$0 * width..<($0 + 1) * width], t[$0 * own..<($0 + 1) * own])
    }
  }

  /// The share of right answers: of classes by the largest output, of binary targets by the side of 1/2.
  public static let accuracy = ModelMetric("accuracy", higherIsBetter: true) { output, target, loss in
    // The side of a logit is that of 0, of a probability that of 1/2.
    let (y, threshold) =
      output.logits.map { ($0.tensor, Float(0)) } ?? (output.tensor, loss == .binaryCrossEntropy ? 0 : 0.5)
    func largest(_ row: ArraySlice<Float>) -> Int {
      row.indices.reduce(row.startIndex) { row[$1] > row[$0] ? $1 : $0 } - row.startIndex
    }
    let isBinary = loss == .binaryCrossEntropy || y.shape.last == 1
    return rows(y, target) { found, expected in
      if isBinary {
        let right = zip(found, expected).count { ($0 > threshold) == ($1 > 0.5) }
        return Double(right) / Double(max(1, found.count))
      }
      if expected.count == 1 { return Float(largest(found)) == expected.first ? 1 : 0 }
      return largest(found) == largest(expected) ? 1 : 0
    }
  }

  /// The mean of (y − t)².
  public static let meanSquaredError = ModelMetric("mean_squared_error") { output, target, _ in
    rows(output.tensor, target) { found, expected in
      zip(found, expected).reduce(0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
        / Double(max(1, found.count))
    }
  }

  /// The mean of |y − t|.
  public static let meanAbsoluteError = ModelMetric("mean_absolute_error") { output, target, _ in
    rows(output.tensor, target) { found, expected in
      zip(found, expected).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(max(1, found.count))
    }
  }

  /// All of them.
  public static let all: [ModelMetric] = [.accuracy, .meanSquaredError, .meanAbsoluteError]
}
