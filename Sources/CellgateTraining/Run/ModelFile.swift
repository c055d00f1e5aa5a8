import CellgateFormats
import CellgateNN
import CellgateTensor
import Foundation

/// A model's parameters as a safetensors file, with what is needed to build the model in its metadata.
public enum ModelFile {
  static let format = "cellgate-model"
  static let version = "1"

  /// Writes the parameters, the settings that the model is built from, and the step and validation result.
  static func write(
    to path: String, parameters: ParameterSet, settings: TrainingSettings, best: Checkpoint.Best,
    metric: String
  ) throws(RunError) {
    var writer = Safetensors.Writer(metadata: [
      "format": format, "format_version": version, "task": settings.task, "cell": settings.cell,
      "hidden": "\(settings.hidden)", "layers": "\(settings.layers)",
      "bidirectional": "\(settings.bidirectional)", "step": "\(best.step)", "metric": metric,
      "validation_value": "\(best.value)", "settings": String(decoding: settings.encoded(), as: UTF8.self),
    ])
    for entry in parameters.entries {
      writer.add(entry.name, shape: entry.shape, floats: entry.parameter.value.scalars)
    }
    do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
  }

  /// Reads the parameters of `model`; nothing changes when it throws. Returns what the model reached.
  static func read(_ path: String, into model: any Module) throws(RunError) -> Checkpoint.Best {
    let reader = try CheckpointReader(path)
    try reader.require("format", format)
    try reader.require("format_version", version)
    let parameters = model.namedParameters()
    var values: [Tensor] = []
    for (name, parameter) in parameters {
      values.append(try reader.tensor(name, shape: parameter.shape))
    }
    let best = Checkpoint.Best(
      step: try reader.count("step"), value: try reader.number("validation_value"))
    for ((_, parameter), value) in zip(parameters, values) { parameter.assign(value) }
    return best
  }

  /// The settings that the model in a file is built from; throws `tensors`, `badState` or `badConfig`.
  public static func settings(of path: String) throws(RunError) -> TrainingSettings {
    let file: Safetensors
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch { throw .tensors(error) }
    guard let text = file.metadata["settings"] else {
      throw .badState(file: path, name: "settings", expected: "a run's settings", found: "nothing")
    }
    return try TrainingSettings(decoding: Data(text.utf8), file: path)
  }
}
