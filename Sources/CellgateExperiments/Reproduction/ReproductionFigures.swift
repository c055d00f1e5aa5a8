import CellgateCharts
import CellgateTraining

/// The figures of a reproduction that are no learning curves.
enum ReproductionFigures {
  /// The file of a comparison's learning curves: "curves-t200-units.svg".
  static func curvesName(_ comparison: ReproducedComparison) -> String {
    let label = comparison.part.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "." }
    return "curves-\(label.replacing(".", with: "_"))-\(comparison.equal.rawValue).svg"
  }

  /// What the cells are judged by, and its file's name.
  static func measure(_ results: ReproductionResults) -> (name: String, chart: SVGChart) {
    results.measure == .value ? byParameters(results) : steps(results)
  }

  /// The cells' names in order.
  private static func cells(_ results: ReproductionResults) -> [String] {
    results.comparisons.flatMap(\.rows).map(\.summary.cell).reduce(into: []) { names, name in
      if !names.contains(name) { names.append(name) }
    }
  }

  /// Steps until the goal, a bar for each cell's median and a dot for each run; open where it was not reached.
  private static func steps(_ results: ReproductionResults) -> (name: String, chart: SVGChart) {
    let isHalf = results.measure == .stepsToHalfBaseline
    var chart = SVGChart(
      title: "\(results.experiment.title), updates until \(isHalf ? "half the baseline" : "solved")",
      xLabel: "",
      yLabel: "updates")
    let goal = results.measure.goal(solved: results.solved, metric: results.metric)
    chart.subtitle = "validation \(goal); bar: median, dot: a seed; open: not reached by then"
    chart.categories = results.comparisons.map { "\($0.part)\nequal \($0.equal.rawValue)" }
    chart.series = cells(results).map { cell in
      var series = SVGChart.Series(name: cell, points: [])
      series.style = .dots
      for (place, comparison) in results.comparisons.enumerated() {
        guard let row = comparison.rows.first(where: { $0.summary.cell == cell }) else { continue }
        let runs = results.runs.filter {
          $0.part == comparison.part && $0.cell == cell && $0.hidden == row.summary.hidden
            && $0.state != .pending
        }
        guard !runs.isEmpty else { continue }
        for (index, run) in runs.enumerated() {
          let offset = 0.06 * (Double(index) - Double(runs.count - 1) / 2)
          series.points.append(point(Double(place) + offset, run, run.stepsToReach))
        }
        let last = runs.compactMap { lastStep($0) }.max() ?? 0
        series.bars.append(
          .init(Double(place), row.stepsToReach ?? Double(last), isOpen: row.stepsToReach == nil))
      }
      return series
    }
    return ("steps-to-\(isHalf ? "half-baseline" : "solve").svg", chart)
  }

  private static func lastStep(_ run: ReproducedRun) -> Int? { run.result?.steps ?? run.divergedAtStep }

  private static func point(_ x: Double, _ run: ReproducedRun, _ reached: Int?) -> SVGChart.Point {
    .init(x, Double(reached ?? lastStep(run) ?? 0), isOpen: reached == nil)
  }

  /// The metric by the number of parameters, a dot for each cell and size; lines where the paper stands.
  private static func byParameters(_ results: ReproductionResults) -> (name: String, chart: SVGChart) {
    let metric = results.metric.replacing("_", with: " ")
    var chart = SVGChart(
      title: "\(results.experiment.title), test \(metric) by parameters", xLabel: "parameters",
      yLabel: "test \(metric)")
    let seeds = results.comparisons.flatMap(\.rows).map(\.summary.runs).max() ?? 0
    chart.subtitle = seeds > 1 ? "mean and spread of up to \(seeds) seeds" : "one seed"
    chart.series = cells(results).map { cell in
      var series = SVGChart.Series(name: cell, points: [])
      series.style = .dots
      for row in results.comparisons.flatMap(\.rows).map(\.summary) where row.cell == cell {
        let x = Double(row.parameters)
        guard let mean = row.mean, !series.points.contains(where: { $0.x == x }) else { continue }
        series.points.append(.init(x, mean))
        if let spread = row.spread {
          series.band.append(.init(x, lower: mean - spread, upper: mean + spread))
        }
      }
      return series
    }
    for comparison in results.comparisons {
      for row in comparison.rows {
        guard let value = row.paper else { continue }
        let label = "paper, \(row.summary.cell)"
        let isThere = chart.references.contains { $0.value == value }
        if !isThere { chart.references.append(.init(label: label, value: value)) }
      }
    }
    return ("\(results.metric.replacing("_", with: "-"))-by-parameters.svg", chart)
  }
}
