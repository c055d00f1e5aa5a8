import ArgumentParser
import Cellgate

/// `cellgate summary`: what a model is made of.
struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary",
    abstract: "Show a model's layers, shapes, preprocessing and origin.",
    discussion: """
      Reads a model's file, or the best model of a run, by itself: no task, no data and no other file is needed. \
      Shapes are those within the model: T steps, B sequences.

      EXAMPLES:
        cellgate summary runs/adding-lstm
        cellgate summary model.safetensors
        cellgate summary model.safetensors --json
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let model = try Model.load(path, trustingWeights: trusted.weights)
    if json { record(model).print() } else { print(model) }
  }

  private func print(_ model: Model) {
    Console.print()
    for line in model.summary.description.split(separator: "\n") { Console.print("  \(line)") }
    let preprocessing = Self.preprocessing(model)
    if !preprocessing.isEmpty {
      Console.print()
      for (name, text) in preprocessing { Console.print("  \(Text.padded(name, to: 14))\(text)") }
    }
    let origin = Self.origin(model)
    if !origin.isEmpty {
      Console.print()
      for (name, text) in origin {
        Console.print("  \(Text.padded(name.replacing("_", with: " "), to: 18))\(text)")
      }
    }
    Console.print()
  }

  /// What is done with data before they go into the model.
  private static func preprocessing(_ model: Model) -> [(name: String, text: String)] {
    var lines: [(name: String, text: String)] = []
    if let tokenizer = TextTokenizer(metadata: model.metadata) {
      let unknown = tokenizer.unknown != nil ? ", one of them for unknown ones" : ""
      let unit = String(tokenizer.unit.rawValue.dropLast())
      lines.append(("vocabulary", Text.plural(tokenizer.count, unit) + unknown))
    }
    let own = model.preprocessing
    if let words = own.words {
      let length = own.length.map { "; the last \(Text.count($0)) of a text" } ?? ""
      lines.append(("words", Text.plural(words.count, "word") + length))
    }
    func features(_ scaler: Scaler) -> String {
      "\(Text.plural(scaler.means.count, "feature")) to mean 0, deviation 1"
    }
    if let scaler = own.inputScaler { lines.append(("input scaler", features(scaler))) }
    if let scaler = own.targetScaler { lines.append(("target scaler", features(scaler))) }
    if let labels = own.labels { lines.append(("labels", labels.prefix(20).joined(separator: ", "))) }
    if let window = own.window { lines.append(("window", Text.plural(window, "step"))) }
    if let audio = own.speech?.features ?? own.rows?.audio {
      lines.append(
        (
          "audio",
          "\(audio.width) \(audio.kind.rawValue) of windows of \(audio.window) samples every \(audio.hop), at "
            + "\(audio.rate) a second"
        ))
    }
    if let speech = own.speech {
      lines.append(
        (
          "transcripts",
          "\(Text.plural(speech.outputs - 1, "character")); \(Text.plural(speech.stack, "window")) a step"
        ))
    }
    if let translation = own.translation {
      for (name, side) in [("source", translation.source), ("target", translation.target)] {
        let unit = String(side.tokenizer.unit.rawValue.dropLast())
        lines.append((name, Text.plural(side.count, unit) + (side.isLowercased ? ", in small letters" : "")))
      }
    }
    if let series = own.series {
      lines.append(
        (
          "forecast",
          "\(Text.plural(series.horizon, "step")) of \(series.columns.targets.prefix(8).joined(separator: ", ")) from "
            + "\(Text.plural(series.window, "step")); \(Text.count(series.scales.count)) series, scaled"
        ))
      let categories = zip(series.columns.categories, series.categories ?? []).map { "\($0) (\($1.count))" }
      if !categories.isEmpty {
        lines.append(("categories", categories.prefix(20).joined(separator: ", ") + ", besides unknown ones"))
      }
    }
    return lines
  }

  /// Where the model comes from.
  private static func origin(_ model: Model) -> [(name: String, text: String)] {
    ["origin", "task", "cell", "step", "metric", "validation_value"].compactMap { name in
      model.metadata[name].map { (name, $0) }
    }
  }

  private func record(_ model: Model) -> JSONValue {
    let summary = model.summary
    func shapes(_ shapes: [LayerShape]) -> JSONValue { .strings(shapes.map(\.description)) }
    return .object([
      ("model", .string(path)),
      (
        "inputs",
        .array(
          summary.inputs.map {
            .object([("name", .string($0.name)), ("shape", .string($0.shape.description))])
          })
      ),
      (
        "layers",
        .array(
          summary.rows.map { row in
            .object([
              ("name", .string(row.name)), ("kind", .string(row.kind)), ("outputs", shapes(row.shapes)),
              ("parameters", .integer(row.parameters)),
            ])
          })
      ),
      ("outputs", shapes(model.outputShapes)), ("parameters", .integer(summary.parameters)),
      ("buffers", .integer(summary.buffers)),
      (
        "preprocessing",
        .object(Self.preprocessing(model).map { (key: $0.name, value: .string($0.text)) })
      ),
      ("origin", .object(Self.origin(model).map { (key: $0.name, value: .string($0.text)) })),
    ])
  }
}
