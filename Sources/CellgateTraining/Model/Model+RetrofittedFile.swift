import CellgateCells
import CellgateFiles
import CellgateNN

extension Model {
  /// As `retrofitted(to:layers:seed:)`, of a model whose file may be a run's: what the file says of the cell becomes the new
  /// one, and where the layers have different cells then, the file is no run's any more. `path` names it in errors and as the
  /// model's origin.
  package func retrofittedFile(
    to cell: Cell, layers: Set<Int>? = nil, path: String
  ) throws -> Model {
    let model = try retrofitted(to: cell, layers: layers)
    let old = Set(description.recurrentParts.map(\.options.cell.cell.name)).sorted()
    model.metadata[ModelFile.originKey] =
      "retrofitted from \(old.joined(separator: ", ")) to \(cell.name), of \(quotedName(path))"
    guard var settings = try RunIdentity.settings(in: metadata, file: path) else { return model }
    let isWhole = model.description.recurrentParts.allSatisfy { $0.options.cell.cell.text == cell.text }
    guard isWhole, model.description.layers.count == description.layers.count else {
      for key in RunIdentity.keys + ModelFile.runKeys { model.metadata[key] = nil }
      return model
    }
    settings.use(cell)
    if Cell.all.contains(where: { $0.name == cell.name && $0.isSame(as: cell) }) { settings.cellText = nil }
    let identity = RunIdentity(settings: settings, cell: cell)
    for (key, value) in identity.metadata { model.metadata[key] = value }
    model.metadata["cell"] = cell.name
    return model
  }
}

extension ModelSource {
  /// What the model reaches on a split of a task's data, which are those that a run would learn from. Throws `run` or `data`.
  package func evaluate(
    _ task: some SequenceTask, cell: Cell, on split: Split = .test
  ) throws(TrainingError) -> Evaluation {
    let bound = task.bound(cell: cell)
    let parameters = ParameterSet(bound.model, withBuffers: true)
    do throws(RunError) {
      parameters.assign(try values(of: parameters, own: task.modelMetadata))
    } catch { throw .run(error) }
    return try bound.evaluate(split, .inference())
  }
}
