import Cellgate

/// The probabilities of keys in the frames of tunes, as CSV.
struct KeyPredictions: FilePredictor {
  private let predictor: MusicPredictor

  init?(_ model: Model) {
    guard let predictor = MusicPredictor(model) else { return nil }
    self.predictor = predictor
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.outputCSV()
    let tunes = try predictor.tunes(job.data)
    try predictor.write(tunes, to: out)
    let frames = tunes.reduce(0) { $0 + $1.frames.count }
    job.report(
      [("samples", .integer(tunes.count)), ("frames", .integer(frames))],
      "\(Text.plural(tunes.count, "tune")), \(Text.plural(frames, "frame")): probabilities of keys in \(out)")
  }
}
