import Cellgate
import CellgateBasics
import CellgateFiles

/// The predictions of a file's rows as CSV: in a file that is whole or not there, or one by one as the rows come.
struct RowPredictions {
  private let predictor: RowPredictor
  private let model, data: String
  private let batch: Int
  private let json: Bool

  init(_ predictor: RowPredictor, model: String, data: String, batch: Int, json: Bool) {
    (self.predictor, self.model, self.data, self.batch, self.json) = (predictor, model, data, batch, json)
  }

  /// Writes them to a file, or to standard output for nil.
  func write(to out: String?) throws {
    guard let out else {
      if json {
        throw CommandFailure(.usage, "--json: expected --out FILE as well, the file of the predictions")
      }
      Console.write(CSVWriter.line(predictor.header))
      try forEachPiece { piece in
        Console.write(piece.map { CSVWriter.line(predictor.fields($0)) }.joined())
      }
      return
    }
    guard out.lowercased().hasSuffix(".csv") else {
      throw CommandFailure(.usage, "--out: expected a name that ends with .csv, found '\(quotedName(out))'")
    }
    var (count, counts): (Int, [String: Int]) = (0, [:])
    func note(_ piece: [RowPredictor.Prediction]) {
      count += piece.count
      for one in piece { for label in one.labels { counts[label, default: 0] += 1 } }
    }
    if isInput {
      // Whoever waits for a prediction reads the file as it grows.
      let file = try CSVWriter(creating: out, header: predictor.header)
      try forEachPiece { piece in
        for one in piece { try file.append(predictor.fields(one)) }
        note(piece)
      }
    } else {
      let file = try PendingFile(out)
      try file.file.write(CSVWriter.line(predictor.header))
      try forEachPiece { piece in
        try file.file.write(piece.map { CSVWriter.line(predictor.fields($0)) }.joined())
        note(piece)
      }
      try file.commit()
    }
    report(count, counts, out)
  }

  private var isInput: Bool { data == StandardInput.name }

  private func forEachPiece(_ body: ([RowPredictor.Prediction]) throws -> Void) throws {
    // The rows of a group may stand anywhere in a file.
    if !isInput, predictor.readsGroups {
      try body(try predictor.predictions(data, batch: batch))
    } else {
      try predictor.forEachPiece(data, batch: batch, body)
    }
  }

  private func report(_ count: Int, _ counts: [String: Int], _ out: String) {
    if json {
      JSONValue.object([
        ("model", .string(model)), ("data", .string(data)), ("out", .string(out)),
        ("samples", .integer(count)),
      ]).print()
      return
    }
    if !predictor.labels.isEmpty { Console.print() }
    for label in predictor.labels {
      Console.print("  \(Text.padded(Text.count(counts[label] ?? 0), to: 9, alignRight: true))  \(label)")
    }
    Console.print("\n  \(Text.plural(count, "sample")): predictions in \(out)\n")
  }
}
