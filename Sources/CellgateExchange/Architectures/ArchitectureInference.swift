import CellgateFiles
import CellgateTensor

/// What the names and shapes of weights say of the model that they belong to.
struct ArchitectureInference {
  /// The architecture where there is no doubt.
  private(set) var certain: Architecture?
  /// One that it may be, to be completed by the user.
  private(set) var proposal: Architecture?

  init(_ groups: [WeightGroup], _ weights: ForeignWeights) {
    let recurrent = groups.filter { $0.role == .recurrent }
    guard recurrent.count == 1, weights.tensors.allSatisfy({ $0.problem == nil }),
      let own = try? RecurrentWeights(recurrent[0], framework: weights.framework)
    else { return }
    let rest = groups.filter { $0.role != .recurrent }
    if rest.isEmpty {
      let architecture = Self.alone(own)
      if own.kind == .rnn { proposal = architecture } else { certain = architecture }
      return
    }
    guard let parts = try? ModelParts(groups, own, modules: [:], framework: weights.framework) else { return }
    let (vocabulary, size) = (
      parts.embedding["weight"]?.shape[0] ?? 0, parts.embedding["weight"]?.shape[1] ?? 0
    )
    let outputs = parts.head["weight"]?.shape[0] ?? 0
    var members: [JSONTree.Member] = [
      .init("vocab", .number("\(vocabulary)")), .init("embedding", .number("\(size)")),
      .init("hidden", .number("\(own.hiddenSize)")), .init("num_layers", .number("\(own.layers)")),
      .init("bidirectional", .bool(own.directions == 2)), .init("cell", .string(own.kind.rawValue)),
    ]
    if own.kind == .rnn { members.append(.init("nonlinearity", .string("tanh"))) }
    // One output for each symbol, of every step's past: the next symbol.
    let isLanguageModel = outputs == vocabulary && own.directions == 1
    if !isLanguageModel { members.append(.init("classes", .number("\(outputs)"))) }
    if !isLanguageModel { members.append(.init("pooling", .string("last"))) }
    let kind = isLanguageModel ? "char_lm" : "text_classifier"
    let architecture = Architecture(.object([.init("kind", .string(kind))] + members))
    if isLanguageModel, own.kind != .rnn, parts.norms.isEmpty {
      certain = architecture
    } else {
      proposal = architecture
    }
  }

  /// A recurrent module by itself.
  private static func alone(_ own: RecurrentWeights) -> Architecture? {
    let kind = own.kind.rawValue + (own.isCell && own.kind != .lstmWM ? "_cell" : "")
    var members: [JSONTree.Member] = [
      .init("kind", .string(kind)), .init("input_size", .number("\(own.inputSize)")),
      .init("hidden_size", .number("\(own.hiddenSize)")),
    ]
    if !own.isCell {
      members += [
        .init("num_layers", .number("\(own.layers)")), .init("bidirectional", .bool(own.directions == 2)),
        .init("bias", .bool(own.hasBias)), .init("batch_first", .bool(false)),
        .init("proj_size", .number("\(own.projectionSize ?? 0)")),
      ]
    }
    if own.kind == .rnn { members.append(.init("nonlinearity", .string("tanh"))) }
    return Architecture(.object(members))
  }
}

/// The modules of a model that is an embedding, a recurrent module and a linear map, with normalisations between.
struct ModelParts {
  let embedding: WeightGroup
  let recurrent: RecurrentWeights
  let head: WeightGroup
  /// Normalisations: before the recurrent module, and after it.
  let norms: [(group: WeightGroup, isAfter: Bool)]

  /// Finds the modules among groups; `modules` are the types of modules by name, where they are known. Throws what is
  /// missing, or left over.
  init(
    _ groups: [WeightGroup], _ recurrent: RecurrentWeights, modules: [String: String], framework: String
  ) throws(ImportError) {
    func bad(_ expected: String, _ found: String) -> ImportError {
      .doesNotFit(framework: framework, reason: "expected \(expected), found \(found)")
    }
    func shown(_ groups: [WeightGroup]) -> String {
      groups.isEmpty ? "none" : joined(groups.map(\.shown))
    }
    self.recurrent = recurrent
    let width = recurrent.directions * recurrent.outputSize
    let rest = groups.filter { $0.role != .recurrent }

    var tables = rest.filter { $0.role == .matrix && $0["weight"]?.shape[1] == recurrent.inputSize }
    if tables.count > 1 {
      let named = tables.filter { modules[$0.module] == "Embedding" || modules[$0.path] == "Embedding" }
      let usual = tables.filter { $0.module.contains("emb") || $0.module.contains("enc") }
      tables = named.count == 1 ? named : usual.count == 1 ? usual : tables
    }
    guard tables.count == 1, let table = tables.first, (table["weight"]?.count ?? 0) > 0 else {
      throw bad("one embedding of vectors of \(recurrent.inputSize)", shown(tables))
    }
    embedding = table

    let others = rest.filter { $0.path != table.path }
    let heads = others.filter {
      ($0.role == .linear || $0.role == .matrix) && $0["weight"]?.shape[1] == width
    }
    guard heads.count == 1, let last = heads.first, (last["weight"]?.count ?? 0) > 0 else {
      throw bad("one linear map of vectors of \(width)", shown(heads))
    }
    head = last

    var norms: [(WeightGroup, Bool)] = []
    for group in others where group.role == .norm {
      let size = group["weight"]?.count ?? 0
      switch (size == width, size == recurrent.inputSize) {
      case (true, false): norms.append((group, true))
      case (false, true): norms.append((group, false))
      case (true, true): norms.append((group, !group.comes(before: recurrent.group, in: groups)))
      default: throw bad("a normalisation of \(width) or \(recurrent.inputSize) numbers", group.shown)
      }
    }
    guard norms.filter(\.1).count <= 1, norms.filter({ !$0.1 }).count <= 1 else {
      throw bad(
        "at most one normalisation before the recurrent module and one after it", shown(norms.map(\.0)))
    }
    self.norms = norms.map { (group: $0, isAfter: $1) }
    let left = others.filter { $0.path != last.path && $0.role != .norm }
    guard left.isEmpty else {
      throw bad("an embedding, \(recurrent.name) and a linear map", "also " + shown(left))
    }
  }
}

extension WeightGroup {
  /// Whether it stands before another in the file.
  fileprivate func comes(before other: WeightGroup, in groups: [WeightGroup]) -> Bool {
    let paths = groups.map(\.path)
    guard let own = paths.firstIndex(of: path), let its = paths.firstIndex(of: other.path) else {
      return false
    }
    return own < its
  }
}
