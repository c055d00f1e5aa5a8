import CellgateFiles

/// Writes a row for each record into a CSV file: epoch, step, the values by name, learning rate, gradient norm.
///
/// The columns are those of the first record. A row is in the file when the record is made.
public final class CSVLog: TrainingCallback {
  /// The file's path.
  public let path: String
  private var writer: CSVWriter?
  private var names: [String] = []

  /// A new file, which takes the place of an old one at the first record.
  public init(_ path: String) { self.path = path }

  /// Writes a row; throws `CSVError.file`.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    if writer == nil {
      names = record.values.map(\.name)
      writer = try CSVWriter(
        creating: path, header: ["epoch", "step"] + names + ["learning_rate", "gradient_norm"])
    }
    let values = names.map { name in record[name].map { "\($0)" } ?? "" }
    try writer?.append(
      ["\(record.epoch)", "\(record.step)"] + values + ["\(record.learningRate)", "\(record.gradientNorm)"])
  }
}
