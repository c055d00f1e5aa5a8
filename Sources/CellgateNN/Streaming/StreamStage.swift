import CellgateCells
import CellgateTensor

/// What is done with the numbers of a step, of some sequences at once.
enum StreamStage: Sendable {
  /// Symbols, whole numbers from `first` on and below V, become rows of a table `[V, size]`.
  case table([Float], size: Int, first: Int)
  /// A layer of a cell; `start` are the states of a sequence that has not begun.
  case cell(CellStream, start: [Float])
  /// The layers of a Transformer; `start` are the states of a sequence that has not begun.
  case transformer(TransformerStream, start: [Float])
  case linear(PackedLinear)
  case activation(Activation, size: Int)
  case layerNormalization(weight: [Float], bias: [Float], epsilon: Float)
  /// (x − mean) / deviation · weight + bias.
  case batchNormalization(mean: [Float], deviation: [Float], weight: [Float], bias: [Float])

  /// Numbers of a sequence after it.
  var outputSize: Int {
    switch self {
    case .table(_, let size, _), .activation(_, let size): size
    case .cell(let stream, _): stream.execution.outputSize
    case .transformer(let stream, _): stream.units
    case .linear(let map): map.outputSize
    case .layerNormalization(let weight, _, _): weight.count
    case .batchNormalization(let mean, _, _, _): mean.count
    }
  }

  /// The states of a sequence that has not begun; nil of a stage without any.
  var start: [Float]? {
    switch self {
    case .cell(_, let start), .transformer(_, let start): start
    default: nil
    }
  }

  /// The states of some sequences that have not begun; nil of a stage without any.
  func session(batch: Int) -> (any SteppedStage)? {
    switch self {
    case .cell(let stream, _): stream.session(batch: batch)
    case .transformer(let stream, _): TransformerCache(stream, batch: batch)
    default: nil
    }
  }

  // MARK: From layers

  /// The stages of layers that take a step at a time; throws `badLayer` for a layer that doesn't.
  static func stages(
    of layer: any Layer, named name: String, inputSize: Int
  ) throws(StreamError) -> [StreamStage] {
    switch layer {
    case let layer as Embedding: return [table(layer, first: layer.options.maskZero ? 1 : 0)]
    case let layer as Recurrent: return try cells(layer, named: name)
    case let layer as TransformerEncoder:
      guard let stream = TransformerStream(layer, inputSize: inputSize) else {
        throw .badLayer(
          layer: name, expected: "causal layers with a window", found: "layers that see the whole sequence")
      }
      return [.transformer(stream, start: [Float](repeating: 0, count: stream.stateCount))]
    case let layer as Dense:
      return [linear(layer.map)] + activation(layer.options.activation, size: layer.options.units)
    case let layer as TiedDense: return [linear(layer.map)]
    case let layer as ActivationLayer: return activation(layer.options.activation, size: inputSize)
    case let layer as LayerNormalization:
      return [
        .layerNormalization(
          weight: layer.weight.value.scalars, bias: layer.bias.value.scalars, epsilon: layer.options.epsilon)
      ]
    case let layer as BatchNormalization:
      let numbers = layer.atInference
      return [
        .batchNormalization(
          mean: numbers.mean.scalars, deviation: numbers.deviation.scalars, weight: numbers.weight.scalars,
          bias: numbers.bias.scalars)
      ]
    case let layer as TimeDistributed:
      return try stages(of: layer.layer, named: name, inputSize: inputSize)
    // Nothing is dropped at inference, and the last step is the one just taken.
    case is Dropout, is LastStep: return []
    default:
      throw .badLayer(
        layer: name,
        expected:
          "a layer that takes a step at a time: embedding, recurrent, transformer_encoder, dense, activation, normalisation, dropout, last_step",
        found: type(of: layer).kind)
    }
  }

  /// A table of vectors for symbols from `first` on: 1 where the symbol 0 is padding.
  static func table(_ layer: Embedding, first: Int) -> StreamStage {
    .table(layer.weight.value.scalars, size: layer.options.outputDim, first: first)
  }

  /// x Wᵀ + b.
  static func linear(_ map: Linear) -> StreamStage { .linear(map.packed()) }

  private static func activation(_ activation: Activation, size: Int) -> [StreamStage] {
    activation == .linear ? [] : [.activation(activation, size: size)]
  }

  /// The layers of one direction; throws `badLayer` for others.
  static func cells(_ layer: Recurrent, named name: String) throws(StreamError) -> [StreamStage] {
    guard layer.options.kernel == nil else {
      throw .badLayer(layer: name, expected: "a layer of sequences of vectors", found: "a grid")
    }
    guard layer.directions == 1 else {
      throw .badLayer(layer: name, expected: "layers of one direction", found: "two directions")
    }
    guard !layer.options.goBackwards else {
      throw .badLayer(layer: name, expected: "steps from the first to the last", found: "go_backwards")
    }
    guard layer.cellAtInference.noises.isEmpty else {
      throw .badLayer(
        layer: name, expected: "a cell without noise",
        found: layer.cellAtInference.noises.map(\.name).joined(separator: ", "))
    }
    let first = layer.firstStates(nil, batch: 1).map(\.scalars)
    return layer.packedLayers().enumerated().map { place, stream in
      let start = zip(first, layer.stateSizes).flatMap { numbers, size in
        numbers[place * size..<(place + 1) * size]
      }
      return .cell(stream, start: start)
    }
  }
}
