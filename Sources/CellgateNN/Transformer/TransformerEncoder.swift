import CellgateBasics
import CellgateTensor

/// A stack of ``TransformerEncoderLayer``s with positions: of a sequence, or, causal, of a language model.
///
/// Sequences `[T, B, I]` give `[T, B, D]`, zeros at masked steps, or the last valid step `[B, D]`. Where I isn't D a linear map
/// comes first. After layers that normalise first comes one normalisation more.
///
/// Causal layers with a window of W steps go on from piece to piece of a sequence, as recurrent layers do: the keys and values of
/// the last W steps are their states (Dai et al. 2019, https://arxiv.org/abs/1901.02860), so that pieces of any length give the
/// same numbers as the whole, and one step at a time too.
///
/// Its parameters are `input.weight` [D, I] and `input.bias` [D] where I isn't D, those of each layer under `layers.0`, `layers.1`, …,
/// and `norm`.
public final class TransformerEncoder: Layer {
  /// "transformer_encoder".
  public static let kind = "transformer_encoder"

  /// The options of a stack.
  public struct Options: LayerOptions {
    /// D; nil for the input's size.
    public var units: Int?
    /// How many layers.
    public var layers: Int
    /// Those of each layer, but for the positions.
    public var layer: TransformerOptions
    /// How the order of the steps is known.
    public var positions = TransformerPositions.rotary
    /// Whether the output is that of every step, and not of the last valid one.
    public var returnSequences = true

    /// So many layers of so many heads.
    public init(layers: Int, heads: Int, units: Int? = nil) {
      self.layers = layers
      layer = TransformerOptions(heads: heads)
      self.units = units
    }

    /// The options of the layers with their positions.
    var own: TransformerOptions {
      var own = layer
      own.isRotary = positions == .rotary
      return own
    }

    /// x [T, B, D] with sinusoidal positions, if these are they, of sequences that have had so many steps.
    func added(to x: Tensor, counts: [Int]) -> Tensor {
      guard positions == .sinusoidal else { return x }
      let (steps, batch, units) = (x.shape[0], x.shape[1], x.shape[2])
      let places = max(1, layer.window ?? steps + (counts.max() ?? 0))
      let own = (0..<steps * batch).map { Int32(($0 / batch + counts[$0 % batch]) % places) }
      return x + SinusoidalPositions.table(places: places, size: units).gathered(own, shape: [steps, batch])
    }

    /// What turns queries and keys of so many places, if these are the positions.
    func rotary(units: Int, places: Int) -> RotaryPositions? {
      positions == .rotary ? RotaryPositions(size: units / layer.heads, places: places) : nil
    }

    /// Sizes of 1 or more, units that the heads divide, and right layers.
    public var problem: String? {
      if let problem = SizeCheck.problem(("units", units ?? 1), ("layers", layers)) ?? layer.problem {
        return problem
      }
      if layers > ModelDescription.mostLayers {
        return "layers: expected at most \(ModelDescription.mostLayers), found \(layers)"
      }
      return units.flatMap { own.problem(units: $0) }
    }
  }

  /// What it was made with.
  public let options: Options
  let layers: [TransformerEncoderLayer]
  private(set) var input: Linear?
  private(set) var norm: LayerNormalization?
  private let last = LastStep()

  /// A stack of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "TransformerEncoder: \(options.problem ?? "")")
    self.options = options
    layers = (0..<options.layers).map { _ in TransformerEncoderLayer(options.own) }
  }

  /// The layers under their numbers.
  private final class Numbered: Module {
    let parts: [any Module]
    init(_ parts: [any Module]) { self.parts = parts }
    var members: [Member] { parts.enumerated().map { .module("\($0)", $1) } }
  }

  /// `input` if there is one, `layers` and `norm` if there is one.
  public var members: [Member] { Self.members(input, layers, norm) }

  static func members(_ input: Linear?, _ layers: [any Module], _ norm: LayerNormalization?) -> [Member] {
    (input.map { [.module("input", $0)] } ?? []) + [.module("layers", Numbered(layers))]
      + (norm.map { [.module("norm", $0)] } ?? [])
  }

  /// The units of a stack for inputs of such a size.
  private func units(_ size: Int) -> Int { options.units ?? size }

  /// Sequences of D numbers, or the last step.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let (shape, size) = try sequence(inputs)
    let units = units(size)
    if let problem = options.own.problem(units: units) { throw .badOption(layer: Self.kind, reason: problem) }
    return [LayerShape(isSequence: options.returnSequences, features: shape.with([units]).features)]
  }

  /// Those of the map, of the layers and of the last normalisation.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    Self.parameterShapes(options, inputSize: inputs[0].features.last ?? 1)
  }

  /// The parameters of a stack of these options for inputs of such a size.
  package static func parameterShapes(_ options: Options, inputSize: Int) -> AnySequence<ParameterShape> {
    parameterShapes(options, inputSize: inputSize) {
      TransformerBlock.parameterShapes(options.own, units: $0, attentions: [("self_attn", $0)])
    }
  }

  /// The same of layers with the parameters that `layer` gives for D units.
  static func parameterShapes(
    _ options: Options, inputSize: Int, layer: (_ units: Int) -> [ParameterShape]
  ) -> AnySequence<ParameterShape> {
    let units = options.units ?? inputSize
    let map =
      units == inputSize
      ? [] : Linear.parameterShapes(inputSize: inputSize, outputSize: units).map { $0.inside("input") }
    let own = layer(units)
    let norm =
      options.layer.normFirst ? ["weight", "bias"].map { ParameterShape("norm.\($0)", [units]) } : []
    let layers = (0..<options.layers).lazy.flatMap { number in
      own.map { $0.inside("\(number)").inside("layers") }
    }
    return AnySequence([AnySequence(map), AnySequence(layers), AnySequence(norm)].lazy.joined())
  }

  /// Makes the map, the layers and the last normalisation.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    (input, norm) = Self.build(options, inputs[0].features.last ?? 1, context) {
      layers[$0].build([.sequence($1)], $2)
    }
  }

  /// Builds each layer by its number and units, and makes what stands around them.
  static func build(
    _ options: Options, _ size: Int, _ context: BuildContext,
    layer: (_ number: Int, _ units: Int, _ context: BuildContext) -> Void
  ) -> (input: Linear?, norm: LayerNormalization?) {
    let units = options.units ?? size
    for number in 0..<options.layers {
      let stream = context.stream.child("layers").child("\(number)")
      layer(number, units, BuildContext(name: "\(context.name).\(number)", stream: stream))
    }
    return (
      units == size
        ? nil : Linear(inputSize: size, outputSize: units, stream: context.stream.child("input")),
      options.layer.normFirst ? LayerNormalization(size: units, epsilon: options.layer.epsilon) : nil
    )
  }

  /// The steps after all layers, or the last valid one.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let output = run(inputs[0].tensor, mask: inputs[0].mask, context).output
    let value = inputs[0].with(output).masked
    return options.returnSequences ? [value] : last([value], context)
  }

  // MARK: Pieces

  /// How many steps the states hold; nil where the stack can't go on from piece to piece.
  public var window: Int? { options.layer.window }

  /// The shapes of the states of `batch` sequences: how many steps they have had, counted up to 2 W − 1 and from there again from
  /// W on, and the last keys, not turned, and values of each layer, in the order of their steps.
  package func stateShapes(batch: Int, units: Int) -> [[Int]] {
    guard let window else { return [] }
    let numbers = [options.layers, batch, window * units]
    return [[1, batch, 1], numbers, numbers]
  }

  /// The steps `[T, B, D]` after all layers, of which masked ones are not zeros, and, where they are wanted, the states after
  /// them. `states` are those before; nil at the beginning of sequences.
  package func run(
    _ x: Tensor, mask: SequenceMask? = nil, states: [Tensor]? = nil, wantsStates: Bool = false,
    _ context: ForwardContext
  ) -> (output: Tensor, states: [Tensor]) {
    require(
      states == nil && !wantsStates || window != nil,
      "TransformerEncoder: expected causal layers with a window to go on from piece to piece, found none")
    var x = input.map { $0(x) } ?? x
    let (steps, batch, units) = (x.shape[0], x.shape[1], x.shape[2])
    let counts = states?[0].scalars.map { Int($0) } ?? [Int](repeating: 0, count: batch)
    let before = states == nil ? 0 : window ?? 0
    x = options.added(to: x, counts: counts)
    let rotary = options.rotary(units: units, places: before + steps)
    var seen = mask?.ranges(steps: steps, batch: batch)
    if states != nil {
      seen = counts.enumerated().map { sequence, count in
        let first = before - min(count, before)
        let own = (seen?[sequence] ?? [0..<steps]).map { $0.lowerBound + before..<$0.upperBound + before }
        guard let next = own.first, next.lowerBound == before || first == before else {
          return (first < before ? [first..<before] : []) + own
        }
        return [(first < before ? first : next.lowerBound)..<next.upperBound] + own.dropFirst()
      }
    }
    var kept: [(keys: Tensor, values: Tensor)] = []
    for (place, layer) in layers.enumerated() {
      let past = states.map { states in
        (memory(states[1][place], units), memory(states[2][place], units))
      }
      let result = layer.apply(x, seen: seen, rotary: rotary, past: past, context)
      x = result.output
      if wantsStates { kept.append((state(result.keys), state(result.values))) }
    }
    x = norm.map { $0(x) } ?? x
    guard wantsStates, let window else { return (x, []) }
    let now = counts.map { count in
      let sum = count + steps
      return Float(sum < 2 * window ? sum : window + sum % window)
    }
    return (
      x, [Tensor(now, shape: [1, batch, 1]), stacked(kept.map(\.keys)), stacked(kept.map(\.values))]
    )
  }

  /// A state [B, W · D] as what is attended to, [W, B, D].
  private func memory(_ state: Tensor, _ units: Int) -> Tensor {
    state.reshaped([state.shape[0], state.shape[1] / units, units]).permuted([1, 0, 2])
  }

  /// The last W steps of [S, B, D], after zeros where there are fewer, as a state [B, W · D].
  private func state(_ steps: Tensor) -> Tensor {
    let (count, batch, units) = (steps.shape[0], steps.shape[1], steps.shape[2])
    let window = window ?? count
    var last = steps
    if count > window { last = last[count - window..<count] }
    if count < window { last = concatenated([.zeros([window - count, batch, units]), last], axis: 0) }
    return last.permuted([1, 0, 2]).reshaped([batch, window * units])
  }
}
