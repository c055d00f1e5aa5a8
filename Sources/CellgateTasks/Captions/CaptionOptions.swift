import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `captions`.
enum CaptionOptions {
  static let captions = TaskOption.file(
    "captions",
    "captions: Karpathy's dataset_*.json, COCO annotations or Flickr's token file; of --data if you leave it out"
  )
  static let splits = TaskOption.list(
    "splits", "lists of the pictures to train on, to validate and to test: TRAIN,VAL,TEST; one may be 'rest'",
    of: .file)
  static let features = TaskOption.file(
    "features",
    "features of the pictures: an npy, npz or safetensors file, or a folder; of --data if you leave it out")
  static let featureScale = TaskOption.file(
    "feature-scale", "an npy file with what quantised features are multiplied by, for each channel")
  static let featureNames = TaskOption.file(
    "feature-names", "a text with the name of the picture of each row of the features")
  static let model = TaskOption.choice(
    "model", "how the model looks at a picture", default: CaptionModelOptions.Form.showAndTell.rawValue,
    of: CaptionModelOptions.Form.allCases.map(\.rawValue))
  static let picture = TaskOption.choice(
    "picture", "how the picture comes to the cell of show-and-tell", default: Picture.firstInput.rawValue,
    of: Picture.allCases.map(\.rawValue))
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each word's vector", default: 512, in: 1...65_536)
  static let attention = TaskOption.whole(
    "attention", "the size in which attention compares", default: 512, in: 1...65_536)
  static let mappedFeatures = TaskOption.whole(
    "map-features", "map features to so many numbers first, max(W x + b, 0); 0 for no map", default: 0,
    in: 0...65_536)
  static let tiedWeights = TaskOption.choice(
    "tie-weights", "make logits with the words' vectors, which needs --embedding of the cell's output",
    default: "no", of: ["no", "yes"])
  static let standardize = TaskOption.choice(
    "standardize", "bring each channel of the features to mean 0 and deviation 1 on the training pictures",
    default: "yes", of: ["no", "yes"])
  static let mostWords = TaskOption.whole(
    "most-words", "the most words of a caption", default: 20, in: 1...10_000)
  static let leastCount = TaskOption.whole(
    "least-count", "words that training captions have less often are <unk>", default: 5, in: 1...1_000_000)
  static let labelSmoothing = TaskOption.real(
    "label-smoothing", "the share of each target that all words have", default: 0, in: 0...0.999)
  static let scheduledSampling = TaskOption.real(
    "scheduled-sampling",
    "the largest share of words that the model draws itself; it rises by 0.05 every 5 epochs", default: 0,
    in: 0...1)
  static let attentionPenalty = TaskOption.real(
    "attention-penalty", "λ of λ Σ (1 − Σ attention)² over the regions", default: 0, in: 0...1000)
  static let objective = TaskOption.choice(
    "objective", "what is trained for; self-critical goes on from a model, with CIDEr-D as its reward",
    default: Objective.crossEntropy.rawValue, of: Objective.allCases.map(\.rawValue))

  static let all = [
    captions, splits, features, featureScale, featureNames, model, picture, embedding, attention,
    mappedFeatures,
    tiedWeights, standardize, mostWords, leastCount, labelSmoothing, scheduledSampling, attentionPenalty,
    objective,
  ]

  static let ofModel = [
    model, picture, embedding, attention, mappedFeatures, tiedWeights, standardize, mostWords,
  ]

  enum Picture: String, CaseIterable {
    case firstInput = "first-input"
    case firstStates = "first-states"
  }

  enum Objective: String, CaseIterable {
    case crossEntropy = "cross-entropy"
    case selfCritical = "self-critical"
  }
}

extension TrainingSettings {
  /// How the model looks at a picture.
  var captionForm: CaptionModelOptions.Form {
    text(CaptionOptions.model).flatMap(CaptionModelOptions.Form.init) ?? .showAndTell
  }

  var captionObjective: CaptionOptions.Objective {
    text(CaptionOptions.objective).flatMap(CaptionOptions.Objective.init) ?? .crossEntropy
  }

  /// The model for so many words and features.
  func captionModel(cell: Cell, vocabularySize: Int, featureSize: Int) -> CaptionModelOptions {
    var options = CaptionModelOptions(
      captionForm, cell: cell, vocabularySize: vocabularySize, featureSize: featureSize)
    options.recurrent = recurrentOptions(cell)
    options.embeddingSize = whole(CaptionOptions.embedding)
    options.attentionUnits = whole(CaptionOptions.attention)
    options.dropout = dropout
    options.embeddingDropout = inputDropout ?? embeddingDropout ?? 0
    options.outputDropout = headDropout
    let mapped = whole(CaptionOptions.mappedFeatures)
    options.mappedSize = mapped > 0 ? mapped : nil
    options.tiesWeights = text(CaptionOptions.tiedWeights) == "yes"
    options.subject =
      text(CaptionOptions.picture) == CaptionOptions.Picture.firstStates.rawValue ? .firstStates : .firstInput
    return options
  }
}

/// What captions that a model writes must look like.
extension DecodingRules {
  /// Captions of words of a vocabulary, at most so many; without <unk>.
  package static func captions(_ vocabulary: CaptionVocabulary, mostWords: Int? = nil) -> DecodingRules {
    var rules = DecodingRules(
      end: Int32(CaptionVocabulary.end), maximumLength: mostWords ?? vocabulary.length)
    rules.forbidden = [
      Int32(CaptionVocabulary.padding), Int32(CaptionVocabulary.begin), Int32(CaptionVocabulary.unknown),
    ]
    return rules
  }
}
