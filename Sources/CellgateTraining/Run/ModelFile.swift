import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// A model's parameters as a safetensors file, with what is needed to build the model in its metadata.
public enum ModelFile {
  static let format = "cellgate-model"
  /// 1 had no checksum, 2 no description. 4 has matrices of signed bytes; models of floats are written as 3.
  static let version = 3, versionOfBytes = 4
  /// What follows the name of a matrix of signed bytes in the name of its rows' scales.
  static let scaleSuffix = ".int8_scale"
  /// The format of weights whose architecture isn't known: no model that runs.
  package static let weightsFormat = "cellgate-weights"
  /// Where a model comes from that no run has made, in words.
  package static let originKey = "origin"
  /// What the file of a run's model says besides the run's identity.
  static let runKeys = [
    "task", "cell", "hidden", "layers", "bidirectional", "step", "metric", "validation_value",
  ]

  /// Writes the values of the parameters, what the model is, the step and the validation result.
  static func write(
    to path: String, parameters: ParameterSet, values: Tensor, identity: RunIdentity,
    best: Checkpoint.Best, metric: String
  ) throws(RunError) {
    let settings = identity.settings
    var metadata = [
      "format": format, "format_version": "\(version)", "task": settings.task, "cell": settings.cell,
      "hidden": "\(settings.hidden)", "layers": "\(settings.layers)",
      "bidirectional": "\(settings.bidirectional)", "step": "\(best.step)", "metric": metric,
      "validation_value": "\(best.value)",
    ]
    metadata[descriptionKey] = identity.modelDescription?.encoded()
    var writer = Safetensors.Writer(
      metadata: metadata.merging(identity.metadata) { known, _ in known }, checksum: true)
    for (entry, value) in parameters.windows(of: values) {
      writer.add(entry.name, shape: entry.shape, floats: value.scalars)
    }
    do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
  }

  /// Opens a file that is whole, or whose weights are trusted; throws `unverifiedModel`, `tensors` or `badState`.
  package static func open(_ path: String, trustingWeights: Bool = false) throws(RunError) -> CheckpointReader
  {
    do throws(RunError) {
      return try CheckpointReader(path, format: format, newest: versionOfBytes, trusting: trustingWeights)
    } catch {
      switch error {
      case .badState(_, "format", _, weightsFormat):
        throw .badModel(
          file: path,
          reason:
            "expected a model, found weights without an architecture; import the file that they are from again with "
            + "--architecture FILE")
      case .tensors(.wrongChecksum(_, let expected, let found)):
        throw .unverifiedModel(file: path, expected: expected, found: found)
      case .tensors(.missingChecksum), .badState(_, "format", _, "nothing"):
        throw .unverifiedModel(file: path, expected: nil, found: nil)
      default: throw error
      }
    }
  }

  /// Reads what the parameters are to be, [count], and what the model reached, if it is the model of `identity`.
  package static func read(
    _ path: String, of parameters: ParameterSet, identity: RunIdentity
  ) throws(RunError) -> (best: Checkpoint.Best, values: Tensor) {
    let reader = try open(path)
    try identity.check(reader.metadata, file: path, resuming: true)
    let best = Checkpoint.Best(
      step: try reader.count("step", in: 1...TrainingSettings.mostSteps),
      value: try reader.number("validation_value"))
    return (best, try reader.values(of: parameters))
  }

  /// Throws unless the tensors of a file are exactly `shapes`, before a model is made for it; throws `tensors` or
  /// `badState`. Reads the header alone.
  public static func check(_ path: String, holds shapes: some Sequence<ParameterShape>) throws(RunError) {
    let file: Safetensors
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch { throw .tensors(error) }
    if let mismatch = CheckpointReader.mismatch(file, shapes) { throw mismatch }
  }

  /// Reads the parameters of `model` from a file; throws `unverifiedModel`, which `trustingWeights` rules out,
  /// `tensors`, `notFinite` or `badState`, and nothing changes then.
  public static func load(
    _ path: String, into model: any Module, trustingWeights: Bool = false
  ) throws(RunError) {
    let parameters = ParameterSet(model, withBuffers: true)
    parameters.assign(try open(path, trustingWeights: trustingWeights).values(of: parameters))
  }

  /// All that the file of a model of `settings` and `cell` says besides the parameters, before the model is built; throws
  /// what `load` does, and `otherModel` for another model's file.
  public static func metadata(
    of path: String, settings: TrainingSettings, cell: Cell, trustingWeights: Bool = false
  ) throws(RunError) -> [String: String] {
    let metadata = try open(path, trustingWeights: trustingWeights).metadata
    try RunIdentity(settings: settings, cell: cell).check(metadata, file: path, resuming: false)
    return metadata
  }

  /// All that a model's file says besides the parameters; throws `tensors`.
  public static func metadata(of path: String) throws(RunError) -> [String: String] {
    do throws(SafetensorsError) { return try Safetensors(path: path).metadata } catch {
      throw .tensors(error)
    }
  }

  /// The settings that the model in a file is built from; throws `tensors`, `badState` or `badConfig`.
  public static func settings(of path: String) throws(RunError) -> TrainingSettings {
    guard let text = try metadata(of: path)["settings"] else {
      throw .badState(file: path, name: "settings", expected: "a run's settings", found: "nothing")
    }
    return try TrainingSettings(decoding: Data(text.utf8), file: path)
  }
}
