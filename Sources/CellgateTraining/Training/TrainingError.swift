import CellgateBasics
import CellgateData
import CellgateFiles

/// Why a run could not begin or go on.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The settings are wrong.
  case settings(SettingsErrors)
  /// The data are missing or wrong.
  case data(TaskDataError)
  /// The run's folder, or what lies in it, is wrong.
  case run(RunError)
  /// A number became NaN or infinite.
  case diverged(Divergence)

  /// What went wrong where data were read in the course of an update or an evaluation.
  init(reading error: any Error) {
    guard let error = error as? TaskDataError else {
      fail("TrainingObjective: expected a failure of the type TaskDataError, found \(error)")
    }
    self = .data(error)
  }

  /// The error in one line: where, what was expected, what was found.
  public var description: String {
    switch self {
    case .settings(let errors): errors.description
    case .data(let error): error.description
    case .run(let error): error.description
    case .diverged(let divergence): divergence.description
    }
  }
}

/// Where a number first became NaN or infinite.
public struct Divergence: Codable, Equatable, Sendable, CustomStringConvertible {
  /// The update, counted from 1, in whose course it happened.
  public var step: Int
  /// The layer by its dotted name, `input`, or `loss`.
  public var layer: String
  /// The tensor: a parameter, a state, an output, or `gradient of` a parameter.
  public var tensor: String
  /// "NaN" or "infinity".
  public var found: String
  /// The step of the last checkpoint, which stays; nil without a folder.
  public var savedStep: Int?

  /// The error in one line: where, what was expected, what was found.
  public var description: String {
    let (layer, tensor) = (quotedName(self.layer), quotedName(self.tensor))
    let place = layer == tensor ? layer : "layer '\(layer)', tensor '\(tensor)'"
    let saved = savedStep.map { "; the checkpoint of step \($0) stays" } ?? ""
    return "diverged at step \(step): \(place): found \(quotedName(found))\(saved)"
  }
}

extension Divergence {
  /// The divergence in the bytes of a `diverged.json`; throws `RunError.badConfig`.
  init(decoding data: Data, file: String) throws(RunError) {
    self = try ConfigFile.decode(Self.self, data, file: file)
    let steps = 0...TrainingSettings.mostSteps
    try ConfigFile.check([("step", step, steps), ("saved_step", savedStep, steps)], file: file)
  }
}
