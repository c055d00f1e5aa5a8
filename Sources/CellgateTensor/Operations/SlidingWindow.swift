import CellgateBasics

/// A kernel's way over one dimension: where it starts, how far it moves, which entries it covers.
struct SlidingWindow {
  /// Entries of the input and of the output.
  let input: Int, output: Int
  let kernel: Int, stride: Int, dilation: Int
  let padding: Padding

  init(_ operation: String, input: Int, kernel: Int, stride: Int, padding: Padding, dilation: Int = 1) {
    require(
      kernel > 0 && stride > 0 && dilation > 0 && padding.before >= 0 && padding.after >= 0,
      "\(operation): expected a kernel, stride and dilation of 1 or more and padding of 0 or more, found \(kernel), "
        + "\(stride), \(dilation) and \(padding.before), \(padding.after)")
    let span = dilation * (kernel - 1) + 1
    let room = input + padding.before + padding.after - span
    require(
      room >= 0 || input == 0,
      "\(operation): expected a kernel that spans at most \(input + padding.before + padding.after) entries, found \(span)"
    )
    (self.input, self.kernel, self.stride) = (input, kernel, stride)
    (self.padding, self.dilation) = (padding, dilation)
    output = room < 0 ? 0 : room / stride + 1
  }

  /// Which entry of the input each tap of the kernel meets at a place of the output.
  var taps: WindowTaps {
    WindowTaps(
      step: stride, dilation: dilation, before: padding.before, divisor: 1, limit: input, count: kernel)
  }

  /// Which entry of the output meets a place of the input under each tap, the last tap first.
  var reversedTaps: WindowTaps {
    WindowTaps(
      step: 1, dilation: dilation, before: dilation * (kernel - 1) - padding.before, divisor: stride,
      limit: output,
      count: kernel)
  }
}

/// The entries that a window meets at each place.
struct WindowTaps {
  let step: Int, dilation: Int, before: Int, divisor: Int, limit: Int
  let count: Int

  /// The entry under `tap` at `place`; nil beside the entries.
  @inline(__always)
  func entry(_ place: Int, _ tap: Int) -> Int? {
    let position = place * step + tap * dilation - before
    if position < 0 || (divisor > 1 && position % divisor != 0) { return nil }
    let entry = divisor > 1 ? position / divisor : position
    return entry < limit ? entry : nil
  }
}

/// Windows over two dimensions of x [outer, height, width, inner, C]: sequences [T, B, C] have one outer entry, T rows of
/// one column, and B inner entries; pictures [B, H, W, C] have one inner entry.
struct WindowGrid {
  let outer: Int, inner: Int
  let height: SlidingWindow, width: SlidingWindow

  /// Taps of a window.
  var area: Int { height.kernel * width.kernel }
  /// Windows, and entries of the input.
  var outputRows: Int { outer * height.output * width.output * inner }
  var inputRows: Int { outer * height.input * width.input * inner }
}
