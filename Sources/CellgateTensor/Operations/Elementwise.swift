import CellgateBasics

/// Loops over many floats, cut into chunks for the thread pool. The cuts depend on the count alone.
enum Elementwise {
  /// Floats in a chunk.
  static let grain = 1 << 14

  /// Calls `body` for disjoint ranges that cover 0 ..< count.
  @inline(__always)
  static func chunks(_ count: Int, grain: Int = Elementwise.grain, _ body: (Range<Int>) -> Void) {
    ThreadPool.current.run(over: count, grain: grain, body)
  }

  /// f(x) for every number.
  @inline(__always)
  static func map(_ x: Tensor, _ f: (Float) -> Float) -> Tensor {
    let result = Tensor.uninitialized(x.shape)
    let (input, output) = unsafe (x.pointer, result.pointer)
    chunks(x.count) { range in
      for index in range { unsafe output[index] = f(input[index]) }
    }
    return result
  }

  /// f(x, y) for every pair of numbers of two tensors of one shape.
  @inline(__always)
  static func zip(_ x: Tensor, _ y: Tensor, _ f: (Float, Float) -> Float) -> Tensor {
    let result = Tensor.uninitialized(x.shape)
    let (left, right, output) = unsafe (x.pointer, y.pointer, result.pointer)
    chunks(x.count) { range in
      for index in range { unsafe output[index] = f(left[index], right[index]) }
    }
    return result
  }
}

extension Tensor {
  /// A copy in memory of its own, through which no gradient flows.
  public func copied() -> Tensor {
    let result = Tensor.uninitialized(shape)
    unsafe result.pointer.update(from: pointer, count: count)
    return result
  }

  /// Adds `other`, of the same shape, to the numbers themselves. Not differentiated.
  func add(inPlace other: Tensor) {
    require(shape == other.shape, "add(inPlace:): expected \(shape), found \(other.shape)")
    let (sum, term) = unsafe (pointer, other.pointer)
    Elementwise.chunks(count) { range in
      for index in range { unsafe sum[index] += term[index] }
    }
  }
}
