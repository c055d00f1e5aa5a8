/// Where the rows of each step lie, in floats, for the different kinds of slots of one microbatch.
@safe final class StepTables {
  /// Rows of a span's steps, one step after the other.
  let frames: UnsafeMutablePointer<Int>
  /// State frames: the initial rows first, then the steps; before and after each step.
  let before: UnsafeMutablePointer<Int>, after: UnsafeMutablePointer<Int>
  /// Rows of the steps of a chunk, of `width` floats and of `inputWords` words of x.
  let chunk: UnsafeMutablePointer<Int>, input: UnsafeMutablePointer<Int>
  /// Two buffers in turn: the one of this step and the one of the step before.
  let even: UnsafeMutablePointer<Int>, odd: UnsafeMutablePointer<Int>
  /// Two buffers in turn of rows of factors.
  let factors: UnsafeMutablePointer<Int>

  /// For frames that hold the steps of one of `spans` at a time: a span is some whole chunks.
  init(_ microbatch: Microbatch, layout: Layout, spans: [Range<Int>]) {
    let count = max(microbatch.steps, 1)
    func table() -> UnsafeMutablePointer<Int> {
      let table = UnsafeMutablePointer<Int>.allocate(capacity: count)
      unsafe table.initialize(repeating: 0, count: count)
      return unsafe table
    }
    unsafe frames = table()
    unsafe before = table()
    unsafe after = table()
    unsafe chunk = table()
    unsafe input = table()
    unsafe even = table()
    unsafe odd = table()
    unsafe factors = table()
    let head = microbatch.rows.count, width = layout.width
    for range in microbatch.chunks {
      let start = microbatch.rowsBefore[range.lowerBound]
      for step in range {
        unsafe chunk[step] = (microbatch.rowsBefore[step] - start) * width
        unsafe input[step] = (microbatch.rowsBefore[step] - start) * layout.inputWords
        unsafe even[step] = (step & 1) * head * width
        unsafe odd[step] = (1 - step & 1) * head * width
        unsafe factors[step] = (step & 1) * head * layout.factorRows
      }
    }
    for span in spans {
      let start = microbatch.rowsBefore[span.lowerBound]
      for step in span {
        let rows = microbatch.rowsBefore[step] - start
        let isFirst = step == span.lowerBound
        unsafe frames[step] = rows * width
        unsafe before[step] = isFirst ? 0 : (head + microbatch.rowsBefore[step - 1] - start) * width
        unsafe after[step] = (head + rows) * width
      }
    }
  }

  deinit {
    unsafe frames.deallocate()
    unsafe before.deallocate()
    unsafe after.deallocate()
    unsafe chunk.deallocate()
    unsafe input.deallocate()
    unsafe even.deallocate()
    unsafe odd.deallocate()
    unsafe factors.deallocate()
  }
}
