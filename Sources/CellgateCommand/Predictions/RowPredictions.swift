import Cellgate
import CellgateBasics
import CellgateFiles

/// The predictions of a file's rows as CSV: in a file that is whole or not there, or one by one as the rows come.
struct RowPredictions: FilePredictor {
  static let streams = true

  /// Arrays too, where the predictions are wanted as rows.
  static func takes(_ job: PredictionJob) -> Bool {
    !ArrayFile.isOne(job.data) || job.out?.lowercased().hasSuffix(".csv") != false
  }

  private let predictor: RowPredictor

  init?(_ model: Model) {
    guard let predictor = RowPredictor(model) else { return nil }
    self.predictor = predictor
  }

  func run(_ job: PredictionJob) throws {
    guard job.out != nil else {
      if job.json {
        throw CommandFailure(.usage, "--json: expected --out FILE as well, the file of the predictions")
      }
      var isBegun = false
      try forEachPiece(job) { piece in
        if !isBegun { Console.write(CSVWriter.line(predictor.header(piece))) }
        isBegun = true
        Console.write(piece.map { CSVWriter.line(predictor.fields($0)) }.joined())
      }
      if !isBegun { Console.write(CSVWriter.line(predictor.header())) }
      return
    }
    let out = try job.outputCSV()
    var (count, counts): (Int, [String: Int]) = (0, [:])
    func note(_ piece: [RowPredictor.Prediction]) {
      count += piece.count
      for one in piece { for label in one.labels { counts[label, default: 0] += 1 } }
    }
    if job.readsInput {
      // Whoever waits for a prediction reads the file as it grows.
      var file: CSVWriter?
      func begun(_ piece: [RowPredictor.Prediction]) throws -> CSVWriter {
        let own = try file ?? CSVWriter(creating: out, header: predictor.header(piece))
        file = own
        return own
      }
      try forEachPiece(job) { piece in
        let file = try begun(piece)
        for one in piece { try file.append(predictor.fields(one)) }
        note(piece)
      }
      _ = try begun([])
    } else {
      let file = try PendingFile(out)
      try forEachPiece(job) { piece in
        if count == 0 { try file.file.write(CSVWriter.line(predictor.header(piece))) }
        try file.file.write(piece.map { CSVWriter.line(predictor.fields($0)) }.joined())
        note(piece)
      }
      if count == 0 { try file.file.write(CSVWriter.line(predictor.header())) }
      try file.commit()
    }
    job.print(predictor.labels.map { ($0, counts[$0] ?? 0) })
    job.report([("samples", .integer(count))], "\(Text.plural(count, "sample")): predictions in \(out)")
  }

  private func forEachPiece(
    _ job: PredictionJob, _ body: ([RowPredictor.Prediction]) throws -> Void
  ) throws {
    // The rows of a group may stand anywhere in a file.
    if !job.readsInput, predictor.readsGroups {
      try body(try predictor.predictions(job.data, batch: job.batch))
    } else {
      try predictor.forEachPiece(job.data, batch: job.batch, body)
    }
  }
}
