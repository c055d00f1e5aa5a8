import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// A model in a file as a run knows it that starts from its weights.
public struct ModelSource: Codable, Equatable, Sendable {
  /// The file's absolute path; in a working folder whose name is not UTF-8 the path as it was given.
  public var path: String
  /// The SHA-256 digest of the file, 64 lower-case hexadecimal digits.
  public var sha256: String

  /// The model in a file, or the best model of the run in a folder. Throws what is wrong with the file.
  public init(_ path: String, trustingWeights: Bool = false) throws(RunError) {
    let file = ModelFile.path(path)
    _ = try ModelFile.open(file, trustingWeights: trustingWeights)
    self.path = Paths.absolute(file)
    sha256 = try Self.digest(file)
  }

  /// A model that will be saved as the file at `path`, as it is now.
  package init(saving model: Model, as path: String) {
    self.path = Paths.absolute(path)
    sha256 = SHA256.hex(Array(model.writer(ofBytes: false).encode()))
  }

  private static func digest(_ path: String) throws(RunError) -> String {
    do throws(FileError) { return SHA256.hex(try InputFile(path).readAll()) } catch { throw .file(error) }
  }

  /// The numbers of `parameters`, [count], if the file is the one that it was and has exactly those. What the model was
  /// trained with besides, such as a vocabulary, must be what `own` says of the new one.
  func values(of parameters: ParameterSet, own: [String: String]) throws(RunError) -> Tensor {
    let found = try Self.digest(path)
    guard found == sha256 else {
      throw .otherModel(
        file: path, name: "SHA-256", expected: found, place: "config.json", found: sha256)
    }
    let file = try ModelFile.open(path, trustingWeights: true)
    for (name, value) in own.sorted(by: { $0.key < $1.key }) {
      guard let recorded = file.metadata[name], recorded != value else { continue }
      let (expected, found) = TextDifference.shortened(recorded, value)
      throw .otherModel(file: path, name: name, expected: expected, place: "the data", found: found)
    }
    // A model of another tool has the same layers under names of its own.
    let names = (try? file.modelDescription())?.namesInTasks ?? [:]
    func named(_ name: String) -> String {
      guard let layer = names.first(where: { name.hasPrefix($0.value + ".") }) else { return name }
      return layer.key + name.dropFirst(layer.value.count)
    }
    try file.check(holds: parameters.entries.map { ParameterShape(named($0.name), $0.shape) })
    return try file.values(of: parameters, name: named)
  }
}

extension ModelDescription {
  /// What tasks call the layers of a chain of an embedding, where there is one, recurrent layers and a dense layer, by the
  /// names that they have here; nil of another model.
  package var namesInTasks: [String: String]? {
    let own = layers.filter { ![Dropout.kind, LastStep.kind].contains($0.kind) }
    let isTransformer = own.contains { $0.kind == TransformerEncoder.kind }
    let names = [
      "embedding", isTransformer ? TransformerOption.transformer : TransformerOption.recurrent, "head",
    ]
    let kinds = [
      Embedding.kind, isTransformer ? TransformerEncoder.kind : Recurrent.kind,
      own.last?.kind == TiedDense.kind ? TiedDense.kind : Dense.kind,
    ]
    let first = own.count == 2 ? 1 : 0
    guard isChain, own.map(\.kind) == Array(kinds[first...]) else { return nil }
    return Dictionary(uniqueKeysWithValues: zip(own.map(\.name), names[first...]))
  }
}

extension TrainingSettings {
  /// Makes the parameters start from the model in a file, and takes its cell and its sizes, and of a model of the same task
  /// the options that decide its form. Throws what is wrong with the file, and `badModel` for a model without recurrent
  /// layers or a Transformer that the task may have.
  public mutating func start(from source: ModelSource, task: any SequenceTask.Type) throws(RunError) {
    from = source
    let file = try ModelFile.open(source.path, trustingWeights: true)
    let description = try file.modelDescription()
    let stack = description.layers.lazy.compactMap { $0.options as? TransformerEncoder.Options }.first
    if let stack, let units = stack.units, task.options.contains(TransformerOption.model) {
      useTransformer(like: stack)
      (hidden, layers, bidirectional) = (units, stack.layers, false)
    } else {
      guard let options = description.recurrentParts.first?.options else {
        let found = description.layers.prefix(8).map { quotedName($0.name) }.joined(separator: ", ")
        throw .badModel(file: source.path, reason: "expected recurrent layers, found \(found)")
      }
      let own = options.cell.cell
      if Cell.all.contains(where: { $0.name == own.name && $0.isSame(as: own) }) {
        (cell, cellText) = (own.name, nil)
      } else {
        use(own)
      }
      (hidden, layers, bidirectional) = (options.units, options.layers, options.isBidirectional)
    }
    let recorded = try RunIdentity.settings(in: file.metadata, file: source.path)
    if let recorded, recorded.task == task.name {
      for name in task.description.modelOptions where recorded.taskOptions[name] != nil {
        taskOptions[name] = recorded.taskOptions[name]
      }
    } else if let table = description.layers.first(where: { $0.kind == Embedding.kind })?.options
      as? Embedding.Options, taskOptions["embedding"] != nil
    {
      taskOptions["embedding"] = .whole(table.outputDim)
    }
  }
}
