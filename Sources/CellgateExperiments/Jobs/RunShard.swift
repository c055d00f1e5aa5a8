/// A part of the runs of a comparison or reproduction, for machines that share nothing: each makes its own shard in a folder of
/// its own, and `FolderMerge` puts the folders together.
public struct RunShard: Sendable, Equatable, CustomStringConvertible {
  /// Which of the shards it is, from 1 to `count`.
  public let number: Int
  /// How many shards there are, 1 to 10,000.
  public let count: Int

  /// "3/8": the third of eight shards; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int(parts[0]), let count = Int(parts[1]) else { return nil }
    self.init(number, of: count)
  }

  /// A shard by its number; nil for numbers out of range.
  public init?(_ number: Int, of count: Int) {
    guard (1...10_000).contains(count), (1...count).contains(number) else { return nil }
    (self.number, self.count) = (number, count)
  }

  /// "3/8".
  public var description: String { "\(number)/\(count)" }

  /// Which of some pieces of work are this shard's, by what each costs: the dearest is dealt first, each to the shard that has the
  /// least work so far. The same pieces on every machine.
  func takes(_ costs: [Double]) -> [Bool] {
    var loads = [Double](repeating: 0, count: count)
    var isOwn = [Bool](repeating: false, count: costs.count)
    for piece in costs.indices.sorted(by: { (-costs[$0], $0) < (-costs[$1], $1) }) {
      let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
      loads[least] += costs[piece]
      isOwn[piece] = least == number - 1
    }
    return isOwn
  }
}
