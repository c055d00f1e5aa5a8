import CellgateTensor

/// Vectors of records in memory, a byte for each number, searched exactly.
///
/// A vector's numbers are whole numbers from -127 to 127 times a scale of its own, so that an inner product of unit vectors is off by less
/// than 0.01. A value: a search reads the table as it was when it was copied.
struct VectorTable: Sendable {
  /// What a search may pass over without asking the database.
  struct Filter: Sendable {
    var sessions: Set<Int64>?
    /// Whether records that belong to no session pass, whatever `sessions` says.
    var global = false
    var since = -Double.infinity
    var until = Double.infinity

    func passes(session: Int64, time: Double) -> Bool {
      guard time >= since, time <= until else { return false }
      guard let sessions else { return true }
      return session == 0 ? global : sessions.contains(session)
    }
  }

  struct Match: Sendable, Equatable {
    let id: Int64
    let similarity: Float
  }

  struct Row {
    let id: Int64
    /// 0 for none.
    let session: Int64
    let time: Double
    let scale: Float
  }

  /// Rows of a chunk at most.
  private static let chunkRows = 1 << 14

  private struct Chunk: Sendable {
    var ids: [Int64] = []
    var sessions: [Int64] = []
    var times: [Double] = []
    var scales: [Float] = []
    var numbers: [Int8] = []
  }

  let dimension: Int
  private var chunks: [Chunk] = []
  /// The vectors that are there.
  private(set) var count = 0

  init(dimension: Int) { self.dimension = dimension }

  /// A vector as whole numbers and their scale.
  static func packed(_ vector: [Float]) -> (numbers: [Int8], scale: Float) {
    let largest = vector.reduce(0) { max($0, $1.magnitude) }
    guard largest > 0, largest.isFinite else { return ([Int8](repeating: 0, count: vector.count), 0) }
    return (vector.map { Int8(($0 / largest * 127).rounded()) }, largest / 127)
  }

  mutating func add(_ row: Row, _ numbers: some Sequence<Int8>) {
    if chunks.last.map({ $0.ids.count == Self.chunkRows }) ?? true { chunks.append(Chunk()) }
    let last = chunks.count - 1
    chunks[last].ids.append(row.id)
    chunks[last].sessions.append(row.session)
    chunks[last].times.append(row.time)
    chunks[last].scales.append(row.scale)
    chunks[last].numbers.append(contentsOf: numbers)
    count += 1
  }

  /// Forgets the vectors of some records; their numbers are overwritten.
  mutating func remove(_ ids: Set<Int64>) {
    for chunk in chunks.indices {
      for row in chunks[chunk].ids.indices where ids.contains(chunks[chunk].ids[row]) {
        chunks[chunk].ids[row] = 0
        chunks[chunk].scales[row] = 0
        for place in row * dimension..<(row + 1) * dimension { chunks[chunk].numbers[place] = 0 }
        count -= 1
      }
    }
  }

  /// The `most` records with the largest inner products, the largest first; of equal ones the later record.
  func search(_ query: [Float], most: Int, filter: Filter) -> [Match] {
    let (numbers, scale) = Self.packed(query)
    guard scale > 0, most > 0, numbers.count == dimension else { return [] }
    let wide = numbers.map(Int16.init)
    let found = Found(count: chunks.count)
    ThreadPool.current.run(chunks.count) { task in
      found.set(task, best(of: chunks[task], wide, scale, most, filter))
    }
    return Array(found.all.sorted(by: Self.isBetter).prefix(most))
  }

  /// Σ of products. Two products of numbers up to 127 fit 16 bits: they are added before they are widened.
  @inline(__always)
  private static func product(
    _ numbers: UnsafeBufferPointer<Int8>, _ first: Int, _ query: UnsafeBufferPointer<Int16>, _ count: Int
  ) -> Int32 {
    let left = unsafe UnsafeRawPointer(numbers.baseAddress.unsafelyUnwrapped + first)
    let right = unsafe UnsafeRawPointer(query.baseAddress.unsafelyUnwrapped)
    var sums = SIMD8<Int32>()
    var place = 0
    while place + 16 <= count {
      let key = unsafe SIMD16<Int16>(
        truncatingIfNeeded: left.loadUnaligned(fromByteOffset: place, as: SIMD16<Int8>.self))
      let own = unsafe right.loadUnaligned(fromByteOffset: 2 * place, as: SIMD16<Int16>.self)
      let products = key &* own
      sums &+= SIMD8<Int32>(truncatingIfNeeded: products.lowHalf &+ products.highHalf)
      place += 16
    }
    var sum = sums.wrappedSum()
    while place < count {
      unsafe sum &+= Int32(numbers[first + place]) &* Int32(query[place])
      place += 1
    }
    return sum
  }

  private static func isBetter(_ first: Match, _ second: Match) -> Bool {
    first.similarity == second.similarity ? first.id > second.id : first.similarity > second.similarity
  }

  private func best(of chunk: Chunk, _ query: [Int16], _ scale: Float, _ most: Int, _ filter: Filter)
    -> [Match]
  {
    var best: [Match] = []
    var least = -Float.infinity
    unsafe chunk.numbers.withUnsafeBufferPointer { numbers in
      unsafe query.withUnsafeBufferPointer { query in
        for row in chunk.ids.indices where chunk.ids[row] != 0 {
          guard filter.passes(session: chunk.sessions[row], time: chunk.times[row]) else { continue }
          let sum = unsafe Self.product(numbers, row * dimension, query, dimension)
          let similarity = Float(sum) * scale * chunk.scales[row]
          guard similarity >= least else { continue }
          best.append(Match(id: chunk.ids[row], similarity: similarity))
          // Sorted now and then, four times as many as are wanted.
          if best.count >= 4 * most {
            best.sort(by: Self.isBetter)
            best.removeLast(best.count - most)
            least = best[best.count - 1].similarity
          }
        }
      }
    }
    best.sort(by: Self.isBetter)
    return Array(best.prefix(most))
  }

  /// What the tasks of a search found, each in a place of its own.
  @safe private final class Found: @unchecked Sendable {
    private let parts: UnsafeMutableBufferPointer<[Match]>

    init(count: Int) {
      unsafe parts = .allocate(capacity: count)
      unsafe parts.initialize(repeating: [])
    }

    deinit {
      unsafe parts.deinitialize()
      unsafe parts.deallocate()
    }

    func set(_ task: Int, _ matches: [Match]) { unsafe parts[task] = matches }

    var all: [Match] { unsafe parts.flatMap { $0 } }
  }
}
