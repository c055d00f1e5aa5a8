import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// A language model: one long stream of characters, words or pieces, each to be predicted from those before.
public protocol LanguageModelTask: SequenceTask
where Batches == TextBatches, Objective == LanguageModelObjective {}

/// Options of all language models.
enum LanguageModelOptions {
  static let length = length(150), embedding = embedding(64)

  /// T, with a task's own default.
  static func length(_ usual: Int) -> TaskOption {
    .whole("length", "steps of each update, T", default: usual, in: 1...1_000_000)
  }

  /// E, with a task's own default.
  static func embedding(_ usual: Int) -> TaskOption {
    .whole("embedding", "numbers in each symbol's embedding", default: usual, in: 1...65_536)
  }

  static let overlap = TaskOption.whole(
    "overlap",
    "steps at the end of an update that the next one reads again, without predicting them (by default 0)",
    in: 0...999_999)
  static let carry = TaskOption.choice(
    "carry", "how far states are carried: to the end of an epoch (by default), or on into the next one",
    of: ["epoch", "epochs"])
  static let transformer = TransformerOption.all + [TransformerOption.context]

  static let tieWeights = TaskOption.choice(
    "tie-weights", "make logits with the embeddings, which needs --embedding of the hidden units",
    default: "no",
    of: ["no", "yes"])
}

extension TrainingSettings {
  /// Whether logits are made with the embeddings.
  var tiesWeights: Bool { text(LanguageModelOptions.tieWeights) == "yes" }
  /// Steps of an update that the next one reads again.
  var overlap: Int { optionalWhole(LanguageModelOptions.overlap) ?? 0 }
  /// Whether an epoch begins with states of the one before.
  var carriesEpochs: Bool { text(LanguageModelOptions.carry) == "epochs" }
}

extension Metric {
  static let bitsPerCharacter = Metric("bits_per_character", better: .lower)
  static let crossEntropy = Metric("cross_entropy", better: .lower)
  /// e to the cross-entropy of a symbol, which the log of a run has already.
  static let perplexity = Metric("perplexity", better: .lower, isLogged: false)
}

extension TaskDescription {
  /// A language model's: T, E and tied weights are options besides its own; bits per character the metric, where there is no
  /// other, the cross-entropy of a symbol the first extra one, and its perplexity the last.
  static func languageModel(
    name: String, summary: String, length: Int = 150, embedding: Int = 64, options: [TaskOption] = [],
    modelOptions: [TaskOption] = [], data: DataRequirement, metric: Metric = .bitsPerCharacter,
    extraMetrics: [Metric] = [],
    solvedBelow threshold: Double, defaults: TrainingSettings,
    problems: @escaping @Sendable (TrainingSettings) -> [SettingsError] = { _ in [] },
    symbols: @escaping @Sendable (TrainingSettings) -> Int
  ) -> TaskDescription {
    let last = metric.name == Metric.perplexity.name ? [] : [Metric.perplexity]
    return TaskDescription(
      name: name, summary: summary,
      options: [
        LanguageModelOptions.length(length), LanguageModelOptions.embedding(embedding),
        LanguageModelOptions.overlap, LanguageModelOptions.carry, LanguageModelOptions.tieWeights,
      ] + LanguageModelOptions.transformer + options,
      modelOptions: [LanguageModelOptions.embedding, LanguageModelOptions.tieWeights]
        + LanguageModelOptions.transformer + modelOptions,
      data: data,
      hasEpochs: true, metric: metric, extraMetrics: [.crossEntropy] + extraMetrics + last,
      solved: SolvedCriterion(metric, threshold), defaults: defaults,
      problems: { settings in form(settings) + problems(settings) },
      shape: { settings in
        let count = symbols(settings)
        return SequenceShape(
          steps: settings.whole(LanguageModelOptions.length),
          inputSize: settings.whole(LanguageModelOptions.embedding), outputSize: count, readsEveryStep: true,
          symbols: count, tiesWeights: settings.tiesWeights)
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

  private static func form(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.bidirectional {
      problems.append(
        .unsupported(
          option: "bidirectional", reason: "a language model must not see the symbols that it has to predict")
      )
    }
    let length = settings.whole(LanguageModelOptions.length)
    if settings.overlap >= length {
      problems.append(
        .outOfRange(
          option: "overlap", expected: "less than the \(length) steps of an update",
          found: "\(settings.overlap)"))
    }
    if settings.carriesEpochs, settings.microBatches ?? 1 > 1 {
      problems.append(
        .unsupported(
          option: "micro-batches", reason: "states carried into the next epoch pass from sequence to sequence"
        ))
    }
    let size = settings.whole(LanguageModelOptions.embedding)
    if settings.tiesWeights, size != settings.hidden {
      problems.append(
        .outOfRange(
          option: "embedding", expected: "\(settings.hidden) as there are hidden units, with tied weights",
          found: "\(size)"))
    }
    return problems
  }
}

extension TrainingSettings {
  /// The fewest symbols of each part of a text that make an update.
  private var leastCounts: (training: Int, other: Int) {
    let least = whole(LanguageModelOptions.length) + 1
    let (all, isTooMany) = least.multipliedReportingOverflow(by: batch)
    return (isTooMany ? .max : all, least)
  }

  /// Throws `tooShort` for the first part of a text, training, validation, test, that makes no update.
  func checkCounts(
    _ parts: [(file: String, count: Int)], unit: TextTokenizer.Unit = .characters
  ) throws(TaskDataError) {
    let least = leastCounts
    for (index, part) in parts.enumerated() {
      let expected = index == 0 ? least.training : least.other
      guard part.count < expected else { continue }
      throw .tooShort(
        file: part.file, part: ["training", "validation", "test"][index], expected: expected,
        found: part.count, unit: unit.rawValue)
    }
  }
}

extension LanguageModelTask {
  /// What the symbols are.
  public var tokenizer: TextTokenizer { batches.tokenizer }

  /// The cross-entropy of the next symbol.
  public var objective: LanguageModelObjective {
    LanguageModelObjective(batches: batches, scoresUnknown: scoresUnknown)
  }

  /// Whether the metric has symbols in it that the vocabulary knows only as unknown: in runs of versions that didn't
  /// say.
  private var scoresUnknown: Bool { settings.data.map { $0["unknownScored"]?.flag ?? true } ?? false }

  /// An embedding, recurrent layers, and logits of the next symbol.
  public func makeModel(cell: Cell) -> LanguageModel {
    LanguageModel(settings: settings, symbols: tokenizer.count, cell: cell)
  }

  /// The parameters of that model, without making it.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    LanguageModel.parameterShapes(settings: settings, symbols: tokenizer.count, cell: cell)
  }

  /// What the symbols are.
  public var modelMetadata: [String: String] { tokenizer.metadata }

  /// What the metric is under the symbols' frequencies in the training data, one added to each; of the symbols of the test
  /// data that the metric has in it. Without training data all are alike.
  public var baseline: Baseline {
    var counts = [Double](repeating: 1, count: tokenizer.count)
    for symbol in batches.training { counts[Int(symbol)] += 1 }
    let total = counts.reduce(0, +)
    let bits = counts.map { -log2($0 / total) }
    let isPerplexity = Self.metric.name == Metric.perplexity.name
    let left = scoresUnknown || isPerplexity ? nil : tokenizer.unknown
    let stream = batches.stream(of: .test)
    let leavesOut = stream.indices.dropFirst().contains { $0 != left }
    let scored = stream.indices.dropFirst().lazy.filter { !leavesOut || $0 != left }
    let sum = scored.reduce(0.0) { $0 + bits[Int($1)] }
    let count = scored.count
    let label = batches.training.isEmpty ? "all \(tokenizer.unit) alike" : frequencies
    if isPerplexity {
      return Baseline(min(exp2(sum / Double(count)), .greatestFiniteMagnitude), label)
    }
    let characters =
      stream.characters.map { own in
        zip(stream.indices, own).dropFirst().reduce(0) {
          $0 + (leavesOut && $1.0 == left ? 0 : Int($1.1))
        }
      } ?? count
    return Baseline(sum / Double(max(characters, 1)), label)
  }

  private var frequencies: String {
    switch tokenizer.unit {
    case .characters: "character frequencies"
    case .words: "word frequencies"
    case .pieces: "piece frequencies"
    }
  }

  /// Three texts at most, which go on from places of the test stream by sampling at temperature 0.8 with seeds of
  /// their own.
  public func samples(_ model: LanguageModel, count: Int) -> [PredictionSample] {
    let count = min(count, 3)
    let generator = TextGenerator(model: model, tokenizer: tokenizer)
    let sampling = Sampling(temperature: 0.8)
    let stream = batches.stream(of: .test).indices
    return (0..<count).map { sample in
      let symbols = stream[(sample * stream.count / count)...].prefix(60)
      let text = generator.text(after: Array(symbols), sampling: sampling, seed: UInt64(sample + 1))
      return .text(
        .init(
          prompt: tokenizer.decode(symbols),
          continuation: String(String.UnicodeScalarView(text.prefix(240))),
          note: "temperature 0.8, seed \(sample + 1)"))
    }
  }
}
