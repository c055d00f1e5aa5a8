import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate import`: a model of another tool becomes a model's file.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a model's file of a PyTorch, Keras or ONNX file.",
    discussion: """
      Recognises the file by its content, says what it found and what was converted, and writes a model that evaluate, \
      predict, generate, report, retrofit and export take. Nothing in a file is ever executed.

      PyTorch's state dicts, safetensors and npz name no architecture. Where names and shapes leave no doubt, it is inferred; \
      where they do, the weights are written all the same, and a proposal is printed: complete it in a JSON file and import \
      with --architecture FILE.

      With --verify the model is run on samples: inputs RUN/in/NAME and the framework's outputs RUN/out/NAME in a safetensors \
      file. The largest difference of each is printed, relative to max(1, |expected|); above 1e-5 the exit code is 1.

      EXAMPLES:
        cellgate import model.keras
        cellgate import checkpoint.pt --out model.safetensors
        cellgate import state.pt --architecture classifier.json
        cellgate import model.onnx --verify samples.safetensors
      """)

  @Argument(help: ArgumentHelp("The file to import.", valueName: "file"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The model's file; the name of the file that is imported with the ending .cellgate.safetensors if you leave it out.",
      valueName: "file"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "What weights belong to that don't say so: a JSON file, see the proposal.", valueName: "file"))
  var architecture: String?

  @Flag(help: "Take a model that computes in bfloat16 or float16 as one that computes in float32.")
  var asFloat32 = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The most bytes that a compressed part of the file may expand to; 1,000 times its size if you leave it out.",
      valueName: "n"))
  var maxSize: WholeNumber?

  @Option(
    help: ArgumentHelp("Run the model on the samples in this safetensors file.", valueName: "file"))
  var verify: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  /// The largest relative difference from a framework's outputs, in float32 and where it computes in bfloat16.
  private static let tolerance = 1e-5, lowPrecisionTolerance = 3e-2

  func run() throws {
    var problems = OptionProblems()
    let maxSize = problems.whole("--max-size", maxSize, in: 1...Int.max)
    try problems.check()
    var options = ImportOptions()
    options.asFloat32 = asFloat32
    options.maxSize = maxSize
    let samples = try verify.map { path throws(ImportError) in try ModelSamples(path) }
    options.architecture = try architecture.map(Self.readArchitecture) ?? samples?.architecture
    let imported = try ModelImporter.read(path, options: options)
    let out = out ?? Self.defaultFile(path)
    var own = imported
    own.metadata[ModelFile.originKey] = "\(imported.framework), \(quotedName(path))"
    try own.save(out)
    let differences = try samples.map { samples throws(ImportError) in try own.differences(from: samples) }
    if json { record(own, out, differences).print() } else { report(own, out, differences) }
    try check(differences)
  }

  private static func readArchitecture(_ path: String) throws -> Architecture {
    let tree: JSONTree
    do throws(JSONError) { tree = try JSONTree(path: path) } catch {
      if case .file(let error) = error { throw error }
      throw CommandFailure(.data, "\(error)")
    }
    // A whole case.json has it as a member.
    guard let architecture = Architecture(tree) ?? tree["model"].flatMap(Architecture.init) else {
      throw CommandFailure(
        .data,
        "\(path): expected an object with the member 'kind', such as {\"kind\": \"lstm\"}, found another value"
      )
    }
    return architecture
  }

  /// "model.cellgate.safetensors" beside "model.keras".
  private static func defaultFile(_ path: String) -> String {
    let folder = Paths.folder(in: path)
    let name = Paths.name(of: path)
    let stem = name.split(separator: ".").first.map(String.init) ?? name
    return (folder.isEmpty ? "" : folder + "/") + stem + ".cellgate.safetensors"
  }

  // MARK: What was found

  private var allowed: Double { asFloat32 ? Self.lowPrecisionTolerance : Self.tolerance }

  private func isWrong(_ difference: SampleDifference) -> Bool {
    difference.difference.map { !($0 <= allowed) } ?? false
  }

  /// Ends with 1 where a sample's outputs are others.
  private func check(_ differences: [SampleDifference]?) throws {
    let wrong = (differences ?? []).filter(isWrong)
    guard let first = wrong.first else { return }
    throw CommandFailure(
      .failed,
      "\(path): \(first.run)/\(first.output): "
        + (first.problem ?? "expected a difference of at most \(allowed), found \(first.difference ?? .nan)")
        + (wrong.count > 1 ? ", and \(wrong.count - 1) more" : ""))
  }

  private func report(_ imported: ImportedModel, _ out: String, _ differences: [SampleDifference]?) {
    Console.print("\n  \(Terminal.output.styled(imported.framework, .bold))  \(imported.format)")
    for line in imported.findings { Console.print("  \(line)") }
    Console.print()
    if let model = try? imported.makeModel() {
      for line in model.summary.description.split(separator: "\n") { Console.print("  \(line)") }
    } else {
      Console.print(
        "  \(Text.plural(imported.state.entries.count, "tensor")), \(Text.count(imported.state.count)) numbers"
      )
      Console.print("  This can't run yet: the file doesn't say what the weights belong to.")
      if let proposal = imported.proposal {
        Console.print(
          "  A proposal, to be completed in a file for --architecture:\n\n  \(proposal.members.text)")
      }
    }
    if let differences {
      Console.print()
      var table = Table([.left("sample"), .left("output"), .right("difference"), .left("")])
      for item in differences {
        table.add([
          item.run, item.output, item.difference.map { Text.number($0, digits: 2) } ?? "–",
          item.problem ?? (isWrong(item) ? "above \(Text.number(allowed, digits: 2))" : ""),
        ])
      }
      table.print()
    }
    Console.print("\n  In \(out)\n")
  }

  private func record(
    _ imported: ImportedModel, _ out: String, _ differences: [SampleDifference]?
  ) -> JSONValue {
    .object([
      ("file", .string(path)), ("framework", .string(imported.framework)),
      ("format", .string(imported.format)),
      ("runnable", .bool(imported.description != nil)), ("findings", .strings(imported.findings)),
      (
        "tensors",
        .array(
          imported.state.entries.map {
            .object([("name", .string($0.name)), ("shape", .array($0.tensor.shape.map { .integer($0) }))])
          })
      ),
      ("parameters", .integer(imported.state.count)),
      ("proposal", imported.proposal.map { .string($0.members.text) } ?? .null), ("out", .string(out)),
      (
        "differences",
        differences.map { differences in
          .array(
            differences.map {
              .object([
                ("run", .string($0.run)), ("output", .string($0.output)),
                ("difference", .optional($0.difference)),
                ("problem", $0.problem.map { .string($0) } ?? .null),
              ])
            })
        } ?? .null
      ),
    ])
  }
}
