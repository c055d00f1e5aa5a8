import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTensor

extension RunDirectory {
  /// What the best model of the run in a folder reaches on a split of `task`'s data. `task` is made from
  /// `settings(of:)`, and `cell` looked up by them unless given; a `precision` takes the place of theirs, if `task`
  /// was made with it too; with int8 all matrices of the model are rounded. A model without the checksum of its bytes is refused unless its weights are trusted. Throws
  /// `settings`, `data` or `run`.
  public static func evaluate(
    _ path: String, task: any SequenceTask, cell: Cell? = nil, precision: Precision? = nil,
    on split: Split = .test, trustingWeights: Bool = false
  ) throws(TrainingError) -> Evaluation {
    let bound: BoundTask
    do throws(RunError) {
      let made = try settings(of: path)
      var settings = made
      if let precision { settings.precision = precision }
      let cells = cell.map { [$0] } ?? Cell.all
      do throws(SettingsErrors) {
        try settings.validate(tasks: [type(of: task)], cells: cells, trained: false)
      } catch {
        throw .badConfig(file: configFile(path), reason: error.description)
      }
      guard let cell = settings.definition(among: cells) else {
        fail("RunDirectory: expected a cell '\(settings.cell)', found none")
      }
      // Before a model is built that the file has not.
      let file = try ModelFile.open(modelFile(path), trustingWeights: trustingWeights)
      try RunIdentity(settings: made, cell: cell, task: task).check(
        file.metadata, file: file.path, resuming: false)
      try file.check(holds: task.parameterShapes(settings, cell: cell))
      bound = Initializer.withoutDrawing { task.bound(cell: cell) }
      let parameters = ParameterSet(bound.model, withBuffers: true)
      parameters.assign(try file.values(of: parameters))
      if settings.precision == .int8 { bound.model.computeInBytes() }
    } catch { throw .run(error) }
    return try bound.evaluate(split, .inference())
  }
}
