import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `translate`.
enum TranslateOptions {
  static let source = TaskOption.file(
    "source", "sentences to translate, a line each, gzipped or not; of --data if you leave it out")
  static let target = TaskOption.file("target", "their translations, as many lines")
  static let validSource = TaskOption.file(
    "valid-source", "sentences to validate on; a share of those to train on if you leave it out")
  static let validTarget = TaskOption.file("valid-target", "their translations")
  static let testSource = TaskOption.file(
    "test-source", "sentences to test on; a share of those to train on if you leave it out")
  static let testTarget = TaskOption.file("test-target", "their translations")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the pairs for validation, without files for it", default: 5, in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the pairs for the test, without files for it", default: 5, in: 1...90)
  static let unit = TaskOption.choice(
    "unit", "what a symbol is: pieces of words, by byte-pair encoding, words or characters",
    default: TextTokenizer.Unit.pieces.rawValue, of: TextTokenizer.Unit.allCases.map(\.rawValue))
  static let symbols = TaskOption.whole(
    "symbols", "the most symbols of either side, or of both together", default: 6000, in: 300...1_000_000)
  static let learned = TaskOption.choice(
    "learn", "whether the symbols of both sides are learned apart or together",
    default: Learned.apart.rawValue, of: Learned.allCases.map(\.rawValue))
  static let leastCount = TaskOption.whole(
    "least-count", "words that the training part has less often are unknown", default: 2, in: 1...1_000_000)
  static let lowercase = TaskOption.choice(
    "lowercase", "whether capital letters are taken, and written, as small ones", default: "no",
    of: ["no", "yes"])
  static let length = TaskOption.whole(
    "most-symbols", "longer sentences are not trained on, and translated in parts", default: 100,
    in: 1...10_000)
  static let batchSymbols = TaskOption.whole(
    "batch-symbols",
    "the most symbols of either side in a batch, padding included; --batch are the most pairs",
    default: 2000, in: 1...10_000_000)
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each symbol's vector; as --hidden if you leave it out", in: 1...65_536)
  static let tiedWeights = TaskOption.choice(
    "tie-weights", "make logits with the vectors of what is written, which are then of the decoder's size",
    default: "yes", of: ["no", "yes"])
  static let attention = TaskOption.choice(
    "attention", "how the decoder compares what it looks at",
    default: TranslationModelOptions.Attention.additive.rawValue,
    of: TranslationModelOptions.Attention.allCases.map(\.rawValue))
  static let attentionUnits = TaskOption.whole(
    "attention-units", "the size in which additive attention compares; as --hidden if you leave it out",
    in: 1...65_536)
  static let placement = TaskOption.choice(
    "attention-place", "whether attention stands before or after the decoder's cell",
    default: AttentionDecoder.Placement.after.rawValue,
    of: [AttentionDecoder.Placement.before, .after].map(\.rawValue))
  static let inputFeeding = TaskOption.choice(
    "input-feeding",
    "whether the decoder's last output is part of its next input; with attention after the cell",
    default: "no", of: ["no", "yes"])
  static let labelSmoothing = TaskOption.real(
    "label-smoothing", "the share of each target that all symbols have", default: 0.1, in: 0...0.999)
  static let beam = TaskOption.whole(
    "beam", "translations that beam search keeps of each test sentence; validation keeps one",
    default: Translator.usualSearch.width, in: 1...1000)
  static let lengthPower = TaskOption.real(
    "length-power", "α of the beam's score, ln p over the number of symbols^α",
    default: Translator.usualSearch.lengthPower, in: 0...10)

  static let all =
    [
      source, target, validSource, validTarget, testSource, testTarget, validPercent, testPercent, unit,
      symbols,
      learned, leastCount, lowercase, length, batchSymbols, embedding, tiedWeights, attention, attentionUnits,
      placement, inputFeeding, labelSmoothing, beam, lengthPower,
    ] + TransformerOption.all

  static let ofModel =
    [
      unit, symbols, learned, leastCount, lowercase, length, embedding, tiedWeights, attention,
      attentionUnits,
      placement, inputFeeding,
    ] + TransformerOption.all

  enum Learned: String, CaseIterable { case apart, together }
}

extension TrainingSettings {
  /// The model for vocabularies of these sizes.
  func translationModel(cell: Cell, sourceSize: Int, targetSize: Int) -> TranslationModelOptions {
    var options = TranslationModelOptions(
      cell: cell, units: hidden, sourceSize: sourceSize, targetSize: targetSize)
    options.decoder = recurrentOptions(cell)
    options.decoder.dropout = layers > 1 ? dropout : 0
    options.encoder = options.decoder
    options.encoder.isBidirectional = true
    options.encoder.noise = "encoder"
    options.transformer = isTransformer ? transformerOptions(returnSequences: true) : nil
    options.embeddingSize = optionalWhole(TranslateOptions.embedding) ?? hidden
    options.attention =
      text(TranslateOptions.attention).flatMap(TranslationModelOptions.Attention.init) ?? .additive
    options.attentionUnits = optionalWhole(TranslateOptions.attentionUnits) ?? hidden
    options.placement =
      text(TranslateOptions.placement).flatMap(AttentionDecoder.Placement.init) ?? .after
    options.feedsOutput = text(TranslateOptions.inputFeeding) == "yes"
    options.tiesWeights = text(TranslateOptions.tiedWeights) == "yes"
    options.dropout = dropout
    options.embeddingDropout = inputDropout ?? dropout
    options.symbolDropout = embeddingDropout
    options.outputDropout = headDropout
    return options
  }

  /// How test sentences are searched.
  var translationSearch: BeamSearch {
    BeamSearch(width: whole(TranslateOptions.beam), lengthPower: real(TranslateOptions.lengthPower))
  }
}
