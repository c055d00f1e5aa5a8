import Cellgate
import Foundation

/// A batch of queries among many keys: the exact search, or the search by lists that finds 95 % of the ten nearest ones.
final class SearchWorkload {
  /// What was timed.
  struct Record: Encodable {
    let command = "search"
    let pass, isa: String
    let keys, hidden, batch, threads: Int
    /// Of the lists: how many there are and are looked at, the share of the ten nearest keys that is found, the seconds that making them
    /// took, and the bytes of a key in lists and index together.
    let lists, probes: Int?
    let recall, buildSeconds, bytesPerKey: Double?
    let timesMs: [Double]
    let medianMs: Double
  }

  private static let wanted = 10, recall = 0.95, searches = 512
  private let options: Options
  private let folder: URL
  private let index: VectorIndex
  private let queries: Tensor
  private var lists: (lists: InvertedLists, probes: Int, recall: Double, seconds: Double, bytes: Double)?

  init(_ options: Options) throws {
    guard options.pass == "exact" || options.pass == "lists" else {
      throw GridError("--pass: expected exact or lists, found '\(options.pass)'")
    }
    self.options = options
    folder = FileManager.default.temporaryDirectory.appending(
      path: "cellgate-search-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // As vectors of real things do, they lie near a space of fewer dimensions.
    var random = RandomStream(seed: 1, name: "search")
    let (inner, size) = (min(32, options.hidden), options.hidden)
    let map = random.normal([inner, size], standardDeviation: 1 / Float(inner).squareRoot())
    func vectors(_ count: Int) -> Tensor {
      matmul(random.normal([count, inner], standardDeviation: 1), map)
        + random.normal([count, size], standardDeviation: 0.1)
    }
    let file = folder.appending(path: "keys").path
    // Exact searches are timed with the peer's precision, lists with half floats on both sides.
    let writer = try VectorIndex.Writer(
      file, dimension: size, precision: options.pass == "lists" ? .float16 : .float32)
    for first in stride(from: 0, to: options.keys, by: 1 << 16) {
      let count = min(1 << 16, options.keys - first)
      try writer.add(vectors(count), values: (first..<first + count).map { Int32($0) })
    }
    try writer.commit()
    index = try VectorIndex(file)
    queries = vectors(max(options.batch, Self.searches))
    if options.pass == "lists" {
      let path = folder.appending(path: "lists").path
      let start = ContinuousClock.now
      try InvertedLists.write(path, of: index)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let made = try InvertedLists(path, of: index)
      let (probes, recall) = made.probes(reaching: Self.recall, of: Self.wanted, queries)
      let bytes = [file, path].reduce(0.0) { sum, path in
        let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        return sum + Double(size ?? 0)
      }
      lists = (made, probes, recall, seconds, bytes / Double(options.keys))
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func run() {
    let own = queries[0..<options.batch]
    if let lists {
      _ = lists.lists.search(own, count: Self.wanted, probes: lists.probes)
    } else {
      _ = index.search(own, count: Self.wanted)
    }
  }

  func record(times: [Double]) -> Record {
    let milliseconds = times.map { $0 * 1e3 }
    return Record(
      pass: options.pass, isa: "\(InstructionSet.active)", keys: options.keys, hidden: options.hidden,
      batch: options.batch, threads: options.threads, lists: lists?.lists.lists, probes: lists?.probes,
      recall: lists?.recall, buildSeconds: lists?.seconds, bytesPerKey: lists?.bytes,
      timesMs: milliseconds, medianMs: milliseconds.median)
  }
}
