import CellgateFormats

/// The learning curves of a comparison.
enum ComparisonChart {
  /// The validation metric of each cell by updates, mean and spread over the seeds, with lines for the baseline
  /// and, where the task is solved by this metric, for solved.
  static func make<Task: SequenceTask>(
    _ task: Task.Type, result: ComparisonSummary, histories: [String: [[MetricsRecord]]]
  ) -> SVGChart {
    var chart = SVGChart(title: task.name, xLabel: "updates", yLabel: "validation \(task.metric.name)")
    chart.subtitle = subtitle(result)
    chart.references = [.init(label: result.baselineLabel, value: result.baseline)]
    if task.solved.metric == task.metric {
      chart.references.append(.init(label: "solved", value: task.solved.threshold))
    }
    chart.series = result.rows.map { row in series(row.cell, histories[row.cell] ?? []) }
    let values = chart.series.flatMap { $0.points.map(\.y) } + chart.references.map(\.value)
    if task.metric.direction == .lower, values.allSatisfy({ $0 > 0 }) { chart.yScale = .log }
    return chart
  }

  private static func subtitle(_ result: ComparisonSummary) -> String {
    let runs = result.rows.map { $0.runs + $0.divergedRuns }.max() ?? 0
    let sizes = result.rows.map { "\($0.cell) \($0.hidden)" }.joined(separator: ", ")
    return "equal \(result.equal.rawValue) (hidden units: \(sizes)); "
      + (runs > 1 ? "mean and spread of \(runs) seeds" : "one seed")
  }

  /// The mean and spread at each step that some run reached.
  private static func series(_ name: String, _ histories: [[MetricsRecord]]) -> SVGChart.Series {
    var values: [Int: [Double]] = [:]
    for record in histories.flatMap({ $0 }) {
      values[record.step, default: []].append(record.validation.value)
    }
    var series = SVGChart.Series(name: name, points: [])
    for (step, values) in values.sorted(by: { $0.key < $1.key }) {
      guard let mean = Statistics.mean(values) else { continue }
      let x = Double(step)
      series.points.append(.init(x, mean))
      guard let spread = Statistics.spread(values), let least = values.min(), let most = values.max() else {
        continue
      }
      // Within what was seen, so that a band on a logarithmic axis stays above 0.
      series.band.append(.init(x, lower: max(least, mean - spread), upper: min(most, mean + spread)))
    }
    return series
  }
}
