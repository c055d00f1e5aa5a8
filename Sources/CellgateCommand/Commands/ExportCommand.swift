import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate export`: a model as a file of another tool.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a model as a file of another tool.",
    discussion: """
      FORMATS:
      \(ModelExporter.formats.map { "  \($0.name + String(repeating: " ", count: max(0, 12 - $0.name.count)))\($0.summary)" }
        .joined(separator: "\n"))

      A cell that the other tool lacks is written as its equations. What a format can't hold is named.

      With --quantize int8 all matrices are signed bytes with a scale for each row, a quarter as large. As safetensors the file \
      is a model of Cellgate's own, which every command takes, and which computes in int8; as C the \
      matrices alone are bytes, and what they are multiplied with is float.

      EXAMPLES:
        cellgate export model.safetensors --format onnx
        cellgate export runs/text-lstm-wm --format pytorch --out lstmwm.pt
        cellgate export model.safetensors --format onnx --streaming
        cellgate export model.safetensors --format c --out keyword.c
        cellgate export runs/text-lstm --format safetensors --quantize int8
        cellgate export model.safetensors --format c --quantize int8
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The format: \(ModelExporter.formats.map(\.name).joined(separator: ", ")).", valueName: "name"))
  var format: String

  @Option(
    help: ArgumentHelp(
      "The file; the model's name with the format's ending if you leave it out.", valueName: "file"))
  var out: String?

  @Option(
    help: ArgumentHelp("Of safetensors and c: round all matrices to signed bytes: int8.", valueName: "name"))
  var quantize: String?

  @Flag(help: "Of ONNX: take one step at a time, with states that go in and come out.")
  var streaming = false

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let known = ModelExporter.formats
    guard let format = known.first(where: { $0.name == self.format }) else {
      throw CommandFailure(
        .usage, "--format: " + Names.unknown("format", self.format, known: known.map(\.name)))
    }
    if streaming, format.name != "onnx" {
      throw CommandFailure(.usage, "--streaming: expected the format onnx, found \(format.name)")
    }
    if let quantize, quantize != Precision.int8.rawValue {
      throw CommandFailure(
        .usage, "--quantize: " + Names.unknown("kind", quantize, known: [Precision.int8.rawValue]))
    }
    if quantize != nil, !["safetensors", "c"].contains(format.name) {
      throw CommandFailure(
        .usage, "--quantize: expected the format safetensors or c, found \(format.name)")
    }
    let model = try Model.load(path, trustingWeights: trusted.weights)
    var options = ExportOptions()
    (options.streaming, options.ofBytes) = (streaming, quantize != nil)
    let file = ModelFile.path(path)
    let out =
      out ?? quantize.map { Paths.withoutExtension(file) + "-\($0)" + format.ending }
      ?? Self.defaultFile(file, format.ending)
    if Paths.absolute(out) == Paths.absolute(file) {
      throw CommandFailure(.usage, "--out: expected another file than the model's, found \(out)")
    }
    let result: ExportedFiles
    if quantize == nil || format.name == "c" {
      result = try ModelExporter.write(model, as: format, to: out, options: options)
    } else {
      try model.saveInBytes(out)
      result = ExportedFiles([out])
    }
    if json {
      JSONValue.object([
        ("model", .string(path)), ("format", .string(format.name)), ("files", .strings(result.paths)),
        ("remarks", .strings(result.remarks)), ("parameters", .integer(model.state.count)),
      ]).print()
      return
    }
    Console.print()
    for path in result.paths {
      let size = try InputFile(path).size
      Console.print("  \(path)  \(Text.bytes(Double(size)))")
    }
    for remark in result.remarks { Console.print("  \(remark)") }
    Console.print()
  }

  /// "model.onnx" beside "model.safetensors"; of weights "model-weights.safetensors", as the name is taken.
  private static func defaultFile(_ file: String, _ ending: String) -> String {
    let stem = Paths.withoutExtension(file)
    return stem + (file.hasSuffix(ending) ? "-weights" : "") + ending
  }
}
