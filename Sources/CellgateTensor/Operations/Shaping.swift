import CellgateBasics

extension Tensor {
  /// The same numbers, in the same memory, under another shape of the same count.
  public func reshaped(_ newShape: [Int]) -> Tensor {
    require(
      Self.count(of: newShape) == count,
      "reshaped: expected a shape of \(count) numbers as \(shape) has, found \(newShape)")
    let (shape, view) = (shape, Tensor(storage: storage, offset: offset, shape: newShape))
    return Operation.record("reshape", inputs: [self], output: view) { gradient, _ in
      [.tensor(gradient.reshaped(shape))]
    }
  }

  /// Entry `index` of the first dimension: [T, B, I] gives [B, I], in the same memory.
  public subscript(index: Int) -> Tensor {
    let slice = self[index..<index + 1]
    return slice.reshaped(Array(shape.dropFirst()))
  }

  /// Entries `range` of the first dimension, in the same memory.
  public subscript(range: Range<Int>) -> Tensor {
    guard let first = shape.first else {
      fail("slice: expected a tensor with a first dimension, found one of shape []")
    }
    require(
      range.lowerBound >= 0 && range.upperBound <= first,
      "slice: expected a range in 0..<\(first), found \(range)")
    let stride = shape.dropFirst().reduce(1, *)
    let start = range.lowerBound * stride
    let view = Tensor(
      storage: storage, offset: offset + start, shape: [range.count] + shape.dropFirst())
    return Operation.record("slice", inputs: [self], output: view) { gradient, _ in
      [
        .adding { sum in
          Tensor(storage: sum.storage, offset: sum.offset + start, shape: gradient.shape)
            .add(inPlace: gradient)
        }
      ]
    }
  }
}

/// The tensors side by side along the last dimension: [.., N₁], [.., N₂], ... give [.., N₁ + N₂ + ..].
public func concatenated(_ tensors: [Tensor]) -> Tensor {
  guard let leading = tensors.first?.shape.dropLast(), tensors.allSatisfy({ $0.rank > 0 }) else {
    fail(
      "concatenated: expected one or more tensors, each with a last dimension, found \(tensors.map(\.shape))")
  }
  require(
    tensors.allSatisfy { $0.shape.dropLast() == leading },
    "concatenated: expected shapes that differ in the last dimension alone, found \(tensors.map(\.shape))")
  let shapes = tensors.map(\.shape)
  let widths = shapes.map { $0.last ?? 1 }
  let (rows, width) = (leading.reduce(1, *), widths.reduce(0, +))
  let starts = widths.indices.map { widths[..<$0].reduce(0, +) }
  let output = Tensor.uninitialized(Array(leading) + [width])
  for (tensor, start) in zip(tensors, starts) {
    copyBlock(rows, tensor, 0, to: output, start, width: tensor.shape.last ?? 1)
  }
  return Operation.record("concatenate", inputs: tensors, output: output) { gradient, needed in
    needed.indices.map { index in
      guard needed[index] else { return nil }
      let part = Tensor.uninitialized(shapes[index])
      copyBlock(rows, gradient, starts[index], to: part, 0, width: widths[index])
      return .tensor(part)
    }
  }
}

/// Copies `width` columns of `rows` rows, from column `from` of one matrix to column `to` of another.
private func copyBlock(
  _ rows: Int, _ source: Tensor, _ from: Int, to target: Tensor, _ to: Int, width: Int
) {
  let (sourceWidth, targetWidth) = (source.shape.last ?? 1, target.shape.last ?? 1)
  let (input, output) = unsafe (source.pointer + from, target.pointer + to)
  Elementwise.chunks(rows, grain: max(1, Elementwise.grain / max(width, 1))) { range in
    for row in range {
      unsafe (output + row * targetWidth).update(from: input + row * sourceWidth, count: width)
    }
  }
}
