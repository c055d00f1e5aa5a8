import CellgateBasics
import CellgateTensor

/// A model: a graph of named layers with their parameters.
///
/// ```swift
/// let tokens = Input(.sequence(), name: "tokens")
/// let states = LSTM(64)(Embedding(20_000, 64)(tokens))
/// let model = try Model(inputs: tokens, outputs: Dense(1, activation: .sigmoid)(states))
/// ```
///
/// Within a model sequences are time-major, `[T, B, …]`; `fit`, `evaluate` and `predict` take arrays with the sample first.
/// `description` is the model as data, and a `StateDictionary` holds its numbers: together they are a model's file.
public class Model: Module {
  /// The layers under their names.
  public private(set) var layers: [(name: String, layer: any Layer)]
  /// What goes in; [] before a chain without an input shape is built.
  public private(set) var inputs: [ModelDescription.Input]
  /// What belongs to the model besides its layers and is kept in its file, such as a vocabulary, by names that don't begin
  /// with "cellgate".
  public var metadata: [String: String] = [:]
  /// How the model is trained and judged; set by `compile`.
  public internal(set) var compilation: Compilation?

  private(set) var calls: [ModelDescription.Call]
  private var results: [ModelDescription.Value]
  /// The shapes of the outputs of every node; nil before the model is built.
  private var shapes: [[LayerShape]]?

  /// The model of a description, its parameters drawn from `seed` as `initialization` says, or as its layers do where it is nil; throws
  /// what is wrong with the description.
  public convenience init(
    _ description: ModelDescription, seed: UInt64 = 1, initialization: Recurrent.Initialization? = nil
  ) throws(LayerError) {
    try description.check()
    var layers: [(String, any Layer)] = []
    for layer in description.layers { layers.append((layer.name, try layer.make())) }
    self.init(layers, description.inputs, description.calls, description.outputs)
    try build(seed: seed, initialization: initialization)
  }

  /// A graph that is not built.
  init(
    _ layers: [(String, any Layer)], _ inputs: [ModelDescription.Input], _ calls: [ModelDescription.Call],
    _ results: [ModelDescription.Value]
  ) {
    self.layers = layers
    self.inputs = inputs
    self.calls = calls
    self.results = results
  }

  // MARK: Building

  /// Whether the layers have their parameters.
  public var isBuilt: Bool { shapes != nil }

  /// Makes the parameters for inputs of these shapes, where the model doesn't know them, from `seed`. A model that is built
  /// stays as it is. With an `initialization` the recurrent layers of any part, the dense layers and the embeddings start as it says, by their
  /// names in the model, and not as they were made to. Throws for shapes that a layer doesn't take.
  public func build(
    _ inputShapes: [LayerShape]? = nil, seed: UInt64 = 1, initialization: Recurrent.Initialization? = nil
  ) throws(LayerError) {
    guard !isBuilt else { return }
    let known = inputs
    if let inputShapes, inputs.isEmpty {
      inputs = inputShapes.enumerated().map { .init($0 == 0 ? "input" : "input_\($0)", $1) }
    }
    let shapes: [[LayerShape]]
    do throws(LayerError) {
      let description = description
      try description.check()
      shapes = try description.shapes(layers.map(\.layer))
    } catch {
      inputs = known
      throw error
    }
    let stream = RandomStream(seed: seed, name: "initialization")
    for (name, layer) in layers {
      guard let call = calls.first(where: { $0.layer == name }) else { continue }
      let given = call.inputs.map { shapes[$0.node][$0.output] }
      layer.build(
        given, BuildContext(name: name, stream: stream.child(name), initialization: initialization))
    }
    for case let layer as TiedDense in layers.map(\.layer) {
      // The description was checked: the embedding is there.
      if let embedding = self[layer.options.embedding] as? Embedding { layer.tie(to: embedding) }
    }
    self.shapes = shapes
    if description.recurrentParts.contains(where: { $0.options.precision == .int8 }) {
      for map in linearMaps { map.compute(in: .int8) }
    }
  }

  /// Puts a layer at the end of a chain.
  func append(_ layer: any Layer, named name: String) {
    require(!isBuilt, "Sequential.add: expected a model that is not built, found one with parameters")
    layers.append((name, layer))
    calls.append(.init(name, [.init(node: calls.count)]))
    results = [.init(node: calls.count)]
  }

  /// The model as data. Of a chain that doesn't know its inputs they are missing.
  public var description: ModelDescription {
    ModelDescription(
      inputs: inputs, layers: layers.map { Self.describe($1, $0) }, calls: calls, outputs: results)
  }

  private static func describe(_ layer: some Layer, _ name: String) -> LayerDescription {
    LayerDescription(layer, name: name)
  }

  /// The parameters and buffers of the model of a description in their order, made as they are asked for and without the
  /// model: a file is compared with them before memory is taken. Throws what is wrong with the description.
  public static func parameterShapes(
    _ description: ModelDescription
  ) throws(LayerError) -> AnySequence<ParameterShape> {
    try description.check()
    var layers: [any Layer] = []
    for layer in description.layers { layers.append(try layer.make()) }
    let shapes = try description.shapes(layers)
    var parts: [AnySequence<ParameterShape>] = []
    for (layer, made) in zip(description.layers, layers) {
      guard let call = description.calls.first(where: { $0.layer == layer.name }) else { continue }
      let given = call.inputs.map { shapes[$0.node][$0.output] }
      parts.append(AnySequence(made.parameterShapes(given).lazy.map { $0.inside(layer.name) }))
    }
    return AnySequence(parts.lazy.joined())
  }

  /// The layers that have parameters, under their names.
  public var members: [Member] {
    require(
      isBuilt, "Model: expected a model that is built, by `build` or its first data, found one that isn't")
    return layers.filter { !$0.layer.members.isEmpty }.map { .module($0.name, $0.layer) }
  }

  /// The layer of a name.
  public subscript(name: String) -> (any Layer)? { layers.first { $0.name == name }?.layer }

  /// The shapes of the outputs of a model that is built.
  public var outputShapes: [LayerShape] {
    guard let shapes else { fail("Model: expected a model that is built, found one that isn't") }
    return results.map { shapes[$0.node][$0.output] }
  }

  /// Each call's layer with the shapes of its outputs, of a model that is built.
  package var calledLayers: [(name: String, layer: any Layer, shapes: [LayerShape])] {
    guard let shapes else { fail("Model: expected a model that is built, found one that isn't") }
    return calls.enumerated().compactMap { index, call in
      self[call.layer].map { (call.layer, $0, shapes[inputs.count + index]) }
    }
  }

  // MARK: Calls

  /// The outputs for inputs of the model's shapes, with any batch and number of steps. A `probe` is shown the inputs
  /// and each call's outputs.
  public func callAsFunction(
    _ values: [LayerValue], _ context: ForwardContext = .inference(), probe: LayerProbe? = nil
  ) -> [LayerValue] {
    require(
      isBuilt, "Model: expected a model that is built, by `build` or its first data, found one that isn't")
    require(
      values.count == inputs.count, "Model: expected \(inputs.count) inputs, found \(values.count)")
    for (input, value) in zip(inputs, values) {
      require(
        input.shape.fits(value.tensor),
        "Model: input '\(input.name)': expected a tensor \(input.shape), found \(value.tensor.shape)")
      probe?(input.name, [value])
    }
    var nodes = values.map { [$0] }
    var uses = [Int](repeating: 0, count: inputs.count + calls.count)
    for value in calls.flatMap(\.inputs) + results { uses[value.node] += 1 }
    func take(_ value: ModelDescription.Value) -> LayerValue {
      let taken = nodes[value.node][value.output]
      uses[value.node] -= 1
      // What nobody takes any more needs no memory.
      if uses[value.node] == 0 { nodes[value.node] = [] }
      return taken
    }
    for call in calls {
      guard let layer = self[call.layer] else {
        fail("Model: expected the layer '\(call.layer)', found none")
      }
      let outputs = layer(call.inputs.map(take), context)
      probe?(call.layer, outputs)
      nodes.append(outputs)
    }
    return results.map(take)
  }

  /// Values of the graph alone, by the calls that they need; inputs that they don't need may be nil.
  func values(
    _ wanted: [ModelDescription.Value], of given: [LayerValue?], _ context: ForwardContext
  ) -> [LayerValue] {
    var needed: Set<Int> = Set(wanted.map(\.node))
    for (index, call) in calls.enumerated().reversed() where needed.contains(inputs.count + index) {
      needed.formUnion(call.inputs.map(\.node))
    }
    var nodes: [[LayerValue]] = []
    for (node, input) in inputs.enumerated() {
      guard needed.contains(node) else {
        nodes.append([])
        continue
      }
      guard let value = given[node], input.shape.fits(value.tensor) else {
        fail(
          "Model: input '\(input.name)': expected a tensor \(input.shape), found \(given[node]?.tensor.shape ?? [])"
        )
      }
      nodes.append([value])
    }
    for (index, call) in calls.enumerated() {
      guard needed.contains(inputs.count + index), let layer = self[call.layer] else {
        nodes.append([])
        continue
      }
      nodes.append(layer(call.inputs.map { nodes[$0.node][$0.output] }, context))
    }
    return wanted.map { nodes[$0.node][$0.output] }
  }

  /// The output for the input of a model that has one of each.
  public func callAsFunction(_ value: LayerValue, _ context: ForwardContext = .inference()) -> LayerValue {
    self([value], context)[0]
  }

  /// The output for the input `[T, B, …]` or `[B, …]` of a model that has one of each.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext = .inference()) -> Tensor {
    self([LayerValue(x)], context)[0].tensor
  }

  /// Forgets the states of stateful layers: their next sequences begin with zeros.
  public func resetStates() {
    for case let layer as any StatefulLayer in layers.map(\.layer) { layer.resetStates() }
  }

  /// What layers add to the loss and how they bound their parameters.
  package var penalties: [ParameterPenalty] {
    layers.compactMap { $0.layer as? any Regularized }.flatMap(\.penalties)
      .filter { $0.l2 != 0 || $0.maxNorm != nil }
  }
}

/// Sees a model's inputs and the outputs of its layers by name, in the order in which they are computed.
public typealias LayerProbe = (_ name: String, _ values: [LayerValue]) -> Void

/// A layer that keeps states from one batch to the next.
public protocol StatefulLayer: Layer {
  /// Forgets the states.
  func resetStates()
}
