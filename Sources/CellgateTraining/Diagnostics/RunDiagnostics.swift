import CellgateBasics
import CellgateFiles

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

  /// Reads a run's folder, also while it trains; throws `notARun`, `badConfig`, `metrics`, `badState` or `file`.
  public init(of folder: String) throws(RunError) {
    self.folder = folder
    settings = try RunDirectory.settings(of: folder)
    values = try Self.values(
      RunTable(RunDirectory.diagnosticsFile(folder), header: DiagnosticsLog.header))
    norms = try Self.norms(
      RunTable(RunDirectory.gradientsFile(folder), header: DiagnosticsLog.gradientsHeader))
    // The task's metric stands after the training loss; see MetricsLog.
    let table = try RunTable(folder + "/metrics.csv")
    let hasMetric = table.table.header.count > 2
    metric = hasMetric ? table.table.header[2].replacing("_", with: " ") : ""
    var curve: [(step: Int, value: Double)] = []
    for row in table.rows.indices where hasMetric {
      curve.append((try table.count(row, 0), try table.number(row, 2)))
    }
    self.curve = curve
  }

  /// The rows of a `diagnostics.csv`; throws `badState`.
  static func values(_ table: RunTable) throws(RunError) -> [Value] {
    var values: [Value] = []
    for (row, fields) in table.rows.enumerated() {
      values.append(
        Value(
          step: try table.count(row, 0), layer: fields[1], quantity: fields[2], name: fields[3],
          value: try table.number(row, 4)))
    }
    return values
  }

  /// The rows of a `gradients.csv`; throws `badState`.
  static func norms(_ table: RunTable) throws(RunError) -> [Norm] {
    var norms: [Norm] = []
    for (row, fields) in table.rows.enumerated() {
      norms.append(
        Norm(
          step: try table.count(row, 0), layer: fields[1], state: fields[2], time: try table.count(row, 3),
          norm: try table.number(row, 4)))
    }
    return norms
  }
}
