import CellgateBasics
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Writes models as files of other tools. A new format is a file of its own and a line here.
public enum ModelExporter {
  /// A kind of file.
  public struct Format: Sendable {
    /// Its name on the command line.
    public let name: String
    /// What it is, in a line.
    public let summary: String
    /// The end of such a file's name.
    public let ending: String
    let writer: @Sendable (Model, String, ExportOptions) throws(ExportError) -> ExportedFiles
  }

  /// All of them.
  public static let formats: [Format] = [
    Format(name: "safetensors", summary: "weights under PyTorch's names", ending: ".safetensors") {
      model, path, _ throws(ExportError) in
      var writer = Safetensors.Writer(metadata: ["format": "pt"])
      for entry in PyTorchWriter.stateDictionary(of: model).entries {
        writer.add(entry.name, shape: entry.tensor.shape, floats: entry.tensor.scalars)
      }
      do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
      return ExportedFiles([path])
    },
    Format(name: "npz", summary: "weights under PyTorch's names, for NumPy", ending: ".npz") {
      model, path, _ throws(ExportError) in
      var writer = NumpyArchive.Writer()
      for entry in PyTorchWriter.stateDictionary(of: model).entries {
        writer.add(entry.name, NumpyArray(shape: entry.tensor.shape, floats: entry.tensor.scalars))
      }
      do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
      return ExportedFiles([path])
    },
    Format(
      name: "pytorch", summary: "a state dict, and the module that it belongs to as a .py file", ending: ".pt"
    ) {
      model, path, _ throws(ExportError) in
      let writer = try PyTorchWriter(model)
      let source = Paths.withoutExtension(path) + ".py"
      try writer.writeState(to: path)
      try writer.writeSource(to: source)
      return ExportedFiles([path, source])
    },
    Format(name: "keras", summary: "a .keras file, for layers that Keras has", ending: ".keras") {
      model, path, _ throws(ExportError) in
      try KerasWriter.write(model, to: path)
      return ExportedFiles([path])
    },
    Format(
      name: "onnx", summary: "an ONNX file, with a Scan over the equations of cells that ONNX lacks",
      ending: ".onnx"
    ) {
      model, path, options throws(ExportError) in
      try ONNXWriter.write(model, to: path, streaming: options.streaming)
      return ExportedFiles([path])
    },
    Format(name: "c", summary: "one C99 file that takes a step at a time", ending: ".c") {
      model, path, options throws(ExportError) in
      let stem = Paths.withoutExtension(Paths.name(of: path))
      let writer = try CWriter(model, name: stem, ofBytes: options.ofBytes)
      try writer.write(to: path)
      return ExportedFiles(
        [path],
        remarks: [
          "flash: \(writer.constantBytes) bytes of weights; RAM: \(writer.stateBytes) bytes for each sequence"
        ])
    },
  ]

  /// Writes a model that is built. Throws what the format can't hold, by name, or what the system refuses.
  @discardableResult
  public static func write(
    _ model: Model, as format: Format, to path: String, options: ExportOptions = ExportOptions()
  ) throws(ExportError) -> ExportedFiles { try format.writer(model, path, options) }
}

/// How a model is written.
public struct ExportOptions: Sendable {
  /// Whether the file takes one step at a time, with states that go in and come out; ONNX alone.
  public var streaming = false
  /// Whether matrices are signed bytes with a scale for each row; C alone. A model's own file is written by
  /// `Model.saveInBytes`.
  public var ofBytes = false

  /// The defaults.
  public init() {}
}

/// What an export wrote.
public struct ExportedFiles: Sendable {
  /// The files.
  public var paths: [String]
  /// What is to be said about them, a line each.
  public var remarks: [String]

  /// Files, and what is to be said about them.
  public init(_ paths: [String], remarks: [String] = []) {
    self.paths = paths
    self.remarks = remarks
  }
}
