import CellgateBasics

/// The largest numbers of windows over time: x [T, B, C] gives [T′, B, C], T′ = ⌊(T + padding − K) / stride⌋ + 1.
///
/// Windows of `kernel` K steps, K apart unless a stride is given. Padding counts as −∞. NaN where there is one; the first
/// of equal numbers gets the gradient.
public func maxPool1d(_ x: Tensor, kernel: Int, stride: Int? = nil, padding: Padding = 0) -> Tensor {
  Pooling("maxPool1d", x, kernel: kernel, stride: stride, padding: padding).largest(x)
}

/// The means of windows over time: x [T, B, C] gives [T′, B, C], T′ = ⌊(T + padding − K) / stride⌋ + 1.
///
/// Windows of `kernel` K steps, K apart unless a stride is given. Padding counts as zeros, or not at all.
public func avgPool1d(
  _ x: Tensor, kernel: Int, stride: Int? = nil, padding: Padding = 0, countsPadding: Bool = true
) -> Tensor {
  Pooling("avgPool1d", x, kernel: kernel, stride: stride, padding: padding).means(x, countsPadding)
}

/// The largest numbers of windows over pictures: x [B, H, W, C] gives [B, H′, W′, C],
/// H′ = ⌊(H + 2 padding − KH) / stride⌋ + 1 and W′ alike.
///
/// Windows of `kernel` KH by KW, as far apart unless a stride is given. Padding counts as −∞. NaN where there is one; the
/// first of equal numbers gets the gradient.
public func maxPool2d(
  _ x: Tensor, kernel: HeightWidth, stride: HeightWidth? = nil, padding: HeightWidth = 0
) -> Tensor {
  Pooling("maxPool2d", x, kernel: kernel, stride: stride, padding: padding).largest(x)
}

/// The means of windows over pictures: x [B, H, W, C] gives [B, H′, W′, C],
/// H′ = ⌊(H + 2 padding − KH) / stride⌋ + 1 and W′ alike.
///
/// Windows of `kernel` KH by KW, as far apart unless a stride is given. Padding counts as zeros, or not at all.
public func avgPool2d(
  _ x: Tensor, kernel: HeightWidth, stride: HeightWidth? = nil, padding: HeightWidth = 0,
  countsPadding: Bool = true
) -> Tensor {
  Pooling("avgPool2d", x, kernel: kernel, stride: stride, padding: padding).means(x, countsPadding)
}

/// Windows over entries of C numbers, each channel by itself.
private struct Pooling {
  let name: String
  let grid: WindowGrid
  /// Numbers of an entry, and the shape of the output.
  let channels: Int, shape: [Int]

  /// Over steps: an entry holds the numbers of all sequences.
  init(_ name: String, _ x: Tensor, kernel: Int, stride: Int?, padding: Padding) {
    require(x.rank == 3, "\(name): expected an input [T, B, C], found \(x.shape)")
    require(
      padding.before < kernel && padding.after < kernel,
      "\(name): expected padding below a kernel of \(kernel), found \(padding.before) and \(padding.after)")
    let steps = SlidingWindow(
      name, input: x.shape[0], kernel: kernel, stride: stride ?? kernel, padding: padding)
    self.name = name
    grid = WindowGrid(outer: 1, inner: 1, height: steps, width: .single)
    (channels, shape) = (x.shape[1] * x.shape[2], [steps.output, x.shape[1], x.shape[2]])
  }

  /// Over rows and columns.
  init(_ name: String, _ x: Tensor, kernel: HeightWidth, stride: HeightWidth?, padding: HeightWidth) {
    require(x.rank == 4, "\(name): expected an input [B, H, W, C], found \(x.shape)")
    require(
      padding.height < kernel.height && padding.width < kernel.width,
      "\(name): expected padding below a kernel of \(kernel.height) by \(kernel.width), found \(padding.height) and \(padding.width)"
    )
    let stride = stride ?? kernel
    let rows = SlidingWindow(
      name, input: x.shape[1], kernel: kernel.height, stride: stride.height, padding: Padding(padding.height))
    let columns = SlidingWindow(
      name, input: x.shape[2], kernel: kernel.width, stride: stride.width, padding: Padding(padding.width))
    self.name = name
    grid = WindowGrid(outer: x.shape[0], inner: 1, height: rows, width: columns)
    (channels, shape) = (x.shape[3], [x.shape[0], rows.output, columns.output, x.shape[3]])
  }

  /// Calls `body` with each entry of a window at `place` and its tap.
  @inline(__always)
  private func forEach(
    _ place: Int, _ places: (height: Int, width: Int), _ source: (height: Int, width: Int),
    _ rows: WindowTaps,
    _ columns: WindowTaps, _ body: (_ entry: Int, _ tap: Int) -> Void
  ) {
    let (line, column) = place.quotientAndRemainder(dividingBy: places.width)
    let (block, row) = line.quotientAndRemainder(dividingBy: places.height)
    for rowTap in 0..<rows.count {
      guard let y = rows.entry(row, rowTap) else { continue }
      for columnTap in 0..<columns.count {
        guard let x = columns.entry(column, columnTap) else { continue }
        body((block * source.height + y) * source.width + x, rowTap * columns.count + columnTap)
      }
    }
  }

  /// The inputs under the window at a place of the output.
  @inline(__always)
  private func forEachInput(_ place: Int, _ body: (_ entry: Int, _ tap: Int) -> Void) {
    forEach(
      place, (grid.height.output, grid.width.output), (grid.height.input, grid.width.input), grid.height.taps,
      grid.width.taps, body)
  }

  /// The outputs whose windows cover a place of the input, and the tap that does.
  @inline(__always)
  private func forEachOutput(_ place: Int, _ body: (_ entry: Int, _ tap: Int) -> Void) {
    forEach(
      place, (grid.height.input, grid.width.input), (grid.height.output, grid.width.output),
      grid.height.reversedTaps, grid.width.reversedTaps
    ) { entry, tap in body(entry, grid.area - 1 - tap) }
  }

  private var grain: Int { max(1, Elementwise.grain / max(1, channels * grid.area)) }

  func largest(_ x: Tensor) -> Tensor {
    let keepsTaps = RecordedOperation.records([x])
    let (output, taps) = (Tensor.uninitialized(shape), Tensor.uninitialized(keepsTaps ? shape : [0]))
    let (source, target, tapOf) = unsafe (x.pointer, output.pointer, taps.pointer)
    Elementwise.chunks(grid.outputRows, grain: grain) { range in
      for place in range {
        let to = unsafe target + place * channels
        unsafe to.update(repeating: -.infinity, count: channels)
        let own = unsafe tapOf + (keepsTaps ? place * channels : 0)
        if keepsTaps { unsafe own.update(repeating: -1, count: channels) }
        forEachInput(place) { entry, tap in
          let (from, number) = unsafe (source + entry * channels, Float(tap))
          if keepsTaps {
            for channel in 0..<channels {
              let (best, next) = unsafe (to[channel], from[channel])
              let keeps = unsafe (next <= best && own[channel] >= 0) || best != best
              unsafe own[channel] = keeps ? own[channel] : number
              unsafe to[channel] = keeps ? best : next
            }
          } else {
            for channel in 0..<channels {
              let (best, next) = unsafe (to[channel], from[channel])
              unsafe to[channel] = next <= best || best != best ? best : next
            }
          }
        }
      }
    }
    let inputShape = x.shape
    return RecordedOperation.record(name, inputs: [x], output: output) { [self] gradient, _ in
      let (result, taps) = (Tensor.zeros(inputShape), taps)
      let (arrived, target, tapOf) = unsafe (gradient.pointer, result.pointer, taps.pointer)
      Elementwise.chunks(grid.inputRows, grain: grain) { range in
        for place in range {
          let to = unsafe target + place * channels
          forEachOutput(place) { entry, tap in
            let (from, own, number) = unsafe (
              arrived + entry * channels, tapOf + entry * channels, Float(tap)
            )
            for channel in 0..<channels {
              unsafe to[channel] += own[channel] == number ? from[channel] : 0
            }
          }
        }
      }
      return [.tensor(result)]
    }
  }

  func means(_ x: Tensor, _ countsPadding: Bool) -> Tensor {
    let output = Tensor.zeros(shape)
    let factors = factors(countsPadding)
    let (source, target) = unsafe (x.pointer, output.pointer)
    Elementwise.chunks(grid.outputRows, grain: grain) { range in
      for place in range {
        let (to, factor) = unsafe (target + place * channels, factors[place % factors.count])
        forEachInput(place) { entry, _ in
          let from = unsafe source + entry * channels
          for channel in 0..<channels { unsafe to[channel] += from[channel] }
        }
        for channel in 0..<channels { unsafe to[channel] *= factor }
      }
    }
    let inputShape = x.shape
    return RecordedOperation.record(name, inputs: [x], output: output) { [self] gradient, _ in
      let result = Tensor.zeros(inputShape)
      let (arrived, target) = unsafe (gradient.pointer, result.pointer)
      Elementwise.chunks(grid.inputRows, grain: grain) { range in
        for place in range {
          let to = unsafe target + place * channels
          forEachOutput(place) { entry, _ in
            let (from, factor) = unsafe (arrived + entry * channels, factors[entry % factors.count])
            for channel in 0..<channels { unsafe to[channel] += factor * from[channel] }
          }
        }
      }
      return [.tensor(result)]
    }
  }

  /// What the sum of each window of a picture is multiplied by.
  private func factors(_ countsPadding: Bool) -> [Float] {
    (0..<max(1, grid.height.output * grid.width.output)).map { place in
      guard !countsPadding, grid.outputRows > 0 else { return 1 / Float(grid.area) }
      var count = 0
      forEachInput(place) { _, _ in count += 1 }
      return 1 / Float(max(count, 1))
    }
  }
}
