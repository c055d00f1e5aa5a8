/// A chain of layers.
///
/// ```swift
/// let model = Sequential(Embedding(20_000, 64), LSTM(64), Dense(1, activation: .sigmoid))
/// ```
///
/// Sizes are inferred from the first data, or from `build`.
public final class Sequential: Model {
  /// A chain of layers, each of which takes the output of the one before.
  public init(_ layers: [any Layer], input: LayerShape? = nil) {
    super.init([], input.map { [.init("input", $0)] } ?? [], [], [.init(node: 0)])
    for layer in layers { add(layer) }
  }

  /// A chain of layers, each of which takes the output of the one before.
  public convenience init(_ layers: any Layer..., input: LayerShape? = nil) {
    self.init(layers, input: input)
  }

  /// Puts a layer at the end, under its kind's name: "dense", then "dense_1", or under a name of its own.
  public func add(_ layer: any Layer, name: String? = nil) {
    append(layer, named: name ?? Model.name(layer, among: Set(layers.map(\.name))))
  }

  // The root class has one for descriptions, which would make another kind of model.
  override init(
    _ layers: [(String, any Layer)], _ inputs: [ModelDescription.Input], _ calls: [ModelDescription.Call],
    _ results: [ModelDescription.Value]
  ) {
    super.init(layers, inputs, calls, results)
  }
}

extension Model {
  /// The name of a new layer: its own, or its kind's with the first number that is free.
  static func name(_ layer: any Layer, among names: Set<String>) -> String {
    let kind = type(of: layer).kind
    if !names.contains(kind) { return kind }
    return (1...).lazy.map { "\(kind)_\($0)" }.first { !names.contains($0) } ?? kind
  }
}
