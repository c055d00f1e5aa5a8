import CellgateBasics
import CellgateData
import CellgateTraining

/// Characters of the Penn Treebank (Mikolov et al. 2012, "Subword language modeling with neural networks",
/// http://www.fit.vutbr.cz/~imikolov/rnnlm/char.pdf): 5.0 million to train on, 0.39 and 0.44 million for validation
/// and test; 50 symbols, of which `_` stands for a space and a newline for the end of a line.
///
/// Of each part the folder `ptb` holds `ptb.char.train.txt`, characters with spaces between, or `ptb.train.txt`,
/// words, of which the same characters are made; gzipped or not.
public struct PTBCharacterTask: LanguageModelTask {
  /// The name `ptb-char`, T and E, bits per character and the cross-entropy in nats, and the settings: 1,000 units in one
  /// layer, T = 150, batches of 128, Adam at 1e-3 and half of it after each two epochs without improvement, gradients of
  /// norm 1 at most, 20 epochs. Solved better than by an LSTM of 475 units without regularisation, 1.41 (HyperNetworks, Ha
  /// et al. 2017, https://arxiv.org/abs/1609.09106): our choice.
  ///
  /// The paper compares cells of about 2.2 million parameters: `fitted(parameters:task:cell:)`, `--parameters`.
  public static let description = TaskDescription.languageModel(
    name: "ptb-char", summary: "predict the next character of the Penn Treebank", data: .set(.ptb),
    solvedBelow: 1.41,
    defaults: TaskDescription.languageModelSettings(hidden: 1000, batch: 128, epochs: 20),
    symbols: { _ in symbols })

  /// The symbols of the real files.
  static let symbols = 50

  /// What it was made with.
  public let settings: TrainingSettings
  /// The characters.
  public let batches: CharacterBatches

  init(settings: TrainingSettings, batches: CharacterBatches) {
    self.settings = settings
    self.batches = batches
  }

  /// The task, with the files of the set `ptb`; throws what is wrong with them.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    try self.init(settings: settings, parts: try Self.parts(in: data.folder(of: .ptb)))
  }

  /// The task on the files of the set `ptb`, read with the model's vocabulary when theirs is another one; throws
  /// `unknownToModel` for a character that the model doesn't know.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    let parts = try Self.parts(in: data.folder(of: .ptb))
    guard let vocabulary = Vocabulary(metadata: metadata), vocabulary != Vocabulary(of: parts[0].text) else {
      try self.init(settings: settings, parts: parts)
      return
    }
    let (file, text) = parts[split == .validation ? 1 : 2]
    self.init(
      settings: settings,
      batches: try CharacterBatches(
        scoring: text, of: file, vocabulary: vocabulary, steps: settings.whole(LanguageModelOptions.length),
        lanes: settings.batch))
  }

  /// The training, validation and test parts.
  private static func parts(
    in folder: String
  ) throws(TaskDataError) -> [(file: String, text: [Unicode.Scalar])] {
    var parts: [(file: String, text: [Unicode.Scalar])] = []
    for part in ["train", "valid", "test"] { parts.append(try load(part, in: folder)) }
    return parts
  }

  private init(
    settings: TrainingSettings, parts: [(file: String, text: [Unicode.Scalar])]
  ) throws(TaskDataError) {
    self.settings = settings
    let vocabulary = Vocabulary(of: parts[0].text)
    // A character that the training part has none of comes before a part that is too short.
    let streams = try CharacterBatches.streams(parts, vocabulary: vocabulary)
    try settings.checkCounts(parts.map { ($0.file, $0.text.count) })
    batches = CharacterBatches(
      vocabulary: vocabulary, training: streams[0], validation: streams[1], test: streams[2],
      steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch)
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
