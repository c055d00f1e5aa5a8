import CellgateKernels

extension Tensor {
  /// The sum of all numbers, of shape []; summed in Double, chunk by chunk in a fixed order.
  public func sum() -> Tensor {
    let (shape, output) = (shape, Tensor(Float(total())))
    return RecordedOperation.record("sum", inputs: [self], output: output) { gradient, _ in
      [.tensor(.full(shape, gradient.item))]
    }
  }

  /// The mean of all numbers, of shape []; of none it is NaN.
  public func mean() -> Tensor {
    let (shape, divisor) = (shape, Double(count))
    return RecordedOperation.record("mean", inputs: [self], output: Tensor(Float(total() / divisor))) {
      gradient, _ in
      [.tensor(.full(shape, Float(Double(gradient.item) / divisor)))]
    }
  }

  private func total() -> Double {
    let numbers = unsafe pointer
    return Reduction.sum(count) { unsafe cg_sum($0.count, numbers + $0.lowerBound) }
  }

  // MARK: Along axes

  /// The sums over `axes`, which leave the shape, or stay with size 1. The sum of nothing is 0.
  public func sum(axes: [Int], keepDims: Bool = false) -> Tensor {
    let axes = Axes.indices(axes, of: shape, "sum")
    let (shape, kept) = (shape, AxisSums.of(self, axes: axes))
    let sum = RecordedOperation.record("sum", inputs: [self], output: kept) { gradient, _ in
      [.tensor(gradient.broadcast(to: shape))]
    }
    return keepDims ? sum : sum.squeezed(axes)
  }

  /// The sums along one axis.
  public func sum(axis: Int, keepDims: Bool = false) -> Tensor { sum(axes: [axis], keepDims: keepDims) }

  /// The means over `axes`, which leave the shape, or stay with size 1. The mean of nothing is NaN.
  public func mean(axes: [Int], keepDims: Bool = false) -> Tensor {
    let size = Axes.indices(axes, of: shape, "mean").reduce(1) { $0 * shape[$1] }
    return sum(axes: axes, keepDims: keepDims) / Float(size)
  }

  /// The means along one axis.
  public func mean(axis: Int, keepDims: Bool = false) -> Tensor { mean(axes: [axis], keepDims: keepDims) }

  /// The mean squares of the deviations from the means over `axes`, of all numbers if none are named: their sum divided
  /// by n − `correction`, n numbers each.
  public func variance(axes: [Int]? = nil, correction: Int = 0, keepDims: Bool = false) -> Tensor {
    let axes = Axes.indices(axes ?? Array(0..<rank), of: shape, "variance")
    let size = axes.reduce(1) { $0 * shape[$1] }
    let deviations = self - mean(axes: axes, keepDims: true)
    return deviations.square().sum(axes: axes, keepDims: keepDims) / Float(size - correction)
  }
}
