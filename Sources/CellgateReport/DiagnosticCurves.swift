import CellgateCharts
import CellgateTraining

/// What a run's diagnostics hold: the files `diagnostics.csv` and `gradients.csv`, each of which may be missing.
struct DiagnosticCurves {
  /// A curve over the updates of a run.
  struct Curve: Equatable {
    /// What is measured: `saturated_gate`.
    var quantity: String
    /// Where: the layer and the name, such as a gate's.
    var layer: String
    var name: String
    var points: [SVGChart.Point] = []
  }

  /// The norms of the gradients of one layer's state, by time step.
  struct GradientFlow: Equatable {
    /// The layer and the state.
    var layer: String
    var state: String
    /// The curve over the time steps for each update at which it was measured, in order.
    var curves: [(step: Int, points: [SVGChart.Point])] = []

    static func == (a: GradientFlow, b: GradientFlow) -> Bool {
      a.layer == b.layer && a.state == b.state && a.curves.map(\.step) == b.curves.map(\.step)
        && a.curves.map(\.points) == b.curves.map(\.points)
    }
  }

  /// In the order in which the file first names them.
  var curves: [Curve] = []
  /// In the order in which the file first names them.
  var flows: [GradientFlow] = []

  /// Reads the files of a run's folder that are there; throws `file`, `metrics` or `badState`.
  init(folder: String) throws(RunError) {
    let (diagnostics, gradients) = (folder + "/diagnostics.csv", folder + "/gradients.csv")
    if RunDirectory.exists(diagnostics) {
      try readCurves(RunTable(diagnostics, header: DiagnosticsLog.header))
    }
    if RunDirectory.exists(gradients) {
      try readFlows(RunTable(gradients, header: DiagnosticsLog.gradientsHeader))
    }
  }

  /// The quantities, each with its curves.
  var quantities: [(name: String, curves: [Curve])] {
    var names: [String] = []
    for curve in curves where !names.contains(curve.quantity) { names.append(curve.quantity) }
    return names.map { name in (name, curves.filter { $0.quantity == name }) }
  }

  private mutating func readCurves(_ table: RunTable) throws(RunError) {
    var places: [[String]: Int] = [:]
    for (row, fields) in table.rows.enumerated() {
      let key = [fields[2], fields[1], fields[3]]
      let place = places[key] ?? curves.count
      if place == curves.count {
        places[key] = place
        curves.append(Curve(quantity: fields[2], layer: fields[1], name: fields[3]))
      }
      curves[place].points.append(.init(Double(try table.count(row, 0)), try table.number(row, 4)))
    }
  }

  private mutating func readFlows(_ table: RunTable) throws(RunError) {
    var places: [[String]: Int] = [:]
    for (row, fields) in table.rows.enumerated() {
      let key = [fields[1], fields[2]]
      let place = places[key] ?? flows.count
      if place == flows.count {
        places[key] = place
        flows.append(GradientFlow(layer: fields[1], state: fields[2]))
      }
      let step = try table.count(row, 0)
      let point = SVGChart.Point(Double(try table.count(row, 3)), try table.number(row, 4))
      if flows[place].curves.last?.step == step {
        flows[place].curves[flows[place].curves.count - 1].points.append(point)
      } else if let earlier = flows[place].curves.firstIndex(where: { $0.step == step }) {
        flows[place].curves[earlier].points.append(point)
      } else {
        flows[place].curves.append((step, [point]))
      }
    }
  }
}
