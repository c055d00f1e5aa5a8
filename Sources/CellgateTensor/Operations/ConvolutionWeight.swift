import CellgateKernels

/// A convolution's weight, laid out once for its forward passes.
struct ConvolutionWeight: Sendable {
  /// Of all groups: C and O.
  let channels: Int, outputs: Int
  let groups: Int
  /// Each group's [taps · C / groups, O / groups], packed for products; where each channel sees itself alone, of all of them
  /// [taps, C].
  private let parts: [Storage]
  private let isDepthwise: Bool

  /// Rows of a product in a task, at most.
  private static let rowGrain = 48

  /// Of a weight [O, C / groups, taps]. Where each picture's channel sees itself alone there is a loop of its own.
  init(_ weight: Tensor, channels: Int, groups: Int, overPictures: Bool) {
    (self.channels, self.groups, outputs) = (channels, groups, weight.shape[0])
    isDepthwise = overPictures && groups == channels && outputs == channels && groups > 1
    if isDepthwise {
      let rows = Permutation.copy(weight.detached, [1, 2, 0])
      parts = [rows.storage]
      return
    }
    // [O, taps, C]: its rows are laid out as patches.
    let rows = Permutation.copy(weight.detached, [0, 2, 1])
    let (size, count) = (weight.shape[1] * weight.shape[2], outputs / groups)
    parts = (0..<groups).map { group in
      unsafe MatrixProduct.pack(
        rows.pointer + group * count * size, depth: size, columns: count, strides: (1, size))
    }
  }

  /// What is done with results while they are in the cache.
  struct Ending {
    /// A tensor of the result's shape that is added.
    var added: Tensor?
    /// The kernels' code of each number after that, and its constant; nil for none.
    var function: (code: cg_code, constant: Float)?

    /// Finishes `count` numbers from a place of the result on.
    @inline(__always)
    func apply(_ result: UnsafeMutablePointer<Float>, from place: Int, count: Int) {
      let own = unsafe result + place
      if let added { unsafe cg_apply(CG_ADD, count, own, added.pointer + place, nil, 0, own) }
      if let function { unsafe cg_apply(function.code, count, own, nil, nil, function.constant, own) }
    }
  }

  /// result [outer, H′, W′, inner, O] of x [outer, H, W, inner, C].
  func convolve(
    _ x: Tensor, _ grid: WindowGrid, bias: Tensor?, into result: Tensor, ending: Ending = Ending()
  ) {
    if isDepthwise {
      convolveChannels(x, grid, bias: bias, into: result, ending: ending)
    } else {
      for group in 0..<groups {
        multiply(x, grid, group: group, bias: bias, into: result, ending: groups == 1 ? ending : Ending())
      }
      if groups > 1 {
        let target = unsafe result.pointer
        Elementwise.chunks(result.count) { range in
          unsafe ending.apply(target, from: range.lowerBound, count: range.count)
        }
      }
    }
    withExtendedLifetime((x, bias, result, ending)) {}
  }

  /// A group's products with the entries under the windows.
  private func multiply(
    _ x: Tensor, _ grid: WindowGrid, group: Int, bias: Tensor?, into result: Tensor, ending: Ending
  ) {
    let (width, columns) = (channels / groups, outputs / groups)
    let patches = Patches(grid, channels: channels, first: group * width, count: width)
    let (source, first) = unsafe (UnsafePointer(x.pointer), group * columns)
    let target = unsafe result.pointer
    let offset = unsafe bias.map { unsafe UnsafePointer($0.pointer) + first }
    let start = bias == nil ? CG_START_ZERO : CG_START_BIAS
    let operand = unsafe UnsafePointer(parts[group].pointer)
    // Entries under windows of one tap that move by one are the input itself.
    let isPoint = groups == 1 && grid.isPoint
    let rows = grid.outputRows
    let pieces = max(1, (rows + Self.rowGrain - 1) / Self.rowGrain)
    Elementwise.chunks(rows, grain: max(1, (rows + pieces - 1) / pieces)) { range in
      let block = isPoint ? nil : Storage(count: range.count * patches.size)
      var from = unsafe source + range.lowerBound * channels
      if let block {
        unsafe patches.copy(range, of: source, to: block.pointer)
        unsafe from = UnsafePointer(block.pointer)
      }
      var term = unsafe cg_term(a: from, lda: patches.size, k: patches.size, packed: operand)
      unsafe cg_product(
        range.count, columns, &term, 1, start, offset, target + first + range.lowerBound * outputs, outputs)
      unsafe ending.apply(target, from: range.lowerBound * outputs, count: range.count * outputs)
      withExtendedLifetime(block) {}
    }
  }

  /// A row of the result at a time.
  private func convolveChannels(
    _ x: Tensor, _ grid: WindowGrid, bias: Tensor?, into result: Tensor, ending: Ending
  ) {
    let (source, target) = unsafe (UnsafePointer(x.pointer), result.pointer)
    let (high, wide) = (grid.height, grid.width)
    let taps = high.taps
    let (lineIn, lineOut) = (wide.input * channels, wide.output * channels)
    let weight = unsafe UnsafePointer(parts[0].pointer)
    let offset = unsafe bias.map { unsafe UnsafePointer($0.pointer) }
    Elementwise.chunks(grid.outer * high.output, grain: max(1, Elementwise.grain / max(1, lineOut))) {
      range in
      unsafe withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: high.kernel) { rows in
        for line in range {
          let (picture, row) = line.quotientAndRemainder(dividingBy: high.output)
          for tap in 0..<high.kernel {
            unsafe rows[tap] = taps.entry(row, tap).map { entry in
              unsafe source + (picture * high.input + entry) * lineIn
            }
          }
          unsafe cg_depthwise(
            wide.output, channels, high.kernel, rows.baseAddress, wide.kernel, wide.input, wide.stride,
            wide.dilation, wide.padding.before, weight, offset, target + line * lineOut)
          unsafe ending.apply(target, from: line * lineOut, count: lineOut)
        }
      }
    }
  }
}

extension WindowGrid {
  /// Whether each window holds the entry of its own place alone.
  var isPoint: Bool { height.isPoint && width.isPoint }
}

extension SlidingWindow {
  /// Whether each place of the output meets the entry of that place alone.
  fileprivate var isPoint: Bool {
    kernel == 1 && stride == 1 && padding.before == 0 && padding.after == 0
  }
}
