import Cellgate
import CellgateBasics
import CellgateFiles

/// The frames after those of a file or folder, as an array.
struct FramePredictions: FilePredictor {
  static func takes(_ job: PredictionJob) -> Bool { true }

  private let predictor: FramePredictor

  init?(_ model: Model) {
    guard let predictor = FramePredictor(model) else { return nil }
    self.predictor = predictor
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.output()
    guard out.lowercased().hasSuffix(".npy") else {
      throw CommandFailure(
        .usage, "--out: expected a name that ends with .npy, found '\(quotedName(out))'")
    }
    let (shape, steps) = try predictor.predict(job.data, to: out, batch: job.batch)
    let given = predictor.source.given
    let from = steps > given ? ", from the first \(given) of \(steps) frames" : ""
    job.report(
      [
        ("samples", .integer(shape[0])), ("shape", .array(shape.map { .integer($0) })),
        ("given", .integer(given)),
      ],
      "\(Text.plural(shape[0], "sequence")): \(shape[1]) frames each in \(out)\(from)")
  }
}
