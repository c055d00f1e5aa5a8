extension Tensor {
  /// The sum of all numbers, of shape []; summed in Double, chunk by chunk in a fixed order.
  public func sum() -> Tensor {
    let (shape, output) = (shape, Tensor(Float(total())))
    return Operation.record("sum", inputs: [self], output: output) { gradient, _ in
      [.tensor(.full(shape, gradient.item))]
    }
  }

  /// The mean of all numbers, of shape []; of none it is NaN.
  public func mean() -> Tensor {
    let (shape, divisor) = (shape, Double(count))
    return Operation.record("mean", inputs: [self], output: Tensor(Float(total() / divisor))) { gradient, _ in
      [.tensor(.full(shape, Float(Double(gradient.item) / divisor)))]
    }
  }

  private func total() -> Double {
    Reduction.sum(count) { range in
      var sum = 0.0
      for index in range { unsafe sum += Double(pointer[index]) }
      return sum
    }
  }
}

/// Sums whose order of additions depends on the count alone.
public enum Reduction {
  /// The sum over disjoint ranges that cover 0 ..< count, each summed by `partial` on some thread; the
  /// parts are added in order.
  public static func sum(_ count: Int, _ partial: (Range<Int>) -> Double) -> Double {
    let grain = Elementwise.grain
    let chunks = (count + grain - 1) / grain
    if chunks <= 1 { return partial(0..<count) }
    var parts = [Double](repeating: 0, count: chunks)
    unsafe parts.withUnsafeMutableBufferPointer { parts in
      guard let parts = parts.baseAddress else { return }
      ThreadPool.current.run(chunks) { chunk in
        unsafe parts[chunk] = partial(chunk * grain..<min(count, (chunk + 1) * grain))
      }
    }
    return parts.reduce(0, +)
  }
}
