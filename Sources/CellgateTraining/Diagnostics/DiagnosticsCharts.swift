import CellgateBasics
import CellgateCells
import CellgateCharts
import CellgateFiles

/// Figures of what was observed in one run, or in several side by side.
///
/// Runs that differ in nothing but the seed are drawn as one curve, their mean, with a shaded band from the least to the most.
/// In a figure of several cells a colour is a cell, and a dash a gate or an update.
public enum DiagnosticsCharts {
  /// A figure and the name of its file.
  public typealias Figure = (file: String, chart: SVGChart)

  /// The figures, of those quantities that were recorded: for each layer the size of the states and of the memory
  /// products, saturation, the norms of memory gradients, gradients by time; and of several runs their metric.
  public static func figures(_ runs: [RunDiagnostics]) -> [Figure] {
    let groups = Group.all(runs)
    var layers: [String] = []
    for value in runs.flatMap(\.values) where !layers.contains(value.layer) { layers.append(value.layer) }
    var figures: [Figure] = runs.count > 1 ? [curves(groups)] : []
    for layer in layers {
      let suffix = layers.count > 1 ? "-" + fileName(layer) : ""
      for kind in Kind.all {
        if let chart = chart(kind, layer, groups, named: layers.count > 1) {
          figures.append(("diagnostics-\(kind.file)\(suffix).svg", chart))
        }
      }
      var states: [String] = []
      for norm in runs.flatMap(\.norms) where norm.layer == layer && !states.contains(norm.state) {
        states.append(norm.state)
      }
      for state in states {
        let chart = gradients(state, layer, groups, named: layers.count > 1)
        figures.append(("diagnostics-gradients-\(fileName(state))\(suffix).svg", chart))
      }
    }
    return figures
  }

  /// Writes the figures into a folder and returns the names of their files; throws `file`.
  @discardableResult
  public static func write(_ runs: [RunDiagnostics], to folder: String) throws(RunError) -> [String] {
    let figures = figures(runs)
    do throws(FileError) {
      for (file, chart) in figures {
        try AtomicFile.write(Data(chart.render().utf8), to: folder + "/" + file)
      }
    } catch { throw .file(error) }
    return figures.map(\.file)
  }

  // MARK: What is drawn

  /// A quantity's figure.
  private struct Kind {
    var quantity: CellObservation.Quantity
    var file: String, title: String, yLabel: String
    var scale = SVGChart.Scale.linear

    static let all = [
      Kind(
        quantity: .meanAbsState, file: "states", title: "size of the states",
        yLabel: "mean |s| over steps, sequences and units"),
      Kind(
        quantity: .meanAbsMemory, file: "memory", title: "what the gates see of the memory",
        yLabel: "mean |W c| over steps, sequences and units"),
      Kind(
        quantity: .saturatedMemory, file: "memory-saturation", title: "saturation of the memory products",
        yLabel: "share of |tanh(W c)| > 0.95"),
      Kind(
        quantity: .saturatedGate, file: "gate-saturation", title: "saturation of the gates",
        yLabel: "share of gate values outside [0.05, 0.95]"),
      Kind(
        quantity: .memoryGradientNorm, file: "memory-gradients", title: "gradients of the memory weights",
        yLabel: "‖dL/dW‖ of each gate", scale: .log),
    ]
  }

  /// Runs that differ in the seed alone.
  private struct Group {
    let label: String
    let runs: [RunDiagnostics]

    static func all(_ runs: [RunDiagnostics]) -> [Group] {
      var groups: [(settings: TrainingSettings, runs: [RunDiagnostics])] = []
      for run in runs {
        var settings = run.settings
        settings.seed = 0
        if let index = groups.firstIndex(where: { $0.settings == settings }) {
          groups[index].runs.append(run)
        } else {
          groups.append((settings, [run]))
        }
      }
      return groups.map { settings, runs in
        // They are named by their cells, or else by their folders.
        let isOnly = groups.count { $0.settings.cell == settings.cell } == 1
        let folder = runs[0].folder.split(separator: "/").last.map(String.init)
        return Group(label: isOnly ? settings.cell : folder ?? settings.cell, runs: runs)
      }
    }
  }

  private static func fileName(_ name: String) -> String {
    String(name.map { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" ? $0 : "_" })
  }

  // MARK: The charts

  private static func curves(_ groups: [Group]) -> Figure {
    let metric = groups[0].runs[0].metric
    var chart = SVGChart(title: title(groups, "learning curves"), xLabel: "updates", yLabel: metric)
    chart.subtitle = subtitle(groups, layer: nil)
    chart.series = groups.enumerated().map { index, group in
      let points = group.runs.filter { $0.metric == metric }.flatMap(\.curve)
      return series(group.label, points.map { (Double($0.step), $0.value) }, colour: index, dash: 0)
    }
    if chart.series.flatMap(\.points).allSatisfy({ $0.y > 0 }) { chart.yScale = .log }
    return ("diagnostics-metric.svg", chart)
  }

  /// A quantity by updates, nil when it was not recorded.
  private static func chart(_ kind: Kind, _ layer: String, _ groups: [Group], named: Bool) -> SVGChart? {
    func values(_ group: Group) -> [RunDiagnostics.Value] {
      group.runs.flatMap(\.values).filter { $0.layer == layer && $0.quantity == kind.quantity.rawValue }
    }
    var names: [String] = []
    for value in groups.flatMap(values) where !names.contains(value.name) { names.append(value.name) }
    if names.isEmpty { return nil }
    var chart = SVGChart(title: title(groups, kind.title), xLabel: "updates", yLabel: kind.yLabel)
    chart.subtitle = subtitle(groups, layer: named ? layer : nil)
    chart.yScale = kind.scale
    for (index, group) in groups.enumerated() {
      let own = Dictionary(grouping: values(group), by: \.name)
      for (place, name) in names.enumerated() {
        guard let values = own[name] else { continue }
        let isOne = groups.count == 1
        chart.series.append(
          series(
            isOne ? name : "\(group.label) \(name)", values.map { (Double($0.step), $0.value) },
            colour: isOne ? place : index, dash: isOne ? 0 : place))
      }
    }
    return chart
  }

  /// Updates at which gradients by time are drawn, of one run and of several.
  private static let updates = (one: 5, several: 3)

  /// ‖dL/ds_t‖ by t at some updates.
  private static func gradients(
    _ state: String, _ layer: String, _ groups: [Group], named: Bool
  ) -> SVGChart {
    func norms(_ group: Group) -> [RunDiagnostics.Norm] {
      group.runs.flatMap(\.norms).filter { $0.layer == layer && $0.state == state }
    }
    let isOne = groups.count == 1
    var common = Set(norms(groups[0]).map(\.step))
    for group in groups.dropFirst() {
      let own = Set(norms(group).map(\.step))
      if !own.isEmpty { common.formIntersection(own) }
    }
    let steps = spread(common.sorted(), most: isOne ? updates.one : updates.several)
    var chart = SVGChart(
      title: title(groups, "gradient of \(state) by time step"), xLabel: "time step t of the sequence",
      yLabel: "‖dL/d\(state)ₜ‖")
    chart.subtitle = subtitle(groups, layer: named ? layer : nil)
    chart.yScale = .log
    for (index, group) in groups.enumerated() {
      let own = Dictionary(grouping: norms(group), by: \.step)
      for (place, step) in steps.enumerated() {
        guard let norms = own[step] else { continue }
        let name = step == 0 ? "before training" : "after \(step) updates"
        chart.series.append(
          series(
            isOne ? name : "\(group.label) \(name)", norms.map { (Double($0.time), $0.norm) },
            colour: isOne ? place : index, dash: isOne ? 0 : place))
      }
    }
    return chart
  }

  /// At most `most` of the values, the first and last among them, in even distances.
  private static func spread(_ values: [Int], most: Int) -> [Int] {
    guard values.count > most else { return values }
    return (0..<most).map { values[$0 * (values.count - 1) / (most - 1)] }
  }

  /// The mean at each place, and the least and most where there are several values.
  private static func series(
    _ name: String, _ points: [(x: Double, y: Double)], colour: Int, dash: Int
  ) -> SVGChart.Series {
    var series = SVGChart.Series(name: name, points: [], colour: colour, dash: dash)
    for (x, found) in Dictionary(grouping: points, by: \.x).sorted(by: { $0.key < $1.key }) {
      let values = found.map(\.y)
      series.points.append(.init(x, values.reduce(0, +) / Double(values.count)))
      if values.count > 1, let least = values.min(), let most = values.max() {
        series.band.append(.init(x, lower: least, upper: most))
      }
    }
    return series
  }

  private static func title(_ groups: [Group], _ what: String) -> String {
    let tasks = Set(groups.flatMap(\.runs).map(\.settings.task)).sorted()
    return tasks.joined(separator: ", ") + ": " + what
  }

  private static func subtitle(_ groups: [Group], layer: String?) -> String {
    let settings = groups[0].runs[0].settings
    var parts = groups.count == 1 ? [groups[0].label] : []
    parts += settings.taskOptions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let sizes = Set(groups.flatMap(\.runs).map(\.settings.hidden)).sorted()
    parts.append("\(sizes.map(String.init).joined(separator: ", ")) hidden units")
    if let layer { parts.append("layer \(layer)") }
    let seeds = groups.map(\.runs.count).max() ?? 1
    parts.append(seeds == 1 ? "seed \(settings.seed)" : "mean, least and most of \(seeds) seeds")
    return parts.joined(separator: ", ")
  }
}
