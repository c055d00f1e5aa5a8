import CellgateNN
import CellgateTensor

/// What a model is trained on in one update, or evaluated on at once.
public struct ModelBatch {
  /// The inputs, sequences time-major: `[T, B, …]`.
  public var inputs: [LayerValue]
  /// The target of each output, time-major too; of losses that take classes their numbers.
  public var targets: [Tensor]
  /// What each row of the outputs weighs, [B] or [T·B] step by step; nil where all weigh 1. One for each output.
  public var weights: [[Float]?]

  /// A batch whose rows weigh 1.
  public init(inputs: [LayerValue], targets: [Tensor]) {
    self.init(inputs: inputs, targets: targets, weights: targets.map { _ in nil })
  }

  /// A batch with weights for the rows of each output.
  public init(inputs: [LayerValue], targets: [Tensor], weights: [[Float]?]) {
    self.inputs = inputs
    self.targets = targets
    self.weights = weights
  }
}

/// Batches of arrays with the sample first, `[N, …]`, in an order that each epoch draws anew.
public struct ArrayBatches: BatchSource {
  /// The inputs, `[N, T, …]` or `[N, …]`.
  public let inputs: [Tensor]
  /// The targets, `[N, …]`.
  public let targets: [Tensor]
  /// What each sample weighs, [N], for each target; nil where all weigh 1.
  public let weights: [[Float]?]
  /// B; the last batch of an epoch may be smaller.
  public let batchSize: Int
  /// Whether the order is drawn, or as it is.
  public let shuffles: Bool

  private let inputShapes: [LayerShape]
  private let outputShapes: [LayerShape]

  /// N.
  public var count: Int { inputs[0].shape[0] }
  /// The batches of all samples.
  public var stepsPerEpoch: Int? { batchCount }
  private var batchCount: Int { (count + batchSize - 1) / batchSize }

  /// Batches for `model`, which is built for the inputs. The arrays fit the model.
  init(
    _ inputs: [Tensor], _ targets: [Tensor], weights: [[Float]?], model: Model, batchSize: Int, shuffles: Bool
  ) {
    self.inputs = inputs
    self.targets = targets
    self.weights = weights
    self.batchSize = batchSize
    self.shuffles = shuffles
    inputShapes = model.inputs.map(\.shape)
    outputShapes = model.outputShapes
  }

  /// Samples in an order that depends on the seed and the epoch.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> ModelBatch {
    let (epoch, place) = step.quotientAndRemainder(dividingBy: batchCount)
    let range = place * batchSize..<min(count, (place + 1) * batchSize)
    let own = range.lowerBound + shard.range(of: range.count).lowerBound
    let part = own..<own + shard.range(of: range.count).count
    guard shuffles else { return batch(part.map(Int32.init)) }
    var stream = RandomStream(seed: seed, name: "fit/order", step: UInt64(epoch))
    return batch(stream.permutation(count)[part].map(Int32.init))
  }

  /// All samples in their order, whatever the split: arrays have no parts.
  public func batches(of split: Split) -> AnySequence<ModelBatch> {
    AnySequence(
      stride(from: 0, to: count, by: batchSize).lazy.map { start in
        batch((start..<min(count, start + batchSize)).map(Int32.init))
      })
  }

  /// The batch of these samples.
  func batch(_ samples: [Int32]) -> ModelBatch {
    let outputs = outputShapes.enumerated().map { index, shape -> (Tensor, [Float]?) in
      guard index < targets.count else { return (Tensor(0), nil) }
      let target = targets[index].gathered(samples)
      let own = weights[index].map { weights in samples.map { weights[Int($0)] } }
      guard shape.isSequence else { return (target, own) }
      let timed = target.transposed(0, 1)
      return (timed, own.map { own in (0..<timed.shape[0]).flatMap { _ in own } })
    }
    return ModelBatch(
      inputs: Self.inputs(inputs, samples, inputShapes),
      targets: outputs.prefix(targets.count).map(\.0), weights: outputs.prefix(targets.count).map(\.1))
  }

  /// The inputs of these samples, time-major.
  static func inputs(_ arrays: [Tensor], _ samples: [Int32], _ shapes: [LayerShape]) -> [LayerValue] {
    zip(arrays, shapes).map { array, shape in
      let own = array.gathered(samples)
      return LayerValue(shape.isSequence ? own.transposed(0, 1) : own)
    }
  }
}
