import CellgateBasics
import CellgateCharts

/// By how much one cell differs from another, seed by seed: both were trained with the same data in the same order, so that
/// the differences vary less than the values do.
public struct PairedDifference: Codable, Equatable, Sendable {
  /// The cell, and the one that it is compared with.
  public var cell: String, reference: String
  /// The seeds that both have a complete run of.
  public var seeds: [UInt64]
  /// The mean over these seeds of the cell's value less the reference's; nil for no seed.
  public var difference: Double?
  /// The ends of the 95 % interval of that mean by Student's t; nil for fewer than two seeds.
  public var low: Double?, high: Double?

  /// Whether the interval leaves zero out: if not, the difference may be chance. False where there is no interval.
  public var isDistinguishable: Bool {
    guard let low, let high else { return false }
    return low > 0 || high < 0
  }

  /// The difference of two cells with a value for each of some seeds.
  public init(
    _ cell: String, _ values: [UInt64: Double], from reference: String, _ others: [UInt64: Double]
  ) {
    self.cell = cell
    self.reference = reference
    seeds = values.keys.filter { others[$0] != nil }.sorted()
    let differences = seeds.map { (values[$0] ?? 0) - (others[$0] ?? 0) }
    difference = Statistics.mean(differences)
    guard let difference, let spread = Statistics.spread(differences) else { return }
    let error = spread / Double(seeds.count).squareRoot()
    let reach = error * StudentT.quantile(confidence: 0.95, degrees: seeds.count - 1)
    (low, high) = (difference - reach, difference + reach)
  }

  /// Every pair, the later cell against the earlier one.
  public static func all(_ cells: [(name: String, values: [UInt64: Double])]) -> [PairedDifference] {
    cells.indices.flatMap { first in
      cells.indices[(first + 1)...].map { second in
        PairedDifference(
          cells[second].name, cells[second].values, from: cells[first].name, cells[first].values)
      }
    }
  }

  private enum CodingKeys: CodingKey { case cell, reference, seeds, difference, low, high, distinguishable }

  /// Reads all but what follows from the rest.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    cell = try values.decode(String.self, forKey: .cell)
    reference = try values.decode(String.self, forKey: .reference)
    seeds = try values.decode([UInt64].self, forKey: .seeds)
    difference = try values.decodeIfPresent(Double.self, forKey: .difference)
    low = try values.decodeIfPresent(Double.self, forKey: .low)
    high = try values.decodeIfPresent(Double.self, forKey: .high)
  }

  /// Writes every key, null where there is no value.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(cell, forKey: .cell)
    try values.encode(reference, forKey: .reference)
    try values.encode(seeds, forKey: .seeds)
    try values.encode(difference, forKey: .difference)
    try values.encode(low, forKey: .low)
    try values.encode(high, forKey: .high)
    try values.encode(isDistinguishable, forKey: .distinguishable)
  }
}

extension PairedDifference {
  /// "+0.0047", "[−0.0012, +0.0106]" and what that says, with numbers as `number` writes magnitudes.
  package func texts(_ number: (Double) -> String) -> (difference: String, interval: String, verdict: String)
  {
    func signed(_ value: Double?) -> String {
      guard let value else { return "–" }
      return (value < 0 ? "−" : "+") + number(abs(value))
    }
    let interval = low == nil ? "–" : "[\(signed(low)), \(signed(high))]"
    let verdict = low == nil ? "one seed" : isDistinguishable ? "distinguishable" : "≈ may be chance"
    return (signed(difference), interval, seeds.isEmpty ? "no seed" : verdict)
  }
}
