import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

/// The task of means, whose best model is the worst one: that of the largest error, in steps of 0.01.
private struct ChosenTask: SequenceTask {
  static let rank = Metric("rank", better: .higher)
  static let description = TaskDescription(
    name: "chosen", summary: "the mean of random numbers", metric: Metric("mse", better: .lower),
    extraMetrics: [Metric("error", better: .lower), rank, Metric("none", better: .higher)],
    solved: SolvedCriterion(Metric("error", better: .lower), 1e-9), defaults: small,
    selection: { $0.hidden == 3 ? nil : rank }, measures: { $1.name != "none" || $0.hidden == 3 },
    shape: { _ in SequenceShape(steps: 5, inputSize: 1, outputSize: 1) })

  private static var small: TrainingSettings {
    var settings = MeanTask.defaults
    (settings.taskOptions, settings.evaluationInterval, settings.steps) = ([:], 1, 40)
    (settings.optimizer, settings.optimizerSettings.learningRate, settings.clipNorm) = ("sgd", 1.5, nil)
    return settings
  }

  let settings: TrainingSettings
  let batches: MeanBatches
  let objective = ChosenObjective()
  let baseline = Baseline(1, "nothing")

  init(settings: TrainingSettings, data: DataSource = .unspecified) {
    self.settings = settings
    batches = MeanTask(settings: MeanTask.defaults).batches
  }
}

private struct ChosenObjective: TrainingObjective {
  func loss(
    _ model: RecurrentModel, _ batch: NumberBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    NumberObjective().loss(model, batch, carried: &carried, context: context, probe: probe)
  }

  func measure(
    _ model: RecurrentModel, _ batch: NumberBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let value = Double(meanSquaredError(model(batch.x, context: context), target: batch.target).item)
    totals.add("mse", sum: value, weight: 1)
    totals.add("error", sum: value.squareRoot(), weight: 1)
    totals.add("rank", sum: (value * 100).rounded(.down), weight: 1)
    totals.add("none", sum: 0, weight: 1)
  }
}

@Suite("The metric that a best model is chosen by")
struct ModelSelectionTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func trainer(_ settings: TrainingSettings, _ folder: RunDirectory? = nil) throws -> Trainer {
    try Trainer(
      task: ChosenTask(settings: settings), settings: settings, directory: folder,
      recording: RunRecording(checkpointSteps: folder == nil ? nil : 3))
  }

  private func result(_ outcome: TrainingOutcome) throws -> TrainingResult {
    guard case .completed(let result) = outcome else { throw CancellationError() }
    return result
  }

  @Test("The largest selection wins, of equal ones the better metric, and the result says so")
  func best() throws {
    let trainer = try trainer(ChosenTask.defaults)
    var best: [Int] = []
    let result = try result(
      trainer.run {
        if case .evaluated(let record, let isBest, _) = $0, isBest { best.append(record.step) }
      })
    let ranks = trainer.records.map { $0.validation.extras[1] }
    let most = try #require(ranks.max())
    let chosen = try #require(
      trainer.records.filter { $0.validation.extras[1] == most }.min {
        $0.validation.value < $1.validation.value
      })
    #expect(result.bestStep == chosen.step && best.last == chosen.step)
    #expect(result.validationValue == chosen.validation.value)
    #expect(result.selection == "rank" && result.selectionValue == most)
    let least = try #require(trainer.records.map(\.validation.value).min())
    #expect(result.validationValue > least)
    // Some of those that were best for a while are so by the metric alone.
    let first = try #require(trainer.records.first { $0.validation.extras[1] == most })
    #expect(trainer.records.count { $0.validation.extras[1] == most } > 1 || first.step == chosen.step)
  }

  @Test("Evaluations that are equal in the selection are compared by the metric")
  func ties() {
    let selection = ModelSelection(ChosenTask.self, ChosenTask.defaults)
    func evaluation(_ value: Double, _ rank: Double) -> Evaluation { Evaluation(value, extras: [0, rank]) }
    #expect(selection.isBetter(evaluation(0.5, 2), than: evaluation(0.1, 1)))
    #expect(!selection.isBetter(evaluation(0.1, 1), than: evaluation(0.5, 2)))
    #expect(selection.isBetter(evaluation(0.1, 2), than: evaluation(0.5, 2)))
    #expect(!selection.isBetter(evaluation(0.5, 2), than: evaluation(0.5, 2)))
    #expect(selection.other == ChosenTask.rank && selection.monitored == "val_rank")
  }

  @Test("Metrics that say nothing of the data are measured, logged and stored nowhere")
  func measured() throws {
    #expect(ChosenTask.metricNames(ChosenTask.defaults) == ["mse", "error", "rank"])
    var other = ChosenTask.defaults
    other.hidden = 3
    #expect(ChosenTask.metricNames(other) == ["mse", "error", "rank", "none"])
    let plain = try result(try trainer(other).run())
    #expect(plain.selection == nil && plain.selectionValue == nil)
    #expect(Set(plain.extras.keys) == ["error", "rank", "none"])
    let folder = try RunDirectory(creating: scratch.file("run"), settings: ChosenTask.defaults)
    let run = try result(try trainer(ChosenTask.defaults, folder).run())
    #expect(Set(run.extras.keys) == ["error", "rank"])
    let log = String(decoding: try #require(scratch.read("run/metrics.csv")), as: UTF8.self)
    #expect(
      log.hasPrefix(
        "step,training_loss,validation_mse,validation_error,validation_rank,learning_rate,gradient_norm\n"))
  }

  /// Begins a run, whose folder is free again afterwards; the step of its best model.
  @discardableResult
  private func begin(_ settings: TrainingSettings, in name: String, stop: Int) throws -> Int? {
    let part = try trainer(settings, RunDirectory(creating: scratch.file(name), settings: settings))
    _ = try part.run(shouldStop: { part.step == stop })
    return part.bestRecord?.step
  }

  @Test("A run that was stopped, or made longer, has the bits of one that went through")
  func resumed() throws {
    var settings = ChosenTask.defaults
    settings.patience = 12
    let whole = try RunDirectory(creating: scratch.file("whole"), settings: settings)
    _ = try trainer(settings, whole).run()
    for (name, length, stop) in [("stopped", 40, 7), ("longer", 9, Int.max)] {
      var first = settings
      first.steps = length
      try begin(first, in: name, stop: stop)
      let rest = try trainer(settings, RunDirectory(extending: scratch.file(name), to: settings))
      _ = try result(try rest.run())
      for file in ["metrics.csv", "model.safetensors", "config.json"] {
        #expect(scratch.read("\(name)/\(file)") == scratch.read("whole/\(file)"), "\(name): \(file)")
      }
    }
  }

  @Test("A run whose best evaluation is missing doesn't go on")
  func missing() throws {
    let settings = ChosenTask.defaults
    let step = try #require(try begin(settings, in: "run", stop: 9))
    let path = scratch.file("run/metrics.csv")
    var lines = try String(contentsOfFile: path, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    var fields = lines[step].split(separator: ",")
    fields[2] = "0.123"
    lines[step] = Substring(fields.joined(separator: ","))
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: TrainingError.self) {
      try trainer(settings, RunDirectory(resuming: scratch.file("run"), expecting: settings))
    }
  }
}
