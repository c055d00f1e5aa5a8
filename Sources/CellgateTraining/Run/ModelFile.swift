import CellgateFormats
import CellgateNN
import CellgateTensor
import Foundation

/// A model's parameters as a safetensors file, with what is needed to build the model in its metadata.
public enum ModelFile {
  static let format = "cellgate-model"
  /// 1 had no checksum.
  static let version = 2

  /// Writes the values of the parameters, the settings that the model is built from, the step and validation result,
  /// and what the task adds.
  static func write(
    to path: String, parameters: ParameterSet, values: Tensor, settings: TrainingSettings,
    best: Checkpoint.Best, metric: String, adding own: [String: String]
  ) throws(RunError) {
    let metadata = [
      "format": format, "format_version": "\(version)", "task": settings.task, "cell": settings.cell,
      "hidden": "\(settings.hidden)", "layers": "\(settings.layers)",
      "bidirectional": "\(settings.bidirectional)", "step": "\(best.step)", "metric": metric,
      "validation_value": "\(best.value)", "settings": String(decoding: settings.encoded(), as: UTF8.self),
    ]
    var writer = Safetensors.Writer(metadata: metadata.merging(own) { known, _ in known }, checksum: true)
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

  /// Reads the parameters of `model` from a file; throws `tensors`, `notFinite` or `badState`, and nothing changes
  /// then.
  public static func load(_ path: String, into model: any Module) throws(RunError) {
    let parameters = ParameterSet(model)
    parameters.assign(try read(path, of: parameters).values)
  }

  /// All that a model's file tells besides the parameters; throws `tensors`.
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
