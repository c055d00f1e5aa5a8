import CellgateBasics
import CellgateTensor

/// Brings each feature of arrays `[…, F]` to mean 0 and deviation 1, and back.
public struct Scaler: Codable, Equatable, Sendable {
  /// What is subtracted from each feature, [F].
  public let means: [Float]
  /// What the differences are divided by, [F], each above 0.
  public let deviations: [Float]

  /// A scaler of these numbers, one of each for every feature.
  public init(means: [Float], deviations: [Float]) {
    require(
      means.count == deviations.count && deviations.allSatisfy { $0 > 0 },
      "Scaler: expected as many deviations above 0 as means, found \(means.count) means and \(deviations.count) deviations"
    )
    self.means = means
    self.deviations = deviations
  }

  /// The means and deviations of the features of an array `[…, F]`, summed in Double. A feature that is the same everywhere,
  /// or of which there is no number, is divided by 1.
  public init(fitting x: Tensor) {
    let (size, values) = (x.shape.last ?? 1, x.scalars)
    var (sums, squares) = ([Double](repeating: 0, count: size), [Double](repeating: 0, count: size))
    let rows = size > 0 ? values.count / size : 0
    for index in values.indices { sums[index % size] += Double(values[index]) }
    let means = sums.map { rows > 0 ? $0 / Double(rows) : 0 }
    for index in values.indices {
      let difference = Double(values[index]) - means[index % size]
      squares[index % size] += difference * difference
    }
    self.means = means.map { Float($0) }
    deviations = squares.map { rows > 0 && $0 > 0 ? Float(($0 / Double(rows)).squareRoot()) : 1 }
  }

  /// (x − mean) / deviation of each feature.
  public func callAsFunction(_ x: Tensor) -> Tensor { map(x) { ($0 - $1) / $2 } }

  /// x · deviation + mean of each feature: what `callAsFunction` was given.
  public func inverse(_ x: Tensor) -> Tensor { map(x) { $0 * $2 + $1 } }

  private func map(_ x: Tensor, _ function: (Float, Float, Float) -> Float) -> Tensor {
    require(
      x.shape.last == means.count, "Scaler: expected an array […, \(means.count)], found \(x.shape)")
    let values = x.scalars
    return Tensor(
      values.indices.map { function(values[$0], means[$0 % means.count], deviations[$0 % means.count]) },
      shape: x.shape)
  }

  /// Reads a scaler, whose numbers must make one.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let means = try values.decode([Float].self, forKey: .means)
    let deviations = try values.decode([Float].self, forKey: .deviations)
    guard means.count == deviations.count, (means + deviations).allSatisfy(\.isFinite),
      deviations.allSatisfy({ $0 > 0 })
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .deviations, in: values,
        debugDescription:
          "expected as many deviations above 0 as means, found \(deviations.count) and \(means.count)")
    }
    self.means = means
    self.deviations = deviations
  }
}
