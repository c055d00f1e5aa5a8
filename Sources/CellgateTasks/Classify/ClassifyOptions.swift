import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `classify`.
enum ClassifyOptions {
  static let text = TaskOption.text("text", "the column of the texts")
  static let label = TaskOption.text("label", "the column of the class")
  static let features = TaskOption.list(
    "features", "the columns of numbers: of each step with --group, else the steps of a row", of: .text)
  static let group = TaskOption.text("group", "the column that says which sequence a row is a step of")
  static let time = TaskOption.text("time", "the column by which a sequence's rows are put in order")
  static let test = TaskOption.file("test", "the file to test on; a share of --data if you leave it out")
  static let validation = TaskOption.file(
    "valid", "the file to validate on; a share of --data if you leave it out")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of --data for validation, of each class", default: 15, in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of --data for the test, of each class, without --test", default: 15, in: 1...90)
  static let words = TaskOption.whole(
    "words", "the most words that are known, those of the training part", default: 20_000, in: 2...1_000_000)
  static let leastCount = TaskOption.whole(
    "least-count", "words that the training part has less often are unknown", default: 2, in: 1...1_000_000)
  static let length = TaskOption.whole(
    "length", "the most words of a text, the last ones", default: 200, in: 1...100_000)
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each word's vector", default: 64, in: 1...65_536)
  static let pooling = TaskOption.choice(
    "pooling", "what of the layers' outputs is classified", default: Pooling.max.rawValue,
    of: Pooling.allCases.map(\.rawValue))
  static let directions = TaskOption.choice(
    "directions", "in which directions the layers run", default: "both", of: ["both", "forward"])
  static let classWeights = TaskOption.choice(
    "class-weights", "weigh classes in the loss: balanced makes each count the same", default: "none",
    of: ["none", "balanced"])

  static let all = [
    text, label, features, group, time, test, validation, validPercent, testPercent, words, leastCount,
    length, embedding, pooling, directions, classWeights,
  ]

  static let ofModel = [text, features, group, time, length, embedding, pooling, directions]

  enum Pooling: String, CaseIterable { case last, mean, max, attention }
}

extension TrainingSettings {
  /// What goes into a model of sequences: words, or so many numbers a step.
  enum SequenceInput: Equatable { case words(count: Int), numbers(width: Int) }

  /// The model for so many classes.
  func classifier(cell: Cell, input: SequenceInput, classes: Int) -> ModelDescription {
    let pooling = text(ClassifyOptions.pooling).flatMap(ClassifyOptions.Pooling.init) ?? .max
    var options = recurrentOptions(cell)
    options.isBidirectional = bidirectional || text(ClassifyOptions.directions) != "forward"
    options.returnSequences = pooling != .last
    var layers: [LayerDescription] = []
    let shape: LayerShape
    switch input {
    case .words(let count):
      var words = Embedding.Options(inputDim: count, outputDim: whole(ClassifyOptions.embedding))
      words.maskZero = true
      words.dropout = embeddingDropout
      layers.append(LayerDescription(Embedding(words), name: "embedding"))
      shape = .sequence()
    case .numbers(let width): shape = .sequence(width)
    }
    // Words' vectors are dropped like the layers' outputs where nothing else is said of them.
    let share = inputDropout ?? (shape == .sequence() ? dropout : 0)
    if share > 0 { layers.append(LayerDescription(Dropout(share), name: "input_dropout")) }
    layers.append(LayerDescription(Recurrent(options), name: "recurrent"))
    var calls = layers.enumerated().map { ModelDescription.Call($1.name, [.init(node: $0)]) }
    func add(_ layer: LayerDescription, _ inputs: [Int]) {
      layers.append(layer)
      calls.append(.init(layer.name, inputs.map { .init(node: $0) }))
    }
    let states = calls.count
    switch pooling {
    case .last: break
    case .max: add(LayerDescription(GlobalMaxPooling1D(), name: "pooling"), [states])
    case .mean: add(LayerDescription(GlobalAveragePooling1D(), name: "pooling"), [states])
    case .attention:
      add(LayerDescription(GlobalAveragePooling1D(), name: "mean"), [states])
      add(LayerDescription(AdditiveAttention(hidden), name: "pooling"), [calls.count, states])
    }
    if headDropout > 0 {
      add(LayerDescription(Dropout(headDropout), name: "head_dropout"), [calls.count])
    }
    add(LayerDescription(Dense(classes), name: "head"), [calls.count])
    return ModelDescription(
      inputs: [.init("x", shape)], layers: layers, calls: calls, outputs: [.init(node: calls.count)])
  }
}
