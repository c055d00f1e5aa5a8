import CellgateCells
import CellgateTraining

/// The tasks by name. A new one is a file of its own and a line here.
public enum Tasks {
  /// All of them.
  public static var all: [any SequenceTask.Type] {
    [
      AddingTask.self,
      CopyingTask.self,
      SequentialMNISTTask.self,
    ]
  }

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// The task of this name; throws `SettingsErrors` with the nearest names.
  public static func named(_ name: String) throws(SettingsErrors) -> any SequenceTask.Type {
    guard let task = all.first(where: { $0.name == name }) else {
      throw SettingsErrors([.unknownName(option: "task", found: name, known: names)])
    }
    return task
  }

  /// The task that `settings` name, with its data. Throws `settings` or `data`.
  public static func make(
    _ settings: TrainingSettings, cells: [Cell] = Cell.all, data: DataDirectory = DataDirectory()
  ) throws(TrainingError) -> any SequenceTask {
    let type: any SequenceTask.Type
    do throws(SettingsErrors) {
      try settings.validate(tasks: all, cells: cells)
      type = try named(settings.task)
    } catch { throw .settings(error) }
    do throws(TaskDataError) {
      return try type.init(settings: settings, dataDirectory: data.path)
    } catch { throw .data(error) }
  }
}
