import CellgateBasics
import CellgateTensor

/// A layer at each step of a sequence, with the same parameters: `[T, B, …]` gives `[T, B, …]`.
///
/// The parameters are those of the layer.
public final class TimeDistributed: Layer {
  /// "time_distributed".
  public static let kind = "time_distributed"

  /// The layer of each step.
  public struct Options: LayerOptions {
    /// Its description.
    public var layer: LayerDescription
    /// That of the layer, which has no weights of another one.
    public var problem: String? {
      layer.kind == TiedDense.kind
        ? "layer: expected one with weights of its own, found \(TiedDense.kind)" : layer.options.problem
    }
  }

  /// What it was made with.
  public let options: Options
  /// The layer of a step.
  let layer: any Layer

  /// A layer of these options.
  public init(_ options: Options) {
    self.options = options
    do throws(LayerError) { layer = try options.layer.make() } catch { fail("TimeDistributed: \(error)") }
  }

  /// `layer`, of one input and one output, at each step.
  public init(_ layer: some Layer) {
    options = Options(layer: LayerDescription(layer, name: type(of: layer).kind))
    self.layer = layer
  }

  /// Those of the layer.
  public var members: [Member] { layer.members }

  /// Those of the layer.
  public var linearMaps: [Linear] { layer.linearMaps }

  /// The layer's output at each step.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard input.isSequence else {
      throw .badInput(layer: Self.kind, expected: "a sequence [T, B, …]", found: "\(input)")
    }
    let outputs = try layer.outputShapes([LayerShape(isSequence: false, features: input.features)])
    guard outputs.count == 1, !outputs[0].isSequence else {
      throw .badInput(
        layer: Self.kind, expected: "a layer that gives one value", found: "\(outputs.map(\.description))")
    }
    return [LayerShape(isSequence: true, features: outputs[0].features)]
  }

  private func step(_ inputs: [LayerShape]) -> [LayerShape] {
    [LayerShape(isSequence: false, features: inputs[0].features)]
  }

  /// Those of the layer.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    layer.parameterShapes(step(inputs))
  }

  /// Builds the layer.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) { layer.build(step(inputs), context) }

  /// The layer's output at each step.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let leading = Array(x.shape.prefix(2))
    let flat = x.reshaped([leading[0] * leading[1]] + x.shape.dropFirst(2))
    var output = layer([LayerValue(flat)], context)[0]
    func unflat(_ tensor: Tensor) -> Tensor { tensor.reshaped(leading + tensor.shape.dropFirst()) }
    output.tensor = unflat(output.tensor)
    output.logits = output.logits.map { (unflat($0.tensor), $0.activation) }
    output.mask = inputs[0].mask
    return [output]
  }
}
