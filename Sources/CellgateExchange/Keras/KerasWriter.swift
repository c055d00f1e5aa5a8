import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Writes models as Keras 3's `.keras` files.
///
/// ```swift
/// try KerasWriter.write(model, to: "model.keras")
/// ```
///
/// A chain becomes a Sequential model, any other graph a Functional one. What Keras lacks is refused by its name: cells other
/// than LSTM, GRU and the plain recurrent one, zoneout, projections, attention, decoders, first states that are learned.
public enum KerasWriter {
  /// Writes a model that is built as a `.keras` file, whole or not at all.
  public static func write(_ model: Model, to path: String) throws(ExportError) {
    let archive = try archive(model)
    do throws(FileError) { try archive.write(to: path) } catch { throw .file(error) }
  }

  /// The entries of a `.keras` file; equal models give equal bytes.
  static func archive(_ model: Model) throws(ExportError) -> ZipArchive.Writer {
    var graph = KerasExport(description: model.description, state: model.state)
    let (config, weights) = try graph.write()
    let metadata = KerasJSON.object([
      ("keras_version", .string("3.0.0")), ("date_saved", .string("1980-01-01@00:00:00")),
    ])
    var writer = ZipArchive.Writer()
    writer.add("metadata.json", bytes: Array(metadata.text.utf8))
    writer.add("config.json", bytes: Array(config.text.utf8))
    writer.add("model.weights.h5", bytes: HDF5Writer(weights).encode())
    return writer
  }
}

/// JSON that is written.
indirect enum KerasJSON {
  case null
  case bool(Bool)
  case int(Int)
  case number(Float)
  case string(String)
  case list([KerasJSON])
  case members([Member])

  /// A member of an object.
  struct Member {
    let key: String
    let value: KerasJSON
  }

  static func object(_ members: [(String, KerasJSON)]) -> KerasJSON {
    .members(members.map { Member(key: $0.0, value: $0.1) })
  }

  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): JSONTree.quoted(value)
    case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .members(let members):
      "{" + members.map { JSONTree.quoted($0.key) + ": " + $0.value.text }.joined(separator: ", ") + "}"
    }
  }
}
