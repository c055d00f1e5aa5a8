import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTraining

/// Words of the Penn Treebank (Mikolov et al. 2010, "Recurrent neural network based language model"): 929,589 to train on, 73,760
/// and 82,430 for validation and test; 10,000 different ones, of which a newline stands for the end of a line and `<unk>` for
/// all that are rare.
///
/// Of each part the folder `ptb` holds `ptb.train.txt`, words with spaces between; gzipped or not.
public struct PTBWordTask: LanguageModelTask {
  /// The name `ptb-word`, T, E and tied weights; the perplexity of a word, `<unk>` and the ends of lines included, and the
  /// cross-entropy in nats; and the settings of the medium model of Zaremba et al. (2014, https://arxiv.org/abs/1409.2329): 2
  /// layers of 650 units, embeddings of 650 numbers, T = 35, batches of 20, dropout of 0.5 before, between and after the layers,
  /// parameters uniform in ±0.05, plain gradient descent, 1 / 1.2 of the rate for each epoch after the sixth, 39 epochs. Its rate
  /// of 1 and its norm of at most 5 are of gradients of the sum over the 35 steps; of the mean, which is the loss here, they
  /// are 35 and 1 / 7.
  ///
  /// The paper reports 86.2 on validation and 82.7 on test data. Solved below 100: our choice.
  public static let description = TaskDescription.languageModel(
    name: "ptb-word", summary: "predict the next word of the Penn Treebank", length: 35, embedding: 650,
    data: .set(.ptb),
    metric: Metric("perplexity", better: .lower), solvedBelow: 100, defaults: published,
    symbols: { _ in symbols })

  /// The symbols of the real files.
  static let symbols = 10_000
  /// Updates in an epoch of the real files.
  private static let updates = 1327

  private static var published: TrainingSettings {
    var settings = TrainingSettings(hidden: 650, batch: 20, epochs: 39)
    settings.layers = 2
    settings.dropout = 0.5
    settings.inputDropout = 0.5
    settings.initialization = .init(rules: [.init(parameter: "*", .uniform(bound: 0.05))])
    settings.optimizer = "sgd"
    settings.optimizerSettings.learningRate = 35
    settings.clipNorm = 1.0 / 7
    settings.schedule.name = "step"
    settings.schedule.factor = 1 / 1.2
    settings.schedule.every = updates
    settings.schedule.after = 6 * updates
    return settings
  }

  /// What it was made with.
  public let settings: TrainingSettings
  /// The words.
  public let batches: TextBatches

  private init(settings: TrainingSettings, batches: TextBatches) {
    self.settings = settings
    self.batches = batches
  }

  /// The task, with the files of the set `ptb`; throws what is wrong with them.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    let parts = try PTBFiles.words(in: data.folder(of: .ptb))
    self.init(
      settings: settings,
      batches: try TextBatches(parts, tokenizer: Self.tokenizer(of: parts[0].text), settings: settings))
  }

  /// The task on the files of the set `ptb`, read with the model's words when theirs are others: what it doesn't know is `<unk>`.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    let parts = try PTBFiles.words(in: data.folder(of: .ptb))
    let own = Self.tokenizer(of: parts[0].text)
    guard let tokenizer = TextTokenizer(metadata: metadata), tokenizer != own else {
      self.init(
        settings: settings, batches: try TextBatches(parts, tokenizer: own, settings: settings))
      return
    }
    let (file, text) = parts[split == .validation ? 1 : 2]
    self.init(
      settings: settings,
      batches: try TextBatches(
        scoring: text, of: file, tokenizer: tokenizer, steps: settings.whole(LanguageModelOptions.length),
        lanes: settings.batch))
  }

  private static func tokenizer(of text: [Unicode.Scalar]) -> TextTokenizer {
    .words(of: text, splitting: .spaces)
  }
}
