import CellgateBasics
import CellgateTensor

/// The size of a window over time.
public struct PoolingOptions: LayerOptions {
  /// Steps of a window.
  public var poolSize: Int
  /// Steps between windows; nil for those of a window.
  public var strides: Int?

  /// Windows of `poolSize` steps, `strides` apart.
  public init(poolSize: Int, strides: Int? = nil) {
    self.poolSize = poolSize
    self.strides = strides
  }

  /// Sizes of 1 or more.
  public var problem: String? { SizeCheck.problem(("pool_size", poolSize), ("strides", strides ?? 1)) }
}

extension PoolingOptions {
  /// What `pool` makes of sequences; no steps of those that are shorter than a window.
  fileprivate func windows(_ x: Tensor, _ pool: (Tensor) -> Tensor) -> [LayerValue] {
    [LayerValue(x.shape[0] < poolSize ? .zeros([0, x.shape[1], x.shape[2]]) : pool(x))]
  }
}

/// The largest numbers of windows over time: `[T, B, C]` gives `[T′, B, C]`, T′ = ⌊(T − K) / stride⌋ + 1.
public final class MaxPooling1D: Layer {
  /// "max_pooling1d".
  public static let kind = "max_pooling1d"
  /// What it was made with.
  public let options: PoolingOptions

  /// A layer of these options.
  public init(_ options: PoolingOptions) {
    require(options.problem == nil, "MaxPooling1D: \(options.problem ?? "")")
    self.options = options
  }
  /// Windows of `poolSize` steps, `strides` apart.
  public convenience init(_ poolSize: Int = 2, strides: Int? = nil) {
    self.init(PoolingOptions(poolSize: poolSize, strides: strides))
  }

  /// Sequences of as many numbers.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try sequence(inputs).shape]
  }

  /// The largest numbers of each window; masks end here.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    options.windows(inputs[0].tensor) { maxPool1d($0, kernel: options.poolSize, stride: options.strides) }
  }
}

/// The means of windows over time: `[T, B, C]` gives `[T′, B, C]`, T′ = ⌊(T − K) / stride⌋ + 1.
public final class AveragePooling1D: Layer {
  /// "average_pooling1d".
  public static let kind = "average_pooling1d"
  /// What it was made with.
  public let options: PoolingOptions

  /// A layer of these options.
  public init(_ options: PoolingOptions) {
    require(options.problem == nil, "AveragePooling1D: \(options.problem ?? "")")
    self.options = options
  }
  /// Windows of `poolSize` steps, `strides` apart.
  public convenience init(_ poolSize: Int = 2, strides: Int? = nil) {
    self.init(PoolingOptions(poolSize: poolSize, strides: strides))
  }

  /// Sequences of as many numbers.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try sequence(inputs).shape]
  }

  /// The mean of each window; masks end here.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    options.windows(inputs[0].tensor) { avgPool1d($0, kernel: options.poolSize, stride: options.strides) }
  }
}

/// The largest numbers over the valid steps: `[T, B, C]` gives `[B, C]`; 0 of a sequence without a valid step.
public final class GlobalMaxPooling1D: Layer {
  /// "global_max_pooling1d".
  public static let kind = "global_max_pooling1d"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// One vector for each sequence.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [.vector(try sequence(inputs).size)]
  }

  /// The largest numbers.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    guard x.shape[0] > 0 else { return [LayerValue(.zeros([x.shape[1], x.shape[2]]))] }
    guard let mask = inputs[0].mask else { return [LayerValue(x.max(axis: 0))] }
    let valid = mask.weights(steps: x.shape[0], batch: x.shape[1])
    let largest = x.filled(where: (1 - valid).unsqueezed(axis: 2), with: -.infinity).max(axis: 0)
    let none = (valid.sum(axis: 0) .== 0).unsqueezed(axis: 1)
    return [LayerValue(largest.filled(where: none, with: 0))]
  }
}

/// The means over the valid steps: `[T, B, C]` gives `[B, C]`; 0 of a sequence without a valid step.
public final class GlobalAveragePooling1D: Layer {
  /// "global_average_pooling1d".
  public static let kind = "global_average_pooling1d"
  /// The layer has no options.
  public let options: NoOptions

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// One vector for each sequence.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [.vector(try sequence(inputs).size)]
  }

  /// The means.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let (steps, batch) = (x.shape[0], x.shape[1])
    guard let mask = inputs[0].mask else {
      return [LayerValue(x.sum(axis: 0) / Float(max(1, steps)))]
    }
    let valid = mask.weights(steps: steps, batch: batch)
    let count = valid.sum(axis: 0).maximum(Tensor(1)).unsqueezed(axis: 1)
    let kept = x.filled(where: (1 - valid).unsqueezed(axis: 2), with: 0)
    return [LayerValue(kept.sum(axis: 0) / count)]
  }
}
