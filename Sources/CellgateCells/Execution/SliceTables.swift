/// Where the rows of each step lie, in floats, for the different kinds of slots of one slice.
@safe final class SliceTables {
  /// Rows of a window's steps, one step after the other.
  let frames: UnsafeMutablePointer<Int>
  /// State frames: the initial rows first, then the steps; before and after each step.
  let before: UnsafeMutablePointer<Int>, after: UnsafeMutablePointer<Int>
  /// Rows of the steps of a chunk, of `width` and of `inputSize` floats.
  let chunk: UnsafeMutablePointer<Int>, input: UnsafeMutablePointer<Int>
  /// Two buffers in turn: the one of this step and the one of the step before.
  let even: UnsafeMutablePointer<Int>, odd: UnsafeMutablePointer<Int>

  /// For frames that hold the steps of one of `windows` at a time: a window is some whole chunks.
  init(_ slice: Slice, layout: Layout, windows: [Range<Int>]) {
    let count = max(slice.steps, 1)
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
    let head = slice.rows.count, width = layout.width
    for range in slice.chunks {
      let start = slice.rowsBefore[range.lowerBound]
      for step in range {
        unsafe chunk[step] = (slice.rowsBefore[step] - start) * width
        unsafe input[step] = (slice.rowsBefore[step] - start) * layout.inputSize
        unsafe even[step] = (step & 1) * head * width
        unsafe odd[step] = (1 - step & 1) * head * width
      }
    }
    for window in windows {
      let start = slice.rowsBefore[window.lowerBound]
      for step in window {
        let rows = slice.rowsBefore[step] - start
        let isFirst = step == window.lowerBound
        unsafe frames[step] = rows * width
        unsafe before[step] = isFirst ? 0 : (head + slice.rowsBefore[step - 1] - start) * width
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
  }
}
