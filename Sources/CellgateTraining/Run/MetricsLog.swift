import CellgateBasics
import CellgateFiles

/// One evaluation on the validation data in the course of a run: a row of `metrics.csv`.
public struct MetricsRecord: Sendable, Equatable {
  /// Updates made before.
  public var step: Int
  /// The mean training loss of the updates since the last record.
  public var trainingLoss: Double
  /// The task's metric and its extra ones on the validation data.
  public var validation: Evaluation
  /// The learning rate of the last update.
  public var learningRate: Double
  /// The norm of the last update's gradients, before clipping.
  public var gradientNorm: Double

  package init(
    step: Int, trainingLoss: Double, validation: Evaluation, learningRate: Double, gradientNorm: Double
  ) {
    self.step = step
    self.trainingLoss = trainingLoss
    self.validation = validation
    self.learningRate = learningRate
    self.gradientNorm = gradientNorm
  }
}

/// The evaluations of a run, in `metrics.csv` when it has a folder. No times are in it: a resumed run has the
/// same bytes as one never interrupted.
package final class MetricsLog {
  private(set) var records: [MetricsRecord] = []
  private let writer: CSVWriter?

  /// The columns for a task's metrics.
  package static func header(metrics: [String]) -> [String] {
    ["step", "training_loss"] + metrics.map { "validation_" + $0 } + ["learning_rate", "gradient_norm"]
  }

  /// A new log; without a path it lies in memory.
  package init(creating path: String?, metrics: [String]) throws(RunError) {
    guard let path else {
      writer = nil
      return
    }
    do throws(CSVError) {
      writer = try CSVWriter(creating: path, header: Self.header(metrics: metrics))
    } catch { throw .metrics(error) }
  }

  /// Continues a log after the rows that were read, which are these records; all that follows them is removed.
  package init(continuing table: RunTable, _ records: [MetricsRecord]) throws(RunError) {
    do throws(CSVError) { writer = try CSVWriter(continuing: table.file, as: table.table) } catch {
      throw .metrics(error)
    }
    self.records = records
  }

  /// The log of a complete run, which takes no more rows.
  package init(complete path: String, metrics: [String]) throws(RunError) {
    writer = nil
    records = try Self.read(path, metrics: metrics)
  }

  /// Appends a row and waits until it is on the disk.
  package func append(_ record: MetricsRecord) throws(RunError) {
    let numbers =
      [record.trainingLoss, record.validation.value] + record.validation.extras
      + [record.learningRate, record.gradientNorm]
    do throws(CSVError) {
      try writer?.append(["\(record.step)"] + numbers.map { "\($0)" })
      try writer?.sync()
    } catch { throw .metrics(error) }
    records.append(record)
  }

  /// The rows of a `metrics.csv`; throws `metrics`, `file` or `badState`.
  package static func read(_ path: String, metrics: [String]) throws(RunError) -> [MetricsRecord] {
    try records(RunTable(path, header: header(metrics: metrics)))
  }

  /// The rows of a table that has the header of a log; throws `badState`.
  package static func records(_ table: RunTable) throws(RunError) -> [MetricsRecord] {
    var records: [MetricsRecord] = []
    for row in table.rows.indices {
      var numbers: [Double] = []
      for column in 1..<table.rows[row].count { numbers.append(try table.number(row, column)) }
      let last = numbers.count - 1
      records.append(
        MetricsRecord(
          step: try table.count(row, 0), trainingLoss: numbers[0],
          validation: Evaluation(numbers[1], extras: Array(numbers[2..<(last - 1)])),
          learningRate: numbers[last - 1], gradientNorm: numbers[last]))
    }
    return records
  }
}
