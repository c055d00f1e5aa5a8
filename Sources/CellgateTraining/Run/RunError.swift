import CellgateFiles

/// What is wrong with a run's folder, or with what lies in it.
public enum RunError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The folder that is to be made exists and is not empty.
  case exists(folder: String)
  /// The folder's parent does not exist.
  case parentMissing(folder: String, parent: String)
  /// The operating system refused to make the folder, or to write into it.
  case cannotCreate(folder: String, reason: String)
  /// The folder holds no run.
  case notARun(folder: String)
  /// The folder that is to be made, or continued, holds something else than a reproduction.
  case notAReproduction(folder: String)
  /// Another process, or another run of this one, is using the folder.
  case inUse(folder: String)
  /// The run was made with other settings; `setting` is the first that differs, by name in `config.json`.
  case otherSettings(folder: String, setting: String, expected: String, found: String)
  /// A `config.json` or `result.json` can't be read.
  case badConfig(file: String, reason: String)
  /// A file of tensors is damaged.
  case tensors(SafetensorsError)
  /// A saved tensor has numbers that are NaN or infinite.
  case notFinite(file: String, tensor: String)
  /// What a file says of its model makes none, or not that of its tensors.
  case badModel(file: String, reason: String)
  /// What is saved beside the tensors is missing or wrong.
  case badState(file: String, name: String, expected: String, found: String)
  /// `metrics.csv` can't be continued.
  case metrics(CSVError)
  /// A model has no checksum, or that of other numbers: it is damaged, or another program has written it.
  case unverifiedModel(file: String, expected: String?, found: String?)
  /// A saved model, or a checkpoint, is not that of what it is to be used with; `place` says where `found` stands.
  case otherModel(file: String, name: String, expected: String, place: String, found: String)
  /// The run has ended for a reason that a larger length doesn't change.
  case cannotExtend(folder: String, reason: String)
  /// None of the checkpoints can be continued from; `problems` says why, the newest first, and is empty when a run
  /// that had begun has no checkpoint at all.
  case noCheckpoint(folder: String, problems: [RunError])
  /// A file of a run could not be written; what was saved at `savedStep`, nil for nothing, stays.
  case notSaved(FileError, savedStep: Int?)
  /// The operating system refused.
  case file(FileError)

  /// One line naming the folder or file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .exists(let folder):
      "\(folder): exists already; continue it with --resume or give another --out"
    case .parentMissing(let folder, let parent): "\(folder): cannot create: \(parent): no such folder"
    case .cannotCreate(let folder, let reason): "\(folder): cannot create: \(reason)"
    case .notARun(let folder): "\(folder): not a run's folder: it has no config.json"
    case .notAReproduction(let folder):
      "\(folder): expected a new or empty folder, or a reproduction's, found other files; give another --out"
    case .inUse(let folder): "\(folder): in use by another run"
    case .otherSettings(let folder, let setting, let expected, let found):
      "\(folder): made with other settings: \(quotedName(setting)): expected \(quotedName(expected)), found \(quotedName(found))"
    case .badConfig(let file, let reason): "\(file): \(reason)"
    case .tensors(let error): error.description
    case .badModel(let file, let reason): "\(file): \(reason)"
    case .notFinite(let file, let tensor):
      "\(file): tensor '\(quotedName(tensor))': expected finite numbers, found NaN or infinity"
    case .badState(let file, let name, let expected, let found):
      "\(file): \(quotedName(name)): expected \(quotedName(expected)), found \(quotedName(found))"
    case .metrics(let error): error.description
    case .unverifiedModel(let file, let expected, let found):
      "\(file): checksum is missing or of other bytes: expected \(quotedName(found ?? "one")), "
        + "found \(quotedName(expected ?? "none")): damaged, or changed by another program; "
        + "evaluate, generate and report accept it with --trust-weights"
    case .otherModel(let file, let name, let expected, let place, let found):
      "\(file): \(quotedName(name)): made with \(quotedName(expected)), found \(quotedName(found)) in \(quotedName(place))"
    case .cannotExtend(let folder, let reason): "\(folder): can't be made longer: \(reason)"
    case .noCheckpoint(let folder, let problems):
      "\(folder): no checkpoint to continue from"
        + (problems.isEmpty ? "" : ": " + joined(problems.map(\.description), most: 2))
    case .notSaved(let error, let step):
      error.description + (step.map { "; the checkpoint of step \($0) stays" } ?? "")
    case .file(let error): error.description
    }
  }
}
