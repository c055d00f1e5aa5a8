import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `tag`.
enum TagOptions {
  static let columns = TaskOption.list(
    "columns",
    "names of the file's columns, token and tag among them, or the two columns such as 1,4; first and last if you leave it out",
    of: .text)
  static let test = TaskOption.file(
    "test", "the file to test on; a share of --data if you leave it out")
  static let validation = TaskOption.file(
    "valid", "the file to validate on; a share of --data if you leave it out")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the sentences for validation, without --valid", default: 10, in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the sentences for the test, without --test", default: 10, in: 1...90)
  static let decoder = TaskOption.choice(
    "decoder",
    "how tags are found: a CRF for whole sentences, or a softmax for each token; auto: a CRF for spans",
    default: Decoder.auto.rawValue, of: Decoder.allCases.map(\.rawValue))
  static let characters = TaskOption.choice(
    "characters",
    "what sees the characters of each word: a convolution, recurrent layers of the cell, or nothing",
    default: Characters.conv.rawValue, of: Characters.allCases.map(\.rawValue))
  static let characterEmbedding = TaskOption.whole(
    "character-embedding", "numbers in each character's vector", default: 32, in: 1...65_536)
  static let characterUnits = TaskOption.whole(
    "character-units", "filters, or units of each direction, over characters", default: 64, in: 1...65_536)
  static let wordLength = TaskOption.whole(
    "word-length", "the most characters of a word that are seen, its first and last ones", default: 20,
    in: 1...1000)
  static let words = TaskOption.whole(
    "words", "the most words that are known, those of the training part", default: 50_000, in: 2...1_000_000)
  static let leastCount = TaskOption.whole(
    "least-count", "words that the training part has less often are unknown", default: 1, in: 1...1_000_000)
  static let replaced = TaskOption.real(
    "replace", "α: a word that training has n times is made unknown with the probability α / (α + n)",
    default: 1, in: 0...1000)
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each word's vector", default: 100, in: 1...65_536)
  static let directions = ClassifyOptions.directions

  static let all = [
    columns, test, validation, validPercent, testPercent, decoder, characters, characterEmbedding,
    characterUnits, wordLength, words, leastCount, replaced, embedding, directions,
  ]

  static let ofModel = [
    columns, decoder, characters, characterEmbedding, characterUnits, wordLength, embedding, directions,
  ]

  enum Decoder: String, CaseIterable { case auto, crf, softmax }

  enum Characters: String, CaseIterable { case conv, recurrent, none }
}

extension TrainingSettings {
  /// What the data decide of a tagger: how many words, characters and tags there are, and whether tags mean spans.
  struct TagSizes: Equatable {
    var words: Int
    /// Nil where no characters go in.
    var characters: Int?
    var tags: Int
    var areSpans: Bool
  }

  /// The model for words and characters of these numbers.
  func tagger(cell: Cell, _ sizes: TagSizes) -> ModelDescription {
    var layers: [LayerDescription] = []
    var calls: [ModelDescription.Call] = []
    var inputs = [ModelDescription.Input("words", .sequence())]
    if sizes.characters != nil {
      inputs.append(.init("characters", .sequence(whole(TagOptions.wordLength))))
    }
    func add(_ layer: LayerDescription, _ nodes: [Int]? = nil) {
      let last = inputs.count + calls.count - 1
      layers.append(layer)
      calls.append(.init(layer.name, (nodes ?? [last]).map { .init(node: $0) }))
    }
    var words = Embedding.Options(inputDim: sizes.words, outputDim: whole(TagOptions.embedding))
    words.dropout = embeddingDropout
    add(LayerDescription(Embedding(words), name: "embedding"), [0])
    if let count = sizes.characters {
      var options = CharacterEncoder.Options(
        inputDim: count, outputDim: whole(TagOptions.characterEmbedding),
        units: whole(TagOptions.characterUnits))
      if text(TagOptions.characters) == TagOptions.Characters.recurrent.rawValue {
        options.cell = CellText(cell)
      }
      add(LayerDescription(CharacterEncoder(options), name: "characters_of_words"), [1])
      add(
        LayerDescription(Concatenate(), name: "words_and_characters"),
        [inputs.count, inputs.count + 1])
    }
    let share = inputDropout ?? dropout
    if share > 0 { add(LayerDescription(Dropout(share), name: "input_dropout")) }
    var options = recurrentOptions(cell)
    options.isBidirectional = bidirectional || text(TagOptions.directions) != "forward"
    options.returnSequences = true
    add(LayerDescription(Recurrent(options), name: "recurrent"))
    if headDropout > 0 { add(LayerDescription(Dropout(headDropout), name: "head_dropout")) }
    add(LayerDescription(Dense(sizes.tags), name: "head"))
    if usesField(areSpans: sizes.areSpans) {
      add(LayerDescription(ConditionalRandomField(), name: "crf"))
    }
    return ModelDescription(
      inputs: inputs, layers: layers, calls: calls, outputs: [.init(node: inputs.count + calls.count - 1)])
  }

  /// Whether tags are found by a conditional random field.
  private func usesField(areSpans: Bool) -> Bool {
    switch text(TagOptions.decoder).flatMap(TagOptions.Decoder.init) ?? .auto {
    case .auto: areSpans
    case .crf: true
    case .softmax: false
    }
  }
}
