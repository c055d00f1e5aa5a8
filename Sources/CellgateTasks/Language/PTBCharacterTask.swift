import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTraining
import Foundation

/// Characters of the Penn Treebank (Mikolov et al. 2012, "Subword language modeling with neural networks",
/// http://www.fit.vutbr.cz/~imikolov/rnnlm/char.pdf): 5.0 million to train on, 0.39 and 0.44 million for validation
/// and test; 50 symbols, of which `_` stands for a space and a newline for the end of a line.
///
/// Of each part the folder `ptb` holds `ptb.char.train.txt`, characters with spaces between, or `ptb.train.txt`,
/// words, of which the same characters are made; gzipped or not.
public final class PTBCharacterTask: LanguageModelTask, SequenceTask {
  /// The name on the command line, "ptb-char".
  public static let name = "ptb-char"
  /// What is to be learned, in one line.
  public static let summary = "predict the next character of the Penn Treebank"
  /// T and E.
  public static let options = commonOptions
  /// The cross-entropy in nats.
  public static let extraMetrics = [Metric("cross_entropy", better: .lower)]
  /// Better than an LSTM of 475 units without regularisation, 1.41 (HyperNetworks, Ha et al. 2017,
  /// https://arxiv.org/abs/1609.09106): our choice.
  public static let solved = SolvedCriterion(metric, 1.41)

  /// 1,000 units in one layer, T = 150, batches of 128, Adam at 1e-3 and half of it after each two epochs without
  /// improvement, gradients of norm 1 at most, 20 epochs.
  ///
  /// The paper compares cells of about 2.2 million parameters: `fitted(parameters:task:cell:)`, `--parameters`.
  public static var defaults: TrainingSettings {
    var settings = TrainingSettings(
      task: name, taskOptions: ["length": 150, "embedding": 64], hidden: 1000, batch: 128, epochs: 20)
    settings.schedule.name = "plateau"
    settings.schedule.factor = 0.5
    settings.schedule.patience = 1
    settings.clipNorm = 1
    return settings
  }

  /// The symbols of the real files.
  static let symbols = 50

  /// [T, B] characters to 50 classes at each step.
  public static func shape(_ settings: TrainingSettings) -> SequenceShape {
    shape(settings, symbols: symbols)
  }

  /// No second direction.
  public static func problems(_ settings: TrainingSettings) -> [SettingsError] { commonProblems(settings) }

  /// The task, with the files in `dataDirectory/ptb`; throws what is wrong with them.
  public convenience init(settings: TrainingSettings, dataDirectory: String) throws(TaskDataError) {
    try self.init(settings: settings, parts: try Self.parts(in: dataDirectory))
  }

  /// The task on the files in `dataDirectory/ptb`, read with the model's vocabulary when theirs is another one; throws
  /// `unknownToModel` for a character that the model doesn't know.
  public convenience init(
    scoring settings: TrainingSettings, dataDirectory: String, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    let parts = try Self.parts(in: dataDirectory)
    guard let vocabulary = Vocabulary(metadata: metadata), vocabulary != Vocabulary(of: parts[0].text) else {
      try self.init(settings: settings, parts: parts)
      return
    }
    let (file, text) = parts[split == .validation ? 1 : 2]
    try self.init(settings: settings, scoring: text, of: file, vocabulary: vocabulary)
  }

  override init(
    settings: TrainingSettings, scoring text: [Unicode.Scalar], of file: String, vocabulary: Vocabulary
  ) throws(TaskDataError) {
    try super.init(settings: settings, scoring: text, of: file, vocabulary: vocabulary)
  }

  /// The training, validation and test parts.
  private static func parts(
    in dataDirectory: String
  ) throws(TaskDataError) -> [(file: String, text: [Unicode.Scalar])] {
    var parts: [(file: String, text: [Unicode.Scalar])] = []
    for part in ["train", "valid", "test"] {
      parts.append(try load(part, in: dataDirectory + "/ptb"))
    }
    return parts
  }

  private init(
    settings: TrainingSettings, parts: [(file: String, text: [Unicode.Scalar])]
  ) throws(TaskDataError) {
    let vocabulary = Vocabulary(of: parts[0].text)
    var streams: [[Int32]] = []
    for (file, text) in parts {
      do throws(UnknownCharacter) {
        streams.append(try vocabulary.encode(text))
      } catch { throw .unknownCharacter(file: file, character: error.character, place: error.place) }
    }
    try Self.checkCounts(
      zip(["training", "validation", "test"], parts).map { ($0, $1.file, $1.text.count) }, settings)
    super.init(
      settings: settings, vocabulary: vocabulary, training: streams[0], validation: streams[1],
      test: streams[2])
  }

  /// The characters of one part, and the file that they come from.
  static func load(
    _ part: String, in folder: String
  ) throws(TaskDataError) -> (file: String, text: [Unicode.Scalar]) {
    let (characters, words) = ("\(folder)/ptb.char.\(part).txt", "\(folder)/ptb.\(part).txt")
    let paths = [characters, characters + ".gz", words, words + ".gz"]
    guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw .missing(tried: paths, command: "cellgate data fetch ptb")
    }
    let text = try TextFile(path).text
    return (path, Self.stream(text, between: path.hasPrefix(characters) ? nil : "_"))
  }

  /// The tokens of each line with `separator` between them, and a newline after them.
  static func stream(_ text: [Unicode.Scalar], between separator: Unicode.Scalar?) -> [Unicode.Scalar] {
    var stream: [Unicode.Scalar] = []
    stream.reserveCapacity(text.count)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for line in lines {
      for (index, token) in line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" }).enumerated()
      {
        if index > 0, let separator { stream.append(separator) }
        stream.append(contentsOf: token)
      }
      stream.append("\n")
    }
    return stream
  }
}
