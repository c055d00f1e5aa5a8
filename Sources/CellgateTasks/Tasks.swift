import CellgateCells
import CellgateData
import CellgateTraining

/// The tasks by name. A new one is a file of its own and a line here.
public enum Tasks {
  /// All of them.
  public static var all: [any SequenceTask.Type] {
    [
      AddingTask.self,
      CopyingTask.self,
      SequentialMNISTTask.self,
      PermutedMNISTTask.self,
      NoisyMNISTTask.self,
      PTBCharacterTask.self,
      PTBWordTask.self,
      TextTask.self,
      CaptionsTask.self,
      ClassifyTask.self,
      MultiLabelTask.self,
      RegressTask.self,
      ForecastTask.self,
      MusicTask.self,
      TagTask.self,
      AnswerTask.self,
      TranslateTask.self,
      TranscribeTask.self,
      FramesTask.self,
      EncoderTask.self,
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

  /// What a data directory means to a task: a set in it, or a file of the user's own that was given in its place as an
  /// option.
  public static func source(of data: DataDirectory, for task: any SequenceTask.Type) -> DataSource {
    task.description.data.source(in: data)
  }

  /// The settings of a new run with what its data decide filled in: of `text`, which text it is. Settings that know their
  /// data, such as those of another run, stay as they are where no other data were given. Throws `settings` or `data`.
  public static func prepared(
    _ settings: TrainingSettings, cells: [Cell] = Cell.all, data: DataDirectory = DataDirectory()
  ) throws(TrainingError) -> TrainingSettings {
    let type = try type(of: settings, cells)
    if settings.data != nil, source(of: data, for: type) == .unspecified { return settings }
    do throws(TaskDataError) {
      return try type.prepared(settings, data: source(of: data, for: type))
    } catch { throw .data(error) }
  }

  /// The task that `settings` name, with its data. Throws `settings` or `data`.
  public static func make(
    _ settings: TrainingSettings, cells: [Cell] = Cell.all, data: DataDirectory = DataDirectory()
  ) throws(TrainingError) -> any SequenceTask {
    let type = try type(of: settings, cells)
    do throws(TaskDataError) {
      return try type.init(settings: settings, data: source(of: data, for: type))
    } catch { throw .data(error) }
  }

  /// The task to score the model of the run in a folder with: on the run's own data or, where `data` were given as an
  /// option, on those, as far as the model knows them. `split` is the part that is asked for, if any. Throws `settings`,
  /// `data` or `run`.
  public static func make(
    scoring path: String, _ settings: TrainingSettings, split: Split? = nil, cells: [Cell] = Cell.all,
    data: DataDirectory = DataDirectory()
  ) throws(TrainingError) -> any SequenceTask {
    let type = try type(of: settings, cells, trained: false)
    guard data.origin == .option else {
      do throws(TaskDataError) {
        return try type.init(settings: settings, data: source(of: data, for: type))
      } catch { throw .data(error) }
    }
    let metadata: [String: String]
    do throws(RunError) {
      metadata = try ModelFile.metadata(of: path + "/model.safetensors")
    } catch { throw .run(error) }
    do throws(TaskDataError) {
      return try type.init(
        scoring: settings, data: source(of: data, for: type), metadata: metadata, split: split)
    } catch { throw .data(error) }
  }

  /// The task of valid settings.
  private static func type(
    of settings: TrainingSettings, _ cells: [Cell], trained: Bool = true
  ) throws(TrainingError) -> any SequenceTask.Type {
    do throws(SettingsErrors) {
      try settings.validate(tasks: all, cells: cells, trained: trained)
      return try named(settings.task)
    } catch { throw .settings(error) }
  }

  /// What the best model of the run in a folder reaches on a split of its task's data, the test data unless another is
  /// asked for, and the settings it was made with; on data given as an option as `make(scoring:_:split:cells:data:)`
  /// says. Throws `settings`, `data` or `run`.
  public static func evaluate(
    run path: String, on split: Split? = nil, cells: [Cell] = Cell.all,
    data: DataDirectory = DataDirectory(),
    trustingWeights: Bool = false
  ) throws(TrainingError) -> (settings: TrainingSettings, evaluation: Evaluation) {
    let settings: TrainingSettings
    do throws(RunError) { settings = try RunDirectory.settings(of: path) } catch { throw .run(error) }
    let task = try make(scoring: path, settings, split: split, cells: cells, data: data)
    let cell = settings.definition(among: cells)
    let evaluation = try RunDirectory.evaluate(
      path, task: task, cell: cell, on: split ?? .test, trustingWeights: trustingWeights)
    return (settings, evaluation)
  }
}
