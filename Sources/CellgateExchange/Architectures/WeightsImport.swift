import CellgateFiles
import CellgateNN
import CellgateTensor

/// Makes a model of named tensors, by the architecture that the user gives or that their names and shapes leave no doubt
/// about. All files of weights come through here, whatever their container.
enum WeightsImport {
  static func model(
    _ weights: ForeignWeights, file: String, _ options: ImportOptions
  ) throws(ImportError) -> ImportedModel {
    var weights = weights
    let names = Set(weights.tensors.map(\.name))
    for (name, kept) in weights.ties.sorted(by: { $0.key < $1.key }) where !names.contains(name) {
      guard let tensor = weights.tensors.first(where: { $0.name == kept }) else { continue }
      weights.tensors.append(
        ForeignTensor(
          name: name, dtype: tensor.dtype, shape: tensor.shape, tensor: tensor.tensor, problem: tensor.problem
        ))
      weights.findings.append("'\(quotedName(name))' is '\(quotedName(kept))'")
    }
    let folded = WeightNorm.folded(weights.tensors)
    weights.tensors = folded.tensors
    if !folded.names.isEmpty {
      weights.findings.append(
        "weight normalisation computed: " + joined(folded.names.map { "'\(quotedName($0))'" }))
    }
    try describe(&weights, file: file)

    var state = StateDictionary()
    for item in weights.tensors { if let tensor = item.tensor { state[item.name] = tensor } }
    var imported = ImportedModel(
      framework: weights.framework, format: weights.format, findings: weights.findings, description: nil,
      state: state, proposal: nil, sampler: nil)
    let groups = WeightGroup.groups(weights.tensors)
    let found = ArchitectureInference(groups, weights)
    guard let architecture = options.architecture ?? found.certain else {
      imported.proposal = found.proposal
      imported.findings.append(
        found.proposal.map { "architecture: not in the file; it may be the kind \($0.kind)" }
          ?? "architecture: not in the file, and not known by these names and shapes")
      return imported
    }
    if options.architecture == nil {
      imported.findings.append("architecture: \(architecture.kind), by names and shapes")
    }
    guard architecture.kind != "tensors" else { return imported }
    let built = try ArchitectureBuilder(architecture, weights).build(groups)
    imported.description = built.description
    imported.state = built.state
    imported.sampler = built.sampler
    imported.findings += built.findings
    imported.metadata = built.metadata
    return imported
  }

  /// What training scripts put before the names of all tensors.
  private static let wrappers = ["module.", "model.", "_orig_mod.", "net.", "network."]

  /// What the tensors are: their number, their types, what was left out, and numbers that are none.
  private static func describe(_ weights: inout ForeignWeights, file: String) throws(ImportError) {
    let read = weights.tensors.filter { $0.tensor != nil }
    guard !read.isEmpty else {
      let problem = weights.tensors.first.map {
        "only '\(quotedName($0.name))', \(quotedName($0.problem ?? "another type"))"
      }
      throw .unsupported(
        file: file, reason: "expected tensors of real or whole numbers, found \(problem ?? "none")")
    }
    if let prefix = wrappers.first(where: { prefix in read.allSatisfy { $0.name.hasPrefix(prefix) } }) {
      weights.findings.append("all names begin with '\(prefix)'")
    }
    let numbers = read.reduce(0) { $0 + ($1.tensor?.count ?? 0) }
    weights.findings.append("\(read.count) tensor\(read.count == 1 ? "" : "s"), \(numbers) numbers")
    let others = Dictionary(grouping: read.filter { $0.dtype != "float32" }, by: \.dtype)
    for (dtype, tensors) in others.sorted(by: { $0.key < $1.key }) {
      weights.findings.append(
        "\(dtype) became float32: " + joined(tensors.map { "'\(quotedName($0.name))'" }))
    }
    let leftOut = weights.tensors.compactMap { item in
      item.problem.map { "'\(quotedName(item.name))', \(quotedName($0))" }
    }
    if !leftOut.isEmpty { weights.findings.append("left out: " + joined(leftOut)) }
    let strange = read.filter { item in
      guard let tensor = item.tensor else { return false }
      return unsafe tensor.withScalars { numbers in
        unsafe numbers.contains { !$0.isFinite }
      }
    }
    if !strange.isEmpty {
      weights.findings.append(
        "warning: NaN or infinite numbers in " + joined(strange.map { "'\(quotedName($0.name))'" }))
    }
  }
}
