import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTraining

/// The search of a reproduction: its trials, and what is known of them.
struct SettingsSearch {
  /// The trials of a cell of one size on one part.
  struct Group {
    /// "length200-lstm-128units".
    let name: String
    let partIndex: Int
    let part: String
    let cell: String
    let hidden: Int
    /// What the final runs would have, and the trials' own settings, in the same order.
    let choices: [TrainingSettings], trials: [TrainingSettings]
    /// The names of the trials' folders.
    let names: [String]
    let rounds: [SearchSettings.Round]
    /// What each trial had reached at the end of each round; those of earlier starts too.
    var reached: [[SearchTrial.Round]]

    /// The step at which a round ends for all trials.
    func end(of round: Int) -> Int { Int((Double(trials[0].steps ?? 0) * rounds[round].share).rounded()) }
  }

  /// A trial to be trained to the end of a round.
  struct Piece {
    var group: Int, trial: Int, round: Int
  }

  let settings: SearchSettings
  let measure: Experiment.Measure
  let metric: Metric
  private(set) var groups: [Group] = []

  init(_ settings: SearchSettings, measure: Experiment.Measure, metric: Metric) {
    self.settings = settings
    self.measure = measure
    self.metric = metric
  }

  /// Adds a group unless there is one of this name. `final` are the settings of one of the cell's final runs.
  mutating func add(
    _ name: String, part: (index: Int, label: String), final: TrainingSettings, updates: Int, interval: Int
  ) {
    guard !groups.contains(where: { $0.name == name }) else { return }
    var usual = final
    usual.seed = 0
    let choices = settings.choices(for: usual)
    let rounds = settings.rounds(trials: choices.count)
    let trials = choices.map {
      settings.trial($0, updates: updates, interval: interval, rounds: rounds.count)
    }
    var names: [String] = []
    for choice in choices {
      let start = choice.startName.filter { $0 != ":" && $0 != "+" }
      let rate = choice.optimizerSettings.learningRate ?? 0
      var own = "search-\(name)-rate\(rate)-\(start)"
      // Files of rules have no names.
      var number = 2
      while names.contains(own) {
        own = "search-\(name)-rate\(rate)-\(start)\(number)"
        number += 1
      }
      names.append(own)
    }
    groups.append(
      Group(
        name: name, partIndex: part.index, part: part.label, cell: final.cell, hidden: final.hidden,
        choices: choices, trials: trials, names: names, rounds: rounds,
        reached: choices.map { _ in [] }))
  }

  // MARK: Rounds

  /// How many rounds there are.
  var roundCount: Int { groups.map(\.rounds.count).max() ?? 0 }

  /// The trials of a group that take part in a round, the best of the round before first; nil before all that decides it
  /// is known.
  func members(of group: Int, round: Int) -> [Int]? {
    let own = groups[group]
    guard round < own.rounds.count else { return [] }
    if round == 0 { return Array(own.trials.indices) }
    return ranking(of: group, after: round - 1).map { Array($0.prefix(own.rounds[round].trials)) }
  }

  /// The trials that took part in a round, the best first; nil before it is over.
  func ranking(of group: Int, after round: Int) -> [Int]? {
    guard let members = members(of: group, round: round) else { return nil }
    let own = groups[group]
    guard members.allSatisfy({ own.reached[$0].count > round }) else { return nil }
    return members.sorted { first, second in
      let (a, b) = (own.reached[first][round], own.reached[second][round])
      return isBetter(a, b) || (!isBetter(b, a) && first < second)
    }
  }

  private func isBetter(_ a: SearchTrial.Round, _ b: SearchTrial.Round) -> Bool {
    let (isWhole, isOtherWhole) = (a.divergedAtStep == nil, b.divergedAtStep == nil)
    if isWhole != isOtherWhole { return isWhole }
    if measure != .value, a.stepsToReach != b.stepsToReach {
      return a.stepsToReach ?? .max < b.stepsToReach ?? .max
    }
    guard let value = a.value else { return false }
    guard let other = b.value else { return true }
    return metric.isBetter(value, than: other)
  }

  /// What is to be trained in a round; nil before the round before is over.
  func pieces(of round: Int) -> [Piece]? {
    var pieces: [Piece] = []
    for group in groups.indices {
      guard let members = members(of: group, round: round) else { return nil }
      pieces += members.filter { groups[group].reached[$0].count <= round }.sorted().map {
        Piece(group: group, trial: $0, round: round)
      }
    }
    return pieces
  }

  /// All that is left to train, in updates of each group: of later rounds as many trials as take part.
  var updatesLeft: [(group: Int, updates: Int)] {
    groups.indices.map { group in
      let own = groups[group]
      var updates = 0
      for round in own.rounds.indices {
        let done = own.reached.count { $0.count > round }
        let from = round == 0 ? 0 : own.end(of: round - 1)
        updates += max(0, own.rounds[round].trials - done) * (own.end(of: round) - from)
      }
      return (group, updates)
    }
  }

  /// The best trial of a group; nil before its search is over.
  func chosen(of group: Int) -> Int? {
    ranking(of: group, after: groups[group].rounds.count - 1)?.first
  }

  /// Whether all cells have their settings.
  var isComplete: Bool { groups.indices.allSatisfy { chosen(of: $0) != nil } }

  /// The settings of a cell's final runs: those of the best trial, with the run's own seed. Nil before the search is over.
  func best(for name: String, seed: UInt64) -> TrainingSettings? {
    guard let group = groups.firstIndex(where: { $0.name == name }), let trial = chosen(of: group) else {
      return nil
    }
    var settings = groups[group].choices[trial]
    settings.seed = seed
    return settings
  }

  /// What a trial had reached by the end of a round.
  mutating func note(_ piece: Piece, _ ended: RunQueue.Ended, task: any SequenceTask.Type, baseline: Double) {
    let end = groups[piece.group].end(of: piece.round)
    let records = ended.records.filter { $0.step <= end }
    let values = records.map(\.validation.value)
    let best = values.dropFirst().reduce(values.first) { best, value in
      best.map { metric.isBetter(value, than: $0) ? value : $0 }
    }
    var divergedAt: Int?
    if case .diverged(let divergence) = ended.outcome { divergedAt = divergence.step }
    let step = measure.step(
      in: records, task: task, settings: groups[piece.group].choices[piece.trial], baseline: baseline)
    groups[piece.group].reached[piece.trial].append(
      SearchTrial.Round(
        steps: divergedAt ?? min(end, records.last?.step ?? end), value: best,
        stepsToReach: divergedAt == nil ? step : nil, divergedAtStep: divergedAt))
  }

  /// Takes what an earlier start found of the same trials.
  mutating func take(_ results: SearchResults) {
    var known: [String: [SearchTrial.Round]] = [:]
    for cell in results.cells { for trial in cell.trials { known[trial.run] = trial.rounds } }
    for group in groups.indices {
      for trial in groups[group].trials.indices {
        let rounds = known[groups[group].names[trial]] ?? []
        groups[group].reached[trial] = Array(rounds.prefix(groups[group].rounds.count))
      }
    }
  }

  /// What is known.
  var results: SearchResults {
    SearchResults(
      metric: metric.name, better: metric.direction.rawValue, measure: measure, complete: isComplete,
      cells: groups.indices.map { group in
        let own = groups[group]
        return SearchedCell(
          part: own.part, cell: own.cell, hidden: own.hidden,
          trials: own.trials.indices.map { trial in
            let rate = own.choices[trial].optimizerSettings.learningRate ?? 0
            return SearchTrial(
              run: own.names[trial], learningRate: Double(rate.description) ?? Double(rate),
              initialization: own.choices[trial].startName, rounds: own.reached[trial])
          }, chosen: chosen(of: group).map { own.names[$0] })
      })
  }
}

extension Experiment.Measure {
  /// The step of the first of these evaluations at which what is measured is reached.
  func step(
    in records: [MetricsRecord], task: any SequenceTask.Type, settings: TrainingSettings, baseline: Double
  ) -> Int? {
    func isSolved<Task: SequenceTask>(_ task: Task.Type, _ evaluation: Evaluation) -> Bool {
      task.solved.isMet(by: evaluation, of: task, settings)
    }
    return records.first { record in
      self == .stepsToHalfBaseline
        ? record.validation.value <= baseline / 2 : isSolved(task, record.validation)
    }?.step
  }
}
