import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// A character language model: one long stream of characters, each to be predicted from those before.
public protocol LanguageModelTask: SequenceTask
where Batches == CharacterBatches, Objective == LanguageModelObjective {}

/// Options of all language models.
enum LanguageModelOptions {
  static let length = TaskOption.whole(
    "length", "steps of each update, T", default: 150, in: 1...1_000_000)
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each character's embedding", default: 64, in: 1...65_536)
  static let all = [length, embedding]
}

extension TaskDescription {
  /// A character language model's: T and E are options besides its own, bits per character the metric, the cross-entropy
  /// over ln 2, which itself is the first extra one.
  static func languageModel(
    name: String, summary: String, options: [TaskOption] = [], data: DataRequirement,
    extraMetrics: [Metric] = [], solvedBelow threshold: Double, defaults: TrainingSettings,
    problems: @escaping @Sendable (TrainingSettings) -> [SettingsError] = { _ in [] },
    symbols: @escaping @Sendable (TrainingSettings) -> Int
  ) -> TaskDescription {
    let bits = Metric("bits_per_character", better: .lower)
    return TaskDescription(
      name: name, summary: summary, options: LanguageModelOptions.all + options,
      modelOptions: [LanguageModelOptions.embedding], data: data, hasEpochs: true,
      metric: bits, extraMetrics: [Metric("cross_entropy", better: .lower)] + extraMetrics,
      solved: SolvedCriterion(bits, threshold), defaults: defaults,
      problems: { settings in direction(settings) + problems(settings) },
      shape: { settings in
        let count = symbols(settings)
        return SequenceShape(
          steps: settings.whole(LanguageModelOptions.length),
          inputSize: settings.whole(LanguageModelOptions.embedding), outputSize: count, readsEveryStep: true,
          symbols: count)
      })
  }

  /// The published schedule of both tasks: half of the rate after each two epochs without improvement, gradients of norm
  /// 1 at most.
  static func languageModelSettings(hidden: Int, batch: Int, epochs: Int) -> TrainingSettings {
    var settings = TrainingSettings(hidden: hidden, batch: batch, epochs: epochs)
    settings.schedule.name = "plateau"
    settings.schedule.factor = 0.5
    settings.schedule.patience = 1
    settings.clipNorm = 1
    return settings
  }

  private static func direction(_ settings: TrainingSettings) -> [SettingsError] {
    guard settings.bidirectional else { return [] }
    return [
      .unsupported(
        option: "bidirectional", reason: "a language model must not see the characters that it has to predict"
      )
    ]
  }
}

extension TrainingSettings {
  /// The fewest characters of each part of a text that make an update.
  private var leastCounts: (training: Int, other: Int) {
    let least = whole(LanguageModelOptions.length) + 1
    let (all, isTooMany) = least.multipliedReportingOverflow(by: batch)
    return (isTooMany ? .max : all, least)
  }

  /// Throws `tooShort` for the first part of a text, training, validation, test, that makes no update.
  func checkCounts(_ parts: [(file: String, count: Int)]) throws(TaskDataError) {
    let least = leastCounts
    for (index, part) in parts.enumerated() {
      let expected = index == 0 ? least.training : least.other
      guard part.count < expected else { continue }
      throw .tooShort(
        file: part.file, part: ["training", "validation", "test"][index], expected: expected,
        found: part.count)
    }
  }
}

extension LanguageModelTask {
  /// The symbols.
  public var vocabulary: Vocabulary { batches.vocabulary }

  /// The cross-entropy of the next character.
  public var objective: LanguageModelObjective {
    LanguageModelObjective(batches: batches, scoresUnknown: scoresUnknown)
  }

  /// Whether the metric has characters in it that the vocabulary knows only as unknown: in runs of versions that didn't
  /// say.
  private var scoresUnknown: Bool { settings.data.map { $0["unknownScored"]?.flag ?? true } ?? false }

  /// An embedding, recurrent layers, and logits of the next character.
  public func makeModel(cell: Cell) -> LanguageModel {
    LanguageModel(settings: settings, symbols: vocabulary.count, cell: cell)
  }

  /// The parameters of that model, without making it.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    LanguageModel.parameterShapes(settings: settings, symbols: vocabulary.count, cell: cell)
  }

  /// The vocabulary.
  public var modelMetadata: [String: String] { vocabulary.metadata }

  /// The test data's bits per character under the characters' frequencies in the training data, one added to each; of
  /// the characters that the metric has in it. Without training data all are alike.
  public var baseline: Baseline {
    var counts = [Double](repeating: 1, count: vocabulary.count)
    for symbol in batches.training { counts[Int(symbol)] += 1 }
    let total = counts.reduce(0, +)
    let bits = counts.map { -log2($0 / total) }
    let left = scoresUnknown ? nil : vocabulary.unknown
    var scored = batches.test.dropFirst().filter { $0 != left }
    if scored.isEmpty { scored = Array(batches.test.dropFirst()) }
    let sum = scored.reduce(0.0) { $0 + bits[Int($1)] }
    return Baseline(
      sum / Double(scored.count), batches.training.isEmpty ? "all characters alike" : "character frequencies")
  }

  /// Three texts at most, which go on from places of the test stream by sampling at temperature 0.8 with seeds of
  /// their own.
  public func samples(_ model: LanguageModel, count: Int) -> [PredictionSample] {
    let count = min(count, 3)
    let generator = TextGenerator(model: model, vocabulary: vocabulary)
    let sampling = Sampling(temperature: 0.8)
    return (0..<count).map { sample in
      let symbols = batches.test[(sample * batches.test.count / count)...].prefix(60)
      let prompt = String(
        String.UnicodeScalarView(
          symbols.map { $0 == vocabulary.unknown ? "\u{FFFD}" : vocabulary.symbols[Int($0)] }))
      let text = generator.text(after: Array(symbols), sampling: sampling, seed: UInt64(sample + 1))
      return .text(
        .init(
          prompt: prompt,
          continuation: String(String.UnicodeScalarView(text.prefix(240))),
          note: "temperature 0.8, seed \(sample + 1)"))
    }
  }
}
