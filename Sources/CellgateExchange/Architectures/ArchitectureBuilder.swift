import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Makes the description and the state dictionary of weights whose architecture is known.
struct ArchitectureBuilder {
  let architecture: Architecture
  let weights: ForeignWeights

  init(_ architecture: Architecture, _ weights: ForeignWeights) {
    self.architecture = architecture
    self.weights = weights
  }

  /// A model without its numbers, and its numbers.
  struct Built {
    var description: ModelDescription
    var state: StateDictionary
    var sampler: any Sampler
    var findings: [String]
    var metadata: [String: String] = [:]
  }

  /// The model of these weights; throws where they don't fit the architecture.
  func build(_ groups: [WeightGroup]) throws(ImportError) -> Built {
    guard Architecture.kinds.contains(architecture.kind) else {
      throw bad(
        "an architecture of the kind \(Architecture.kinds.joined(separator: ", "))",
        quotedName(architecture.kind))
    }
    let found = groups.filter { $0.role == .recurrent }
    guard found.count == 1, let group = found.first else {
      throw bad("one recurrent module", found.isEmpty ? "none" : joined(found.map(\.shown)))
    }
    let recurrent = try RecurrentWeights(group, framework: weights.framework)
    switch architecture.kind {
    case "char_lm", "text_classifier", "tagger": return try model(groups, recurrent)
    default: return try layer(groups, recurrent)
    }
  }

  func bad(_ expected: String, _ found: String) -> ImportError {
    .doesNotFit(framework: weights.framework, reason: "expected \(expected), found \(found)")
  }

  // MARK: Members of the architecture

  /// Compares what the architecture says with what the weights are.
  private func check(_ member: String, _ found: Int) throws(ImportError) {
    guard let value = architecture.members[member], !value.isNull else { return }
    guard value.integer == found else {
      throw bad(
        "\(member) \(value.integer.map(String.init) ?? "as a whole number")", "\(found) in the weights")
    }
  }

  private func check(_ member: String, _ found: Bool) throws(ImportError) {
    guard let value = architecture.members[member], !value.isNull else { return }
    guard value.bool == found else {
      throw bad("\(member) \(value.bool.map { "\($0)" } ?? "true or false")", "\(found) in the weights")
    }
  }

  private func check(_ recurrent: RecurrentWeights) throws(ImportError) {
    try check("num_layers", recurrent.layers)
    try check("bidirectional", recurrent.directions == 2)
  }

  /// Whether the activation of an RNN is a rectifier.
  private func isReLU(_ recurrent: RecurrentWeights) throws(ImportError) -> Bool {
    guard recurrent.kind == .rnn, let value = architecture.members["nonlinearity"], !value.isNull else {
      return false
    }
    switch value.string {
    case "relu": return true
    case "tanh": return false
    default: throw bad("nonlinearity tanh or relu", quotedName(value.string ?? "another value"))
    }
  }

  /// What a classifier of texts makes of the outputs of all steps.
  private enum Pooling: String, CaseIterable {
    /// The last valid one, of each direction.
    case last
    /// The mean of the valid ones.
    case mean
    /// The largest numbers of the valid ones.
    case max
  }

  private func pooling() throws(ImportError) -> Pooling {
    guard let value = architecture.members["pooling"], !value.isNull else { return .last }
    guard let pooling = value.string.flatMap(Pooling.init) else {
      throw bad(
        "pooling \(Pooling.allCases.map(\.rawValue).joined(separator: ", "))",
        quotedName(value.string ?? "another value"))
    }
    return pooling
  }

  // MARK: Kinds

  /// A recurrent module by itself.
  private func layer(_ groups: [WeightGroup], _ recurrent: RecurrentWeights) throws(ImportError) -> Built {
    let own = architecture.kind.replacing("_cell", with: "")
    guard own == recurrent.kind.rawValue else {
      throw bad("weights of the kind \(own)", recurrent.kind.rawValue)
    }
    let rest = groups.filter { $0.role != .recurrent }
    guard rest.isEmpty else {
      throw bad("the weights of \(recurrent.name)", "also " + joined(rest.map(\.shown)))
    }
    try check(recurrent)
    try check("input_size", recurrent.inputSize)
    try check("hidden_size", recurrent.hiddenSize)
    try check("proj_size", recurrent.projectionSize ?? 0)
    try check("bias", recurrent.hasBias)
    let options = try recurrent.options(
      relu: try isReLU(recurrent), returnSequences: true, framework: weights.framework)
    let name = layerNames([(recurrent.group, recurrent.kind.rawValue)])[0]
    return Built(
      description: ModelDescription(
        chain: [LayerDescription(Recurrent(options), name: name)],
        input: .init("x", .sequence(recurrent.inputSize))),
      state: StateDictionary(recurrent.entries(layer: name)),
      sampler: RecurrentSampler(
        batchFirst: architecture.members["batch_first"]?.bool ?? false,
        isCell: recurrent.isCell),
      findings: recurrent.findings)
  }

  /// An embedding, a recurrent module and a linear map.
  private func model(_ groups: [WeightGroup], _ recurrent: RecurrentWeights) throws(ImportError) -> Built {
    var modules: [String: String] = [:]
    for item in architecture.members["modules"]?.array ?? [] {
      if let pair = item.array, pair.count == 2, let name = pair[0].string, let type = pair[1].string {
        modules[name] = type
      }
    }
    let parts = try ModelParts(groups, recurrent, modules: modules, framework: weights.framework)
    let isClassifier = architecture.kind == "text_classifier"
    let pooling = isClassifier ? try self.pooling() : .last
    guard let table = parts.embedding["weight"], let head = parts.head["weight"] else {
      throw bad("an embedding and a linear map", "others")
    }
    if let cell = architecture.members["cell"]?.string, cell != recurrent.kind.rawValue {
      throw bad("the cell \(quotedName(cell))", recurrent.kind.rawValue)
    }
    try check(recurrent)
    try check("vocab", table.shape[0])
    try check("embedding", table.shape[1])
    try check("hidden", recurrent.hiddenSize)
    if architecture.kind == "char_lm" {
      guard head.shape[0] == table.shape[0] else {
        throw bad("\(table.shape[0]) outputs, one for each symbol", "\(head.shape[0])")
      }
    } else {
      try check("classes", head.shape[0])
    }

    var embedding = Embedding.Options(inputDim: table.shape[0], outputDim: table.shape[1])
    // Padding with the symbol 0 is what later layers leave out.
    embedding.maskZero = isClassifier && architecture.members["padding_idx"]?.integer == 0
    var dense = Dense.Options(units: head.shape[0])
    dense.useBias = parts.head["bias"] != nil
    for (name, problem) in [("embedding", embedding.problem), ("linear map", dense.problem)] {
      if let problem { throw bad("an \(name) of such sizes", problem) }
    }
    let options = try recurrent.options(
      relu: try isReLU(recurrent), returnSequences: !isClassifier || pooling != .last,
      framework: weights.framework)

    let before = parts.norms.filter { !$0.isAfter }.map(\.group),
      after = parts.norms.filter(\.isAfter).map(\.group)
    let order =
      [(parts.embedding, "embedding")] + before.map { ($0, "normalization") }
      + [(recurrent.group, recurrent.kind.rawValue)]
      + (pooling == .last ? [] : [(WeightGroup(path: "pooling"), "pooling")])
      + after.map { ($0, "output_normalization") }
      + [(parts.head, "dense")]
    let names = layerNames(order)
    var layers = [LayerDescription(Embedding(embedding), name: names[0])]
    var entries = [StateDictionary.Entry(names[0] + ".weight", table)]
    func addNorm(_ group: WeightGroup) {
      let name = names[layers.count]
      layers.append(LayerDescription(LayerNormalization(), name: name))
      for (part, tensor) in group.tensors { entries.append(.init(name + "." + part, tensor)) }
    }
    before.forEach(addNorm)
    entries += recurrent.entries(layer: names[layers.count])
    layers.append(LayerDescription(Recurrent(options), name: names[layers.count]))
    switch pooling {
    case .last: break
    case .mean: layers.append(LayerDescription(GlobalAveragePooling1D(), name: names[layers.count]))
    case .max: layers.append(LayerDescription(GlobalMaxPooling1D(), name: names[layers.count]))
    }
    after.forEach(addNorm)
    entries.append(.init(names[layers.count] + ".weight", head))
    if let bias = parts.head["bias"] { entries.append(.init(names[layers.count] + ".bias", bias)) }
    layers.append(LayerDescription(Dense(dense), name: names[layers.count]))

    var findings = [
      "\(parts.embedding.shown): Embedding of \(table.shape[0]) symbols, \(table.shape[1]) numbers each"
    ]
    findings += recurrent.findings
    for (group, _) in parts.norms {
      findings.append("\(group.shown): LayerNorm of \(group["weight"]?.count ?? 0) numbers, epsilon 1e-5")
    }
    if isClassifier { findings.append("pooling over the steps: \(pooling.rawValue)") }
    findings.append("\(parts.head.shown): Linear, \(head.shape[1]) to \(head.shape[0])")
    if modules.values.contains("Dropout") {
      findings.append("Dropout: its rate is not in the file; it is left out")
    }
    var built = Built(
      description: ModelDescription(chain: layers, input: .init("ids", .sequence())),
      state: StateDictionary(entries),
      sampler: SymbolSampler(
        batchFirst: architecture.members["batch_first"]?.bool ?? (architecture.kind != "tagger"),
        isClassifier: isClassifier),
      findings: findings)
    addSymbols(&built, count: table.shape[0])
    return built
  }

  /// The names of layers: the last parts of the modules' where these are different and no empty ones.
  private func layerNames(_ groups: [(WeightGroup, String)]) -> [String] {
    let own = groups.map(\.0.module)
    let isGood = Set(own).count == own.count && !own.contains("")
    return isGood ? own : groups.map(\.1)
  }

  /// The symbols of a character model, kept as the vocabulary that text is generated with; a last one such as "<unk>" stands
  /// for all others.
  private func addSymbols(_ built: inout Built, count: Int) {
    let given = architecture.members["chars"]?.string.map { $0.unicodeScalars.map { String($0) } }
    guard architecture.kind == "char_lm", var symbols = weights.symbols ?? given else { return }
    let hasUnknown =
      symbols.last.map { $0.unicodeScalars.count > 1 && $0.lowercased().contains("unk") } ?? false
    if hasUnknown { symbols.removeLast() }
    let scalars = symbols.compactMap { $0.unicodeScalars.count == 1 ? $0.unicodeScalars.first : nil }
    guard scalars.count == symbols.count, symbols.count + (hasUnknown ? 1 : 0) == count,
      Set(scalars).count == scalars.count
    else {
      built.findings.append(
        "symbols: expected \(count) different characters, found others; they are left out")
      return
    }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    // The keys of CellgateData's Vocabulary.
    built.metadata["vocabulary"] = String(text)
    built.metadata["vocabulary_unknown"] = "\(hasUnknown)"
    built.findings.append("symbols: \(count), kept as the model's vocabulary")
  }
}
