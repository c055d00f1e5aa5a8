import CellgateData
import CellgateTraining

/// The options of the tasks `classify`, `multi-label` and `regress`.
enum ClassifyOptions {
  static let text = TaskOption.text("text", "the column of the texts")
  static let label = TaskOption.text("label", "the column of the class, or of the number to be found")
  static let labels = TaskOption.list(
    "label", "the column of the labels, with a character between, or columns of 0 and 1, one for each label",
    of: .text)
  static let labelSeparator = TaskOption.text(
    "label-separator",
    "what stands between the labels of a row; the first of ; | and , that there is, if you leave it out")
  static let features = TaskOption.list(
    "features", "the columns of numbers: of each step with --group, else the steps of a row", of: .text)
  static let group = TaskOption.text("group", "the column that says which sequence a row is a step of")
  static let time = TaskOption.text("time", "the column by which a sequence's rows are put in order")
  static let split = TaskOption.text(
    "split", "the column that says which part a row belongs to: train, valid or test")
  static let splitGroup = TaskOption.text(
    "split-group", "the column whose rows of one value all belong to one part, such as a patient's")
  static let splitTime = TaskOption.text(
    "split-time", "the column by which the parts follow each other in time: the test part is the latest")
  static let audio = TaskOption.choice(
    "audio", "what goes in of WAV files, as with transcribe; 32 bands of 32 ms if you leave it out",
    of: AudioFeatures.Kind.allCases.map(\.rawValue))
  static let gaps = TaskOption.choice(
    "gaps", "whether the time since the step before is one more number of each step, which needs --time",
    default: "no", of: ["no", "yes"])
  static let missing = TaskOption.choice(
    "missing",
    "what stands for missing numbers: the line between neighbours, the last one, or the mean beside a mark",
    default: MissingNumbers.interpolate.rawValue, of: MissingNumbers.allCases.map(\.rawValue))
  static let test = TaskOption.file("test", "the file to test on; a share of --data if you leave it out")
  static let validation = TaskOption.file(
    "valid", "the file to validate on; a share of --data if you leave it out")
  static let validPercent = TaskOption.whole(
    "valid-percent",
    "share of --data for validation, of each class; 15, and 0 of fewer than 400 series: then the training part itself",
    in: 0...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of --data for the test, of each class, without --test", default: 15, in: 1...90)
  static let words = TaskOption.whole(
    "words", "the most words that are known, those of the training part", default: 20_000, in: 2...1_000_000)
  static let leastCount = TaskOption.whole(
    "least-count", "words that the training part has less often are unknown", default: 2, in: 1...1_000_000)
  static let length = TaskOption.whole(
    "length", "the most words, characters or pieces of a text", default: 400, in: 1...100_000)
  static let truncate = TaskOption.choice(
    "truncate", "where a text that is longer loses some", default: "start", of: ["start", "end"])
  static let unit = TaskOption.choice(
    "unit", "what texts are cut into; characters of texts of a word each, else words",
    of: TextUnit.allCases.map(\.rawValue) + ["pieces"])
  static let pieces = TaskOption.whole(
    "pieces", "how many pieces there are with --unit pieces, the 256 bytes included", default: 2000,
    in: 256...100_000)
  static let lowercase = TaskOption.choice(
    "lowercase", "whether words are the same in capital letters", default: "yes", of: ["yes", "no"])
  static let vocabulary = TaskOption.file(
    "vocabulary",
    "a text with the words that are known, one a line; those of the training part if you leave it out")
  static let vectors = TaskOption.file(
    "vectors", "what the words' vectors start from: a text in GloVe's or word2vec's form")
  static let embedding = TaskOption.whole(
    "embedding", "numbers in each word's vector", default: 64, in: 1...65_536)
  static let patch = TaskOption.whole(
    "patch", "steps of a series that are put together to one; as many as make at most 256 of the longest",
    in: 1...1_000_000)
  static let front = TaskOption.choice(
    "front", "what stands before the recurrent layers: convolutions for series, nothing for texts",
    of: Front.allCases.map(\.rawValue))
  static let pooling = TaskOption.choice(
    "pooling", "what of the layers' outputs is classified", default: Pooling.both.rawValue,
    of: Pooling.allCases.map(\.rawValue))
  static let directions = TaskOption.choice(
    "directions", "in which directions the layers run", default: "both", of: ["both", "forward"])
  static let classWeights = TaskOption.choice(
    "class-weights", "weigh classes in the loss: balanced makes each count the same", default: "none",
    of: ["none", "balanced"])
  static let evidence = TaskOption.choice(
    "evidence", "what is added to the logits of texts, weighed by the validation part",
    default: Evidence.naiveBayes.rawValue, of: Evidence.allCases.map(\.rawValue))
  static let smoothing = smoothing("the share of each label that is spread over all classes", default: 0.1)
  static let noise = noise(default: 0.05)

  private static func smoothing(_ summary: String, default value: Double) -> TaskOption {
    .real("label-smoothing", summary, default: value, in: 0...0.9)
  }

  /// What a number depends on may be what noise changes.
  private static func noise(default value: Double) -> TaskOption {
    .real(
      "noise", "how much series are shifted, scaled and noisy while training, 1 for much", default: value,
      in: 0...2)
  }

  private static let common =
    [
      features, group, time, audio, gaps, missing, split, splitGroup, splitTime, test, validation,
      validPercent, testPercent, words, leastCount, length, truncate, unit, pieces, lowercase, vocabulary,
      vectors,
      embedding, patch, front, pooling, directions,
    ] + TransformerOption.all
  static let all = [text, label] + common + [noise, classWeights, smoothing, evidence]
  /// Those of numbers that are to be found.
  static let ofNumbers = [text, label] + common + [noise(default: 0)]

  /// Those of rows that may have several labels.
  static let ofLabels =
    [text, labels, labelSeparator] + common + [
      noise, classWeights, smoothing("the share of each answer that is spread over yes and no", default: 0),
      evidence,
    ]

  static let ofModel =
    [
      text, features, group, time, audio, length, unit, embedding, patch, front, pooling, directions,
    ] + TransformerOption.all

  enum Pooling: String, CaseIterable {
    case last, mean, max, attention
    case both = "mean+max"
  }

  enum Evidence: String, CaseIterable {
    case naiveBayes = "naive-bayes"
    case none
  }

  enum Front: String, CaseIterable { case none, convolutions }
}
