import CellgateBasics
import CellgateKernels

/// A convolution over time: x [T, B, C] and weight [O, C / groups, K] give [T′, B, O],
/// T′ = ⌊(T + padding − dilation (K − 1) − 1) / stride⌋ + 1.
///
///     y[t, b, o] = bias[o] + Σ over c, k of weight[o, c, k] x[t · stride + k · dilation − padding.before, b, c]
///
/// As in PyTorch, which has the channels before the steps. Padding in front alone, of dilation (K − 1), lets a step see no
/// later one. With groups, each of them sees its share of the channels.
public func conv1d(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Padding = 0, dilation: Int = 1,
  groups: Int = 1
) -> Tensor {
  require(x.rank == 3, "conv1d: expected an input [T, B, C], found \(x.shape)")
  require(weight.rank == 3, "conv1d: expected a weight [O, C / groups, K], found \(weight.shape)")
  let steps = SlidingWindow(
    "conv1d", input: x.shape[0], kernel: weight.shape[2], stride: stride, padding: padding, dilation: dilation
  )
  let grid = WindowGrid(outer: 1, inner: x.shape[1], height: steps, width: .single)
  let rule = Convolution("conv1d", grid, x, weight, bias, groups: groups)
  return rule.record(shape: [steps.output, x.shape[1], weight.shape[0]])
}

/// A convolution over pictures: x [B, H, W, C] and weight [O, C / groups, KH, KW] give [B, H′, W′, O],
/// H′ = ⌊(H + 2 padding − dilation (KH − 1) − 1) / stride⌋ + 1 and W′ alike.
///
/// As in PyTorch, which has the channels before the rows. With groups, each of them sees its share of the channels.
public func conv2d(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: HeightWidth = 1, padding: HeightWidth = 0,
  dilation: HeightWidth = 1, groups: Int = 1
) -> Tensor {
  require(x.rank == 4, "conv2d: expected an input [B, H, W, C], found \(x.shape)")
  require(
    weight.rank == 4, "conv2d: expected a weight [O, C / groups, KH, KW], found \(weight.shape)")
  let rows = SlidingWindow(
    "conv2d", input: x.shape[1], kernel: weight.shape[2], stride: stride.height,
    padding: Padding(padding.height),
    dilation: dilation.height)
  let columns = SlidingWindow(
    "conv2d", input: x.shape[2], kernel: weight.shape[3], stride: stride.width,
    padding: Padding(padding.width),
    dilation: dilation.width)
  let grid = WindowGrid(outer: x.shape[0], inner: 1, height: rows, width: columns)
  let rule = Convolution("conv2d", grid, x, weight, bias, groups: groups)
  return rule.record(shape: [x.shape[0], rows.output, columns.output, weight.shape[0]])
}

extension SlidingWindow {
  /// Over one entry.
  static let single = SlidingWindow("", input: 1, kernel: 1, stride: 1, padding: 0)
}

/// A convolution as products with the entries under the windows: im2col for some rows at a time, so that the patches
/// stay in the cache.
private struct Convolution {
  let name: String
  let grid: WindowGrid
  let x: Tensor, weight: Tensor, bias: Tensor?
  let groups: Int
  /// Of all groups: C and O.
  let channels: Int, outputs: Int

  private static let rowGrain = 48
  /// Numbers of the patches that are held at once for the weights' gradient.
  private static let patchLimit = 1 << 20

  init(_ name: String, _ grid: WindowGrid, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, groups: Int) {
    (channels, outputs) = (x.shape[x.rank - 1], weight.shape[0])
    require(
      groups > 0 && channels % groups == 0 && outputs % groups == 0 && weight.shape[1] * groups == channels,
      "\(name): expected a weight of \(channels) / groups channels and groups that divide them, found \(weight.shape) in \(groups) groups"
    )
    require(
      bias == nil || bias?.shape == [outputs],
      "\(name): expected a bias [\(outputs)], found \(bias?.shape ?? [])")
    (self.name, self.grid, self.groups) = (name, grid, groups)
    (self.x, self.weight, self.bias) = (x, weight, bias)
  }

  private var groupChannels: Int { channels / groups }
  private var groupOutputs: Int { outputs / groups }

  func record(shape: [Int]) -> Tensor {
    let output = Tensor.uninitialized(shape)
    forward(into: output)
    let (rule, inputShape, weightShape) = (detached, x.shape, weight.shape)
    let inputs = [x, weight] + (bias.map { [$0] } ?? [])
    return RecordedOperation.record(name, inputs: inputs, output: output) { gradient, needed in
      var contributions: [RecordedOperation.Contribution?] = [
        needed[0] ? .tensor(rule.inputGradient(gradient, shape: inputShape)) : nil,
        needed[1] ? .tensor(rule.weightGradient(gradient, shape: weightShape)) : nil,
      ]
      if needed.count > 2 {
        contributions.append(
          .adding { sum in
            unsafe ColumnSums.add(
              rows: rule.grid.outputRows, gradient.pointer, rule.outputs, to: sum.pointer)
          })
      }
      return contributions
    }
  }

  private var detached: Convolution {
    Convolution(name, grid, x.detached, weight.detached, bias?.detached, groups: groups)
  }

  private func forward(into output: Tensor) {
    let weight = ConvolutionWeight(
      weight.detached.reshaped([outputs, groupChannels, grid.area]), channels: channels, groups: groups,
      overPictures: grid.inner == 1)
    weight.convolve(x.detached, grid, bias: bias?.detached, into: output)
  }

  /// result [count, columns], rows `ld` apart, = patches of source · packed.
  private func multiply(
    _ patches: Patches, _ count: Int, _ source: UnsafePointer<Float>, _ packed: Storage, columns: Int,
    into result: UnsafeMutablePointer<Float>, ld: Int
  ) {
    let operand = unsafe UnsafePointer(packed.pointer)
    Elementwise.chunks(count, grain: Self.rowGrain) { range in
      let block = Storage(count: range.count * patches.size)
      unsafe patches.copy(range, of: source, to: block.pointer)
      var term = unsafe cg_term(a: block.pointer, lda: patches.size, k: patches.size, packed: operand)
      unsafe cg_product(
        range.count, columns, &term, 1, CG_START_ZERO, nil, result + range.lowerBound * ld, ld)
      withExtendedLifetime(block) {}
    }
    withExtendedLifetime(packed) {}
  }

  /// Each input gathers the gradients of the outputs that it has a part in, times the flipped kernel.
  private func inputGradient(_ gradient: Tensor, shape: [Int]) -> Tensor {
    let result = Tensor.uninitialized(shape)
    let (source, target) = unsafe (UnsafePointer(gradient.pointer), result.pointer)
    let (area, width) = (grid.area, groupChannels)
    for group in 0..<groups {
      let patches = Patches(
        reversed: grid, channels: outputs, first: group * groupOutputs, count: groupOutputs)
      // [O, C, taps] as [taps, O, C], the last tap first.
      let own = weight[group * groupOutputs..<(group + 1) * groupOutputs].reshaped([
        groupOutputs * width, area,
      ])
      let taps = Permutation.copy(own, [1, 0])
      let flipped = stackedBackwards(taps)
      let packed = unsafe MatrixProduct.pack(
        flipped.pointer, depth: patches.size, columns: width, strides: (width, 1))
      unsafe multiply(
        patches, grid.inputRows, source, packed, columns: width,
        into: target + group * width, ld: channels)
      withExtendedLifetime(flipped) {}
    }
    return result
  }

  /// The rows of a matrix, the last one first.
  private func stackedBackwards(_ matrix: Tensor) -> Tensor {
    let order = (0..<matrix.shape[0]).reversed().map { Int32($0) }
    return matrix.gathered(order)
  }

  private func weightGradient(_ gradient: Tensor, shape: [Int]) -> Tensor {
    let size = grid.area * groupChannels
    let sums = Tensor.zeros([outputs, grid.area, groupChannels])
    let (source, arrived) = unsafe (UnsafePointer(x.pointer), UnsafePointer(gradient.pointer))
    let rows = grid.outputRows
    let limit = max(512, Self.patchLimit / max(1, size))
    let block = Storage(count: min(rows, limit) * size)
    for group in 0..<groups {
      let patches = Patches(grid, channels: channels, first: group * groupChannels, count: groupChannels)
      let first = group * groupOutputs
      for start in stride(from: 0, to: rows, by: limit) {
        let count = min(limit, rows - start)
        Elementwise.chunks(count, grain: Self.rowGrain) { range in
          unsafe patches.copy(
            start + range.lowerBound..<start + range.upperBound, of: source,
            to: block.pointer + range.lowerBound * size)
        }
        unsafe MatrixProduct.addOuter(
          rows: count, arrived + start * outputs + first, groupOutputs, lda: outputs, block.pointer, size,
          to: sums.pointer + first * size)
      }
    }
    withExtendedLifetime(block) {}
    return Permutation.copy(sums, [0, 2, 1]).reshaped(shape)
  }
}
