import CellgateBasics

extension Tensor {
  /// The numbers inside a frame of `value`: `before[i]` and `after[i]` entries are added to dimension i.
  public func padded(before: [Int], after: [Int], value: Float = 0) -> Tensor {
    require(
      before.count == rank && after.count == rank && (before + after).allSatisfy { $0 >= 0 },
      "padded: expected \(rank) sizes of 0 or more at each end, found \(before) and \(after)"
    )
    let old = shape
    let output = Tensor.full(old.indices.map { before[$0] + old[$0] + after[$0] }, value)
    Frame(outer: output.shape, inner: old, before: before).forEachRow { inside, row, count in
      unsafe (output.pointer + inside).update(from: pointer + row, count: count)
    }
    return RecordedOperation.record("pad", inputs: [self], output: output) { gradient, _ in
      let part = Tensor.uninitialized(old)
      Frame(outer: gradient.shape, inner: old, before: before).forEachRow { inside, row, count in
        unsafe (part.pointer + row).update(from: gradient.pointer + inside, count: count)
      }
      return [.tensor(part)]
    }
  }

  /// `before` and `after` entries of `value` added to one axis.
  public func padded(before: Int, after: Int, axis: Int, value: Float = 0) -> Tensor {
    let axis = Axes.index(axis, of: shape, "padded")
    var (first, last) = ([Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank))
    (first[axis], last[axis]) = (before, after)
    return padded(before: first, after: last, value: value)
  }
}

/// A block inside a larger one.
private struct Frame {
  let outer: [Int], inner: [Int], before: [Int]

  /// Calls `body` with the start of each row of the block in the larger one and in itself, and its length.
  func forEachRow(_ body: (_ outside: Int, _ row: Int, _ count: Int) -> Void) {
    let length = inner.last ?? 1
    let rows = inner.dropLast().reduce(1, *)
    Elementwise.chunks(rows, grain: max(1, Elementwise.grain / max(length, 1))) { range in
      for row in range {
        var (rest, start, stride) = (row, before.last ?? 0, outer.last ?? 1)
        for axis in inner.indices.dropLast().reversed() {
          let (quotient, index) = rest.quotientAndRemainder(dividingBy: inner[axis])
          start += (before[axis] + index) * stride
          stride *= outer[axis]
          rest = quotient
        }
        body(start, row * length, length)
      }
    }
  }
}
