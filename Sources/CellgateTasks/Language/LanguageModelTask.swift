import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation

/// What character language models have in common: one long stream of characters, each to be predicted from those before.
///
/// For training the stream is cut into B lanes of equal length, whose rest of fewer than B characters is left out.
/// Each update takes the next T steps of every lane (truncated backpropagation through time); the states go on from
/// update to update, detached, and are zeros at the beginning of each epoch. What fills no whole update at the lanes'
/// ends is left out.
public class LanguageModelTask {
  /// Bits per character: the cross-entropy in nats over ln 2.
  public static let metric = Metric("bits_per_character", better: .lower)
  /// The training data end.
  public static let hasEpochs = true

  /// T and E.
  static let commonOptions = [
    TaskOption("length", "steps of each update, T", in: 1...1_000_000),
    TaskOption(LanguageModel.embeddingOption, "numbers in each character's embedding", in: 1...65_536),
  ]

  /// The symbols.
  public let vocabulary: Vocabulary
  let settings: TrainingSettings
  private let training: [Int32]
  private let validation: [Int32]
  private let test: [Int32]
  /// Whether the data aren't those that the model was trained on.
  private let isOther: Bool

  /// A task on streams of indices of `vocabulary`; each is at least as long as `leastCounts` says.
  init(
    settings: TrainingSettings, vocabulary: Vocabulary, training: [Int32], validation: [Int32], test: [Int32]
  ) {
    self.settings = settings
    self.vocabulary = vocabulary
    self.training = training
    self.validation = validation
    self.test = test
    isOther = false
    require(
      stepsPerEpoch ?? 0 > 0 && validation.count > 1 && test.count > 1,
      "LanguageModelTask: expected streams for one update or more, found \(training.count), \(validation.count) and \(test.count) characters"
    )
  }

  /// A task to score a model on a text that isn't its run's own, with the model's vocabulary: it has nothing to train
  /// on, and `text` stands for every split. Throws `tooShort`, or `unknownToModel` where the vocabulary has no symbol for
  /// unknown characters.
  init(
    settings: TrainingSettings, scoring text: [Unicode.Scalar], of file: String, vocabulary: Vocabulary
  ) throws(TaskDataError) {
    guard text.count > 1 else {
      throw .tooShort(file: file, part: "scored", expected: 2, found: text.count)
    }
    do throws(UnknownCharacter) { test = try vocabulary.encode(text) } catch {
      throw .unknownToModel(file: file, character: error.character, place: error.place)
    }
    self.settings = settings
    self.vocabulary = vocabulary
    training = []
    validation = test
    isOther = true
  }

  // MARK: Sizes

  static func steps(_ settings: TrainingSettings) -> Int { settings.taskOptions["length"] ?? 150 }

  /// [T, B] symbols to V logits at each step.
  static func shape(_ settings: TrainingSettings, symbols: Int) -> SequenceShape {
    SequenceShape(
      steps: steps(settings), inputSize: settings.taskOptions[LanguageModel.embeddingOption] ?? 64,
      outputSize: symbols, readsEveryStep: true, symbols: symbols)
  }

  /// What is wrong with settings for any language model.
  static func commonProblems(_ settings: TrainingSettings) -> [SettingsError] {
    guard settings.bidirectional else { return [] }
    return [
      .unsupported(
        option: "bidirectional", reason: "a language model must not see the characters that it has to predict"
      )
    ]
  }

  /// The fewest characters of each part that make an update.
  static func leastCounts(_ settings: TrainingSettings) -> (training: Int, other: Int) {
    let (lane, isTooMany) = (steps(settings) + 1).multipliedReportingOverflow(by: settings.batch)
    return (isTooMany ? .max : lane, steps(settings) + 1)
  }

  /// Throws `tooShort` for the first part that makes no update.
  static func checkCounts(
    _ parts: [(part: String, file: String, count: Int)], _ settings: TrainingSettings
  ) throws(TaskDataError) {
    let least = leastCounts(settings)
    for (index, (part, file, count)) in parts.enumerated() {
      let expected = index == 0 ? least.training : least.other
      if count < expected { throw .tooShort(file: file, part: part, expected: expected, found: count) }
    }
  }

  private var laneLength: Int { training.count / settings.batch }

  /// Updates that lanes are long enough for.
  public var stepsPerEpoch: Int? { (laneLength - 1) / Self.steps(settings) }

  // MARK: The model

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

  /// That of the training and validation symbols.
  public var dataChecksum: String? {
    var checksum = CRC32()
    checksum.update(training)
    checksum.update(validation)
    return "crc32:\(checksum)"
  }

  /// The symbols of update `step` and those after them, [T, B] each.
  func batch(step: Int) -> (inputs: [Int32], classes: [Int32]) {
    let (steps, lanes) = (Self.steps(settings), settings.batch)
    let first = step % (stepsPerEpoch ?? 1) * steps
    var (inputs, classes): ([Int32], [Int32]) = ([], [])
    inputs.reserveCapacity(steps * lanes)
    classes.reserveCapacity(steps * lanes)
    for place in first..<(first + steps) {
      for lane in 0..<lanes {
        inputs.append(training[lane * laneLength + place])
        classes.append(training[lane * laneLength + place + 1])
      }
    }
    return (inputs, classes)
  }

  /// The cross-entropy, in nats, of the characters of one update.
  public func loss(
    _ model: LanguageModel, step: Int, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> Tensor {
    let isFirst = step % (stepsPerEpoch ?? 1) == 0
    let (inputs, classes) = batch(step: step)
    let (logits, states) = model(
      inputs, steps: Self.steps(settings), batch: settings.batch,
      states: isFirst || carried.isEmpty ? nil : carried, context: context, probe: probe)
    carried = states.map(\.detached)
    return crossEntropy(logits, classes: classes)
  }

  /// Each state of each layer, [L, B, H].
  public func carriedShapes(_ model: LanguageModel) -> [[Int]] {
    let recurrent = model.recurrent
    return recurrent.cell.states.map { _ in [recurrent.layers, settings.batch, recurrent.hiddenSize] }
  }

  // MARK: Evaluation

  /// Lanes of an evaluation are at most so many, and at least so long.
  private static let mostLanes = 64, leastLane = 5000
  /// Characters that a lane of an evaluation reads before the first one that it predicts.
  private static let warmUp = 500
  /// Steps at once.
  private static let chunk = 100

  /// Bits per character and nats per character over the whole validation or test stream, each character but the
  /// first predicted once; with an unknown symbol, also the share of characters that it stands for. Those are in the nats, and
  /// in the bits only where the run's settings say so.
  ///
  /// Up to 64 lanes of 5,000 characters or more are run at once. Each but the first begins 500 characters before the
  /// first one that it predicts, with the states after the stream's first 500: what came even before is not remembered.
  /// Zeros in the middle of a text are not what a model was trained for: some never recover from them.
  public func evaluate(_ model: LanguageModel, on split: Split, context: ForwardContext) -> Evaluation {
    let stream = split == .test ? test : validation
    let scores = Self.scores(model, stream, unknown: vocabulary.unknown, context: context)
    let value = scoresUnknown ? scores.all : scores.known
    let extras = [scores.all] + (vocabulary.unknown == nil ? [] : [scores.unknownShare])
    return Evaluation(value / log(2), extras: extras, remark: remark(on: scores))
  }

  /// Whether the metric has characters in it that the vocabulary knows only as unknown.
  private var scoresUnknown: Bool { settings.text.map { $0.unknownScored ?? true } ?? false }

  /// What unknown characters do to the metric, when that is more than a hundredth of it or the text isn't the run's own.
  private func remark(on scores: Scores) -> String? {
    guard scores.unknownShare > 0, isOther || scores.unknownCost > 0.01 else { return nil }
    func percent(_ share: Double) -> String { String(format: "%.\(share < 0.1 ? 2 : 1)f %%", 100 * share) }
    return "\(percent(scores.unknownShare)) of the characters are unknown to the model and make "
      + "\(percent(scores.unknownCost)) of the cross-entropy; "
      + "\(Self.metric.name) \(scoresUnknown ? "counts them" : "leaves them out")"
  }

  /// The states of lanes that begin at these places: zeros at the stream's beginning, elsewhere those that its first
  /// `count` symbols leave.
  private static func states(
    _ model: LanguageModel, _ stream: [Int32], starts: [Int], after count: Int, context: ForwardContext
  ) -> [Tensor]? {
    guard count > 0, starts.contains(where: { $0 > 0 }) else { return nil }
    let first = model(Array(stream.prefix(count)), steps: count, batch: 1, context: context)
    return first.states.map { state in
      let (layers, hidden, values) = (state.shape[0], state.shape[2], state.scalars)
      let lanes = (0..<layers).flatMap { layer in
        starts.flatMap { start in
          start > 0 ? values[layer * hidden..<(layer + 1) * hidden] : ArraySlice(repeating: 0, count: hidden)
        }
      }
      return Tensor(lanes, shape: [layers, starts.count, hidden])
    }
  }

  /// What a model makes of a stream's symbols but the first.
  struct Scores {
    /// The mean cross-entropy in nats of all of them.
    var all: Double
    /// That of all but the unknown symbol; of all where there is no other.
    var known: Double
    /// The share of the unknown symbol.
    var unknownShare: Double

    /// The share of the whole cross-entropy that is the unknown symbol's.
    var unknownCost: Double { all > 0 ? max(0, 1 - known * (1 - unknownShare) / all) : 0 }
  }

  /// The mean cross-entropy in nats of all symbols of a stream but the first, predicted in `lanes` at once.
  static func nats(
    _ model: LanguageModel, _ stream: [Int32], lanes: Int? = nil, warmUp: Int = warmUp
  ) -> Double {
    scores(model, stream, unknown: nil, lanes: lanes, warmUp: warmUp).all
  }

  /// The scores of a stream, predicted in `lanes` at once.
  static func scores(
    _ model: LanguageModel, _ stream: [Int32], unknown: Int32?, lanes: Int? = nil, warmUp: Int = warmUp,
    context: ForwardContext = .inference()
  ) -> Scores {
    let count = stream.count - 1
    let lanes = lanes ?? max(1, min(mostLanes, count / leastLane))
    // Lane i predicts the symbols firsts[i] ..< firsts[i + 1], and reads those from starts[i] on.
    let firsts = (0...lanes).map { 1 + $0 * count / lanes }
    let starts = (0..<lanes).map { max(0, firsts[$0] - 1 - warmUp) }
    let steps = (0..<lanes).map { firsts[$0 + 1] - 1 - starts[$0] }.max() ?? 0
    var states = states(model, stream, starts: starts, after: warmUp, context: context)
    var (sum, knownSum, knownCount) = (0.0, 0.0, 0)
    for begin in stride(from: 0, to: steps, by: chunk) where !context.shouldStop {
      let length = min(chunk, steps - begin)
      var (inputs, classes): ([Int32], [Int32]) = ([], [])
      var mask: [Float] = []
      for step in begin..<(begin + length) {
        for lane in 0..<lanes {
          let place = starts[lane] + step
          let isInside = place + 1 < firsts[lane + 1]
          inputs.append(isInside ? stream[place] : 0)
          classes.append(isInside ? stream[place + 1] : 0)
          mask.append(isInside && place + 1 >= firsts[lane] ? 1 : 0)
        }
      }
      let result = model(inputs, steps: length, batch: lanes, states: states, context: context)
      states = result.states
      let knownMask = zip(mask, classes).map { $1 == unknown ? 0 : $0 }
      func total(_ mask: [Float]) -> Double {
        let predicted = mask.reduce(0.0) { $0 + Double($1) }
        return predicted > 0
          ? predicted * Double(crossEntropy(result.logits, classes: classes, mask: mask).item) : 0
      }
      let all = total(mask)
      sum += all
      knownSum += knownMask == mask ? all : total(knownMask)
      knownCount += knownMask.count { $0 > 0 }
    }
    let all = sum / Double(count)
    return Scores(
      all: all, known: knownCount > 0 ? knownSum / Double(knownCount) : all,
      unknownShare: Double(count - knownCount) / Double(count))
  }

  /// The test data's bits per character under the characters' frequencies in the training data, one added to each; of
  /// the characters that the metric has in it. Without training data all are alike.
  public var baseline: Baseline {
    var counts = [Double](repeating: 1, count: vocabulary.count)
    for symbol in training { counts[Int(symbol)] += 1 }
    let total = counts.reduce(0, +)
    let bits = counts.map { -log2($0 / total) }
    let left = scoresUnknown ? nil : vocabulary.unknown
    var scored = test.dropFirst().filter { $0 != left }
    if scored.isEmpty { scored = Array(test.dropFirst()) }
    let sum = scored.reduce(0.0) { $0 + bits[Int($1)] }
    return Baseline(
      sum / Double(scored.count), training.isEmpty ? "all characters alike" : "character frequencies")
  }

  // MARK: Samples

  /// Symbols that a sample goes on from, and that it goes on for.
  private static let promptLength = 60, continuationLength = 240

  /// Three texts at most, which go on from places of the test stream by sampling at temperature 0.8 with seeds of
  /// their own.
  public func samples(_ model: LanguageModel, count: Int) -> [PredictionSample] {
    let count = min(count, 3)
    let generator = TextGenerator(model: model, vocabulary: vocabulary)
    let sampling = Sampling(temperature: 0.8)
    return (0..<count).map { sample in
      let symbols = test[(sample * test.count / count)...].prefix(Self.promptLength)
      let prompt = String(
        String.UnicodeScalarView(
          symbols.map { $0 == vocabulary.unknown ? "\u{FFFD}" : vocabulary.symbols[Int($0)] }))
      let text = generator.text(after: Array(symbols), sampling: sampling, seed: UInt64(sample + 1))
      return .text(
        .init(
          prompt: prompt,
          continuation: String(String.UnicodeScalarView(text.prefix(Self.continuationLength))),
          note: "temperature 0.8, seed \(sample + 1)"))
    }
  }
}
