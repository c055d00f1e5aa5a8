import Cellgate
import CellgateBasics
import CellgateFiles

/// What `cellgate predict` does with a kind of model: reads a file as the model's task does, and writes what the model finds.
///
/// A new kind conforms and is named in `FilePredictors.all`.
protocol FilePredictor {
  /// Whether it reads and writes files of the job's names.
  static func takes(_ job: PredictionJob) -> Bool
  /// Whether data may come from standard input, and predictions go to standard output.
  static var streams: Bool { get }
  /// Whether it draws paths.
  static var drawsPaths: Bool { get }

  /// The predictor of a model; nil of one that takes other data.
  init?(_ model: Model)

  /// Writes the predictions and says what was written; throws what is wrong with the data or with the job.
  func run(_ job: PredictionJob) throws
}

extension FilePredictor {
  /// Any file but one of arrays.
  static func takes(_ job: PredictionJob) -> Bool { !ArrayFile.isOne(job.data) }
  /// Files alone.
  static var streams: Bool { false }
  /// No paths.
  static var drawsPaths: Bool { false }
}

/// The kinds of models that `cellgate predict` knows.
enum FilePredictors {
  /// In the order in which they are asked; the last one takes all models.
  private static var all: [any FilePredictor.Type] {
    [
      RowPredictions.self, ForecastPredictions.self, KeyPredictions.self, TagPredictions.self,
      AnswerPredictions.self, TranslationPredictions.self, TranscriptPredictions.self, FramePredictions.self,
      VectorPredictions.self, ArrayPredictions.self,
    ]
  }

  /// Does a job by the first kind that a model is of.
  static func run(_ job: PredictionJob, by model: Model) throws {
    for kind in all where kind.takes(job) {
      guard let predictor = kind.init(model) else { continue }
      if job.paths != nil, !kind.drawsPaths {
        throw CommandFailure(.usage, "--samples: is for models of forecast, and \(job.model) is none")
      }
      if !kind.streams { try job.checkFiles() }
      return try predictor.run(job)
    }
  }
}

/// What `cellgate predict` was asked for.
struct PredictionJob {
  /// The model's path, and the data's.
  let model, data: String
  /// The file of the predictions; nil for standard output.
  let out: String?
  /// Samples that are computed at once.
  let batch: Int
  /// Whether what was written is said as JSON.
  let json: Bool
  /// How many paths of each series are drawn, by which seed; nil for the forecast itself.
  let paths: (count: Int, seed: UInt64)?

  /// Whether the data come from standard input.
  var readsInput: Bool { data == StandardInput.name }

  /// Throws for standard streams.
  func checkFiles() throws(CommandFailure) {
    _ = try output()
    if readsInput {
      throw CommandFailure(
        .usage, "--data: expected a file of arrays, as the model takes no rows, found '-'")
    }
  }

  /// The file of the predictions; throws where there is none.
  func output() throws(CommandFailure) -> String {
    guard let out else { throw CommandFailure(.usage, "--out: expected FILE, the file of the outputs") }
    return out
  }

  /// The file of the predictions, if it is one of CSV; `what` is of which.
  func outputCSV(_ what: String = "") throws(CommandFailure) -> String {
    let out = try output()
    guard out.lowercased().hasSuffix(".csv") else {
      throw CommandFailure(
        .usage, "--out: expected a name that ends with .csv\(what), found '\(quotedName(out))'")
    }
    return out
  }

  /// Says what was written: as JSON with keys of its own, or as a line.
  func report(_ own: [(key: String, value: JSONValue)], _ line: String) {
    if json {
      JSONValue.object(
        [("model", .string(model)), ("data", .string(data)), ("out", .string(out ?? ""))] + own
      ).print()
    } else {
      Console.print("\n  \(line)\n")
    }
  }

  /// Says for people how many predictions are of each label.
  func print(_ counts: [(label: String, count: Int)]) {
    guard !json, !counts.isEmpty else { return }
    Console.print()
    for (label, count) in counts {
      Console.print("  \(Text.padded(Text.count(count), to: 9, alignRight: true))  \(label)")
    }
  }
}
