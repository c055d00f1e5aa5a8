import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `encoder`.
enum EncoderOptions {
  static let pairs = TaskOption.file(
    "pairs", "texts that mean the same, two or more a line: with tabs between, or as JSON Lines")
  static let splits = TaskOption.list(
    "splits",
    "lists of the pictures of --data to train on, to validate and to test: TRAIN,VAL,TEST; one may be 'rest'",
    of: .file)
  static let validation = TaskOption.file(
    "valid", "pairs, or captions, to validate on; a share of those to train on if you leave it out")
  static let test = TaskOption.file(
    "test", "pairs, or captions, to test on; a share of those to train on if you leave it out")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the groups of texts for validation, where no file or list says more",
    default: 10,
    in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the groups of texts for the test, where no file or list says more", default: 10,
    in: 1...90)
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each word's vector", default: 128, in: 1...65_536)
  static let pooling = TaskOption.choice(
    "pooling", "what of the layers' outputs becomes the vector",
    default: ClassifyOptions.Pooling.max.rawValue,
    of: ClassifyOptions.Pooling.allCases.map(\.rawValue))
  static let dimension = TaskOption.whole(
    "dimension", "numbers in the vector of a text", default: 256, in: 2...65_536)
  static let temperature = TaskOption.real(
    "temperature", "τ: inner products are divided by it in the loss", default: 0.07, in: 0.001...10)

  static let all = [
    pairs, splits, validation, test, validPercent, testPercent, embedding, pooling,
    ClassifyOptions.directions,
    dimension, temperature, ClassifyOptions.words, ClassifyOptions.leastCount, ClassifyOptions.length,
    ClassifyOptions.truncate, ClassifyOptions.unit, ClassifyOptions.pieces, ClassifyOptions.lowercase,
  ]
  static let ofModel = [
    embedding, pooling, ClassifyOptions.directions, dimension, ClassifyOptions.length, ClassifyOptions.unit,
  ]
}

extension TrainingSettings {
  /// The model of texts of so many symbols: an embedding, recurrent layers, what is pooled of their outputs, and a map to the vector.
  func sentenceModel(cell: Cell, symbols: Int) -> ModelDescription {
    sequenceModel(
      cell: cell, input: .words(count: symbols), outputs: whole(EncoderOptions.dimension),
      embedding: whole(EncoderOptions.embedding),
      pooling: text(EncoderOptions.pooling).flatMap(ClassifyOptions.Pooling.init) ?? .max)
  }
}
