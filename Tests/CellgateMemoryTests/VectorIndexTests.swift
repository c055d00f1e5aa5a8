import CellgateFiles
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateMemory

@Suite("Vector indices")
struct VectorIndexTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// An index of random keys, in blocks of unequal sizes, whose values are 3 · place.
  private func index(
    _ count: Int, _ dimension: Int, _ precision: VectorIndex.Precision, _ measure: VectorIndex.Measure,
    seed: UInt64 = 1
  ) throws -> (index: VectorIndex, keys: [Float]) {
    var stream = RandomStream(seed: seed, name: "keys")
    let keys = stream.normal([count, dimension], standardDeviation: 1)
    let path = scratch.file("\(count)-\(dimension)-\(precision)-\(measure).vectors")
    let writer = try VectorIndex.Writer(path, dimension: dimension, precision: precision, measure: measure)
    for range in [0..<count / 3, count / 3..<count] where !range.isEmpty {
      try writer.add(keys.sliced(range, axis: 0), values: range.map { Int32(3 * $0) })
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    try writer.commit()
    return (try VectorIndex(path), keys.scalars)
  }

  @Test(
    "A search finds what comparing each key with each query finds",
    arguments: VectorIndex.Precision.allCases, VectorIndex.Measure.allCases)
  func exact(precision: VectorIndex.Precision, measure: VectorIndex.Measure) throws {
    for (count, dimension, queries, most) in [(1, 1, 1, 3), (300, 7, 17, 300), (5000, 16, 65, 10)] {
      let (index, keys) = try index(count, dimension, precision, measure)
      #expect(index.count == count && index.precision == precision && index.measure == measure)
      var stream = RandomStream(seed: 2, name: "queries")
      let asked = stream.normal([queries, dimension], standardDeviation: 1)
      let found = index.search(asked, count: most)
      #expect(found.count == queries)
      let numbers = asked.scalars
      for (row, matches) in found.enumerated() where row % 8 == 0 {
        let scores = (0..<count).map { key -> Double in
          let own = keys[key * dimension..<(key + 1) * dimension]
          let scale = (own.map(\.magnitude).max() ?? 0) / 127
          return (0..<dimension).reduce(0.0) { sum, place in
            let exact = own[key * dimension + place]
            let key =
              switch precision {
              case .float32: exact
              case .float16: Float(Float16(exact))
              case .int8: (exact / scale).rounded(.toNearestOrEven) * scale
              }
            let query = Double(numbers[row * dimension + place])
            return measure == .innerProduct
              ? sum + query * Double(key) : sum - (query - Double(key)) * (query - Double(key))
          }
        }
        let best = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(most)
        #expect(matches.count == min(most, count))
        for (match, place) in zip(matches, best) {
          // Scores that differ by a rounding may change places.
          #expect(abs(Double(match.score) - scores[place]) < 2e-5 * max(1, abs(scores[place])))
          #expect(abs(scores[match.place] - scores[place]) < 4e-5 * max(1, abs(scores[place])))
          #expect(match.value == Int32(3 * match.place) && index.value(match.place) == match.value)
        }
      }
    }
  }

  @Test("Results depend neither on threads nor on other queries, and of equal keys the first ones are found")
  func alike() throws {
    let (index, _) = try index(9_000, 16, .float32, .squaredDistance)
    var stream = RandomStream(seed: 3, name: "queries")
    let queries = stream.normal([40, 16], standardDeviation: 1)
    let pool = ThreadPool(threads: 1)
    let all = ThreadPool.$current.withValue(pool) { index.search(queries, count: 12) }
    for threads in [2, 3] {
      let other = ThreadPool.$current.withValue(ThreadPool(threads: threads)) {
        index.search(queries, count: 12)
      }
      #expect(other == all)
    }
    for row in [0, 17, 39] { #expect(index.search(queries[row..<row + 1], count: 12) == [all[row]]) }
    let path = scratch.file("equal.vectors")
    let writer = try VectorIndex.Writer(path, dimension: 2, measure: .innerProduct)
    try writer.add(
      Tensor([Float](repeating: 1, count: 2 * 9000), shape: [9000, 2]),
      values: [Int32](repeating: 7, count: 9000))
    try writer.commit()
    let same = try VectorIndex(path).search(Tensor([1, 2], shape: [1, 2]), count: 5)[0]
    #expect(same.map(\.place) == [0, 1, 2, 3, 4] && same.allSatisfy { $0.score == 3 && $0.value == 7 })
  }

  @Test("Keys are added at the end, and what an interrupted addition left doesn't count")
  func appending() throws {
    let (first, keys) = try index(10, 3, .float16, .squaredDistance)
    let before = try Data(contentsOf: URL(fileURLWithPath: first.path))
    let writer = try VectorIndex.Writer(appendingTo: first.path)
    #expect(throws: VectorIndexError.inUse(file: first.path)) {
      try VectorIndex.Writer(appendingTo: first.path)
    }
    try writer.add(Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3]), values: [100, 101])
    try writer.commit()
    #expect(writer.count == 12 && first.count == 10)
    let whole = try VectorIndex(first.path)
    #expect(whole.count == 12 && whole.value(11) == 101 && whole.value(9) == 27)
    #expect(
      whole.search(Tensor([4, 5, 6], shape: [1, 3]), count: 1)[0] == [.init(place: 11, value: 101, score: 0)])
    let after = try Data(contentsOf: URL(fileURLWithPath: first.path))
    #expect(after.prefix(before.count) == before)
    for cut in before.count..<after.count {
      let path = scratch.file("cut.vectors")
      try after.prefix(cut).write(to: URL(fileURLWithPath: path))
      #expect(try VectorIndex(path).count == 10)
    }
    let again = try VectorIndex.Writer(appendingTo: scratch.file("cut.vectors"))
    try again.add(Tensor(Array(keys[..<3]), shape: [1, 3]), values: [5])
    try again.commit()
    #expect(try VectorIndex(scratch.file("cut.vectors")).value(10) == 5)
  }

  @Test("A damaged byte is found, whatever it is, and none crashes the program")
  func damage() throws {
    let (index, _) = try index(5, 3, .int8, .innerProduct)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: index.path)))
    let path = scratch.file("damaged.vectors")
    for place in bytes.indices {
      var other = bytes
      other[place] ^= 0x41
      try Data(other).write(to: URL(fileURLWithPath: path))
      // A block whose number of keys is larger than the file looks like an interrupted one, if its header's checksum were right.
      #expect(throws: VectorIndexError.self, "byte \(place)") { try VectorIndex(path) }
    }
    for count in [0, 1, 63] {
      try Data(bytes.prefix(count)).write(to: URL(fileURLWithPath: path))
      #expect(
        throws: VectorIndexError.damaged(
          file: path, offset: 0, expected: "a header of 64 bytes", found: "\(count)")
      ) {
        try VectorIndex(path)
      }
    }
    #expect(throws: VectorIndexError.file(.missing(file: "/none"))) { try VectorIndex("/none") }
    #expect(throws: VectorIndexError.file(.missing(file: "/none"))) {
      try VectorIndex.Writer(appendingTo: "/none")
    }
  }

  @Test("Keys that aren't numbers are refused by their place, and an empty index finds nothing")
  func refuses() throws {
    let path = scratch.file("bad.vectors")
    let writer = try VectorIndex.Writer(path, dimension: 2, precision: .float16)
    for (number, text) in [(Float.nan, "nan"), (.infinity, "inf"), (70_000, "70000.0")] {
      #expect(
        throws: VectorIndexError.badKeys(
          file: path, expected: "numbers of at most 65504.0 in key 2", found: text)
      ) { try writer.add(Tensor([0, 1, 2, number], shape: [2, 2]), values: [1, 2]) }
    }
    try writer.commit()
    let empty = try VectorIndex(path)
    #expect(empty.count == 0 && empty.search(.zeros([2, 2]), count: 3) == [[], []])
    #expect(empty.search(.zeros([0, 2]), count: 3) == [])
  }

  @Test("Half floats are those of the hardware")
  func halves() {
    for bits in UInt16.min...UInt16.max {
      let half = Float16(bitPattern: bits)
      guard half.isFinite else { continue }
      #expect(HalfFloat.float(bits) == Float(half) && HalfFloat.bits(Float(half)) == bits)
    }
    var stream = RandomStream(seed: 4, name: "halves")
    for _ in 0..<20_000 {
      let number = stream.normal() * exp2f(stream.uniform(in: -26..<14))
      #expect(HalfFloat.bits(number) == Float16(number).bitPattern, "\(number)")
    }
  }
}
