import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTensor

extension TrainingSettings {
  /// All that is wrong with the settings, in their order; empty when a run can be made with them.
  ///
  /// `tasks` are the tasks there are; `cells` the cells. `available` is the machine's memory in bytes,
  /// and `instructions` must support the precision, of a run that is `trained` with gradients.
  public func problems(
    tasks: [any SequenceTask.Type], cells: [Cell] = Cell.all, available: Double? = nil,
    instructions: InstructionSet = .active, trained: Bool = true
  ) -> [SettingsError] {
    var problems: [SettingsError] = []
    let taskType = tasks.first { $0.name == task }
    if taskType == nil {
      problems.append(.unknownName(option: "task", found: task, known: tasks.map { $0.name }))
    }
    let cellType = definition(among: cells)
    if let problem = cellProblem(among: cells) { problems.append(problem) }
    if let taskType { problems += optionProblems(taskType) }
    if let reason = trained
      ? precision.trainingProblem(on: instructions) : precision.problem(on: instructions)
    {
      problems.append(.unsupported(option: "precision", reason: reason))
    }
    problems += sizeProblems(taskType, cellType) + optimizerProblems() + scheduleProblems()
    if let taskType { problems += transformerProblems(taskType) }
    if let taskType { problems += taskType.description.problems(withOptions(in: taskType)) }
    if problems.isEmpty, let taskType, let cellType {
      let available = available ?? MemoryEstimate.available
      // Below `most` everything that is counted fits an Int.
      let limit = min(available, MemoryEstimate.most)
      let needed = memory(taskType, cellType)
      if needed > limit {
        let option = culprit(taskType) { $0.memory(taskType, cellType) <= limit }
        problems.append(
          .tooLarge(
            option: option, needed: needed,
            available: available > MemoryEstimate.most ? .infinity : available))
      }
    }
    return problems
  }

  /// Throws all that is wrong with the settings; see `problems(tasks:cells:available:)`.
  public func validate(
    tasks: [any SequenceTask.Type], cells: [Cell] = Cell.all, trained: Bool = true
  ) throws(SettingsErrors) {
    let problems = problems(tasks: tasks, cells: cells, trained: trained)
    if !problems.isEmpty { throw SettingsErrors(problems) }
  }

  /// What keeps a recurrent model of this cell from being made of the settings, whatever the task is; nil for nothing.
  package func modelProblem(_ cell: Cell) -> String? {
    if isTransformer { return "expected the settings of recurrent layers, found those of a Transformer" }
    return sizeProblems(nil, cell).first?.description ?? recurrentOptions(cell).problem
  }

  /// These settings with the task's default in place of each option that is out of its range, so that what a task
  /// computes from its options can't overflow.
  private func withOptions(in task: any SequenceTask.Type) -> TrainingSettings {
    var settings = self
    for option in task.options where taskOptions[option.name].map({ option.problem($0) != nil }) ?? false {
      settings.taskOptions[option.name] = option.defaultValue
    }
    return settings
  }

  private func memory(_ task: any SequenceTask.Type, _ cell: Cell) -> Double {
    MemoryEstimate(self, cell: cell, shape: task.shape(self)).bytes
  }

  /// The first option that alone makes the settings too large: with the task's default in its place they fit.
  private func culprit(_ task: any SequenceTask.Type, fits: (TrainingSettings) -> Bool) -> String {
    let usual = task.defaults
    func isEnough(_ change: (inout TrainingSettings) -> Void) -> Bool {
      var settings = self
      change(&settings)
      return fits(settings)
    }
    if isEnough({ $0.hidden = usual.hidden }) { return "hidden" }
    if isEnough({ $0.layers = usual.layers }) { return "layers" }
    if isEnough({ $0.batch = usual.batch }) { return "batch" }
    let option = task.options.first { option in
      isEnough { $0.taskOptions[option.name] = option.defaultValue }
    }
    return option?.name ?? "hidden"
  }

  private func optionProblems(_ task: any SequenceTask.Type) -> [SettingsError] {
    var problems: [SettingsError] = []
    for (name, value) in taskOptions.sorted(by: { $0.key < $1.key }) {
      guard let option = task.options.first(where: { $0.name == name }) else {
        let known = task.options.map(\.name)
        problems.append(.unknownName(option: "option of \(task.name)", found: name, known: known))
        continue
      }
      if let problem = option.problem(value) { problems.append(problem) }
    }
    return problems
  }

  private func sizeProblems(_ task: (any SequenceTask.Type)?, _ cell: Cell?) -> [SettingsError] {
    var problems: [SettingsError] = []
    func require(_ option: String, _ value: Int?, in range: ClosedRange<Int>) {
      guard let value, !range.contains(value) else { return }
      let expected =
        value < range.lowerBound
        ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
      problems.append(.outOfRange(option: option, expected: expected, found: "\(value)"))
    }
    require("hidden", hidden, in: 1...Int.max)
    require("layers", layers, in: 1...Int.max)
    problems += regularizationProblems(task, cell)
    require("chrono-steps", chronoSteps, in: 3...Self.mostSteps)
    if let forgetBias, !forgetBias.isFinite {
      problems.append(.outOfRange(option: "forget-bias", expected: "a number", found: "\(forgetBias)"))
    } else if forgetBias != nil, chronoSteps != nil {
      problems.append(
        .outOfRange(
          option: "forget-bias", expected: "no chrono biases beside it, which start the same gates",
          found: "chrono:\(chronoSteps ?? 0)"))
    }
    require("recompute-every", recomputeEvery, in: 1...Int(Int32.max))
    require("batch", batch, in: 1...Int.max)
    require("micro-batches", microBatches, in: 1...max(1, batch))
    require("steps", steps, in: 1...Self.mostSteps)
    require("epochs", epochs, in: 1...1 << 20)
    switch (steps, epochs) {
    case (nil, nil): problems.append(.outOfRange(option: "steps", expected: "steps or epochs", found: "none"))
    case (_?, _?):
      problems.append(.outOfRange(option: "epochs", expected: "either steps or epochs", found: "both"))
    case (nil, let epochs?):
      if let task, !task.description.hasEpochs {
        problems.append(
          .outOfRange(
            option: "epochs", expected: "steps, as \(task.name) draws fresh data for every one",
            found: "\(epochs)"))
      }
    default: break
    }
    require("evaluation-interval", evaluationInterval, in: 1...Int.max)
    require("patience", patience, in: 1...Int.max)
    return problems
  }

  private func regularizationProblems(_ task: (any SequenceTask.Type)?, _ cell: Cell?) -> [SettingsError] {
    var problems: [SettingsError] = []
    for (option, share) in [
      ("dropout", dropout), ("output-dropout", outputDropout ?? 0), ("input-dropout", inputDropout ?? 0),
      ("embedding-dropout", embeddingDropout ?? 0), ("recurrent-dropout", recurrentDropout ?? 0),
      ("weight-drop", weightDrop ?? 0),
    ] where !(share >= 0 && share < 1) {
      problems.append(.outOfRange(option: option, expected: "0 or more, below 1", found: "\(share)"))
    }
    if let cell, let problem = zoneout?.problem(for: cell) {
      problems.append(.unsupported(option: "zoneout", reason: problem))
    }
    if let problem = averageWeights?.problem {
      problems.append(.unsupported(option: "average-weights", reason: problem))
    }
    if embeddingDropout != nil, let task, optionProblems(task).isEmpty, task.shape(self).symbols == nil {
      problems.append(
        .unsupported(option: "embedding-dropout", reason: "the task \(task.name) has no embeddings"))
    }
    return problems
  }

  private func optimizerProblems() -> [SettingsError] {
    var problems: [SettingsError] = []
    if !Optimizers.names.contains(optimizer) {
      problems.append(.unknownName(option: "optimizer", found: optimizer, known: Optimizers.names))
    }
    do throws(OptimizerError) {
      try optimizerSettings.validate()
    } catch {
      if case .badSetting(let name, let expected, let found) = error {
        let option = name.replacing(" ", with: "-")
        problems.append(.outOfRange(option: option, expected: expected, found: found))
      }
    }
    if let clipNorm, !(clipNorm > 0 && clipNorm.isFinite) {
      problems.append(.outOfRange(option: "clip", expected: "above 0", found: "\(clipNorm)"))
    }
    if let clipValue, !(clipValue > 0 && clipValue.isFinite) {
      problems.append(.outOfRange(option: "clip-value", expected: "above 0", found: "\(clipValue)"))
    }
    return problems
  }

  private func scheduleProblems() -> [SettingsError] {
    var problems: [SettingsError] = []
    if !Schedules.names.contains(schedule.name) {
      problems.append(.unknownName(option: "schedule", found: schedule.name, known: Schedules.names))
    }
    if !(0...Self.mostSteps).contains(schedule.warmUpSteps) {
      problems.append(
        .outOfRange(option: "warm-up", expected: "0 or more", found: "\(schedule.warmUpSteps)"))
    }
    for setting in ScheduleSetting.all {
      guard let found = setting.invalidValue(in: schedule) else { continue }
      problems.append(
        .outOfRange(option: "schedule-" + setting.name, expected: setting.expected, found: found))
    }
    return problems
  }
}
