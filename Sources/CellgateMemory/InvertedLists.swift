import CellgateBasics
import CellgateFiles
import CellgateTensor

/// A faster, approximate search of a ``VectorIndex``: its keys in lists, each of those nearest to a centre, and known by codes of 4 bits
/// for every few numbers.
///
/// ```swift
/// let index = try VectorIndex("notes.vectors")
/// try InvertedLists.write("notes.lists", of: index)
/// let lists = try InvertedLists("notes.lists", of: index)
/// let (probes, recall) = lists.probes(reaching: 0.95, of: 10, queries)
/// let matches = lists.search(queries, count: 10, probes: probes)
/// ```
///
/// A search looks at the `probes` lists whose centres fit the query best, takes the best keys by their codes as candidates, and compares
/// those with the query by their own numbers (an inverted file with product quantisation: Jégou, Douze and Schmid 2011,
/// https://hal.inria.fr/inria-00514462; codes in registers: André, Kermarrec and Le Scouarnec 2015). Keys that were added to the index
/// after the lists were made are all compared, so that they are found until the lists are made again. Results depend neither on the number
/// of threads nor on which queries are asked together. Immutable: any threads may share it.
public final class InvertedLists: @unchecked Sendable {
  /// How lists are made.
  public struct Options: Sendable, Equatable {
    /// How many lists there are; 4 √N if nil.
    public var lists: Int?
    /// Numbers of a key that share a code.
    public var partSize = 4
    /// Rounds in which centres are learned.
    public var iterations = 8
    /// Keys for each list that centres are learned of, at most.
    public var sample = 64
    /// The seed of the sample.
    public var seed: UInt64 = 1

    /// The usual ones.
    public init() {}

    /// Why they can't be used; nil if they can.
    public func problem(dimension: Int) -> String? {
      if let lists, !(1...1 << 20).contains(lists) { return "lists: expected 1 to 1048576, found \(lists)" }
      if partSize < 1 || ProductQuantizer.parts(dimension, partSize: partSize) > ProductQuantizer.mostParts {
        let least = (dimension + ProductQuantizer.mostParts - 1) / ProductQuantizer.mostParts
        return "part size: expected \(least) or more numbers of \(dimension), found \(partSize)"
      }
      if iterations < 1 || sample < 1 {
        return "expected 1 or more iterations and keys of a sample, found \(iterations) and \(sample)"
      }
      return nil
    }
  }

  /// The index whose keys they are.
  public let index: VectorIndex
  /// How many of its keys are in lists; those after them are compared one by one.
  public let count: Int
  /// How many lists there are.
  public var lists: Int { centres.shape[0] }

  /// [lists, D]; nobody writes through it.
  let centres: Tensor
  let squares: [Float]
  let packed: PackedLinear
  let quantizer: ProductQuantizer
  let file: MappedFile
  /// The first key and the first block of each list, and the ends of the last one.
  let starts: [Int], blocks: [Int]
  /// Where the parts of the file begin.
  let places: Int, codes: Int, lengths: Int

  /// Opens a file of lists and compares its checksum. Throws `file`, or `damaged`, also where the lists are those of other keys.
  public init(_ path: String, of index: VectorIndex) throws(VectorIndexError) {
    let file: MappedFile
    do throws(FileError) { file = try MappedFile(path) } catch { throw .file(error) }
    let layout = try ListsLayout(file, of: index)
    (self.index, self.file, count) = (index, file, layout.count)
    centres = Tensor(layout.floats(.centres), shape: [layout.lists, index.dimension])
    squares = (centres * centres).sum(axis: 1).scalars
    packed = PackedLinear(weight: centres)
    let numbers = layout.floats(.parts)
    quantizer = ProductQuantizer(
      dimension: index.dimension, partSize: layout.partSize,
      centres: stride(from: 0, to: numbers.count, by: 16).map { SIMD16(numbers[$0..<$0 + 16]) })
    (starts, blocks) = (layout.starts, layout.blocks)
    places = layout.offset(.places)
    codes = layout.offset(.codes)
    lengths = layout.offset(.lengths)
  }

  // MARK: Recall

  /// The share of the best `count` keys that are found, the mean over queries `[Q, D]`, of which there is one or more. A key is one of
  /// the best if it is as good as the last of an exact search: of equal keys any will do.
  public func recall(
    of count: Int, _ queries: Tensor, probes: Int, candidates: Int = usualCandidates
  ) -> Double {
    recall(index.search(queries, count: count), queries, probes: probes, candidates: candidates)
  }

  private func recall(
    _ exact: [[VectorIndex.Match]], _ queries: Tensor, probes: Int, candidates: Int
  ) -> Double {
    let most = exact.map(\.count).max() ?? 0
    guard most > 0 else { return 1 }
    let found = search(queries, count: most, probes: probes, candidates: candidates)
    let shares = zip(exact, found).map { exact, found in
      // The two searches round differently.
      let least = exact.last.map { $0.score - 1e-5 * max(1, $0.score.magnitude) } ?? 0
      return Double(min(exact.count, found.count { $0.score >= least })) / Double(max(1, exact.count))
    }
    return shares.reduce(0, +) / Double(shares.count)
  }

  /// The fewest probes, among powers of two, with which a search reaches a recall on some queries, and what it is then; all lists
  /// where none does.
  public func probes(
    reaching wanted: Double, of count: Int, _ queries: Tensor, candidates: Int = usualCandidates
  ) -> (probes: Int, recall: Double) {
    let exact = index.search(queries, count: count)
    var probes = 1
    while true {
      let reached = recall(exact, queries, probes: probes, candidates: candidates)
      if reached >= wanted || probes >= lists { return (min(probes, max(1, lists)), reached) }
      probes *= 2
    }
  }
}
