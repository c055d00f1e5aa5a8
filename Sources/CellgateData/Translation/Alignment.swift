import CellgateBasics

/// What each symbol of a translation looked at.
public struct Alignment: Sendable, Equatable {
  /// The symbols that were read, to be read by people.
  public package(set) var source: [String]
  /// Those that were written.
  public package(set) var target: [String]
  /// For each symbol that was written how much each that was read was looked at, which sum to 1.
  public package(set) var weights: [[Float]]

  /// Symbols and weights [target][source].
  public init(source: [String], target: [String], weights: [[Float]]) {
    require(
      weights.count == target.count && weights.allSatisfy { $0.count == source.count },
      "Alignment: expected weights [\(target.count)][\(source.count)], found others")
    (self.source, self.target, self.weights) = (source, target, weights)
  }
}
