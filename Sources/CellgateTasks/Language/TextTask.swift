import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTraining

/// Characters of the user's own UTF-8 text, gzipped or not: a character is a Unicode scalar, line endings are kept.
///
/// The beginning of the text is trained on, what follows is for validation, and the end for the test. The vocabulary
/// is that of the training part and one symbol more, for all characters that only come later. That symbol is never
/// trained, so what it costs says nothing about the model, and the metric, by which the best model and the learning rate
/// are chosen, leaves such characters out; the cross-entropy, an extra metric, has them in, and their share is another.
/// Runs of earlier versions go on with a metric of all characters.
public final class TextTask: LanguageModelTask, SequenceTask {
  /// The name on the command line, "text".
  public static let name = "text"
  /// What is to be learned, in one line.
  public static let summary = "predict the next character of a text of your own (--data FILE)"
  /// T, E, and the shares of validation and test.
  public static let options =
    commonOptions + [
      TaskOption("valid-percent", "share of the text for validation", in: 1...90),
      TaskOption("test-percent", "share of the text for the test, at its end", in: 1...90),
    ]
  /// The cross-entropy of all characters in nats, and the share of those that the training part has none of.
  public static let extraMetrics = [
    Metric("cross_entropy", better: .lower), Metric("unknown_share", better: .lower),
  ]
  /// 2 bits per character: our choice.
  public static let solved = SolvedCriterion(metric, 2)
  /// The user's own text.
  public static let readsOwnFile = true

  /// 256 units in one layer, T = 150, batches of 32, Adam at 2e-3 and half of it after each two epochs without
  /// improvement, gradients of norm 1 at most, 10 epochs, 5 % each for validation and test: our choice.
  public static var defaults: TrainingSettings {
    var settings = TrainingSettings(
      task: name, taskOptions: ["length": 150, "embedding": 64, "valid-percent": 5, "test-percent": 5],
      hidden: 256, batch: 32, epochs: 10)
    settings.optimizerSettings.learningRate = 0.002
    settings.schedule.name = "plateau"
    settings.schedule.factor = 0.5
    settings.schedule.patience = 1
    settings.clipNorm = 1
    return settings
  }

  /// As long as the text isn't known.
  private static let usualSymbols = 256

  /// [T, B] characters to V classes at each step.
  public static func shape(_ settings: TrainingSettings) -> SequenceShape {
    shape(settings, symbols: settings.text?.symbols ?? usualSymbols)
  }

  /// No second direction, something to train on, and a number of symbols that a text can have.
  public static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems = commonProblems(settings)
    let percent = percents(settings)
    if percent.valid + percent.test >= 100 {
      problems.append(
        .outOfRange(
          option: "valid-percent", expected: "less than 100 together with test-percent",
          found: "\(percent.valid) and \(percent.test)"))
    }
    let range = TextSource.symbolRange
    if let symbols = settings.text?.symbols, !range.contains(symbols) {
      problems.append(
        .outOfRange(
          option: "text.symbols", expected: "\(range.lowerBound) to \(range.upperBound)",
          found: "\(symbols)"))
    }
    return problems
  }

  private static func percents(_ settings: TrainingSettings) -> (valid: Int, test: Int) {
    (settings.taskOptions["valid-percent"] ?? 5, settings.taskOptions["test-percent"] ?? 5)
  }

  /// The settings with the text in the file `dataDirectory` filled in: its path, checksum, number of symbols and how it
  /// is read.
  public static func prepared(
    _ settings: TrainingSettings, dataDirectory path: String
  ) throws(TaskDataError) -> TrainingSettings {
    guard !path.isEmpty else { throw .noText(task: name) }
    let file = try TextFile(path)
    // Valid UTF-8, and yet nobody means it. A run of an earlier version may have been made with it.
    let beginning = file.scalars.prefix(4096).map { UInt8(truncatingIfNeeded: min($0.value, 255)) }
    if let encoding = TextEncoding(unmarked: beginning) {
      throw encoding.error(file: path, offset: 0)
    }
    let parts = try parts(of: file.text, path, settings)
    var settings = settings
    var text = TextSource(
      path: Paths.absolute(path), sha256: file.sha256,
      symbols: Vocabulary(of: parts[0], hasUnknown: true).count)
    text.unknownScored = false
    if file.hasMark { text.byteOrderMarkDropped = true }
    settings.text = text
    return settings
  }

  /// Where the validation and the test part of so many characters begin.
  private static func bounds(_ count: Int, _ settings: TrainingSettings) -> (validation: Int, test: Int) {
    let percent = percents(settings)
    let end = count - count * percent.test / 100
    return (end - count * percent.valid / 100, end)
  }

  /// The training, validation and test parts, each long enough.
  private static func parts(
    of text: [Unicode.Scalar], _ file: String, _ settings: TrainingSettings
  ) throws(TaskDataError) -> [ArraySlice<Unicode.Scalar>] {
    let (begin, end) = bounds(text.count, settings)
    let parts = [text[..<begin], text[begin..<end], text[end...]]
    try checkCounts(
      zip(["training", "validation", "test"], parts).map { ($0, file, $1.count) }, settings)
    return parts
  }

  /// The task on the text that `settings` know, or on the file `dataDirectory` if it isn't empty; throws what is
  /// wrong with it, `changed` if it isn't the text that they know.
  public init(settings: TrainingSettings, dataDirectory: String) throws(TaskDataError) {
    guard let path = dataDirectory.isEmpty ? settings.text?.path : dataDirectory else {
      throw .noText(task: Self.name)
    }
    let file = try TextFile(path)
    if let known = settings.text, known.sha256 != file.sha256 {
      throw .changed(file: path, expected: known.sha256, found: file.sha256)
    }
    let keepsMark = settings.text.map { $0.byteOrderMarkDropped != true } ?? false
    let parts = try Self.parts(of: keepsMark ? file.scalars : file.text, path, settings)
    let vocabulary = Vocabulary(of: parts[0], hasUnknown: true)
    if let known = settings.text, known.symbols != vocabulary.count {
      throw .otherSymbols(file: path, expected: known.symbols, found: vocabulary.count)
    }
    var streams: [[Int32]] = []
    for part in parts {
      do throws(UnknownCharacter) {
        streams.append(try vocabulary.encode(part))
      } catch { throw .unknownCharacter(file: path, character: error.character, place: error.place) }
    }
    super.init(
      settings: settings, vocabulary: vocabulary, training: streams[0], validation: streams[1],
      test: streams[2])
  }

  /// The task on the text in the file `dataDirectory`, read with the model's vocabulary when it isn't the text that
  /// `settings` know: then all of it is the test part, unless a `split` is asked for.
  public convenience init(
    scoring settings: TrainingSettings, dataDirectory path: String, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard !path.isEmpty, let own = settings.text, let vocabulary = Vocabulary(metadata: metadata),
      vocabulary.hasUnknown, vocabulary.count == own.symbols
    else {
      try self.init(settings: settings, dataDirectory: path)
      return
    }
    let file = try TextFile(path)
    guard file.sha256 != own.sha256 else {
      try self.init(settings: settings, dataDirectory: path)
      return
    }
    let text = vocabulary.index(of: TextFile.mark) == nil ? file.text : file.scalars
    let (begin, end) = Self.bounds(text.count, settings)
    let part =
      switch split {
      case nil: text[...]
      case .validation: text[begin..<end]
      case .test: text[end...]
      }
    try self.init(settings: settings, scoring: Array(part), of: path, vocabulary: vocabulary)
    scoresWholeText = split == nil
  }

  /// Whether the test part is a whole text, which isn't the run's own.
  public private(set) var scoresWholeText = false

  override init(
    settings: TrainingSettings, scoring text: [Unicode.Scalar], of file: String, vocabulary: Vocabulary
  ) throws(TaskDataError) {
    try super.init(settings: settings, scoring: text, of: file, vocabulary: vocabulary)
  }
}
