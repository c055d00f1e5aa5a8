import CellgateFormats
import Foundation

/// What was observed in a run with diagnostics, read from its folder.
public struct RunDiagnostics: Sendable {
  /// A row of `diagnostics.csv`: a quantity of a state, gate or memory product.
  public struct Value: Sendable, Equatable {
    /// Updates made before.
    public var step: Int
    /// The recurrent layer: "l0", "l0_reverse".
    public var layer: String
    /// What was measured, as in `CellObservation.Quantity`.
    public var quantity: String
    /// The state, gate, or gate that the memory product feeds.
    public var name: String
    /// The value.
    public var value: Double
  }

  /// A row of `gradients.csv`: ‖dL/ds_t‖.
  public struct Norm: Sendable, Equatable {
    /// Updates made before.
    public var step: Int
    /// The recurrent layer.
    public var layer: String
    /// The state s.
    public var state: String
    /// t, from 1 to T.
    public var time: Int
    /// The norm over all sequences and units.
    public var norm: Double
  }

  /// The run's folder.
  public let folder: String
  /// What it was made with.
  public let settings: TrainingSettings
  /// The rows of `diagnostics.csv`, in their order.
  public let values: [Value]
  /// The rows of `gradients.csv`, in their order.
  public let norms: [Norm]
  /// The validation metric's name, and its values by updates made.
  let metric: String, curve: [(step: Int, value: Double)]

  /// The values of the last observation.
  public var last: [Value] {
    guard let step = values.last?.step else { return [] }
    return values.filter { $0.step == step }
  }

  /// Whether there are diagnostics in a folder.
  public static func exist(in folder: String) -> Bool {
    RunDirectory.exists(RunDirectory.diagnosticsFile(folder))
  }

  /// Those of the run in a folder, or of the runs in the folders inside it: a comparison's in the order of its cells;
  /// empty when nothing was observed. Throws as `init(of:)`.
  public static func all(in folder: String) throws(RunError) -> [RunDiagnostics] {
    if exist(in: folder) { return [try RunDiagnostics(of: folder)] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var runs: [RunDiagnostics] = []
    for run in names.sorted().map({ folder + "/" + $0 }) where exist(in: run) {
      runs.append(try RunDiagnostics(of: run))
    }
    let config = RunDirectory.configFile(folder)
    guard RunDirectory.exists(config),
      let comparison = try? ConfigFile.decode(
        ComparisonSettings.self, RunDirectory.read(config), file: config)
    else { return runs }
    return comparison.cells.flatMap { cell in runs.filter { $0.settings.cell == cell } }
      + runs.filter { !comparison.cells.contains($0.settings.cell) }
  }

  /// Reads a run's folder, also while it trains; throws `notARun`, `badConfig`, `metrics`, `badState` or `file`.
  public init(of folder: String) throws(RunError) {
    self.folder = folder
    settings = try RunDirectory.settings(of: folder)
    values = try Self.rows(RunDirectory.diagnosticsFile(folder), header: DiagnosticsLog.header) { row in
      guard let step = Int(row[0]), let value = Double(row[4]) else { return nil }
      return Value(step: step, layer: row[1], quantity: row[2], name: row[3], value: value)
    }
    norms = try Self.rows(RunDirectory.gradientsFile(folder), header: DiagnosticsLog.gradientsHeader) { row in
      guard let step = Int(row[0]), let time = Int(row[3]), let norm = Double(row[4]) else { return nil }
      return Norm(step: step, layer: row[1], state: row[2], time: time, norm: norm)
    }
    // The task's metric stands behind the training loss; see MetricsLog.
    let metrics = folder + "/metrics.csv"
    var name = ""
    curve = try Self.rows(metrics, header: nil) { row in
      guard row.count > 2, let step = Int(row[0]), let value = Double(row[2]) else { return nil }
      return (step, value)
    } names: {
      name = $0.count > 2 ? $0[2] : ""
    }
    metric = name.replacing("_", with: " ")
  }

  private static func rows<Row>(
    _ file: String, header: [String]?, _ parse: ([String]) -> Row?, names: ([String]) -> Void = { _ in }
  ) throws(RunError) -> [Row] {
    let table: CSVTable
    do throws(FileError) { table = try CSVTable(file) } catch { throw .file(error) }
    if let header, table.header != header {
      let found = table.header.joined(separator: ",")
      throw .metrics(.wrongHeader(file: file, expected: header.joined(separator: ","), found: found))
    }
    names(table.header)
    var rows: [Row] = []
    for (index, fields) in table.rows.enumerated() {
      guard fields.count == table.header.count, let row = parse(fields) else {
        throw .badState(
          file: file, name: "row \(index + 1)", expected: table.header.joined(separator: ","),
          found: fields.joined(separator: ","))
      }
      rows.append(row)
    }
    return rows
  }
}
