import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// A classifier that takes the raw rows of a file: of a model that `classify` trained.
///
///     let classifier = RowClassifier(try Model.load("runs/classify-lstm"))
///     let predictions = try classifier?.predictions("new.csv")     // id, prediction, probabilities
public struct RowClassifier {
  /// What a row is.
  public struct Prediction: Sendable, Equatable {
    /// The group of a sequence, else its row from 1 on.
    public let id: String
    /// The likeliest class.
    public let label: String
    /// The probability of each class, in the order of `labels`.
    public let probabilities: [Double]
  }

  private let model: Model
  private let encoder: SequenceEncoder
  private let source: Preprocessing.RowSource

  /// The classifier of a model; nil of one that takes other data.
  public init?(_ model: Model) {
    let preprocessing = model.preprocessing
    guard let encoder = SequenceEncoder(preprocessing), let source = preprocessing.rows,
      model.outputShapes.count == 1, model.outputShapes[0].count == encoder.labels.count
    else { return nil }
    (self.model, self.encoder, self.source) = (model, encoder, source)
  }

  /// The classes.
  public var labels: [String] { encoder.labels }

  /// Predictions for each sequence of a file, which needs no classes. `batch` sequences are computed at once, which changes no
  /// result. Throws what is wrong with the file.
  public func predictions(_ file: String, batch: Int = 64) throws(TaskDataError) -> [Prediction] {
    let rows = try SequenceRows(file, source: source, needsLabels: false).rows
    var predictions: [Prediction] = []
    for start in stride(from: 0, to: rows.count, by: batch) {
      let part = rows[start..<min(start + batch, rows.count)]
      let probabilities = withoutGradient {
        ClassifyObjective.probabilities(model, encoder.batch(part.map { encoder($0) }), .inference())
      }
      for (row, values) in zip(part, probabilities) {
        let best = values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
        predictions.append(Prediction(id: row.id, label: labels[best], probabilities: values))
      }
    }
    return predictions
  }

  /// Writes predictions as CSV: `id` or `row`, `prediction`, and `probability_LABEL` of each class. Throws `FileError`.
  public func write(_ predictions: [Prediction], to path: String) throws(FileError) {
    var text = CSVWriter.line(
      [source.group ?? "row", "prediction"] + labels.map { "probability_" + $0 })
    for prediction in predictions {
      text += CSVWriter.line(
        [prediction.id, prediction.label] + prediction.probabilities.map { String(Float($0)) })
    }
    try AtomicFile.write(Data(text.utf8), to: path)
  }
}
