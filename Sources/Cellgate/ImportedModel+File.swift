import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

extension ImportedModel {
  /// Writes what was imported as one safetensors file: a model's file, or where the architecture isn't known the weights
  /// alone, with the proposal in the metadata. Throws `badModel` where the numbers don't fit the description, or `file`.
  public func save(_ path: String) throws(RunError) {
    guard description != nil else {
      var metadata = metadata
      metadata["format"] = ModelFile.weightsFormat
      metadata["proposal"] = proposal?.members.text
      var writer = Safetensors.Writer(metadata: metadata, checksum: true)
      for entry in state.entries {
        writer.add(entry.name, shape: entry.tensor.shape, floats: entry.tensor.scalars)
      }
      do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
      return
    }
    let model: Model
    do throws(ImportError) { model = try makeModel() } catch {
      throw .badModel(file: path, reason: error.description)
    }
    try model.save(path)
  }
}
