import CellgateBasics

/// One of several equal parts of each batch, such as that of one process of many.
public struct Shard: Sendable, Equatable {
  /// Which, from 0 on.
  public let index: Int
  /// Of how many.
  public let count: Int

  /// All of a batch.
  public static let whole = Shard(0, of: 1)

  /// Shard `index` of `count`.
  public init(_ index: Int, of count: Int) {
    require(
      count > 0 && index >= 0 && index < count,
      "Shard: expected an index below a count above 0, found \(index) of \(count)")
    self.index = index
    self.count = count
  }

  /// Its part of `total` things: the parts of all shards follow on one another, and differ by one thing at most.
  public func range(of total: Int) -> Range<Int> { total * index / count..<total * (index + 1) / count }
}

/// A data set: its batches are a function of a seed, a step and a shard.
///
/// The shards of a step are a partition of its batch: side by side in their order they are the whole one, and whether
/// another step or shard was asked for before changes nothing. A shard may be empty.
public protocol BatchSource<Batch> {
  /// Some sequences, and what is to be learned from them.
  associatedtype Batch

  /// Updates in an epoch; nil where the data don't end.
  var stepsPerEpoch: Int? { get }
  /// A checksum of the data that a run learns from, validation included; nil where they are made and not read.
  var checksum: String? { get }

  /// The shard of update `step`, counted from 0.
  func batch(seed: UInt64, step: Int, shard: Shard) -> Batch
  /// Whether no sequence is in a batch, as in a shard of one of fewer sequences than shards. The default is never.
  func isEmpty(_ batch: Batch) -> Bool
  /// The batches of an evaluation, the same for every seed, each made when it is asked for.
  func batches(of split: Split) -> AnySequence<Batch>
}

extension BatchSource {
  /// Fresh data for every update.
  public var stepsPerEpoch: Int? { nil }
  /// Batches of which every shard has some.
  public func isEmpty(_ batch: Batch) -> Bool { false }

  /// The data are made.
  public var checksum: String? { nil }
}
