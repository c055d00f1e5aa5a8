import CellgateBasics
import CellgateTensor

/// How a decoder reads symbols and what it makes logits with.
public struct SymbolOptions: LayerOptions {
  /// V.
  public var vocabularySize: Int
  /// E, the numbers of a symbol's vector.
  public var embeddingSize: Int
  /// What is applied to the vectors.
  public var embeddingActivation = Activation.linear
  /// The share of the vectors' numbers that is dropped.
  public var embeddingDropout: Float = 0
  /// The share of the outputs' numbers that is dropped before the logits are made of them.
  public var dropout: Float = 0
  /// Whether logits are made with the vectors themselves, which must then be of the outputs' size (Press and Wolf 2017,
  /// https://arxiv.org/abs/1608.05859).
  public var tiesWeights = false

  /// V symbols with vectors of E numbers.
  public init(vocabularySize: Int, embeddingSize: Int) {
    self.vocabularySize = vocabularySize
    self.embeddingSize = embeddingSize
  }

  /// Sizes of 1 or more and shares below 1.
  public var problem: String? {
    SizeCheck.problem(("vocabulary_size", vocabularySize), ("embedding_size", embeddingSize))
      ?? SizeCheck.problem(share: "embedding_dropout", embeddingDropout)
      ?? SizeCheck.problem(share: "dropout", dropout)
  }
}

/// The vectors of symbols and the logits of outputs: parts of a decoder.
final class SymbolLayers {
  let options: SymbolOptions
  private let name: String
  private let embedding: Embedding
  /// Outputs to logits, with the vectors themselves or with weights of its own.
  private let head: Linear

  /// For outputs of `outputSize` O, in the layer of `context`.
  init(_ options: SymbolOptions, outputSize: Int, _ context: BuildContext) {
    self.options = options
    name = context.name
    let stream = context.stream
    // Vectors that make logits too start like a head's weights.
    let initialization = context.initialization ?? .cellgate
    embedding = Embedding(
      count: options.vocabularySize, size: options.embeddingSize, stream: stream.child("embedding"),
      initializer: initialization.embeddingWeight(
        "embedding", tiedSize: options.tiesWeights ? outputSize : nil))
    let bias = initialization.linearBias("head", inputSize: outputSize)
    head =
      options.tiesWeights
      ? Linear(tiedTo: embedding.weight, stream: stream.child("head"), biasInitializer: bias ?? .zeros)
      : Linear(
        inputSize: outputSize, outputSize: options.vocabularySize, stream: stream.child("head"),
        weightInitializer: initialization.linearWeight("head"), biasInitializer: bias)
  }

  /// `embedding.weight` [V, E], then `head.weight` [V, O] and `head.bias` [V], or `head_bias` [V] of tied weights.
  var members: [Member] {
    let tiedBias = options.tiesWeights ? head.bias : nil
    return [.module("embedding", embedding)]
      + (tiedBias.map { [.parameter("head_bias", $0)] } ?? [.module("head", head)])
  }

  /// The map to logits.
  var linearMaps: [Linear] { [head] }

  static func parameterShapes(_ options: SymbolOptions, outputSize: Int) -> [ParameterShape] {
    let vectors = Embedding.parameterShapes(count: options.vocabularySize, size: options.embeddingSize)
    let head =
      options.tiesWeights
      ? [ParameterShape("head_bias", [options.vocabularySize])]
      : Linear.parameterShapes(inputSize: outputSize, outputSize: options.vocabularySize)
        .map { $0.inside("head") }
    return vectors.map { $0.inside("embedding") } + head
  }

  /// What is wrong with outputs of this size; nil for nothing.
  static func problem(_ options: SymbolOptions, outputSize: Int) -> String? {
    guard options.tiesWeights, options.embeddingSize != outputSize else { return nil }
    return
      "embedding_size: expected the outputs' size \(outputSize), as the weights are tied, found \(options.embeddingSize)"
  }

  /// The vectors of symbols, [shape.., E].
  func vectors(_ symbols: [Int32], shape: [Int], _ context: ForwardContext) -> Tensor {
    let x = options.embeddingActivation(embedding(symbols, shape: shape))
    return dropped(x, options.embeddingDropout, "embedding", context)
  }

  /// Whether vectors of equal symbols are equal: they are not where their numbers are dropped.
  private func repeats(_ context: ForwardContext) -> Bool {
    !context.isTraining || options.embeddingDropout == 0
  }

  /// What `map` makes of the symbols' vectors, [N, K]: of those of equal symbols once, where that is worth it.
  func products(
    _ symbols: [Int32], _ context: ForwardContext, _ map: (_ vectors: Tensor) -> Tensor
  ) -> Tensor {
    guard let (unique, places) = distinct(symbols, context) else {
      return map(vectors(symbols, shape: [symbols.count], context))
    }
    return map(vectors(unique, shape: [unique.count], context)).gathered(places)
  }

  /// The symbols, each once, and the place of each symbol among them; nil where there are nearly as many of them.
  func distinct(
    _ symbols: [Int32], _ context: ForwardContext
  ) -> (unique: [Int32], places: [Int32])? {
    guard repeats(context) else { return nil }
    var (known, unique): ([Int32: Int32], [Int32]) = ([:], [])
    let places = symbols.map { symbol -> Int32 in
      if let place = known[symbol] { return place }
      let place = Int32(unique.count)
      known[symbol] = place
      unique.append(symbol)
      return place
    }
    return 4 * unique.count <= 3 * symbols.count ? (unique, places) : nil
  }

  /// Outputs as logits are made of them, after their dropout.
  func dropped(_ outputs: Tensor, _ context: ForwardContext) -> Tensor {
    dropped(outputs, options.dropout, "output", context)
  }

  /// The logits [.., V] of outputs [.., O].
  func logits(_ outputs: Tensor) -> Tensor { head(outputs) }

  /// The same with weights that are packed once.
  func packedLogits() -> PackedLinear { head.packed() }

  private func dropped(_ x: Tensor, _ share: Float, _ part: String, _ context: ForwardContext) -> Tensor {
    guard context.isTraining, share > 0 else { return x }
    var stream = context.stream("\(name)/\(part)")
    return dropout(x, probability: share, stream: &stream)
  }
}
