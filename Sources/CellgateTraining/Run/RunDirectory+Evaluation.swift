import CellgateCells
import CellgateNN

extension RunDirectory {
  /// What the best model of the run in a folder reaches on a split of `task`'s data. `task` is made from
  /// `settings(of:)`, and `cell` looked up by them unless given; a `precision` takes the place of theirs, if `task`
  /// was made with it too. Throws `settings` or `run`.
  public static func evaluate(
    _ path: String, task: any SequenceTask, cell: Cell? = nil, precision: Precision? = nil,
    on split: Split = .test
  ) throws(TrainingError) -> Evaluation {
    do throws(RunError) {
      var settings = try settings(of: path)
      if let precision { settings.precision = precision }
      let cells = cell.map { [$0] } ?? Cell.all
      do throws(SettingsErrors) {
        try settings.validate(tasks: [type(of: task)], cells: cells)
      } catch {
        throw .badConfig(file: configFile(path), reason: error.description)
      }
      guard let cell = cells.first(where: { $0.name == settings.cell }) else {
        preconditionFailure("RunDirectory: valid settings name a cell")
      }
      let bound = task.bound(cell: cell)
      let parameters = ParameterSet(bound.model)
      parameters.assign(try ModelFile.read(modelFile(path), of: parameters).values)
      return bound.evaluate(split)
    } catch { throw .run(error) }
  }
}
