import CellgateBasics
import CellgateNN
import CellgateTraining

/// How the learning rate and the initialisation of each cell are searched for before the runs that count.
///
/// Every cell of every comparison gets the same search: each initialisation with each rate is a trial, a run of a share of
/// the training with a seed of its own, judged by the validation data alone. The best trial's settings are those of the
/// cell's final runs.
public struct SearchSettings: Codable, Equatable, Sendable {
  /// Which trials are trained how long.
  public enum Method: String, Codable, Sendable, CaseIterable {
    /// Successive halving (Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943): all trials are trained for a
    /// part of their steps, the better half of them goes on for twice as long, and so on; the last two to the end.
    case halving
    /// All trials are trained to the end.
    case grid
  }

  /// Which trials are trained how long.
  public var method: Method
  /// The learning rates; nil for ¼, ½, 1 and 2 times the part's own.
  public var learningRates: [Float]?
  /// The initialisations; nil stands for the part's own.
  public var initializations: [Recurrent.Initialization?]
  /// The share of a final run's updates that a trial is trained for at most, above 0 and at most 1.
  public var fraction: Double
  /// The seed of all trials; none of the final ones.
  public var seed: UInt64

  /// A search over four rates and two initialisations, the part's own and PyTorch's, at a quarter of the training.
  public init(
    _ method: Method = .halving, learningRates: [Float]? = nil,
    initializations: [Recurrent.Initialization?] = [nil, .pytorch], fraction: Double = 0.25,
    seed: UInt64 = 1001
  ) {
    self.method = method
    self.learningRates = learningRates
    self.initializations = initializations
    self.fraction = fraction
    self.seed = seed
  }

  /// The factors of a part's own rate where no rates are given.
  static let factors: [Float] = [0.25, 0.5, 1, 2]

  /// What is wrong with it for final runs of `seeds` seeds from `first` on.
  func problems(first: UInt64, seeds: Int) -> [SettingsError] {
    var problems: [SettingsError] = []
    func require(_ option: String, _ isRight: Bool, _ expected: String, _ found: @autoclosure () -> String) {
      if !isRight { problems.append(.outOfRange(option: option, expected: expected, found: found())) }
    }
    for (index, rate) in (learningRates ?? []).enumerated() {
      require("search-rates", rate > 0 && rate.isFinite, "numbers above 0", "\(rate)")
      require(
        "search-rates", learningRates?[..<index].contains(rate) != true, "each once", "\(rate) twice")
    }
    require("search-rates", learningRates?.isEmpty != true, "one or more", "none")
    require("search-initializations", !initializations.isEmpty, "one or more", "none")
    require("search-fraction", fraction > 0 && fraction <= 1, "above 0, at most 1", "\(fraction)")
    require(
      "search-seed", seed < first || seed - first >= UInt64(seeds),
      "none of the final runs' seeds, from \(first) on", "\(seed)")
    return problems
  }

  /// All of it in words: "halving over the rates …".
  public var description: String {
    let rates = learningRates.map { $0.map(\.description) } ?? Self.factors.map { "own × \($0)" }
    let starts = initializations.map { start in start.map { $0.name ?? "rules" } ?? "own" }
    return "\(method.rawValue) over the rates \(rates.joined(separator: ", ")) and the initialisations "
      + "\(starts.joined(separator: ", ")), \(fraction) of the training, seed \(seed)"
  }

  // MARK: Rounds

  /// A round of the search: how many trials are trained, and until which share of their steps.
  struct Round: Equatable {
    var trials: Int
    var share: Double
  }

  /// The rounds for so many trials.
  func rounds(trials: Int) -> [Round] {
    guard method == .halving else { return [Round(trials: trials, share: 1)] }
    var counts = [max(1, trials)]
    while let last = counts.last, last > 2 { counts.append((last + 1) / 2) }
    return counts.enumerated().map { index, count in
      Round(trials: count, share: 1 / Double(1 << (counts.count - 1 - index)))
    }
  }

  // MARK: Trials

  /// The rates of a part.
  func rates(of settings: TrainingSettings) -> [Float] {
    if let learningRates { return learningRates }
    let own = settings.optimizerSettings.learningRate ?? 0.001
    return Self.factors.map { $0 * own }
  }

  /// The settings that a trial has in common with the final runs it stands for: `settings` with a rate and an
  /// initialisation; without those that are the same twice.
  func choices(for settings: TrainingSettings) -> [TrainingSettings] {
    var choices: [TrainingSettings] = []
    for start in initializations {
      for rate in rates(of: settings) {
        var choice = settings
        choice.optimizerSettings.learningRate = rate
        if let start { choice.start(from: start) }
        if !choices.contains(choice) { choices.append(choice) }
      }
    }
    return choices
  }

  /// A trial of those settings, whose final runs make `updates` and evaluate every `interval` updates. Each round ends
  /// with an evaluation.
  func trial(_ choice: TrainingSettings, updates: Int, interval: Int, rounds: Int) -> TrainingSettings {
    var trial = choice
    trial.seed = seed
    let parts = 1 << (rounds - 1)
    let first = max(1, Int(fraction * Double(updates)) / parts)
    let evaluations = (first - 1) / max(1, interval) + 1
    trial.evaluationInterval = max(1, first / evaluations)
    trial.steps = (trial.evaluationInterval ?? 1) * evaluations * parts
    trial.epochs = nil
    trial.patience = nil
    return trial
  }
}

extension TrainingSettings {
  /// What the parameters start from in a word: "pytorch", "chrono:100"; "rules" for what has no such name.
  var startName: String {
    if let name = start.name { return name }
    var parts = [start.rules.isEmpty ? start.scheme.rawValue : "rules"]
    if let chronoSteps { parts.append("chrono:\(chronoSteps)") }
    if let forgetBias { parts.append("forget:\(forgetBias)") }
    return parts.joined(separator: "+")
  }
}
