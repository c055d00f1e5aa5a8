import CellgateBasics
import CellgateFiles
import CellgateTensor

/// Vectors of one size, the keys, each with a number that belongs to it, in one file that is read by mapping it.
///
/// ```swift
/// let writer = try VectorIndex.Writer("notes.vectors", dimension: 256)
/// try writer.add(keys, values: numbers)               // keys [N, 256]
/// try writer.commit()
/// let index = try VectorIndex("notes.vectors")
/// let matches = index.search(queries, count: 10)      // queries [Q, 256]
/// ```
///
/// The search is exact: all keys are multiplied with all queries, on all threads, and the best are kept. Its results depend neither on
/// the number of threads nor on which queries are asked together. Immutable: any threads may share it. Keys that are added to the file
/// later are seen by who opens it again.
public final class VectorIndex: Sendable {
  /// How a key's numbers are stored.
  public enum Precision: String, Sendable, CaseIterable {
    /// Four bytes each.
    case float32 = "f32"
    /// Two bytes each.
    case float16 = "f16"
    /// A byte each: whole numbers from -127 to 127, times a scale of the key.
    case int8
  }

  /// What makes a key a good one.
  public enum Measure: String, Sendable, CaseIterable {
    /// A small Σ (q − k)².
    case squaredDistance = "squared-distance"
    /// A large Σ q k.
    case innerProduct = "inner-product"
  }

  /// A key that was found.
  public struct Match: Sendable, Equatable {
    /// The key's place in the file, from 0 on.
    public let place: Int
    /// The number that belongs to it.
    public let value: Int32
    /// The inner product, or the squared distance with a minus: large is good.
    public let score: Float
  }

  /// The file.
  public let path: String
  /// D, the numbers of a key.
  public let dimension: Int
  /// How they are stored.
  public let precision: Precision
  /// What is searched for.
  public let measure: Measure
  /// How many keys there are.
  public let count: Int

  let file: MappedFile
  let blocks: [VectorBlock]

  /// Opens a file and compares its checksums. Throws `file`, or `damaged`.
  public init(_ path: String) throws(VectorIndexError) {
    let file: MappedFile
    do throws(FileError) { file = try MappedFile(path) } catch { throw .file(error) }
    let layout = try VectorLayout(file)
    (self.path, self.file, blocks) = (path, file, layout.blocks)
    (dimension, precision, measure) = (layout.dimension, layout.precision, layout.measure)
    count = blocks.last.map { $0.first + $0.count } ?? 0
  }

  /// The number of the key at a place.
  public func value(_ place: Int) -> Int32 {
    let block = block(of: place)
    return unsafe block.values(in: file)[place - block.first]
  }

  /// The block that has the key at a place.
  func block(of place: Int) -> VectorBlock {
    require(
      (0..<count).contains(place), "VectorIndex: expected a place below \(count), found \(place)")
    return blocks[blocks.partitionIndex { $0.first > place } - 1]
  }

  /// The keys at some places, `[places, D]`, as they are stored.
  public func keys(at places: some Collection<Int>) -> Tensor {
    let result = Tensor.uninitialized([places.count, dimension])
    var to = unsafe result.pointer
    for place in places {
      let block = block(of: place)
      unsafe block.copyKey(place - block.first, in: file, to: to)
      unsafe to += dimension
    }
    return result
  }

  /// Queries that are multiplied with the keys at once, and keys of a product.
  private static let queriesAtOnce = 64, rowsAtOnce = 256
  /// Keys of a task at least.
  private static let leastKeys = 4096

  /// The best `count` keys for each of queries `[Q, D]`, the best one first, fewer where there are fewer; of equally good ones those
  /// that stand first.
  public func search(_ queries: Tensor, count wanted: Int) -> [[Match]] {
    search(queries, count: wanted, from: 0)
  }

  /// The same among the keys from a place on.
  func search(_ queries: Tensor, count wanted: Int, from start: Int) -> [[Match]] {
    require(
      queries.rank == 2 && queries.shape[1] == dimension && wanted > 0,
      "VectorIndex: expected queries [Q, \(dimension)] and 1 or more matches, found \(queries.shape) and \(wanted)"
    )
    let most = min(wanted, count - start)
    guard most > 0 else { return queries.shape[0] == 0 ? [] : (0..<queries.shape[0]).map { _ in [] } }
    var found: [[Match]] = []
    for first in stride(from: 0, to: queries.shape[0], by: Self.queriesAtOnce) {
      let group = queries.sliced(first..<min(first + Self.queriesAtOnce, queries.shape[0]), axis: 0)
      let tops = tops(of: group, count: most, in: start..<count)
      let squares = measure == .squaredDistance ? (group * group).sum(axis: 1).scalars : []
      for (row, top) in tops.enumerated() {
        found.append(
          top.sorted.map { entry in
            Match(
              place: entry.place, value: value(entry.place),
              score: squares.isEmpty ? entry.score : min(0, entry.score - squares[row]))
          })
      }
    }
    return found
  }

  /// The best keys for each of some queries, by q · k or 2 q · k − |k|².
  private func tops(of queries: Tensor, count most: Int, in range: Range<Int>) -> [TopKeys] {
    let rows = queries.shape[0], width = TopKeys.padded(rows)
    let product = PackedLinear(weight: Clusters.widened(queries, to: width))
    let pool = ThreadPool.current
    let tasks = max(1, min(4 * pool.threads, range.count / Self.leastKeys))
    let found = SharedParts<[TopKeys]>(count: tasks)
    pool.run(tasks) { task in
      let part =
        range.lowerBound + range.count * task / tasks..<range.lowerBound + range.count * (task + 1) / tasks
      var tops = [TopKeys](repeating: TopKeys(count: most), count: rows)
      scan(part, product, width: width, into: &tops)
      found.set(task, tops)
    }
    var tops = [TopKeys](repeating: TopKeys(count: most), count: rows)
    for part in found.all {
      for row in 0..<rows { tops[row].merge(part[row]) }
    }
    return tops
  }

  private func scan(_ part: Range<Int>, _ product: PackedLinear, width: Int, into tops: inout [TopKeys]) {
    let scratch = KeyScratch(rows: Self.rowsAtOnce, dimension: dimension, width: width)
    var thresholds = KeyThresholds(tops, width: width)
    for block in blocks where block.first < part.upperBound && block.first + block.count > part.lowerBound {
      let own =
        max(part.lowerBound, block.first) - block.first..<min(part.upperBound, block.first + block.count)
        - block.first
      for first in stride(from: own.lowerBound, to: own.upperBound, by: Self.rowsAtOnce) {
        let rows = first..<min(first + Self.rowsAtOnce, own.upperBound)
        unsafe product.map(block.keys(rows, in: file, scratch), rows: rows.count, to: scratch.products)
        unsafe block.finish(rows, in: file, measure, scratch.products, width: width)
        for row in 0..<rows.count {
          unsafe thresholds.take(scratch.products + row * width, place: block.first + first + row, &tops)
        }
      }
    }
  }
}

extension Array {
  /// The first place whose element meets a condition that all after it meet too.
  fileprivate func partitionIndex(where isAfter: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
