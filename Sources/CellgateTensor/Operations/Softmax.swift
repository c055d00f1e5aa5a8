import CellgateBasics
import CellgateKernels

extension Tensor {
  /// eˣ / Σ eˣ along an axis; the sums are taken in Double. Finite numbers of any size are safe.
  public func softmax(axis: Int = -1) -> Tensor {
    let axis = Axes.index(axis, of: shape, "softmax")
    guard axis == rank - 1 else { return transposed(axis, -1).softmax().transposed(axis, -1) }
    let output = SoftmaxRows.forward(self) { _, _, _ in }
    return RecordedOperation.record("softmax", inputs: [self], output: output) { gradient, _ in
      [.tensor(SoftmaxRows.gradient(gradient, output))]
    }
  }

  /// The softmax of the first `counts` numbers of each row of the last dimension; the others get 0, and so does a row
  /// without any.
  public func softmax(first counts: [Int]) -> Tensor {
    let width = shape.last ?? 1
    require(
      counts.count * width == count || count == 0,
      "softmax: expected a count for each row of \(shape), found \(counts.count)")
    for count in counts {
      require(count >= 0 && count <= width, "softmax: expected counts of 0...\(width), found \(count)")
    }
    let output = SoftmaxRows.forward(self, first: counts)
    return RecordedOperation.record("softmax", inputs: [self], output: output) { gradient, _ in
      [.tensor(SoftmaxRows.gradient(gradient, output, first: counts))]
    }
  }

  /// ln softmax(x) = x − ln Σ eˣ along an axis.
  public func logSoftmax(axis: Int = -1) -> Tensor {
    let axis = Axes.index(axis, of: shape, "logSoftmax")
    guard axis == rank - 1 else { return transposed(axis, -1).logSoftmax().transposed(axis, -1) }
    let (width, output) = (shape[axis], Tensor.uninitialized(shape))
    let (input, result) = unsafe (pointer, output.pointer)
    let probabilities = SoftmaxRows.forward(self) { row, largest, sum in
      let rest = Float(CLibrary.log(sum))
      for index in row * width..<(row + 1) * width {
        unsafe result[index] = input[index] - largest - rest
      }
    }
    return RecordedOperation.record("logSoftmax", inputs: [self], output: output) { gradient, _ in
      [.tensor(SoftmaxRows.logGradient(gradient, probabilities))]
    }
  }
}

/// Softmax of the rows of a tensor, along its last dimension.
package enum SoftmaxRows {
  /// softmax(x); `eachRow` gets a row's number, its largest x and Σ e^(x − largest), on some thread.
  package static func forward(
    _ x: Tensor, _ eachRow: (_ row: Int, _ largest: Float, _ sum: Double) -> Void
  ) -> Tensor {
    let (width, output) = (x.shape.last ?? 1, Tensor.uninitialized(x.shape))
    let (input, result) = unsafe (x.pointer, output.pointer)
    forEachRows(x) { rows in
      let start = rows.lowerBound * width
      var largest = [Float](repeating: 0, count: rows.count)
      var sums = [Double](repeating: 0, count: rows.count)
      unsafe cg_softmax(rows.count, width, input + start, result + start, &largest, &sums)
      for (index, row) in rows.enumerated() { eachRow(row, largest[index], sums[index]) }
    }
    return output
  }

  /// y ⊙ (g − Σ g ⊙ y), row by row.
  static func gradient(_ gradient: Tensor, _ y: Tensor) -> Tensor {
    let (width, result) = (y.shape.last ?? 1, Tensor.uninitialized(y.shape))
    let (g, p, output) = unsafe (gradient.pointer, y.pointer, result.pointer)
    forEachRows(y) { rows in
      let start = rows.lowerBound * width
      unsafe cg_softmax_gradient(rows.count, width, g + start, p + start, output + start)
    }
    return result
  }

  /// As `forward` of the first `counts` numbers of each row, and 0 after them.
  static func forward(_ x: Tensor, first counts: [Int]) -> Tensor {
    let (width, output) = (x.shape.last ?? 1, Tensor.uninitialized(x.shape))
    let (input, result) = unsafe (x.pointer, output.pointer)
    forEachRows(x) { rows in
      var (largest, sum) = (Float(0), 0.0)
      for row in rows {
        let (start, count) = (row * width, counts[row])
        if count > 0 { unsafe cg_softmax(1, count, input + start, result + start, &largest, &sum) }
        unsafe (result + start + count).update(repeating: 0, count: width - count)
      }
    }
    return output
  }

  /// As `gradient` of the first `counts` numbers of each row, and 0 after them.
  static func gradient(_ gradient: Tensor, _ y: Tensor, first counts: [Int]) -> Tensor {
    let (width, result) = (y.shape.last ?? 1, Tensor.uninitialized(y.shape))
    let (g, p, output) = unsafe (gradient.pointer, y.pointer, result.pointer)
    forEachRows(y) { rows in
      for row in rows {
        let (start, count) = (row * width, counts[row])
        if count > 0 { unsafe cg_softmax_gradient(1, count, g + start, p + start, output + start) }
        unsafe (output + start + count).update(repeating: 0, count: width - count)
      }
    }
    return result
  }

  /// g − softmax(x) Σ g, row by row.
  static func logGradient(_ gradient: Tensor, _ probabilities: Tensor) -> Tensor {
    let (width, result) = (gradient.shape.last ?? 1, Tensor.uninitialized(gradient.shape))
    let (g, p, output) = unsafe (gradient.pointer, probabilities.pointer, result.pointer)
    forEachRows(gradient) { rows in
      for row in rows {
        let start = row * width
        let sum = unsafe Float(cg_sum(width, g + start))
        for index in start..<start + width { unsafe output[index] = g[index] - p[index] * sum }
      }
    }
    return result
  }

  private static func forEachRows(_ x: Tensor, _ body: (Range<Int>) -> Void) {
    guard x.count > 0, let width = x.shape.last else { return }
    Elementwise.chunks(x.count / width, grain: max(1, Elementwise.grain / width), body)
  }
}
