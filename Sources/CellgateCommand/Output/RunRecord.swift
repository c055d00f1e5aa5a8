import Cellgate
import CellgateBasics

/// The JSON records of runs.
enum RunRecord {
  /// The keys by which runs differ.
  static func identity(_ settings: TrainingSettings) -> [(key: String, value: JSONValue)] {
    [
      ("task", .string(settings.task)), ("cell", .string(settings.cell)),
      ("seed", .unsigned(settings.seed)), ("hidden", .integer(settings.hidden)),
    ]
  }

  /// How far a run is.
  static func progress(_ progress: TrainingProgress, _ settings: TrainingSettings) -> JSONValue {
    .object(
      [("record", "progress")] + identity(settings) + [
        ("step", .integer(progress.step)), ("steps", .integer(progress.steps)),
        ("loss", .number(progress.loss)), ("smoothed_loss", .number(progress.smoothedLoss)),
        ("learning_rate", .number(progress.learningRate)), ("gradient_norm", .number(progress.gradientNorm)),
        ("ms_per_step", .number(progress.msPerStep)), ("seconds_left", .number(progress.secondsLeft)),
      ])
  }

  /// What a run reached on the validation data.
  static func evaluation(
    _ record: MetricsRecord, isBest: Bool, solved: Bool, metric: String,
    selection: (name: String, value: Double)?, _ settings: TrainingSettings
  ) -> JSONValue {
    .object(
      [("record", "evaluation")] + identity(settings) + [
        ("step", .integer(record.step)), ("loss", .number(record.trainingLoss)), ("metric", .string(metric)),
        ("value", .number(record.validation.value)), ("best", .bool(isBest)), ("solved", .bool(solved)),
      ] + Self.selection(selection))
  }

  /// What came out of a run.
  static func result(_ result: TrainingResult, directory: String?) -> JSONValue {
    let extras = result.extras.sorted { $0.key < $1.key }.map {
      (key: $0.key, value: JSONValue.number($0.value))
    }
    let selection = result.selection.flatMap { name in result.selectionValue.map { (name, $0) } }
    return .object(
      [
        ("record", "result"), ("task", .string(result.task)), ("cell", .string(result.cell)),
        ("seed", .unsigned(result.seed)), ("hidden", .integer(result.hidden)),
        ("parameters", .integer(result.parameters)), ("metric", .string(result.metric)),
        ("value", .number(result.value)), ("solved_at_step", .optional(result.solvedAtStep)),
        ("seconds", .number(result.seconds)), ("directory", directory.map { .string($0) } ?? .null),
        ("extras", .object(extras)), ("validation_value", .number(result.validationValue)),
        ("best_step", .integer(result.bestStep)), ("steps", .integer(result.steps)),
        ("baseline", .number(result.baseline)), ("ms_per_step", .number(result.msPerStep)),
      ] + Self.selection(selection))
  }

  /// What the best model is chosen by, where that isn't the task's metric, and its value on the validation data.
  private static func selection(
    _ selection: (name: String, value: Double)?
  ) -> [(key: String, value: JSONValue)] {
    selection.map { [("selection", .string($0.name)), ("selection_value", .number($0.value))] } ?? []
  }

  /// Where a run diverged.
  static func divergence(_ divergence: Divergence, _ settings: TrainingSettings) -> JSONValue {
    .object(
      [("record", "diverged")] + identity(settings) + [
        ("step", .integer(divergence.step)), ("layer", .string(divergence.layer)),
        ("tensor", .string(divergence.tensor)), ("found", .string(divergence.found)),
      ])
  }

  /// What a cell reached over all seeds.
  static func row(_ row: ComparisonRow) -> [(key: String, value: JSONValue)] {
    [
      ("cell", .string(row.cell)), ("metric", .string(row.metric)), ("mean", .optional(row.mean)),
      ("spread", .optional(row.spread)), ("parameters", .integer(row.parameters)),
      ("ms_per_step", .optional(row.msPerStep)), ("hidden", .integer(row.hidden)),
      ("steps_to_solve", .optional(row.stepsToSolve)), ("runs", .integer(row.runs)),
      ("solved_runs", .integer(row.solvedRuns)), ("diverged_runs", .integer(row.divergedRuns)),
      ("seeds", .array((row.seeds ?? []).map { .unsigned($0) })),
    ]
  }

  /// The difference of two cells over the seeds of both.
  static func difference(_ pair: PairedDifference) -> [(key: String, value: JSONValue)] {
    [
      ("cell", .string(pair.cell)), ("reference", .string(pair.reference)),
      ("seeds", .array(pair.seeds.map { .unsigned($0) })), ("difference", .optional(pair.difference)),
      ("low", .optional(pair.low)), ("high", .optional(pair.high)),
      ("distinguishable", .bool(pair.isDistinguishable)),
    ]
  }
}

/// Keeps what a progress line says, and prints JSON records of a run, of progress about once a second.
struct RunReporter {
  private let settings: TrainingSettings
  private let task: TaskDescription
  /// The run's name, where settings alone don't name it.
  private let run: String?
  private var validation: Evaluation?
  private var lastPrinted: ContinuousClock.Instant?

  /// A reporter of one run.
  init(settings: TrainingSettings, task: any SequenceTask.Type, run: String? = nil) {
    self.settings = settings
    self.task = task.description
    self.run = run
  }

  /// What stands beside the bar after this event.
  mutating func note(_ event: TrainingEvent) -> String {
    switch event {
    case .evaluated(let record, _, _): validation = record.validation
    case .progress(let progress):
      let loss = "loss \(Text.number(progress.smoothedLoss, digits: 3))"
      guard let validation else { return loss }
      let chosen =
        selection(validation).map { "  \(Text.metric($0.name)) \(Text.number($0.value, digits: 3))" } ?? ""
      return "\(loss)  \(Text.metric(task.metric.name)) \(Text.number(validation.value, digits: 3))" + chosen
    case .notice, .started, .saved: break
    }
    return ""
  }

  /// Prints the event's record.
  mutating func print(_ event: TrainingEvent) {
    switch event {
    case .progress(let progress):
      let now = ContinuousClock.now
      let isDue = lastPrinted.map { now - $0 >= .seconds(1) } ?? true
      guard isDue || progress.step == progress.steps else { return }
      lastPrinted = now
      print(RunRecord.progress(progress, settings))
    case .evaluated(let record, let isBest, let solved):
      print(
        RunRecord.evaluation(
          record, isBest: isBest, solved: solved, metric: task.metric.name,
          selection: selection(record.validation), settings))
    case .notice, .started, .saved: break
    }
  }

  /// The value that the best model is chosen by, where that isn't the task's metric.
  private func selection(_ evaluation: Evaluation) -> (name: String, value: Double)? {
    let selection = task.selection(settings)
    guard selection != task.metric else { return nil }
    return evaluation.value(of: selection, among: task.metrics(settings)).map { (selection.name, $0) }
  }

  private func print(_ record: JSONValue) {
    (run.map { record.adding("run", .string($0)) } ?? record).print()
  }
}

/// Settings in words.
enum SettingsText {
  /// "2 layers of 128 hidden units, both directions"; with `parameters` "2 layers, 10,000 parameters at most".
  static func model(_ settings: TrainingSettings, parameters: Int? = nil) -> String {
    let layers = Text.plural(settings.layers, "layer")
    var parts =
      parameters.map { [layers, "\(Text.count($0)) parameters at most"] }
      ?? ["\(layers) of \(Text.plural(settings.hidden, "hidden unit"))"]
    if settings.bidirectional { parts.append("both directions") }
    if settings.precision != .float32 { parts.append(settings.precision.rawValue) }
    if settings.dropout > 0 { parts.append("dropout \(settings.dropout)") }
    for (name, share) in [
      ("output", settings.outputDropout), ("input", settings.inputDropout),
      ("embedding", settings.embeddingDropout),
      ("recurrent", settings.recurrentDropout),
    ] {
      if let share { parts.append("\(name) dropout \(share)") }
    }
    if let zoneout = settings.zoneout { parts.append("zoneout \(quotedName(zoneout.description))") }
    if let share = settings.weightDrop { parts.append("weight drop \(share)") }
    return parts.joined(separator: ", ")
  }

  /// "length 100, batch 50, adam 0.001, clip 1, seed 1".
  static func training(_ settings: TrainingSettings, seed: Bool = true) -> String {
    var parts = settings.taskOptions.sorted { $0.key < $1.key }.map {
      "\($0.key) \($0.value.whole.map(Text.count) ?? quotedName($0.value.description))"
    }
    parts.append("batch \(Text.count(settings.batch))")
    let rate = settings.optimizerSettings.learningRate.map { " \($0)" } ?? ""
    parts.append(settings.optimizer + rate)
    if settings.schedule.name != ConstantSchedule.name { parts.append(schedule(settings.schedule)) }
    if let clip = settings.clipNorm { parts.append("clip \(Text.short(clip))") }
    if let start = settings.initialization { parts.append("\(start.name ?? "own") initialization") }
    if let steps = settings.chronoSteps { parts.append("chrono \(Text.count(steps))") }
    if let bias = settings.forgetBias { parts.append("forget bias \(Text.short(Double(bias)))") }
    if let averaging = settings.averageWeights { parts.append("weights averaged \(averaging)") }
    if settings.stopWhenSolved == true { parts.append("until solved") }
    if seed { parts.append("seed \(settings.seed)") }
    return parts.joined(separator: ", ")
  }

  /// "plateau schedule (× 0.5 after 3 evaluations)".
  private static func schedule(_ schedule: ScheduleSettings) -> String {
    let parts = (Schedules.named(schedule.name)?.settings ?? []).compactMap { setting in
      switch setting.name {
      case ScheduleSetting.factor.name: "× \(Text.short(schedule.factor))"
      case ScheduleSetting.every.name: "every \(Text.plural(schedule.every, "step"))"
      case ScheduleSetting.after.name: schedule.after.map { "after \(Text.count($0))" }
      case ScheduleSetting.patience.name:
        "after \(Text.plural(schedule.patience, "evaluation")) without improvement"
      default: nil
      }
    }
    return "\(schedule.name) schedule" + (parts.isEmpty ? "" : " (\(parts.joined(separator: " ")))")
  }
}
