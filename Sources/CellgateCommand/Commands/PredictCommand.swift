import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate predict`: a model's outputs for new data.
struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Compute a model's outputs for arrays.",
    discussion: """
      Reads arrays with the sample first, [N, T, features] for sequences, [N, T] for sequences of symbols, and writes \
      the outputs with the sample first, too. An array is taken for the input of its name, or for the only input. \
      NPZ, NPY and safetensors are read; the output is of the kind that its name ends with, CSV included. \
      'cellgate summary MODEL' shows what a model takes. A model of texts takes a text file too, one text a line, and a \
      model with a scaler takes and gives numbers of the original scale. The outputs are the last layer's: of a classifier of \
      digits the logits of the classes.

      A model that 'cellgate train classify' made takes raw rows, of the form that it was trained on, and writes the row or \
      group, the prediction, and the probability_LABEL of each class as CSV. With --data - it reads rows from standard input as \
      they come, and writes each prediction at once: to standard output if you leave out --out. Tables larger than memory are \
      read in pieces; of a table with a group all rows are read first, unless they come from standard input, where the rows of \
      a group stand together.

      A model of 'cellgate train forecast' takes a table with the columns that it was trained on, and writes \
      id,time,target,step,mean,q10,q50,q90 for the steps after the end of each series. One that \
      'cellgate train music' made takes tunes, .mid, a folder of it or .mat, and writes for each tune and frame the keys that \
      are likelier to sound than not and the probability_KEY of each, given the frames before. \
      One that 'cellgate train tag' made takes sentences in CoNLL's form, with tags or without, and writes them with one more \
      column.

      EXAMPLES:
        cellgate predict runs/adding-lstm --data sequences.npz --out sums.csv
        cellgate predict model.safetensors --data x.npy --out y.npy
        cellgate predict sentiment.safetensors --data reviews.txt --out praise.csv
        cellgate predict runs/classify-lstm --data new.csv --out predictions.csv
        cellgate predict runs/forecast-lstm --data new.csv --out predictions.csv
        cellgate predict runs/music-lstm --data tune.mid --out keys.csv
        cellgate predict runs/tag-lstm --data new.conll --out tagged.conll
        cellgate predict runs/classify-lstm --data - < new.csv
        cellgate predict model.safetensors --data x.npz --out y.npz --json
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The arrays: an NPZ, NPY or safetensors file; of a model of texts also a text file; rows, or - for standard input.",
      valueName: "file")
  )
  var data: String

  @Option(
    help: ArgumentHelp(
      "The file of the outputs; it ends with .npz, .npy, .safetensors or .csv; of sentences any name. Of rows standard output if you leave it out.",
      valueName: "file"))
  var out: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Samples that are computed at once. Changes no result.", valueName: "n"))
  var batch = WholeNumber(32)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let batch = problems.whole("--batch", batch, in: 1...ModelOptions.largestSize)
    problems.threads(threads)
    try problems.check()
    let model = try Model.load(path, trustingWeights: trusted.weights)
    if let predictor = RowPredictor(model),
      !ArrayFile.isOne(data) || out?.lowercased().hasSuffix(".csv") != false
    {
      try RowPredictions(predictor, model: path, data: data, batch: batch, json: json).write(to: out)
      return
    }
    guard let out else { throw CommandFailure(.usage, "--out: expected FILE, the file of the outputs") }
    if data == StandardInput.name {
      throw CommandFailure(
        .usage, "--data: expected a file of arrays, as the model takes no rows, found '-'")
    }
    if let forecaster = Forecaster(model) {
      try forecast(forecaster, to: out, batch: batch)
      return
    }
    if let predictor = MusicPredictor(model), !ArrayFile.isOne(data) {
      try predictKeys(predictor, to: out)
      return
    }
    if let tagger = TokenTagger(model), !ArrayFile.isOne(data) {
      try tag(tagger, to: out, batch: batch)
      return
    }
    try ArrayFile.check(out, arrays: model.outputShapes.count)
    let preprocessing = model.preprocessing
    let inputs = try inputs(of: model, preprocessing)
    var outputs = try model.predict(inputs, batchSize: batch)
    if let scaler = preprocessing.targetScaler, outputs.count == 1 {
      try check(scaler, outputs[0], "outputs")
      outputs = [scaler.inverse(outputs[0])]
    }
    let names = outputs.count == 1 ? ["output"] : outputs.indices.map { "output_\($0 + 1)" }
    try ArrayFile.write(zip(names, outputs).map { (name: $0, tensor: $1) }, to: out)
    if json {
      JSONValue.object([
        ("model", .string(path)), ("data", .string(data)), ("out", .string(out)),
        ("samples", .integer(inputs[0].shape[0])),
        (
          "outputs",
          .array(
            zip(names, outputs).map { name, output in
              .object([
                ("name", .string(name)), ("shape", .array(output.shape.map { .integer($0) })),
              ])
            })
        ),
      ]).print()
      return
    }
    if let labels = preprocessing.labels, outputs.count == 1, preprocessing.rows?.hasLabelSets != true {
      printCounts(labels, outputs[0])
    }
    let shapes = outputs.map { "\($0.shape)" }.joined(separator: ", ")
    Console.print("\n  \(Text.plural(inputs[0].shape[0], "sample")): outputs \(shapes) in \(out)\n")
  }
}

extension PredictCommand {
  /// Writes what follows the end of each series.
  private func forecast(_ forecaster: Forecaster, to out: String, batch: Int) throws {
    guard out.lowercased().hasSuffix(".csv") else {
      throw CommandFailure(
        .usage, "--out: expected a name that ends with .csv, for forecasts, found '\(out)'")
    }
    let own = forecaster.preprocessing
    let table: SeriesTable
    let rows: [Forecaster.Row]
    do throws(TaskDataError) {
      table = try SeriesTable(data, columns: own.columns, step: own.step)
      rows = try forecaster.forecast(table, batch: batch)
    } catch { throw TrainingError.data(error) }
    let lines = [Forecaster.header] + rows.map(\.fields)
    try AtomicFile.write(Data(lines.map(CSVWriter.line).joined().utf8), to: out)
    if json {
      JSONValue.object([
        ("model", .string(path)), ("data", .string(data)), ("out", .string(out)),
        ("series", .integer(table.series.count)), ("horizon", .integer(own.horizon)),
        ("rows", .integer(rows.count)),
      ]).print()
      return
    }
    Console.print(
      "\n  \(Text.plural(rows.count, "row")) in \(out): \(Text.plural(own.horizon, "step")) after the end of "
        + "\(Text.count(table.series.count * own.columns.targets.count)) series\n")
  }

  /// The inputs in the file, as the model takes them.
  private func inputs(of model: Model, _ preprocessing: Preprocessing) throws -> [Tensor] {
    if preprocessing.words != nil, !ArrayFile.isOne(data),
      let numbers = preprocessing.encode(try TextLines.read(data))
    {
      return [numbers]
    }
    let arrays = try ModelArrays(data).inputs(of: model)
    guard let scaler = preprocessing.inputScaler, arrays.count == 1 else { return arrays }
    try check(scaler, arrays[0], data)
    return [scaler(arrays[0])]
  }

  private func check(_ scaler: Scaler, _ array: Tensor, _ place: String) throws(CommandFailure) {
    guard array.shape.last == scaler.means.count else {
      throw CommandFailure(
        .data,
        "\(place): expected \(scaler.means.count) features as the model's scaler has, found \(array.shape)")
    }
  }

  private func checkCSV(_ out: String) throws(CommandFailure) {
    guard out.lowercased().hasSuffix(".csv") else {
      throw CommandFailure(.usage, "--out: expected a name that ends with .csv, found '\(quotedName(out))'")
    }
  }

  /// Writes the probabilities of keys in the frames of tunes.
  private func predictKeys(_ predictor: MusicPredictor, to out: String) throws {
    try checkCSV(out)
    let tunes = try predictor.tunes(data)
    try predictor.write(tunes, to: out)
    let frames = tunes.reduce(0) { $0 + $1.frames.count }
    if json {
      JSONValue.object([
        ("model", .string(path)), ("data", .string(data)), ("out", .string(out)),
        ("samples", .integer(tunes.count)), ("frames", .integer(frames)),
      ]).print()
      return
    }
    Console.print(
      "\n  \(Text.plural(tunes.count, "tune")), \(Text.plural(frames, "frame")): probabilities of keys in \(out)\n"
    )
  }

  /// Writes the sentences of a CoNLL file with their tags.
  private func tag(_ tagger: TokenTagger, to out: String, batch: Int) throws {
    if ArrayFile.isOne(out) || out.hasSuffix(".gz") {
      throw CommandFailure(
        .usage,
        "--out: expected a name of a text file, such as tagged.conll, found '\(quotedName(out))'")
    }
    let result = try tagger.tag(data, to: out, batch: batch)
    let tokens = result.counts.values.reduce(0, +)
    if json {
      JSONValue.object([
        ("model", .string(path)), ("data", .string(data)), ("out", .string(out)),
        ("samples", .integer(result.sentences)), ("tokens", .integer(tokens)),
      ]).print()
      return
    }
    Console.print()
    for label in tagger.labels {
      let count = Text.padded(Text.count(result.counts[label] ?? 0), to: 9, alignRight: true)
      Console.print("  \(count)  \(label)")
    }
    let sentences = Text.plural(result.sentences, "sentence")
    Console.print("\n  \(sentences), \(Text.plural(tokens, "token")): tags in \(out)\n")
  }

  /// How often each class is the likeliest.
  private func printCounts(_ labels: [String], _ output: Tensor) {
    let width = output.shape.last ?? 1
    guard width == labels.count || (width == 1 && labels.count == 2) else { return }
    var counts = [Int](repeating: 0, count: labels.count)
    if width == 1 {
      for value in output.scalars { counts[value > 0.5 ? 1 : 0] += 1 }
    } else {
      for likeliest in output.argMax(axis: -1) { counts[likeliest] += 1 }
    }
    Console.print()
    for (label, count) in zip(labels, counts) {
      Console.print("  \(Text.padded(Text.count(count), to: 9, alignRight: true))  \(label)")
    }
  }
}

/// The arrays of a file, found by what a model takes.
struct ModelArrays {
  private let file: String
  private let arrays: [(name: String, tensor: Tensor)]

  /// Reads a file.
  init(_ file: String) throws {
    self.file = file
    arrays = try ArrayFile.read(file)
  }

  /// The array of each of the model's inputs: of its name, or the only one that is no target.
  func inputs(of model: Model) throws(CommandFailure) -> [Tensor] {
    let names = model.inputs.isEmpty ? ["x"] : model.inputs.map(\.name)
    if names.count == 1 {
      let others = arrays.filter { !Self.isTarget($0.name) }
      if let own = arrays.first(where: { $0.name == names[0] }) ?? (others.count == 1 ? others[0] : nil) {
        return [own.tensor]
      }
    }
    return try arrays(names)
  }

  /// The target of each of the model's outputs: y, or y_1, y_2 and so on where there are several.
  func targets(of model: Model) throws(CommandFailure) -> [Tensor] {
    let count = model.outputShapes.count
    return try arrays(count == 1 ? ["y"] : (1...count).map { "y_\($0)" })
  }

  private static func isTarget(_ name: String) -> Bool { name == "y" || name.hasPrefix("y_") }

  private func arrays(_ names: [String]) throws(CommandFailure) -> [Tensor] {
    try names.map { name throws(CommandFailure) in
      guard let array = arrays.first(where: { $0.name == name }) else {
        throw CommandFailure(
          .data,
          "\(file): expected an array '\(name)', found \(Text.list(arrays.prefix(8).map { "'\($0.name)'" }))")
      }
      return array.tensor
    }
  }
}
