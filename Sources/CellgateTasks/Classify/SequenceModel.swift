import CellgateCells
import CellgateNN
import CellgateTraining

extension TrainingSettings {
  /// What goes into a model of sequences: words, or so many numbers a step.
  enum SequenceInput: Equatable { case words(count: Int), numbers(width: Int) }

  /// The model of so many classes, with what words say for themselves where the options say so.
  func classifier(cell: Cell, input: SequenceInput, classes: Int) -> ModelDescription {
    guard case .words(let count) = input,
      text(ClassifyOptions.evidence) != ClassifyOptions.Evidence.none.rawValue,
      count * classes <= Self.mostEvidence
    else { return sequenceModel(cell: cell, input: input, outputs: classes) }
    return sequenceModel(cell: cell, input: input, outputs: classes, evidence: count)
  }

  /// The most numbers of what words say for classes.
  static let mostEvidence = 1 << 22

  /// The model that makes so many numbers of a sequence: the logits of classes, or a number. With `evidence` of so many words the
  /// mean of what they say for each class, which isn't learned with the rest, is added. The sizes of words and the pooling are those of
  /// the options where they aren't given.
  func sequenceModel(
    cell: Cell, input: SequenceInput, outputs: Int, evidence: Int? = nil, embedding: Int? = nil,
    pooling: ClassifyOptions.Pooling? = nil
  ) -> ModelDescription {
    var graph = SequenceGraph()
    let pooling = pooling ?? text(ClassifyOptions.pooling).flatMap(ClassifyOptions.Pooling.init) ?? .both
    var front = text(ClassifyOptions.front).flatMap(ClassifyOptions.Front.init)
    let shape: LayerShape
    switch input {
    case .words(let count):
      var words = Embedding.Options(inputDim: count, outputDim: embedding ?? whole(ClassifyOptions.embedding))
      words.maskZero = true
      words.dropout = embeddingDropout
      graph.add(LayerDescription(Embedding(words), name: "embedding"))
      shape = .sequence()
    case .numbers(let width):
      front = front ?? .convolutions
      shape = .sequence(width)
    }
    // Words' vectors are dropped like the layers' outputs where nothing else is said of them.
    let share = inputDropout ?? (shape == .sequence() ? dropout : 0)
    if share > 0 { graph.add(LayerDescription(Dropout(share), name: "input_dropout")) }
    var pooled: [Int] = []
    if front == .convolutions {
      for (index, kernel) in [7, 5, 3].enumerated() { graph.convolve(hidden, kernel, name: "\(index + 1)") }
      pooled.append(graph.branch(LayerDescription(GlobalAveragePooling1D(), name: "convolution_mean")))
      if dropout > 0 { graph.add(LayerDescription(Dropout(dropout), name: "convolution_dropout")) }
    }
    if isTransformer {
      graph.add(body(cell, returnSequences: pooling != .last).description)
    } else {
      var options = recurrentOptions(cell)
      options.isBidirectional = bidirectional || text(ClassifyOptions.directions) != "forward"
      options.returnSequences = pooling != .last
      graph.add(LayerDescription(Recurrent(options), name: "recurrent"))
    }
    let states = graph.last
    switch pooling {
    case .last: pooled.append(states)
    case .max: pooled.append(graph.branch(LayerDescription(GlobalMaxPooling1D(), name: "pooling")))
    case .mean: pooled.append(graph.branch(LayerDescription(GlobalAveragePooling1D(), name: "pooling")))
    case .both:
      pooled.append(graph.branch(LayerDescription(GlobalAveragePooling1D(), name: "mean")))
      pooled.append(graph.branch(LayerDescription(GlobalMaxPooling1D(), name: "pooling")))
    case .attention:
      let mean = graph.branch(LayerDescription(GlobalAveragePooling1D(), name: "mean"))
      graph.add(LayerDescription(AdditiveAttention(hidden), name: "pooling"), of: [mean, states])
      pooled.append(graph.last)
    }
    if pooled.count > 1 {
      graph.add(LayerDescription(Concatenate(), name: "pooled"), of: pooled)
    } else {
      graph.last = pooled[0]
    }
    if headDropout > 0 { graph.add(LayerDescription(Dropout(headDropout), name: "head_dropout")) }
    graph.add(LayerDescription(Dense(outputs), name: "head"))
    if let evidence {
      let head = graph.last
      var words = Embedding.Options(inputDim: evidence, outputDim: outputs)
      (words.maskZero, words.isFrozen) = (true, true)
      graph.add(LayerDescription(Embedding(words), name: "evidence"), of: [0])
      graph.add(LayerDescription(GlobalAveragePooling1D(), name: "evidence_mean"))
      graph.add(LayerDescription(Add(), name: "logits"), of: [head, graph.last])
    }
    return ModelDescription(
      inputs: [.init("x", shape)], layers: graph.layers, calls: graph.calls,
      outputs: [.init(node: graph.last)])
  }
}

/// A graph of layers that grows from one input.
private struct SequenceGraph {
  private(set) var layers: [LayerDescription] = []
  private(set) var calls: [ModelDescription.Call] = []
  /// The node that the next layer takes; 0 is the input.
  var last = 0

  /// A layer that takes nodes, or the last one.
  mutating func add(_ layer: LayerDescription, of nodes: [Int]? = nil) {
    layers.append(layer)
    calls.append(.init(layer.name, (nodes ?? [last]).map { .init(node: $0) }))
    last = calls.count
  }

  /// As `add`, while the last node stays; the node of the layer.
  mutating func branch(_ layer: LayerDescription) -> Int {
    let before = last
    defer { last = before }
    add(layer)
    return last
  }

  /// A convolution, a normalisation over the batch and a rectifier.
  mutating func convolve(_ filters: Int, _ kernel: Int, name: String) {
    var options = Conv1D.Options(filters: filters, kernelSize: kernel)
    options.padding = .same
    options.keepsMask = true
    add(LayerDescription(Conv1D(options), name: "convolution_\(name)"))
    add(LayerDescription(BatchNormalization(momentum: 0.9), name: "normalization_\(name)"))
    add(LayerDescription(ActivationLayer(.relu), name: "rectifier_\(name)"))
  }
}
