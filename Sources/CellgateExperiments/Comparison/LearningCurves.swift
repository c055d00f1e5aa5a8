import CellgateCharts
import CellgateTraining

/// The learning curves of several cells.
enum LearningCurves {
  /// The validation metric of each cell by updates, mean and spread over its runs that have ended, with lines for the
  /// baseline and, where the task is solved by this metric, for solved.
  static func chart<Task: SequenceTask>(
    _ task: Task.Type, title: String, equal: ComparisonSettings.Equality, rows: [ComparisonRow],
    baseline: Baseline?, ended: [String: [RunQueue.Ended]]
  ) -> SVGChart {
    var chart = SVGChart(title: title, xLabel: "updates", yLabel: "validation \(task.metric.name)")
    chart.subtitle = subtitle(equal, rows)
    chart.references = baseline.map { [.init(label: $0.label, value: $0.value)] } ?? []
    if task.solved.metric == task.metric {
      chart.references.append(.init(label: "solved", value: task.solved.threshold))
    }
    chart.series = rows.map { series($0.cell, ended[$0.cell] ?? []) }
    let values = chart.series.flatMap { $0.points.map(\.y) } + chart.references.map(\.value)
    if task.metric.direction == .lower, values.allSatisfy({ $0 > 0 }) { chart.yScale = .log }
    chart.moveFarReferencesToSubtitle()
    return chart
  }

  private static func subtitle(_ equal: ComparisonSettings.Equality, _ rows: [ComparisonRow]) -> String {
    let runs = rows.map { $0.runs + $0.divergedRuns }.max() ?? 0
    let (least, most) = (rows.map(\.hidden).min() ?? 0, rows.map(\.hidden).max() ?? 0)
    // The table has those of many cells.
    let sizes =
      rows.count > 6
      ? least == most ? "\(least)" : "\(least) to \(most)"
      : rows.map { "\($0.cell) \($0.hidden)" }.joined(separator: ", ")
    return "equal \(equal.rawValue) (hidden units: \(sizes)); "
      + (runs > 1 ? "mean and spread of \(runs) seeds" : "one seed")
  }

  /// The mean and spread at each step that some run reached. A complete run that ended before the others, as one that
  /// was solved may, counts with its last value from then on: else the mean would be that of the runs that are slow.
  private static func series(_ name: String, _ ended: [RunQueue.Ended]) -> SVGChart.Series {
    var values: [Int: [Double]] = [:]
    for record in ended.flatMap(\.records) {
      values[record.step, default: []].append(record.validation.value)
    }
    for run in ended where run.result != nil {
      guard let last = run.records.last else { continue }
      for step in values.keys where step > last.step { values[step]?.append(last.validation.value) }
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
