import CellgateCells
import CellgateTensor

/// A model that reads a sequence of symbols and writes another: a recurrent encoder, in both directions at first, and a recurrent
/// decoder with attention over what the encoder gives at each symbol; or a Transformer.
///
/// ```swift
/// var options = TranslationModelOptions(cell: .lstmWM, sourceSize: 6000, targetSize: 5000)
/// options.attention = .general
/// let translation = try DecodingModel(options.model(seed: 1))
/// ```
///
/// The model is a graph like any other: its inputs are "source" `[S, B]` and "target" `[T, B]`, its last layer decodes.
public struct TranslationModelOptions: Sendable {
  /// How queries are compared with the encoder's outputs.
  public enum Attention: String, Sendable, CaseIterable {
    /// score · tanh(W_q query + W_k value + b) (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473).
    case additive
    /// query · W value (Luong et al. 2015, https://arxiv.org/abs/1508.04025).
    case general
    /// query · value / √size, of the encoder's outputs mapped to the query's size.
    case dot
  }

  /// The encoder's layers.
  public var encoder: RecurrentOptions
  /// The decoder's layers.
  public var decoder: RecurrentOptions
  /// The layers of a Transformer, encoder and decoder of as many, in place of the recurrent ones; nil for these.
  public var transformer: TransformerEncoder.Options?
  /// V of what is read.
  public var sourceSize: Int
  /// V of what is written.
  public var targetSize: Int
  /// E; of what is written only where the weights aren't tied.
  public var embeddingSize = 256
  /// How queries are compared with the encoder's outputs.
  public var attention = Attention.additive
  /// A, the size in which additive attention compares.
  public var attentionUnits = 256
  /// Where attention stands in the decoder: before the cell or after it.
  public var placement = AttentionDecoder.Placement.after
  /// Whether the decoder's last output is part of its next input ("input feeding"); with attention after the cell.
  public var feedsOutput = false
  /// Whether logits are made with the vectors of what is written, which are then of the decoder's size.
  public var tiesWeights = true
  /// The share of numbers that is dropped of the encoder's outputs.
  public var dropout: Float = 0.3
  /// The share that is dropped of symbols' vectors.
  public var embeddingDropout: Float = 0.3
  /// The share of the symbols that are read whose vectors are dropped, wherever they occur; nil for none.
  public var symbolDropout: Float?
  /// The share that is dropped of the decoder's outputs.
  public var outputDropout: Float = 0.3

  /// A cell in encoder and decoder, of `units` H each, with vocabularies of these sizes.
  public init(cell: Cell, units: Int = 256, sourceSize: Int, targetSize: Int) {
    encoder = RecurrentOptions(cell: cell, units: units)
    encoder.isBidirectional = true
    decoder = RecurrentOptions(cell: cell, units: units)
    (self.sourceSize, self.targetSize) = (sourceSize, targetSize)
  }

  /// The model, its parameters drawn from `seed`. Throws for options that don't fit.
  public func model(seed: UInt64 = 1) throws(LayerError) -> Model { try Model(description(), seed: seed) }

  /// The model as data. Throws for options that don't fit.
  public func description() throws(LayerError) -> ModelDescription {
    var symbols = Embedding.Options(inputDim: sourceSize, outputDim: embeddingSize)
    symbols.dropout = symbolDropout
    try symbols.check("embedding")
    var layers = [LayerDescription(Embedding(symbols), name: "embedding")]
    if embeddingDropout > 0 { layers.append(try noise(embeddingDropout, "embedding_dropout")) }
    if let transformer { return try description(transformer, after: layers) }
    var encoder = encoder
    encoder.returnSequences = true
    try encoder.check("encoder")
    layers.append(LayerDescription(Recurrent(encoder), name: "encoder"))
    if dropout > 0 { layers.append(try noise(dropout, "encoder_dropout")) }
    try decoder.check("decoder")
    let outputSize = DecoderCell.outputSize(decoder)
    if attention == .dot {
      let map = Dense.Options(units: outputSize)
      try map.check("memory")
      layers.append(LayerDescription(Dense(map), name: "memory"))
    }
    layers.append(try decoder(outputSize: outputSize))
    return .decoding(.init("source", .sequence()), .init("target", .sequence()), layers: layers)
  }

  /// An encoder and a decoder of a Transformer.
  private func description(
    _ transformer: TransformerEncoder.Options, after embedding: [LayerDescription]
  ) throws(LayerError) -> ModelDescription {
    try transformer.check("encoder")
    var symbols = SymbolOptions(vocabularySize: targetSize, embeddingSize: embeddingSize)
    (symbols.embeddingDropout, symbols.dropout) = (embeddingDropout, outputDropout)
    symbols.tiesWeights = tiesWeights
    if tiesWeights, let units = transformer.units { symbols.embeddingSize = units }
    let own = TransformerSymbolDecoder.Options(symbols: symbols, decoder: transformer)
    try own.check("decoder")
    return .decoding(
      .init("source", .sequence()), .init("target", .sequence()),
      layers: embedding + [
        LayerDescription(TransformerEncoder(transformer), name: "encoder"),
        LayerDescription(TransformerSymbolDecoder(own), name: "decoder"),
      ])
  }

  private func noise(_ share: Float, _ name: String) throws(LayerError) -> LayerDescription {
    let options = Dropout.Options(rate: share, noise: name)
    try options.check(name)
    return LayerDescription(Dropout(options), name: name)
  }

  private func decoder(outputSize: Int) throws(LayerError) -> LayerDescription {
    var symbols = SymbolOptions(
      vocabularySize: targetSize, embeddingSize: tiesWeights ? outputSize : embeddingSize)
    symbols.embeddingDropout = embeddingDropout
    symbols.dropout = outputDropout
    symbols.tiesWeights = tiesWeights
    let additive = AdditiveAttention.Options(units: attentionUnits)
    try additive.check("attention")
    func options(_ attention: some AttentionLayer) -> AttentionDecoder.Options {
      AttentionDecoder.Options(
        symbols: symbols, recurrent: decoder, attention: attention, placement: placement)
    }
    var own =
      switch attention {
      case .additive: options(AdditiveAttention(additive))
      case .general: options(GeneralAttention())
      case .dot: options(DotAttention(scaled: true))
      }
    own.firstStates = .summary
    own.feedsOutput = feedsOutput
    try own.check("decoder")
    return LayerDescription(AttentionDecoder(own), name: "decoder")
  }
}
