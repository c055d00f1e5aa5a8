/// Some rows of a batch that go through the whole sequence together, longest first.
///
/// The cut depends on the batch, the lengths and the sizes alone, never on the number of threads, so that sums over
/// microbatches are always taken in the same order.
struct Microbatch: Sendable {
  /// The sequences' places in the batch.
  let rows: [Int]
  let lengths: [Int]
  /// Steps of the longest sequence.
  let steps: Int
  /// Rows that are active at each step: always the first ones.
  let active: [UInt32]
  /// Active rows before each step, and in all: `steps + 1` numbers.
  let rowsBefore: [Int]
  /// Ranges of steps of some hundred rows each, whose intermediate values stay in the cache.
  let chunks: [Range<Int>]
  /// Whole chunks whose values for the backward pass are there at the same time: all, or those
  /// that gradient checkpointing computes again at once.
  let segments: [Range<Int>]
  let reversed: Bool
  /// Whether neighbours in the microbatch are neighbours in the batch at the same time of the sequence.
  let isContiguous: Bool

  var mostChunkRows: Int { mostRows(of: chunks) }

  /// Rows of the largest of some ranges of steps.
  func mostRows(of ranges: [Range<Int>]) -> Int { ranges.map(rowCount).max() ?? 0 }

  /// Rows of some steps.
  func rowCount(_ steps: Range<Int>) -> Int { rowsBefore[steps.upperBound] - rowsBefore[steps.lowerBound] }

  /// The time of the sequence that a row sees at a step.
  func time(row: Int, step: Int) -> Int { reversed ? lengths[row] - 1 - step : step }

  /// Segments end with the chunk in which `recomputeEvery` steps are full, so that sums over chunks are the same
  /// with and without gradient checkpointing.
  init(rows: [Int], lengths: [Int], reversed: Bool, chunkRows: Int, recomputeEvery: Int? = nil) {
    self.rows = rows
    self.lengths = lengths
    self.reversed = reversed
    steps = lengths.first ?? 0
    var active: [UInt32] = []
    var before = [0]
    var count = rows.count
    for step in 0..<steps {
      while count > 0 && lengths[count - 1] <= step { count -= 1 }
      active.append(UInt32(count))
      before.append(before[step] + count)
    }
    self.active = active
    rowsBefore = before
    var chunks: [Range<Int>] = []
    var start = 0
    while start < steps {
      var end = start + 1
      while end < steps && before[end + 1] - before[start] <= chunkRows { end += 1 }
      chunks.append(start..<end)
      start = end
    }
    self.chunks = chunks
    var segments: [Range<Int>] = []
    for chunk in chunks {
      if let last = segments.last, last.count < recomputeEvery ?? .max {
        segments[segments.count - 1] = last.lowerBound..<chunk.upperBound
      } else {
        segments.append(chunk)
      }
    }
    self.segments = segments
    isContiguous =
      !reversed && rows.last.map { $0 - rows[0] == rows.count - 1 } ?? true
      && lengths.allSatisfy { $0 == lengths[0] }
  }

  /// Cuts sequences on a grid, whose places stay together: as many as fit in `layout.gridRows` rows, and at least one.
  private static func cut(
    _ sequences: CellExecution.Sequences, places: Int, layout: Layout, recomputeEvery: Int?
  ) -> [Microbatch] {
    let batch = sequences.batch / places, most = max(1, layout.gridRows / places)
    let lengths = (0..<batch).map { sequences.lengths?[$0 * places] ?? sequences.steps }
    let order = (0..<batch).sorted { (lengths[$0], $1) > (lengths[$1], $0) }
    let count = max(1, (batch + most - 1) / most)
    return (0..<count).map { index in
      let own = order[index * batch / count..<(index + 1) * batch / count]
      let rows = own.flatMap { $0 * places..<($0 + 1) * places }
      return Microbatch(
        rows: rows, lengths: own.flatMap { Array(repeating: lengths[$0], count: places) },
        reversed: sequences.reversed, chunkRows: layout.chunkRows, recomputeEvery: recomputeEvery)
    }
  }

  /// Cuts a batch: one microbatch of less than `layout.leastCutRows` rows, else an even number, of at most
  /// `layout.microbatchRows` each.
  static func cut(_ sequences: CellExecution.Sequences, layout: Layout, recomputeEvery: Int? = nil)
    -> [Microbatch]
  {
    if layout.sizes.places > 1 {
      return cut(sequences, places: layout.sizes.places, layout: layout, recomputeEvery: recomputeEvery)
    }
    let batch = sequences.batch, most = layout.microbatchRows
    let lengths = sequences.lengths ?? Array(repeating: sequences.steps, count: batch)
    let isUniform = lengths.allSatisfy { $0 == lengths[0] }
    let order = isUniform ? Array(0..<batch) : (0..<batch).sorted { (lengths[$0], $1) > (lengths[$1], $0) }
    let count = batch < layout.leastCutRows ? 1 : 2 * ((batch + 2 * most - 1) / (2 * most))
    return (0..<count).map { index in
      let rows =
        isUniform
        ? Array(order[index * batch / count..<(index + 1) * batch / count])
        : stride(from: index, to: batch, by: count).map { order[$0] }
      return Microbatch(
        rows: rows, lengths: rows.map { lengths[$0] }, reversed: sequences.reversed,
        chunkRows: layout.chunkRows, recomputeEvery: recomputeEvery)
    }
  }
}
