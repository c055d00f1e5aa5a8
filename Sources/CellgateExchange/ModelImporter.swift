import CellgateFiles
import CellgateNN

/// Reads models of other tools.
///
/// ```swift
/// let imported = try ModelImporter.read("model.keras")
/// imported.findings.forEach { print($0) }
/// let model = try imported.makeModel()
/// ```
///
/// The kind of a file is recognised by its content, not by the end of its name. A new format is a file of its own and a
/// line here.
public enum ModelImporter {
  static let formats: [any ForeignFormat.Type] = [
    TorchZip.self,
    NumpyWeights.self,
    SafetensorsWeights.self,
    TorchLegacy.self,
    KerasFormat.self,
    ONNXFormat.self,
  ]

  /// The model in a file. Throws what is wrong with the file or which part of it Cellgate can't express.
  public static func read(_ path: String, options: ImportOptions = ImportOptions()) throws(ImportError)
    -> ImportedModel
  {
    let file = try ForeignFile(path)
    for format in formats where try format.recognizes(file) { return try format.read(file, options) }
    throw .unknownFormat(file: path, known: formats.map { $0.name })
  }
}

/// A kind of file of another tool.
protocol ForeignFormat: SendableMetatype {
  /// What people call it: "ONNX".
  static var name: String { get }
  /// Whether the file is of this kind, by its first bytes or, for an archive, by the names in it. Reads little; throws only
  /// what the system refuses.
  static func recognizes(_ file: ForeignFile) throws(ImportError) -> Bool
  /// The model in a file that is recognised.
  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel
}

/// A file to import: its path and its first bytes.
struct ForeignFile {
  /// As the user gave it.
  let path: String
  /// At most 4,096 bytes.
  let head: [UInt8]
  /// Bytes in the file.
  let size: Int

  init(_ path: String) throws(ImportError) {
    do throws(FileError) {
      let file = try InputFile(path)
      self.path = path
      size = file.size
      head = try file.read(at: 0, count: min(4096, file.size))
    } catch { throw .file(error) }
  }
}

/// What the user says about a file to import.
public struct ImportOptions: Sendable {
  /// The architecture of weights that name none.
  public var architecture: Architecture?
  /// Whether weights and operations of a lower precision than Float32 may become Float32.
  public var asFloat32 = false
  /// The most bytes that a compressed entry may expand to; nil for at most 1,000 times its size in the file.
  public var maxSize: Int?

  /// The defaults.
  public init() {}
}
