import CellgateFormats
import CellgateNN
import CellgateTensor
import Foundation

/// A model's parameters as a safetensors file, with what is needed to build the model in its metadata.
public enum ModelFile {
  static let format = "cellgate-model"
  /// 1 had no checksum.
  static let version = 2

  /// Writes the values of the parameters, the settings that the model is built from, and the step and validation
  /// result.
  static func write(
    to path: String, parameters: ParameterSet, values: Tensor, settings: TrainingSettings,
    best: Checkpoint.Best, metric: String
  ) throws(RunError) {
    let metadata = [
      "format": format, "format_version": "\(version)", "task": settings.task, "cell": settings.cell,
      "hidden": "\(settings.hidden)", "layers": "\(settings.layers)",
      "bidirectional": "\(settings.bidirectional)", "step": "\(best.step)", "metric": metric,
      "validation_value": "\(best.value)", "settings": String(decoding: settings.encoded(), as: UTF8.self),
    ]
    var writer = Safetensors.Writer(metadata: metadata, checksum: true)
    for (entry, value) in parameters.windows(of: values) {
      writer.add(entry.name, shape: entry.shape, floats: value.scalars)
    }
    do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
  }

  /// Reads what the parameters are to be, [count], and what the model reached.
  static func read(
    _ path: String, of parameters: ParameterSet
  ) throws(RunError) -> (best: Checkpoint.Best, values: Tensor) {
    let reader = try CheckpointReader(path, format: format, newest: version)
    let best = Checkpoint.Best(
      step: try reader.count("step"), value: try reader.number("validation_value"))
    return (best, try reader.values(of: parameters))
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
