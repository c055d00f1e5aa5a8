import CellgateBasics
import CellgateFiles

/// A model as data: a graph of named layers. With a `StateDictionary` it is a whole model.
///
/// The graph's values are numbered: the inputs first, then the calls in their order. A call takes values of smaller
/// numbers only. A layer that is called several times has one set of parameters.
public struct ModelDescription: Codable, Equatable, Sendable {
  /// The version of this layout.
  public static let currentFormatVersion = 1

  /// The version that the description was written in.
  public var formatVersion = Self.currentFormatVersion
  /// What goes in.
  public var inputs: [Input]
  /// The layers, each once.
  public var layers: [LayerDescription]
  /// The calls of the layers, in an order in which they can be made.
  public var calls: [Call]
  /// What comes out.
  public var outputs: [Value]

  /// An input of a model.
  public struct Input: Codable, Equatable, Sendable {
    /// Its name.
    public var name: String
    /// Its shape.
    public var shape: LayerShape

    /// An input.
    public init(_ name: String, _ shape: LayerShape) {
      self.name = name
      self.shape = shape
    }
  }

  /// A call of a layer.
  public struct Call: Codable, Equatable, Sendable {
    /// The layer's name.
    public var layer: String
    /// What it takes.
    public var inputs: [Value]

    /// A call of the layer of this name.
    public init(_ layer: String, _ inputs: [Value]) {
      self.layer = layer
      self.inputs = inputs
    }
  }

  /// A value of the graph: an output of an input or call.
  public struct Value: Codable, Hashable, Sendable {
    /// The number of the input, or the number of inputs plus that of the call.
    public var node: Int
    /// Which of the call's outputs it is; 0 of an input.
    public var output: Int

    /// An output of a node.
    public init(node: Int, output: Int = 0) {
      self.node = node
      self.output = output
    }
  }

  /// A graph.
  public init(inputs: [Input], layers: [LayerDescription], calls: [Call], outputs: [Value]) {
    self.inputs = inputs
    self.layers = layers
    self.calls = calls
    self.outputs = outputs
  }

  /// A chain: each layer takes the output of the one before.
  public init(chain layers: [LayerDescription], input: Input) {
    self.init(
      inputs: [input], layers: layers,
      calls: layers.enumerated().map { Call($1.name, [Value(node: $0)]) },
      outputs: [Value(node: layers.count)])
  }

  /// Whether it is a chain of layers of one input and one output.
  public var isChain: Bool {
    inputs.count == 1 && outputs == [Value(node: calls.count)] && calls.map(\.layer) == layers.map(\.name)
      && calls.enumerated().allSatisfy { $1.inputs == [Value(node: $0)] }
  }

  /// The most layers and calls of a model.
  static let mostLayers = 10_000

  // MARK: JSON

  /// The description as JSON in one line, with sorted keys in snake case: equal descriptions give equal text.
  public func encoded() -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only a number that is not finite can't be encoded, and options that are right have none.
    guard let data = try? encoder.encode(self) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }

  /// The description in a JSON text; `layers` are those of the user's own that it may have. Throws `unknownKind` or
  /// `badDescription`.
  public init(decoding text: String, layers: [any Layer.Type] = []) throws(LayerError) {
    struct Version: Decodable { var formatVersion: Int }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    if let key = LayerDescription.ownLayers { decoder.userInfo[key] = layers }
    let data = Data(text.utf8)
    do {
      let version = try decoder.decode(Version.self, from: data).formatVersion
      guard version == Self.currentFormatVersion else {
        throw LayerError.badDescription(
          reason: "model description: expected format_version \(Self.currentFormatVersion), found \(version)")
      }
      self = try decoder.decode(Self.self, from: data)
    } catch let error as LayerError {
      throw error
    } catch let error as DecodingError {
      throw .badDescription(reason: "model description: " + Self.reason(error))
    } catch {
      throw .badDescription(reason: "model description: expected JSON, found \(error)")
    }
    try check()
  }

  private static func reason(_ error: DecodingError) -> String {
    func place(_ context: DecodingError.Context, _ last: String? = nil) -> String {
      let keys =
        context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue } + (last.map { [$0] } ?? [])
      return keys.isEmpty ? "" : keys.joined(separator: ".") + ": "
    }
    switch error {
    case .keyNotFound(let key, let context):
      return place(context, key.stringValue) + "expected a value, found none"
    case .valueNotFound(let type, let context): return place(context) + "expected \(type), found null"
    case .typeMismatch(let type, let context): return place(context) + "expected \(type), found another type"
    case .dataCorrupted(let context): return place(context) + context.debugDescription
    @unknown default: return "\(error)"
    }
  }

  // MARK: Checks

  /// Throws `badDescription` unless names differ and every value that is taken comes before.
  func check() throws(LayerError) {
    guard !inputs.isEmpty, !outputs.isEmpty else {
      throw .badDescription(reason: "model: expected inputs and outputs, found none")
    }
    guard max(layers.count, calls.count, inputs.count, outputs.count) <= Self.mostLayers else {
      throw .badDescription(
        reason:
          "model: expected at most \(Self.mostLayers) layers and calls, found \(max(layers.count, calls.count))"
      )
    }
    for input in inputs {
      guard input.shape.features.allSatisfy({ $0 > 0 && $0 < 1 << 31 }), input.shape.features.count <= 8
      else {
        throw .badDescription(
          reason: "input \(quotedName(input.name)): expected sizes of 1 or more, found \(input.shape)")
      }
    }
    var names: Set<String> = []
    for layer in layers {
      guard !layer.name.isEmpty, !layer.name.contains("."), names.insert(layer.name).inserted else {
        throw .badDescription(
          reason: "model: expected different names of layers, without a dot, found \(quotedName(layer.name))")
      }
    }
    for (index, call) in calls.enumerated() {
      guard names.contains(call.layer) else {
        throw .badDescription(
          reason: "model: expected a call of one of the layers, found \(quotedName(call.layer))")
      }
      for value in call.inputs { try check(value, below: inputs.count + index, call.layer) }
    }
    for value in outputs { try check(value, below: inputs.count + calls.count, "output") }
    for layer in layers { try checkTie(layer) }
  }

  /// Throws `badDescription` for a layer with the weights of an embedding that the model has not, or has with other symbols.
  private func checkTie(_ layer: LayerDescription) throws(LayerError) {
    guard let tied = layer.options as? TiedDense.Options else { return }
    let table = layers.first { $0.name == tied.embedding }?.options as? Embedding.Options
    guard table?.inputDim == tied.units, calls.contains(where: { $0.layer == tied.embedding }) else {
      throw .badDescription(
        reason:
          "model: \(quotedName(layer.name)): expected an embedding \(quotedName(tied.embedding)) of \(tied.units) symbols, found "
          + (table.map { "one of \($0.inputDim)" } ?? "none"))
    }
  }

  private func check(_ value: Value, below bound: Int, _ user: String) throws(LayerError) {
    guard value.node >= 0, value.node < bound, value.output >= 0 else {
      throw .badDescription(
        reason:
          "model: \(quotedName(user)): expected a value of nodes 0 to \(bound - 1), found node \(value.node)")
    }
  }

  /// The shapes of every node's outputs, by layers that are made of the description, in the order of `layers`. Throws
  /// `badInput` with the layer's name, and `badDescription`.
  func shapes(_ made: [any Layer]) throws(LayerError) -> [[LayerShape]] {
    let byName = Dictionary(zip(layers.map(\.name), made)) { first, _ in first }
    var shapes = inputs.map { [$0.shape] }
    var taken: [String: [LayerShape]] = [:]
    for call in calls {
      guard let layer = byName[call.layer] else { continue }
      var given: [LayerShape] = []
      for value in call.inputs { given.append(try shape(value, shapes)) }
      // Recurrent layers may be called with first states or without.
      let isRecurrent = layer is Recurrent
      if let first = taken[call.layer], isRecurrent ? first.first != given.first : first != given {
        throw .badInput(
          layer: call.layer, expected: "\(first.map(\.description)) as in its first call",
          found: "\(given.map(\.description))")
      }
      taken[call.layer] = given
      do throws(LayerError) {
        shapes.append(try layer.outputShapes(given))
        try checkWidth(layer, given)
      } catch {
        guard case .badInput(_, let expected, let found) = error else { throw error }
        throw .badInput(layer: call.layer, expected: expected, found: found)
      }
    }
    for value in outputs { _ = try shape(value, shapes) }
    return shapes
  }

  /// Throws `badInput` for vectors of another size than those of the embedding whose weights a layer has.
  private func checkWidth(_ layer: any Layer, _ given: [LayerShape]) throws(LayerError) {
    guard let tied = layer as? TiedDense,
      let table = layers.first(where: { $0.name == tied.options.embedding })?.options as? Embedding.Options,
      given[0].features.last != table.outputDim
    else { return }
    throw .badInput(
      layer: TiedDense.kind, expected: "\(table.outputDim) numbers, as the embedding's vectors have",
      found: "\(given[0])")
  }

  func shape(_ value: Value, _ shapes: [[LayerShape]]) throws(LayerError) -> LayerShape {
    guard value.output < shapes[value.node].count else {
      throw .badDescription(
        reason:
          "model: expected an output below \(shapes[value.node].count) of node \(value.node), found \(value.output)"
      )
    }
    return shapes[value.node][value.output]
  }
}
