import CellgateBasics

/// A value of a model that is being put together: what `Input` gives and what a layer gives when it is called with one.
///
/// A layer that is called several times is shared: its parameters are the same at each place.
public class SymbolicValue {
  /// The shape of the value.
  public let shape: LayerShape

  fileprivate enum Origin {
    case input(name: String)
    case call(SymbolicCall, output: Int)
  }
  fileprivate let origin: Origin

  fileprivate init(_ shape: LayerShape, _ origin: Origin) {
    self.shape = shape
    self.origin = origin
  }
}

/// A call of a layer in a model that is being put together.
private final class SymbolicCall {
  let layer: any Layer
  let inputs: [SymbolicValue]

  init(_ layer: any Layer, _ inputs: [SymbolicValue]) {
    self.layer = layer
    self.inputs = inputs
  }
}

/// An input of a model, such as `Input(.sequence(8))` for sequences of 8 numbers a step, `Input(.sequence())` for
/// sequences of symbols and `Input(.vector(16))` for 16 numbers.
public final class Input: SymbolicValue {
  /// An input of this shape.
  public init(_ shape: LayerShape, name: String = "input") {
    super.init(shape, .input(name: name))
  }
}

extension Layer {
  /// The first output of the layer for another layer's output, or for several of them.
  public func callAsFunction(_ inputs: SymbolicValue...) -> SymbolicValue { outputs(inputs)[0] }

  /// The first output of the layer for these values.
  public func callAsFunction(_ inputs: [SymbolicValue]) -> SymbolicValue { outputs(inputs)[0] }

  /// All outputs of the layer for these values: of a recurrent layer that returns its states the output and each state.
  public func outputs(_ inputs: [SymbolicValue]) -> [SymbolicValue] {
    let shapes: [LayerShape]
    do throws(LayerError) { shapes = try outputShapes(inputs.map(\.shape)) } catch {
      fail("\(error)")
    }
    let call = SymbolicCall(self, inputs)
    return shapes.enumerated().map { SymbolicValue($1, .call(call, output: $0)) }
  }
}

extension Model {
  /// The model that computes `outputs` from `inputs`, built from `seed`. Throws `badDescription` when an output depends on
  /// an input that isn't named.
  public convenience init(
    inputs: [SymbolicValue], outputs: [SymbolicValue], seed: UInt64 = 1
  ) throws(LayerError) {
    var graph = GraphBuilder()
    for input in inputs { try graph.add(input: input) }
    var results: [ModelDescription.Value] = []
    for output in outputs { results.append(try graph.value(output)) }
    self.init(graph.layers, graph.inputs, graph.calls, results)
    try build(seed: seed)
  }

  /// The model that computes one output from one input, built from `seed`.
  public convenience init(
    inputs: SymbolicValue, outputs: SymbolicValue, seed: UInt64 = 1
  ) throws(LayerError) {
    try self.init(inputs: [inputs], outputs: [outputs], seed: seed)
  }
}

/// Collects the calls that a model's outputs need, each after those that it takes.
private struct GraphBuilder {
  private(set) var layers: [(String, any Layer)] = []
  private(set) var inputs: [ModelDescription.Input] = []
  private(set) var calls: [ModelDescription.Call] = []
  private var inputNodes: [ObjectIdentifier: Int] = [:]
  private var callNodes: [ObjectIdentifier: Int] = [:]
  private var names: [ObjectIdentifier: String] = [:]

  mutating func add(input: SymbolicValue) throws(LayerError) {
    guard case .input(var name) = input.origin else {
      throw .badDescription(reason: "model: expected inputs made by Input, found a layer's output")
    }
    var number = 1
    let own = name
    while inputs.contains(where: { $0.name == name }) {
      name = "\(own)_\(number)"
      number += 1
    }
    inputNodes[ObjectIdentifier(input)] = inputs.count
    inputs.append(.init(name, input.shape))
  }

  /// The number of a value; all inputs are known.
  mutating func value(_ value: SymbolicValue) throws(LayerError) -> ModelDescription.Value {
    switch value.origin {
    case .input(let name):
      guard let node = inputNodes[ObjectIdentifier(value)] else {
        throw .badDescription(
          reason: "model: expected outputs of the model's inputs alone, found one of another input '\(name)'")
      }
      return .init(node: node)
    case .call(let call, let output):
      return .init(node: inputs.count + (try number(of: call)), output: output)
    }
  }

  /// The place of a call, which is made after those that it needs. Goes along the graph without recursion: a chain may be
  /// long.
  private mutating func number(of call: SymbolicCall) throws(LayerError) -> Int {
    var stack = [call]
    while let next = stack.last {
      if callNodes[ObjectIdentifier(next)] != nil {
        stack.removeLast()
        continue
      }
      let missing = next.inputs.compactMap { input -> SymbolicCall? in
        guard case .call(let before, _) = input.origin, callNodes[ObjectIdentifier(before)] == nil else {
          return nil
        }
        return before
      }
      guard missing.isEmpty else {
        stack += missing
        continue
      }
      var taken: [ModelDescription.Value] = []
      for input in next.inputs {
        switch input.origin {
        case .input: taken.append(try value(input))
        case .call(let before, let output):
          taken.append(.init(node: inputs.count + (callNodes[ObjectIdentifier(before)] ?? 0), output: output))
        }
      }
      callNodes[ObjectIdentifier(next)] = calls.count
      calls.append(.init(name(of: next.layer), taken))
      stack.removeLast()
    }
    return callNodes[ObjectIdentifier(call)] ?? 0
  }

  private mutating func name(of layer: any Layer) -> String {
    if let known = names[ObjectIdentifier(layer)] { return known }
    let name = Model.name(layer, among: Set(layers.map(\.0)))
    names[ObjectIdentifier(layer)] = name
    layers.append((name, layer))
    return name
  }
}
