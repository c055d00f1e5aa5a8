import Cellgate
import CellgateBasics
import CellgateFiles

/// The vectors of the lines of a text, as an array or as CSV.
struct VectorPredictions: FilePredictor {
  private let encoder: SentenceEncoder

  init?(_ model: Model) {
    guard let encoder = SentenceEncoder(model) else { return nil }
    self.encoder = encoder
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.output(), name = out.lowercased()
    guard name.hasSuffix(".npy") || name.hasSuffix(".csv") else {
      throw CommandFailure(
        .usage, "--out: expected a name that ends with .npy or .csv, found '\(quotedName(out))'")
    }
    let texts = try TextLines.read(job.data)
    let vectors = encoder.vectors(texts, batch: job.batch)
    if name.hasSuffix(".npy") {
      try NumpyArray(shape: vectors.shape, floats: vectors.scalars).write(to: out)
    } else {
      let file = try PendingFile(out)
      let numbers = vectors.scalars
      try file.file.write(CSVWriter.line(["row"] + (1...encoder.dimension).map { "v\($0)" }))
      for row in texts.indices {
        let own = numbers[row * encoder.dimension..<(row + 1) * encoder.dimension]
        try file.file.write(CSVWriter.line(["\(row + 1)"] + own.map { "\($0)" }))
      }
      try file.commit()
    }
    job.report(
      [("samples", .integer(texts.count)), ("shape", .array(vectors.shape.map { .integer($0) }))],
      "\(Text.plural(texts.count, "text")): vectors of \(encoder.dimension) numbers in \(out)")
  }
}
