import CellgateBasics
import CellgateTensor

/// Sets a share of the numbers to zero while training, and divides the others by 1 − probability (Srivastava
/// et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html).
public final class Dropout: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "dropout"

  /// The options of dropout.
  public struct Options: LayerOptions {
    /// The share, in 0 ..< 1.
    public var rate: Float
    /// What names the noise; nil for the layer's name in its model. Layers of one model differ in it.
    public var noise: String?

    /// A share.
    public init(rate: Float, noise: String? = nil) {
      self.rate = rate
      self.noise = noise
    }

    /// A share below 1.
    public var problem: String? { SizeCheck.problem(share: "rate", rate) }
  }

  /// What it was made with.
  public let options: Options
  private var name: String

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "Dropout: \(options.problem ?? "")")
    self.options = options
    name = options.noise ?? Self.kind
  }

  /// A layer that drops a share.
  public convenience init(_ rate: Float) { self.init(Options(rate: rate)) }

  /// A dropout layer whose noise is named.
  public convenience init(probability: Float, name: String) {
    self.init(Options(rate: probability, noise: name))
  }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] { [try single(inputs)] }

  /// Takes the layer's name for its noise.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) { name = options.noise ?? context.name }

  /// The same shape; outside training the same numbers.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    guard context.isTraining, options.rate > 0 else { return x }
    var stream = context.stream(name)
    return dropout(x, probability: options.rate, stream: &stream)
  }

  /// The same shape and mask; outside training the same numbers.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    guard context.isTraining, options.rate > 0 else { return inputs }
    return [inputs[0].with(self(inputs[0].tensor, context))]
  }
}
