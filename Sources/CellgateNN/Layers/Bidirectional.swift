import CellgateBasics
import CellgateTensor

/// A recurrent layer in both directions, each with parameters of its own; the outputs are merged.
///
/// The parameters are the layer's: `weight_ih_l0`, …, `weight_ih_l0_reverse`, … States that are returned are those of the
/// forward direction, then those of the reverse one.
public final class Bidirectional: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "bidirectional"

  /// How the outputs of the directions become one.
  public enum MergeMode: String, Codable, Sendable {
    /// One after the other, `[…, 2 H]`.
    case concat
    /// Their sum.
    case sum
    /// Their product.
    case mul
    /// Their mean.
    case ave
    /// Not at all: two outputs.
    case none
  }

  /// The options of the layer and of the merge.
  public struct Options: LayerOptions {
    /// Those of the layer.
    public var layer: RecurrentOptions
    /// How the outputs become one.
    public var mergeMode: MergeMode

    /// Right options of the layer, which is neither stateful nor goes backwards.
    public var problem: String? {
      if layer.goBackwards {
        return "go_backwards: expected a layer that goes forwards, found one that goes backwards"
      }
      return both.problem
    }

    var both: RecurrentOptions {
      var both = layer
      both.isBidirectional = true
      return both
    }
  }

  /// What it was made with.
  public let options: Options
  private let layer: Recurrent

  /// A layer of these options.
  public convenience init(_ options: Options) {
    self.init(options, initialization: Recurrent.Initialization())
  }

  private init(_ options: Options, initialization: Recurrent.Initialization) {
    require(options.problem == nil, "Bidirectional: \(options.problem ?? "")")
    self.options = options
    layer = Recurrent(options.both, initialization: initialization)
  }

  /// `layer` in both directions; the layer itself stays as it is, and is not built.
  public convenience init(_ layer: Recurrent, mergeMode: MergeMode = .concat) {
    self.init(Options(layer: layer.options, mergeMode: mergeMode), initialization: layer.initialization)
  }

  /// Those of both directions.
  public var members: [Member] { layer.members }

  /// The merged output or both, then the states where they are returned.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let shapes = try layer.outputShapes(inputs)
    let one = shapes[0].with(shapes[0].features.dropLast() + [layer.outputSize])
    let outputs =
      switch options.mergeMode {
      case .concat: [shapes[0]]
      case .none: [one, one]
      case .sum, .mul, .ave: [one]
      }
    return outputs + shapes.dropFirst()
  }

  /// Those of both directions.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    layer.parameterShapes(inputs)
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) { layer.build(inputs, context) }

  /// The merged output or both, then the states where they are returned.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let values = layer(inputs, context)
    if options.mergeMode == .concat { return values }
    let halves = values[0].tensor.split(parts: 2)
    let (forward, reverse) = (halves[0], halves[1])
    let outputs =
      switch options.mergeMode {
      case .none, .concat: [forward, reverse]
      case .sum: [forward + reverse]
      case .mul: [forward * reverse]
      case .ave: [(forward + reverse) / 2]
      }
    return outputs.map { values[0].with($0) } + values.dropFirst()
  }
}
