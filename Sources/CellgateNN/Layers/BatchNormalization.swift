import CellgateBasics
import CellgateTensor

/// Batch normalisation of each feature over the batch, and over the valid steps of sequences (Ioffe and Szegedy 2015,
/// https://arxiv.org/abs/1502.03167).
///
/// While training, y = weight (x − mean) / √(variance + ε) + bias with the mean and variance of the batch, which also move
/// the running ones: running ← momentum · running + (1 − momentum) · batch, as in Keras. Otherwise the running ones count.
/// The parameters are `weight` [N], ones at first, and `bias` [N], zeros at first; the buffers `running_mean` [N] and
/// `running_var` [N].
public final class BatchNormalization: Layer {
  /// "batch_normalization".
  public static let kind = "batch_normalization"

  /// The options of a normalisation.
  public struct Options: LayerOptions {
    /// The share of the running mean and variance that stays.
    public var momentum: Float = 0.99
    /// What is added to the variance.
    public var epsilon: Float = 1e-3

    /// The defaults, which are those of Keras.
    public init() {}

    /// A share and a number above 0.
    public var problem: String? {
      if !(momentum >= 0 && momentum <= 1) { return "momentum: expected 0 to 1, found \(momentum)" }
      return epsilon > 0 && epsilon.isFinite ? nil : "epsilon: expected above 0, found \(epsilon)"
    }
  }

  /// What it was made with.
  public let options: Options

  private struct Built {
    let weight, bias: Parameter
    let mean, variance: Buffer

    init(size: Int) {
      weight = Parameter(.full([size], 1))
      bias = Parameter(.zeros([size]))
      mean = Buffer(.zeros([size]))
      variance = Buffer(.full([size], 1))
    }
  }
  private var built: Built?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "BatchNormalization: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer with Keras' defaults.
  public convenience init(momentum: Float = 0.99, epsilon: Float = 1e-3) {
    var options = Options()
    options.momentum = momentum
    options.epsilon = epsilon
    self.init(options)
  }

  /// `weight`, `bias`, `running_mean` and `running_var`.
  public var members: [Member] {
    built.map {
      [
        .parameter("weight", $0.weight), .parameter("bias", $0.bias), .buffer("running_mean", $0.mean),
        .buffer("running_var", $0.variance),
      ]
    } ?? []
  }

  /// The same shape, of vectors.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard input.features.count == 1 else {
      throw .badInput(layer: Self.kind, expected: "vectors [B, N] or [T, B, N]", found: "\(input)")
    }
    return [input]
  }

  /// The parameters and buffers.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let size = inputs[0].features[0]
    return AnySequence(
      ["weight", "bias", "running_mean", "running_var"].map { ParameterShape($0, [size]) })
  }

  /// Makes the parameters and buffers.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    built = Built(size: inputs[0].features[0])
  }

  /// The same shape and mask.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    guard let built else {
      fail("BatchNormalization: expected a layer that is built, found one without inputs")
    }
    let x = inputs[0].tensor
    guard context.isTraining, x.count > 0 else {
      let (mean, deviation, weight, bias) = atInference
      return [inputs[0].with((x - mean) / deviation * weight + bias)]
    }
    let (mean, variance) = moments(x, mask: inputs[0].mask)
    withoutGradient {
      let kept = options.momentum
      built.mean.assign(built.mean.value * kept + mean.detached * (1 - kept))
      built.variance.assign(built.variance.value * kept + variance.detached * (1 - kept))
    }
    let normal = (x - mean) / (variance + options.epsilon).sqrt()
    return [inputs[0].with(normal * built.weight.tensor + built.bias.tensor)]
  }

  /// The numbers of a layer that is built, each [N], as they count at inference: (x − mean) / deviation · weight + bias.
  var atInference: (mean: Tensor, deviation: Tensor, weight: Tensor, bias: Tensor) {
    guard let built else {
      fail("BatchNormalization: expected a layer that is built, found one without inputs")
    }
    let deviation = (built.variance.value + options.epsilon).sqrt()
    return (built.mean.value, deviation, built.weight.tensor, built.bias.tensor)
  }

  /// The mean and variance [N] over all but the last dimension; of sequences over the valid steps.
  private func moments(_ x: Tensor, mask: SequenceMask?) -> (mean: Tensor, variance: Tensor) {
    let axes = Array(0..<x.rank - 1)
    guard let mask, x.rank == 3 else {
      let mean = x.mean(axes: axes)
      return (mean, (x - mean).square().mean(axes: axes))
    }
    let weights = mask.weights(steps: x.shape[0], batch: x.shape[1]).unsqueezed(axis: 2)
    let count = max(1, weights.scalars.reduce(0, +))
    let mean = (x * weights).sum(axes: axes) / count
    return (mean, ((x - mean).square() * weights).sum(axes: axes) / count)
  }
}
