import CellgateBasics
import CellgateCharts
import CellgateFiles
import CellgateTraining

/// The charts of a report.
struct ReportFigures {
  /// The most points of a curve.
  let points: Int

  /// A run's learning curves: the validation metrics, the training loss, the learning rate and the gradients.
  func learning(_ run: ReportedRun) -> [HTML] {
    let (task, records) = (run.taskType, run.records)
    guard !records.isEmpty else { return [] }
    func chart(
      _ title: String, _ subtitle: String, _ direction: Metric.Direction? = nil,
      _ value: (MetricsRecord) -> Double
    ) -> SVGChart {
      var chart = SVGChart(title: title, xLabel: "updates", yLabel: title)
      chart.subtitle = subtitle
      chart.series = [.init(name: title, points: records.map { .init(Double($0.step), value($0)) })]
      if direction == .lower { Self.chooseScale(&chart) }
      return chart
    }
    var charts: [SVGChart] = []
    let metrics = task.description.loggedMetrics(run.settings)
    for (index, metric) in metrics.enumerated() {
      // An extra metric that never changes has its value among the results.
      if index > 0, records.count > 1, Set(records.map { $0.validation.extras[index - 1] }).count == 1 {
        continue
      }
      var one = chart(
        "Validation " + Self.words(metric.name), Self.better(metric), nil,
        { index == 0 ? $0.validation.value : $0.validation.extras[index - 1] })
      one.references = references(run, metric)
      if metric.direction == .lower { Self.chooseScale(&one) }
      one.moveFarReferencesToSubtitle()
      charts.append(one)
    }
    charts.append(
      chart("Training loss", "mean of the updates since the last point", .lower, { $0.trainingLoss }))
    charts.append(
      chart("Gradient norm", "all gradients together, before clipping", .lower, { $0.gradientNorm }))
    // A rate that stays the same is a setting, and stands there.
    if Set(records.map(\.learningRate)).count > 1 {
      charts.append(chart("Learning rate", "of the last update", nil, { $0.learningRate }))
    }
    return charts.map { $0.figure(points: points) }
  }

  /// The validation metric of all runs; runs of one family share a colour.
  func comparison(_ runs: [ReportedRun], families: [String]) -> HTML {
    guard let first = runs.first else { return .empty }
    let metric = first.taskType.metric
    var chart = SVGChart(
      title: "Validation " + Self.words(metric.name), xLabel: "updates", yLabel: metric.name)
    chart.subtitle = Self.better(metric)
    chart.series = zip(runs, families).map { run, family in
      let seeds = zip(runs, families).count { $1 == family }
      let name = seeds > 1 ? "\(family), seed \(run.settings.seed)" : family
      return .init(name: name, points: run.records.map { .init(Double($0.step), $0.validation.value) })
    }
    chart.references = references(first, metric)
    if metric.direction == .lower { Self.chooseScale(&chart) }
    chart.moveFarReferencesToSubtitle()
    return chart.figure(families: families, points: points)
  }

  /// A figure for each quantity of the diagnostics.
  func diagnostics(_ run: ReportedRun) -> [HTML] {
    run.diagnostics.quantities.map { quantity, curves in
      let (title, subtitle) = Self.titles[quantity] ?? (Self.sentence(quantity), "")
      var chart = SVGChart(title: title, xLabel: "updates", yLabel: title)
      chart.subtitle = subtitle
      let layers = Set(curves.map(\.layer))
      chart.series = curves.map { curve in
        let place = layers.count > 1 ? [curve.layer, curve.name] : [curve.name]
        let name = place.filter { !$0.isEmpty }.map(Self.words).joined(separator: " ")
        return .init(name: name.isEmpty ? Self.words(curve.layer) : name, points: curve.points)
      }
      // A single curve has no legend.
      if let only = chart.series.first, chart.series.count == 1 {
        chart.subtitle += (chart.subtitle.isEmpty ? "" : ", ") + only.name
      }
      Self.chooseScale(&chart, beyond: 100)
      return chart.figure(points: points)
    }
  }

  /// The gradients of each layer's state by time step, at up to six updates.
  func gradients(_ run: ReportedRun) -> [HTML] {
    run.diagnostics.flows.map { flow in
      var chart = SVGChart(
        title: "Gradient by time step", xLabel: "time step", yLabel: "norm of the loss's gradient")
      chart.subtitle = "norm of ∂loss/∂\(Self.words(flow.state)), layer \(Self.words(flow.layer)), log scale"
      chart.yScale = .log
      let curves = flow.curves.sorted { $0.step < $1.step }
      let shown = min(6, curves.count)
      let chosen = (0..<shown).map { shown < 2 ? 0 : $0 * (curves.count - 1) / (shown - 1) }
      chart.series = chosen.map { index in
        let (step, points) = curves[index]
        return .init(name: "update \(NumberText.count(step))", points: points.sorted { $0.x < $1.x })
      }
      return chart.figure(colours: .graded, points: points)
    }
  }

  // MARK: Parts

  private static let titles = [
    "mean_abs_state": ("Size of the states", "mean of |state|"),
    "mean_abs_memory": ("What the gates read from memory", "mean of |W c|"),
    "saturated_memory": ("Saturated memory connections", "share with |tanh(W c)| above 0.95"),
    "saturated_gate": ("Saturated gates", "share of gate values outside 0.05 to 0.95"),
    "memory_gradient_norm": ("Gradients of the memory weights", "norm"),
  ]

  private func references(_ run: ReportedRun, _ metric: Metric) -> [SVGChart.Reference] {
    var lines: [SVGChart.Reference] = []
    if metric == run.taskType.metric, let baseline = run.baseline {
      lines.append(.init(label: baseline.label.isEmpty ? "baseline" : baseline.label, value: baseline.value))
    }
    let solved = run.taskType.solved
    if solved.metric == metric, !run.taskType.description.isOfOwnData {
      lines.append(.init(label: "solved", value: solved.threshold))
    }
    return lines.filter { $0.value.isFinite }
  }

  /// A logarithmic scale where the values are positive and span more than a factor.
  private static func chooseScale(_ chart: inout SVGChart, beyond factor: Double = 8) {
    let values = (chart.series.flatMap { $0.points.map(\.y) } + chart.references.map(\.value))
      .filter(\.isFinite)
    guard let low = values.min(), let high = values.max(), low > 0, high / low > factor else { return }
    chart.yScale = .log
    chart.subtitle += chart.subtitle.isEmpty ? "log scale" : ", log scale"
  }

  static func better(_ metric: Metric) -> String {
    metric.direction == .lower ? "lower is better" : "higher is better"
  }

  /// A name of files as words.
  static func words(_ name: String) -> String { quotedName(name.replacing("_", with: " ")) }

  private static func sentence(_ name: String) -> String {
    let words = words(name)
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}
