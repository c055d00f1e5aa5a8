import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `answer`.
enum AnswerOptions {
  static let test = TaskOption.file(
    "test", "the file to test on; a share of the stories of --data if you leave it out")
  static let validation = TaskOption.file(
    "valid", "the file to validate on; a share of the stories of --data if you leave it out")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the stories for validation, without --valid", default: 10, in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the stories for the test, without --test", default: 10, in: 1...90)
  static let model = TaskOption.choice(
    "model",
    "how a text is read: as one sequence of words with the question at its end, by one look at its sentences, or by several",
    default: Form.memory.rawValue, of: Form.allCases.map(\.rawValue))
  static let hops = TaskOption.whole(
    "hops", "looks at the sentences, each a step of the cell, of the model memory", default: 3, in: 1...100)
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each word's vector", default: 64, in: 1...65_536)
  static let attention = TaskOption.whole(
    "attention", "the size in which attention compares", default: 64, in: 1...65_536)
  static let sentences = TaskOption.whole(
    "sentences", "the most sentences of a text that are looked at, its last ones", default: 100,
    in: 1...100_000)
  static let sentenceLength = TaskOption.whole(
    "sentence-length", "the most words of a sentence that are read, its first ones", default: 50,
    in: 1...10_000)
  static let words = TaskOption.whole(
    "words", "the most words that are known, those of the training part", default: 20_000, in: 2...1_000_000)
  static let supporting = TaskOption.real(
    "supporting",
    "λ of a loss −λ ln attention of the sentences that the file names for an answer, a look each; 0 for answers alone",
    default: 1, in: 0...1000)

  static let all = [
    test, validation, validPercent, testPercent, model, hops, embedding, attention, sentences,
    sentenceLength, words, supporting,
  ]
  static let ofModel = [model, hops, embedding, attention, sentences, sentenceLength]

  enum Form: String, CaseIterable { case encoder, attention, memory }

  static func form(_ settings: TrainingSettings) -> Form {
    settings.text(model).flatMap(Form.init) ?? .memory
  }

  /// Whether a text and its question are one sequence of words.
  static func readsWhole(_ settings: TrainingSettings) -> Bool { form(settings) == .encoder }
}

extension TrainingSettings {
  /// The model for so many words, words of a sentence, and answers.
  func answerer(cell: Cell, words: Int, length: Int, answers: Int) -> ModelDescription {
    let form = AnswerOptions.form(self)
    var layers: [LayerDescription] = []
    var calls: [ModelDescription.Call] = []
    var inputs = [ModelDescription.Input("story", .sequence(length)), .init("question", .sequence(length))]
    if form == .encoder { inputs = [.init("words", .sequence())] }
    /// Adds a call of a layer, and the layer unless it is there, and gives the call's node.
    func add(_ layer: LayerDescription, _ nodes: [Int]) -> Int {
      if !layers.contains(where: { $0.name == layer.name }) { layers.append(layer) }
      calls.append(.init(layer.name, nodes.map { .init(node: $0) }))
      return inputs.count + calls.count - 1
    }
    func dropped(_ node: Int, _ share: Float, _ name: String) -> Int {
      share > 0 ? add(LayerDescription(Dropout(share), name: name), [node]) : node
    }
    var vectors = Embedding.Options(inputDim: words, outputDim: whole(AnswerOptions.embedding))
    vectors.dropout = embeddingDropout
    guard form != .encoder else {
      let read = add(LayerDescription(Embedding(vectors), name: "embedding"), [0])
      let input = dropped(read, inputDropout ?? dropout, "input_dropout")
      let last = add(LayerDescription(Recurrent(recurrentOptions(cell)), name: "recurrent"), [input])
      let head = add(
        LayerDescription(Dense(answers), name: "head"), [dropped(last, headDropout, "head_dropout")])
      return ModelDescription(inputs: inputs, layers: layers, calls: calls, outputs: [.init(node: head)])
    }
    var reading = CharacterEncoder.Options(
      inputDim: words, outputDim: whole(AnswerOptions.embedding), units: hidden)
    reading.cell = CellText(cell)
    reading.dropout = embeddingDropout
    let reader = LayerDescription(CharacterEncoder(reading), name: "sentences")
    let story = add(reader, [0])
    let question = add(LayerDescription(LastStep(), name: "question_vector"), [add(reader, [1])])
    let places = PositionEmbedding(whole(AnswerOptions.sentences), fromEnd: true)
    let facts = dropped(
      add(LayerDescription(places, name: "places"), [story]), inputDropout ?? dropout, "facts_dropout")
    var looking = AttentionHops.Options(AdditiveAttention(whole(AnswerOptions.attention)))
    if form == .memory {
      var steps = recurrentOptions(cell)
      (steps.isBidirectional, steps.inputDropout, steps.goBackwards) = (false, 0, false)
      (looking.recurrent, looking.hops) = (steps, whole(AnswerOptions.hops))
    }
    let memory = add(LayerDescription(AttentionHops(looking), name: "memory"), [question, facts])
    let both = add(LayerDescription(Concatenate(), name: "memory_and_question"), [memory, question])
    let head = add(
      LayerDescription(Dense(answers), name: "head"), [dropped(both, headDropout, "head_dropout")])
    return ModelDescription(
      inputs: inputs, layers: layers, calls: calls,
      outputs: [.init(node: head), .init(node: memory, output: 1)])
  }
}
