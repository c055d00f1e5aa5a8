import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateMemory

@Suite("Inverted lists")
struct InvertedListsTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Keys around some centres, as those of real data are, and queries of the same kind.
  private func data(_ count: Int, _ dimension: Int, queries: Int = 20) -> (keys: Tensor, queries: Tensor) {
    var stream = RandomStream(seed: 5, name: "keys")
    let centres = stream.normal([12, dimension], standardDeviation: 1).scalars
    func near(_ count: Int) -> Tensor {
      let noise = stream.normal([count, dimension], standardDeviation: 0.4).scalars
      return Tensor(
        noise.enumerated().map { $1 + centres[($0 / dimension * 5 % 12) * dimension + $0 % dimension] },
        shape: [count, dimension])
    }
    return (near(count), near(queries))
  }

  private func index(
    _ keys: Tensor, _ precision: VectorIndex.Precision = .float32,
    _ measure: VectorIndex.Measure = .squaredDistance
  ) throws -> VectorIndex {
    let path = scratch.file("\(precision)-\(measure)-\(keys.shape).vectors")
    let writer = try VectorIndex.Writer(
      path, dimension: keys.shape[1], precision: precision, measure: measure)
    try writer.add(keys, values: (0..<Int32(keys.shape[0])).map { 2 * $0 })
    try writer.commit()
    return try VectorIndex(path)
  }

  private func lists(
    of index: VectorIndex, _ change: (inout InvertedLists.Options) -> Void = { _ in }
  ) throws -> InvertedLists {
    var options = InvertedLists.Options()
    (options.lists, options.iterations) = (24, 4)
    change(&options)
    let path = scratch.file("lists-\(UUID())")
    #expect(try InvertedLists.write(path, of: index, options: options))
    return try InvertedLists(path, of: index)
  }

  @Test(
    "With all lists and candidates the search is the exact one, with few of them it finds most",
    arguments: VectorIndex.Precision.allCases, VectorIndex.Measure.allCases)
  func search(precision: VectorIndex.Precision, measure: VectorIndex.Measure) throws {
    let (keys, queries) = data(1500, 10)
    let index = try index(keys, precision, measure)
    let lists = try lists(of: index) { $0.partSize = 3 }
    #expect(lists.lists == 24 && lists.count == 1500)
    let exact = index.search(queries, count: 10)
    let all = lists.search(queries, count: 10, probes: 24, candidates: 150)
    for (one, other) in zip(exact, all) {
      #expect(one.map(\.place) == other.map(\.place) && one.map(\.value) == other.map(\.value))
      for (a, b) in zip(one, other) { #expect(abs(a.score - b.score) <= 1e-4 * max(1, abs(a.score))) }
    }
    #expect(lists.recall(of: 10, queries, probes: 24) > 0.97)
    #expect(lists.recall(of: 10, queries, probes: 6) > 0.8)
    let (probes, recall) = lists.probes(reaching: 0.9, of: 10, queries)
    #expect(recall >= 0.9 && recall == lists.recall(of: 10, queries, probes: probes))
    #expect(probes == 1 || lists.recall(of: 10, queries, probes: probes / 2) < 0.9)
  }

  @Test("Results depend neither on threads nor on other queries, and the same keys give the same file")
  func alike() throws {
    let (keys, queries) = data(2000, 8, queries: 70)
    let index = try index(keys)
    let one = scratch.file("one"), two = scratch.file("two")
    for (path, threads) in [(one, 1), (two, 3)] {
      _ = try ThreadPool.$current.withValue(ThreadPool(threads: threads)) {
        try InvertedLists.write(path, of: index)
      }
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: one)) == Data(contentsOf: URL(fileURLWithPath: two)))
    let lists = try InvertedLists(one, of: index)
    // 4 √2000.
    #expect(lists.lists == 178)
    let all = ThreadPool.$current.withValue(ThreadPool(threads: 1)) {
      lists.search(queries, count: 5, probes: 9)
    }
    #expect(
      ThreadPool.$current.withValue(ThreadPool(threads: 3)) { lists.search(queries, count: 5, probes: 9) }
        == all)
    for row in [0, 66] { #expect(lists.search(queries[row..<row + 1], count: 5, probes: 9) == [all[row]]) }
  }

  @Test(
    "Keys that are added later are found until the lists are made again, and lists of other keys are refused")
  func added() throws {
    let (keys, queries) = data(300, 6)
    let first = try index(keys)
    let path = scratch.file("l")
    _ = try InvertedLists.write(path, of: first)
    let writer = try VectorIndex.Writer(appendingTo: first.path)
    try writer.add(queries, values: [Int32](repeating: -1, count: 20))
    try writer.commit()
    let whole = try VectorIndex(first.path)
    let lists = try InvertedLists(path, of: whole)
    #expect(lists.count == 300 && lists.index.count == 320)
    for (row, matches) in lists.search(queries, count: 3, probes: 4).enumerated() {
      #expect(matches[0].place == 300 + row && matches[0].value == -1 && matches[0].score > -1e-5)
      #expect(matches.count == 3 && Set(matches.map(\.place)).count == 3)
    }
    let other = try index(data(301, 6).keys)
    #expect(
      throws: VectorIndexError.damaged(
        file: path, offset: 32, expected: "lists of the keys of \(other.path)", found: "those of others")
    ) { try InvertedLists(path, of: other) }
    let wide = try index(data(30, 7).keys)
    #expect(
      throws: VectorIndexError.damaged(
        file: path, offset: 12, expected: "keys of 7 numbers as \(wide.path) has", found: "6")
    ) { try InvertedLists(path, of: wide) }
  }

  @Test("Fewer keys than lists, equal keys and none at all are no trouble")
  func small() throws {
    for count in [0, 1, 5] {
      let keys = Tensor([Float](repeating: 2, count: 3 * count), shape: [count, 3])
      let lists = try lists(of: index(keys)) { $0.lists = 9 }
      #expect(lists.lists == min(9, count))
      let found = lists.search(Tensor([2, 2, 1], shape: [1, 3]), count: 4, probes: 50)
      #expect(found[0].map(\.place) == Array((0..<count).prefix(4)) && found[0].allSatisfy { $0.score == -1 })
      // All keys are equal, so that any of them will do.
      let recall = lists.recall(of: 2, Tensor([2, 2, 1], shape: [1, 3]), probes: 9)
      #expect(recall == 1)
    }
  }

  @Test("A damaged byte is found, whatever it is, and options that can't be used are said")
  func damage() throws {
    let (keys, _) = data(40, 4)
    let index = try index(keys)
    let path = scratch.file("d")
    var options = InvertedLists.Options()
    options.lists = 3
    _ = try InvertedLists.write(path, of: index, options: options)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    for place in stride(from: 0, to: bytes.count, by: 7) {
      var other = bytes
      other[place] ^= 0x41
      try Data(other).write(to: URL(fileURLWithPath: path))
      #expect(throws: VectorIndexError.self, "byte \(place)") { try InvertedLists(path, of: index) }
    }
    for count in [0, 63, 64, bytes.count - 1] {
      try Data(bytes.prefix(count)).write(to: URL(fileURLWithPath: path))
      #expect(throws: VectorIndexError.self) { try InvertedLists(path, of: index) }
    }
    options.partSize = 0
    #expect(
      throws: VectorIndexError.badKeys(
        file: path, expected: "options of lists that can be used",
        found: "part size: expected 1 or more numbers of 4, found 0")
    ) { try InvertedLists.write(path, of: index, options: options) }
    #expect(try !InvertedLists.write(scratch.file("none"), of: index, shouldStop: { true }))
    #expect(!FileManager.default.fileExists(atPath: scratch.file("none")))
  }
}
