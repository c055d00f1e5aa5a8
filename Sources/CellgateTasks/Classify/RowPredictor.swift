import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// A model that takes the raw rows of a file: one that `classify`, `multi-label` or `regress` trained.
///
///     let predictor = RowPredictor(try Model.load("runs/classify-lstm"))
///     let predictions = try predictor?.predictions("new.csv")     // id, prediction, probabilities
public struct RowPredictor {
  /// What a row is.
  public struct Prediction: Sendable, Equatable {
    /// The group of a sequence or the `id` of a row, else the row's number from 1 on.
    public let id: String
    /// What that is: the name of the group's column or of `id`, else "row".
    public let idColumn: String
    /// The likeliest class, all labels with what stands between them in the training data, or the number that was found as text.
    public let label: String
    /// The likeliest class, or all labels whose probability is 0.5 or more; none of a number.
    public let labels: [String]
    /// The number that was found; nil of a class.
    public let number: Double?
    /// The probability of each class or label, in the order of `labels`; none of a number.
    public let probabilities: [Double]
  }

  private let model: Model
  private let encoder: SequenceEncoder
  private let source: Preprocessing.RowSource

  /// The predictor of a model; nil of one that takes other data.
  public init?(_ model: Model) {
    let preprocessing = model.preprocessing
    guard let encoder = SequenceEncoder(preprocessing), let source = preprocessing.rows,
      model.outputShapes.count == 1, model.outputShapes[0].count == max(encoder.labels.count, 1)
    else { return nil }
    (self.model, self.encoder, self.source) = (model, encoder, source)
  }

  /// The classes or labels; none of a model that finds numbers.
  public var labels: [String] { encoder.labels }

  /// Whether a sequence is several rows of a table.
  public var readsGroups: Bool { source.group != nil }

  /// Predictions for each sequence of a file, which needs no classes. `batch` sequences are computed at once, which changes no
  /// result. Throws what is wrong with the file.
  public func predictions(_ file: String, batch: Int = 64) throws(TaskDataError) -> [Prediction] {
    let read = try SequenceRows(file, source: source, labels: nil)
    return predictions(of: read.rows, read.idColumn, batch: batch)
  }

  /// As `predictions`, piece by piece: `body` is given the predictions of the rows that came. Files larger than memory are read so,
  /// and standard input, "-", as it comes: a row's prediction is given before the next row is waited for. Of a table with a group
  /// the rows of one stand together, and are given once another begins. Files of series, and folders, are read whole. Throws what is wrong with
  /// the file, and what `body` throws.
  public func forEachPiece(
    _ file: String, batch: Int = 64, _ body: ([Prediction]) throws -> Void
  ) throws {
    guard source.text ?? "" != "" || source.features != nil, !FolderRows.isOne(file) else {
      try body(try predictions(file, batch: batch))
      return
    }
    var groups = source.group.map { OpenGroup(column: $0, features: source.features?.count ?? 0) }
    let names = ([source.text, source.group, source.time] + (source.features ?? [])).compactMap { $0 }
    do {
      try DataTable.read(file, naming: names) { table in
        let read = try SequenceRows(table, source: source, labels: nil, first: table.firstRow)
        var rows = read.rows
        if groups != nil { rows = try groups?.closed(by: rows, in: table) ?? [] }
        if !rows.isEmpty { try body(predictions(of: rows, read.idColumn, batch: batch)) }
      }
    } catch let error as TableError { throw TaskDataError.table(error) }
    if let last = groups?.last { try body(predictions(of: [last], nil, batch: batch)) }
  }

  private func predictions(
    of rows: [SequenceRows.Row], _ idColumn: String?, batch: Int
  ) -> [Prediction] {
    let idColumn = source.group ?? idColumn ?? Self.rowColumn
    var predictions: [Prediction] = []
    for start in stride(from: 0, to: rows.count, by: batch) {
      let part = rows[start..<min(start + batch, rows.count)]
      predictions += withoutGradient { self.predictions(of: part, idColumn) }
    }
    return predictions
  }

  private static let rowColumn = "row"

  private func predictions(
    of rows: ArraySlice<SequenceRows.Row>, _ idColumn: String
  ) -> [Prediction] {
    let batch = encoder.batch(rows.map { encoder($0) })
    guard encoder.preprocessing.labels != nil else {
      let numbers = RegressObjective(encoder: encoder, remark: nil).numbers(model, batch, .inference())
      return zip(rows, numbers).map {
        Prediction(
          id: $0.id, idColumn: idColumn, label: Self.text($1), labels: [], number: $1, probabilities: [])
      }
    }
    if encoder.kind == .sets {
      let separator = source.labelSeparator ?? ";"
      return zip(rows, MultiLabelObjective.probabilities(model, batch, .inference())).map { row, values in
        let found = encoder.labels(of: values)
        return Prediction(
          id: row.id, idColumn: idColumn, label: found.joined(separator: separator), labels: found,
          number: nil, probabilities: values)
      }
    }
    return zip(rows, ClassifyObjective.probabilities(model, batch, .inference())).map { row, values in
      let best = values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
      return Prediction(
        id: row.id, idColumn: idColumn, label: labels[best], labels: [labels[best]], number: nil,
        probabilities: values)
    }
  }

  // MARK: As CSV

  /// The header of predictions: what names the first of them, the group or the column `id`, else `row`; `prediction`, and
  /// `probability_LABEL` of each class.
  public func header(_ predictions: [Prediction] = []) -> [String] {
    [predictions.first?.idColumn ?? source.group ?? Self.rowColumn, "prediction"]
      + labels.map { "probability_" + $0 }
  }

  /// A prediction's fields below that header.
  public func fields(_ prediction: Prediction) -> [String] {
    [prediction.id, prediction.label] + prediction.probabilities.map(Self.text)
  }

  /// Six digits: what batches of other rows round differently doesn't show.
  static func text(_ number: Double) -> String { "\(Float(String.printf("%.6g", number)) ?? 0)" }
}
