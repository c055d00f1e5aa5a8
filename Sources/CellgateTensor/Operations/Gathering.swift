import CellgateBasics
import CellgateKernels

extension Tensor {
  /// The entries `indices` of an axis, in this order and as often as they are named: [5, 6, 3] and 8 indices of axis 1
  /// give [5, 8, 3]. Indices of a `shape` put it in the axis' place.
  public func gathered(_ indices: [Int32], shape indexShape: [Int]? = nil, axis: Int = 0) -> Tensor {
    let axis = Axes.index(axis, of: shape, "gathered")
    let indexShape = indexShape ?? [indices.count]
    Gathering.check("gathered", indices, indexShape, below: shape[axis], axis: axis)
    let blocks = AxisBlocks(shape, axis: axis)
    let output = Tensor.uninitialized(shape[..<axis] + indexShape + shape[(axis + 1)...])
    Gathering.copy(blocks, self, indices, into: output)
    return RecordedOperation.record("gather", inputs: [self], output: output) { gradient, _ in
      [.adding { sum in Gathering.add(blocks, gradient, indices, to: sum) }]
    }
  }

  /// The same numbers with `values` added to the entries `indices` of an axis, those that are named several times
  /// included: x [6, 4], values [9, 4] and 9 indices of axis 0 give [6, 4].
  public func scatterAdded(_ values: Tensor, at indices: [Int32], axis: Int = 0) -> Tensor {
    let axis = Axes.index(axis, of: shape, "scatterAdded")
    Gathering.check("scatterAdded", indices, [indices.count], below: shape[axis], axis: axis)
    var expected = shape
    expected[axis] = indices.count
    require(
      values.shape == expected, "scatterAdded: expected values \(expected), found \(values.shape)")
    let (blocks, output) = (AxisBlocks(shape, axis: axis), copied())
    Gathering.add(blocks, values, indices, to: output)
    return RecordedOperation.record("scatterAdd", inputs: [self, values], output: output) {
      gradient, needed in
      var own: Contribution?
      if needed[1] {
        let part = Tensor.uninitialized(expected)
        Gathering.copy(blocks, gradient, indices, into: part)
        own = .tensor(part)
      }
      return [.tensor(gradient), own]
    }
  }

  private typealias Contribution = RecordedOperation.Contribution
}

/// Rows of blocks [outer, size, inner] by index.
private enum Gathering {
  /// Numbers that are worth a kernel's call.
  private static let shortest = 32

  static func check(_ name: String, _ indices: [Int32], _ shape: [Int], below bound: Int, axis: Int) {
    require(
      indices.count == shape.reduce(1, *),
      "\(name): expected as many indices as \(shape) holds, found \(indices.count)")
    for index in indices {
      require(
        index >= 0 && Int(index) < bound,
        "\(name): expected indices in 0..<\(bound), axis \(axis), found \(index)")
    }
  }

  /// output [outer, indices, inner].
  static func copy(_ blocks: AxisBlocks, _ x: Tensor, _ indices: [Int32], into output: Tensor) {
    let (size, inner) = (blocks.size, blocks.inner)
    guard inner > 0 else { return }
    let (source, target) = unsafe (x.pointer, output.pointer)
    Elementwise.chunks(blocks.outer * indices.count, grain: max(1, Elementwise.grain / inner)) { range in
      for row in range {
        let (block, place) = row.quotientAndRemainder(dividingBy: indices.count)
        let from = (block * size + Int(indices[place])) * inner
        unsafe (target + row * inner).update(from: source + from, count: inner)
      }
    }
  }

  /// sum [outer, size, inner] += values [outer, indices, inner]; every entry adds its values in order.
  static func add(_ blocks: AxisBlocks, _ values: Tensor, _ indices: [Int32], to sum: Tensor) {
    let (size, inner) = (blocks.size, blocks.inner)
    let (total, term) = unsafe (sum.pointer, values.pointer)
    // Blocks and columns are shared out.
    let width = min(max(inner, 1), 256)
    let parts = (inner + width - 1) / width
    let work = max(1, indices.count * width)
    Elementwise.chunks(blocks.outer * parts, grain: max(1, 4096 / work)) { range in
      for index in range {
        let (block, part) = index.quotientAndRemainder(dividingBy: parts)
        let columns = part * width..<min(inner, (part + 1) * width)
        for (place, entry) in indices.enumerated() {
          let to = unsafe total + (block * size + Int(entry)) * inner + columns.lowerBound
          let from = unsafe term + (block * indices.count + place) * inner + columns.lowerBound
          if columns.count < shortest {
            for column in 0..<columns.count { unsafe to[column] += from[column] }
          } else {
            unsafe cg_apply(CG_ADD, columns.count, to, from, nil, 0, to)
          }
        }
      }
    }
  }
}
