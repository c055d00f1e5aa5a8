import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateTraining

/// Several experiments that answer one question together. Each is reproduced in a folder of its own, and one table shows them all.
public struct Study: Sendable, Equatable {
  /// Its name.
  public var name: String
  /// The question.
  public var question: String
  /// How much time each of its experiments may take.
  public var budget: Budget
  /// The experiments, in order.
  public var experiments: [Experiment]
  /// Lengths at which the cost of writing one more symbol is measured, with models of the sizes of its language model; none
  /// for no such cost.
  public var lengths: [Int]

  /// A study.
  public init(
    name: String, question: String, budget: Budget, experiments: [Experiment], lengths: [Int] = []
  ) {
    self.name = name
    self.question = question
    self.budget = budget
    self.experiments = experiments
    self.lengths = lengths
  }

  /// The folder of the experiment of this name in the study's.
  public static func folder(of experiment: String, in path: String) -> String { path + "/" + experiment }

  /// What an earlier start of the study found in its folder, which is made if needed; nothing where there was none. Throws
  /// `badConfig` for a folder with results of something else, or `file`.
  public func open(_ path: String) throws(RunError) -> StudyResults {
    let file = path + "/results.json"
    guard RunDirectory.exists(file) else {
      do throws(FileError) { try Paths.makeFolder(path) } catch { throw .file(error) }
      return StudyResults(self)
    }
    let found = try ConfigFile.decode(StudyResults.self, RunDirectory.read(file), file: file)
    guard found.study == name, found.budget == budget else {
      throw .badConfig(
        file: file,
        reason:
          "expected results of \(name), budget \(budget.rawValue), found those of \(found.study), budget "
          + found.budget.rawValue)
    }
    return found
  }

  /// Writes what is known so far: `results.json` and `results.md`. Throws `file`.
  public func write(_ results: StudyResults, to path: String) throws(RunError) {
    do throws(FileError) {
      try AtomicFile.write(results.encoded(), to: path + "/results.json")
      try AtomicFile.write(Data(StudyTable(self, results).text.utf8), to: path + "/results.md")
    } catch { throw .file(error) }
  }
}

extension Experiment {
  /// The experiment with the files of the data folder that it reads where they are, and with what they decide filled in, and its
  /// task's data. Experiments of other data stay as they are. Throws `data`.
  public func prepared(
    _ task: any SequenceTask.Type, in folder: DataDirectory
  ) throws(TrainingError) -> (experiment: Experiment, data: DataSource) {
    let files = task.options.filter { $0.kind == .file }.map(\.name)
    guard
      dataFile != nil
        || parts.contains(where: { !$0.training.taskOptions.keys.filter(files.contains).isEmpty })
    else { return (self, task.description.data.source(in: folder)) }
    func placed(_ path: String) -> String { Paths.absolute(folder.path + "/" + path) }
    let data = dataFile.map { DataSource.file(placed($0)) } ?? .unspecified
    var experiment = self
    for part in parts.indices {
      for name in files {
        guard let path = parts[part].training.taskOptions[name]?.text else { continue }
        experiment.parts[part].training.taskOptions[name] = .text(placed(path))
      }
      do throws(TaskDataError) {
        experiment.parts[part].training = try task.prepared(experiment.parts[part].training, data: data)
      } catch { throw .data(error) }
    }
    return (experiment, data)
  }
}
