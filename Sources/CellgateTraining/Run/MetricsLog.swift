import CellgateFormats
import Foundation

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
}

/// The evaluations of a run, in `metrics.csv` when it has a folder. No times are in it: a resumed run has the
/// same bytes as one never interrupted.
final class MetricsLog {
  private(set) var records: [MetricsRecord] = []
  private let writer: CSVWriter?

  /// The columns for a task's metrics.
  static func header(metrics: [String]) -> [String] {
    ["step", "training_loss"] + metrics.map { "validation_" + $0 } + ["learning_rate", "gradient_norm"]
  }

  /// A new log; without a path it lies in memory.
  init(creating path: String?, metrics: [String]) throws(RunError) {
    guard let path else {
      writer = nil
      return
    }
    do throws(CSVError) {
      writer = try CSVWriter(creating: path, header: Self.header(metrics: metrics))
    } catch { throw .metrics(error) }
  }

  /// Continues a log behind its first `rows` rows and cuts off the rest.
  init(continuing path: String, metrics: [String], rows: Int) throws(RunError) {
    do throws(CSVError) {
      writer = try CSVWriter(continuing: path, header: Self.header(metrics: metrics), keeping: rows)
    } catch { throw .metrics(error) }
    records = try Self.read(path, metrics: metrics)
  }

  /// The log of a complete run, which takes no more rows.
  init(complete path: String, metrics: [String]) throws(RunError) {
    writer = nil
    records = try Self.read(path, metrics: metrics)
  }

  /// Appends a row and waits until it is on the disk.
  func append(_ record: MetricsRecord) throws(RunError) {
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
  static func read(_ path: String, metrics: [String]) throws(RunError) -> [MetricsRecord] {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(path).readAll() } catch { throw .file(error) }
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    let header = CSVWriter.line(Self.header(metrics: metrics)).dropLast()
    guard let first = lines.first, first == header else {
      throw .metrics(
        .wrongHeader(file: path, expected: String(header), found: String(lines.first ?? "")))
    }
    var records: [MetricsRecord] = []
    for (index, line) in lines.dropFirst().enumerated() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      let numbers = fields.dropFirst().compactMap { Double(String($0)) }
      guard fields.count == metrics.count + 4, numbers.count == fields.count - 1, let step = Int(fields[0])
      else {
        throw .badState(
          file: path, name: "row \(index + 1)", expected: "\(metrics.count + 4) numbers", found: String(line))
      }
      let last = numbers.count - 1
      records.append(
        MetricsRecord(
          step: step, trainingLoss: numbers[0],
          validation: Evaluation(numbers[1], extras: Array(numbers[2..<(last - 1)])),
          learningRate: numbers[last - 1], gradientNorm: numbers[last]))
    }
    return records
  }
}
