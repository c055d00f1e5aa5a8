import CellgateNN
import CellgateTraining
import Foundation

/// Characters of the user's own UTF-8 text, gzipped or not: a character is a Unicode scalar, line endings are kept.
///
/// The beginning of the text is trained on, what follows is for validation, and the end for the test. The vocabulary
/// is that of the training part and one symbol more, for all characters that only come later: they are told and
/// scored like any other, and their share is an extra metric.
public final class TextTask: LanguageModelTask, SequenceTask {
  /// "text".
  public static let name = "text"
  /// One line.
  public static let summary = "tell the next character of a text of your own (--data FILE)"
  /// T, E, and the shares of validation and test.
  public static let options =
    commonOptions + [
      TaskOption("valid-percent", "share of the text for validation", in: 1...90),
      TaskOption("test-percent", "share of the text for the test, at its end", in: 1...90),
    ]
  /// The cross-entropy in nats, and the share of characters that the training part has none of.
  public static let extraMetrics = [
    Metric("cross_entropy", better: .lower), Metric("unknown_share", better: .lower),
  ]
  /// 2 bits per character: our choice.
  public static let solved = SolvedCriterion(metric, 2)
  /// Yes.
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

  /// No second direction, and something to train on.
  public static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    let percent = percents(settings)
    guard percent.valid + percent.test >= 100 else { return commonProblems(settings) }
    return commonProblems(settings) + [
      .outOfRange(
        option: "valid-percent", expected: "less than 100 together with test-percent",
        found: "\(percent.valid) and \(percent.test)")
    ]
  }

  private static func percents(_ settings: TrainingSettings) -> (valid: Int, test: Int) {
    (settings.taskOptions["valid-percent"] ?? 5, settings.taskOptions["test-percent"] ?? 5)
  }

  /// The settings with the text in the file `dataDirectory` filled in: its path, checksum and number of symbols.
  public static func prepared(
    _ settings: TrainingSettings, dataDirectory path: String
  ) throws(TaskDataError) -> TrainingSettings {
    guard !path.isEmpty else { throw .noText(task: name) }
    let file = try TextFile(path)
    let parts = try parts(of: file.scalars, path, settings)
    var settings = settings
    settings.text = TextSource(
      path: URL(fileURLWithPath: path).standardizedFileURL.path, sha256: file.sha256,
      symbols: Vocabulary(of: parts[0], hasUnknown: true).count)
    return settings
  }

  /// The training, validation and test parts, each long enough.
  private static func parts(
    of text: [Unicode.Scalar], _ file: String, _ settings: TrainingSettings
  ) throws(TaskDataError) -> [ArraySlice<Unicode.Scalar>] {
    let percent = percents(settings)
    let end = text.count - text.count * percent.test / 100
    let begin = end - text.count * percent.valid / 100
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
    let parts = try Self.parts(of: file.scalars, path, settings)
    let vocabulary = Vocabulary(of: parts[0], hasUnknown: true)
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
}
