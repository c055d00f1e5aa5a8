import Cellgate
import CellgateFiles

/// The recordings of a folder or a manifest with their transcripts.
struct TranscriptPredictions: FilePredictor {
  private let transcriber: Transcriber

  init?(_ model: Model) {
    guard let transcriber = Transcriber(model) else { return nil }
    self.transcriber = transcriber
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.outputCSV(" with this model")
    let written = try transcriber.write(job.data, to: out)
    job.report([("samples", .integer(written))], "\(Text.plural(written, "transcript")) in \(out)")
  }
}
