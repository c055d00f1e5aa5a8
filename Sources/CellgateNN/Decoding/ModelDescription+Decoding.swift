extension ModelDescription {
  /// A model of layers that follow on one another: all but the last take what sequences are about, and the last one, which decodes,
  /// takes the symbols and what the others give.
  static func decoding(_ subject: Input, _ symbols: Input, layers: [LayerDescription]) -> ModelDescription {
    var calls: [Call] = []
    var last = Value(node: 0)
    for layer in layers.dropLast() {
      calls.append(.init(layer.name, [last]))
      last = .init(node: 1 + calls.count)
    }
    if let decoder = layers.last { calls.append(.init(decoder.name, [.init(node: 1), last])) }
    return ModelDescription(
      inputs: [subject, symbols], layers: layers, calls: calls, outputs: [.init(node: 1 + calls.count)])
  }
}

extension LayerOptions {
  /// Throws `badOption` of the layer of this name where something is wrong with them.
  func check(_ name: String) throws(LayerError) {
    if let problem { throw .badOption(layer: name, reason: problem) }
  }
}
