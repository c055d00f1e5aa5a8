import CellgateNN

/// What the best model of a run is chosen by: a task's own metric, or another one with its own for those that are equal.
package struct ModelSelection {
  private let metrics: [Metric]
  private let selection: Metric

  /// That of a task under settings that know their data.
  package init(_ task: any SequenceTask.Type, _ settings: TrainingSettings) {
    metrics = task.description.metrics(settings)
    selection = task.description.selection(settings)
  }

  /// The metric, where it isn't the task's own.
  package var other: Metric? { selection == metrics[0] ? nil : selection }

  /// The name of the value that schedules observe; nil for the first one.
  var monitored: String? { other.map { MetricValue($0, 0).name } }

  /// An evaluation's value.
  package func value(_ evaluation: Evaluation) -> Double {
    evaluation.value(of: selection, among: metrics) ?? evaluation.value
  }

  /// Whether an evaluation is better than another.
  package func isBetter(_ evaluation: Evaluation, than best: Evaluation) -> Bool {
    let (new, old) = (value(evaluation), value(best))
    return selection.isBetter(new, than: old)
      || new == old && metrics[0].isBetter(evaluation.value, than: best.value)
  }
}

extension Trainer {
  /// The evaluation of the best model so far; nil before the first.
  var bestRecord: MetricsRecord? {
    kept.best.flatMap { best in store.log.records.last { $0.step == best.step } }
  }

  /// Whether an evaluation is better than that of the best model so far.
  func isBest(_ evaluation: Evaluation) -> Bool {
    guard let best = kept.best else { return true }
    guard selection.other != nil else {
      return type(of: task).metric.isBetter(evaluation.value, than: best.value)
    }
    return bestRecord.map { selection.isBetter(evaluation, than: $0.validation) } ?? true
  }

  /// Throws where a run that goes on hasn't the evaluation of its best model, by which others are compared with it.
  func checkSelection() throws(RunError) {
    guard let directory, let best = kept.best, selection.other != nil else { return }
    if let record = bestRecord, record.validation.value == best.value { return }
    throw .badState(
      file: directory.metricsFile, name: "step \(best.step)",
      expected: "the evaluation of the best model, \(best.value)",
      found: bestRecord.map { "\($0.validation.value)" } ?? "nothing")
  }
}
