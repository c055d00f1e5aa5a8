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
  /// The name `ptb-char`, T and E, bits per character, the cross-entropy in nats and its perplexity, and the settings: 1,000 units in one
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
  public let batches: TextBatches

  init(settings: TrainingSettings, batches: TextBatches) {
    self.settings = settings
    self.batches = batches
  }

  /// The task, with the files of the set `ptb`; throws what is wrong with them.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    try self.init(settings: settings, parts: try PTBFiles.characters(in: data.folder(of: .ptb)))
  }

  /// The task on the files of the set `ptb`, read with the model's vocabulary when theirs is another one; throws
  /// `unknownToModel` for a character that the model doesn't know.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    let parts = try PTBFiles.characters(in: data.folder(of: .ptb))
    guard let tokenizer = TextTokenizer(metadata: metadata),
      tokenizer != .characters(Vocabulary(of: parts[0].text))
    else {
      try self.init(settings: settings, parts: parts)
      return
    }
    let (file, text) = parts[split == .validation ? 1 : 2]
    self.init(
      settings: settings,
      batches: try TextBatches(
        scoring: text, of: file, tokenizer: tokenizer, steps: settings.whole(LanguageModelOptions.length),
        lanes: settings.batch))
  }

  private init(
    settings: TrainingSettings, parts: [(file: String, text: [Unicode.Scalar])]
  ) throws(TaskDataError) {
    self.settings = settings
    batches = try TextBatches(
      parts, tokenizer: .characters(Vocabulary(of: parts[0].text)), settings: settings)
  }
}
