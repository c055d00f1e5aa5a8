import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes what a model takes of rows, by what was learned from the training part alone: the known words or the scale of the
/// numbers, and the classes or the scale of the target.
struct SequenceEncoder {
  /// A sequence as the model takes it, and what is to be found.
  struct Example {
    /// The words' numbers of a text, or T · F scaled numbers.
    var values: [Float]
    /// T.
    var steps: Int
    /// Which class; -1 for none, or for one that training had none of.
    var label: Int32 = -1
    /// Which of several labels, each -1 for one that training had none of.
    var labels: [Int32] = []
    /// The scaled number to be found; NaN for none.
    var target: Float = .nan
  }

  /// What a model's file keeps.
  let preprocessing: Preprocessing
  /// Of texts; nil of numbers.
  private let text: TextVectorizer?
  private let classes: [String: Int32]

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard preprocessing.rows != nil, preprocessing.labels != nil || preprocessing.targetScaler != nil,
      TextVectorizer(preprocessing) != nil || preprocessing.inputScaler != nil
    else { return nil }
    self.init(known: preprocessing)
  }

  private init(known preprocessing: Preprocessing) {
    self.preprocessing = preprocessing
    text = TextVectorizer(preprocessing)
    classes = [String: Int32](
      (preprocessing.labels ?? []).enumerated().map { ($1, Int32($0)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Learns from the training part. Of texts, words of a `vocabulary` are the only ones that are known, and those of `vectors` are known
  /// however rare they are.
  init(
    fitting rows: [SequenceRows.Row], of data: SequenceRows, _ labels: SequenceRows.Label,
    _ settings: TrainingSettings, vocabulary: [String]? = nil, vectors: WordVectors? = nil
  ) {
    var preprocessing = Preprocessing()
    preprocessing.rows = data.source
    switch labels {
    case .classes: preprocessing.labels = Self.sorted(Set(rows.compactMap(\.label)))
    case .sets: preprocessing.labels = data.source.labels ?? Self.sorted(Set(rows.flatMap(\.labels)))
    case .numbers:
      let targets = rows.compactMap { $0.target.map { Float($0) } }
      preprocessing.targetScaler = Scaler(fitting: Tensor(targets, shape: [targets.count, 1]))
    }
    if let width = data.width {
      preprocessing.inputScaler = Self.scaler(rows, width: width)
      let longest = rows.map { $0.numbers.count / max(width, 1) }.max() ?? 1
      preprocessing.missing = settings.text(ClassifyOptions.missing).flatMap(MissingNumbers.init)
      if preprocessing.missing == .interpolate { preprocessing.missing = nil }
      let patch = settings.optionalWhole(ClassifyOptions.patch) ?? Self.patch(longest)
      preprocessing.patch = patch > 1 ? patch : nil
    } else {
      TextVectorizer.learn(
        rows.map { $0.text ?? "" }, settings, given: vocabulary, vectors: vectors, into: &preprocessing)
    }
    self.init(known: preprocessing)
  }

  /// The steps that a series has at most, once those of a long one are put together.
  private static let mostSteps = 256

  private static func patch(_ longest: Int) -> Int { (longest - 1) / mostSteps + 1 }

  /// The means and deviations of the numbers of each step that aren't missing, summed in Double.
  private static func scaler(_ rows: [SequenceRows.Row], width: Int) -> Scaler {
    var (counts, sums) = ([Double](repeating: 0, count: width), [Double](repeating: 0, count: width))
    var squares = sums
    for row in rows {
      for (index, number) in row.numbers.enumerated() where number.isFinite {
        counts[index % width] += 1
        sums[index % width] += Double(number)
      }
    }
    let means = zip(sums, counts).map { $1 > 0 ? $0 / $1 : 0 }
    for row in rows {
      for (index, number) in row.numbers.enumerated() where number.isFinite {
        let difference = Double(number) - means[index % width]
        squares[index % width] += difference * difference
      }
    }
    // A feature that is the same everywhere is divided by 1.
    return Scaler(
      means: means.map { Float($0) },
      deviations: zip(squares, counts).map { square, count in
        let deviation = Float((square / max(count, 1)).squareRoot())
        return deviation > 0 && deviation.isFinite ? deviation : 1
      })
  }

  /// Numbers by their size, other texts by their characters.
  private static func sorted(_ labels: Set<String>) -> [String] {
    let numbers = labels.compactMap(Double.init)
    guard numbers.count == labels.count else { return labels.sorted() }
    return labels.sorted { (Double($0) ?? 0, $0) < (Double($1) ?? 0, $1) }
  }

  /// The classes' names; none of numbers that are to be found.
  var labels: [String] { preprocessing.labels ?? [] }

  /// What is to be found.
  var kind: SequenceRows.Label {
    if preprocessing.labels == nil { return .numbers }
    return preprocessing.rows?.hasLabelSets == true ? .sets : .classes
  }

  /// The labels whose probability is 0.5 or more.
  func labels(of probabilities: [Double]) -> [String] {
    zip(labels, probabilities).filter { $1 >= MultiLabelScores.bound }.map(\.0)
  }

  /// A class or label of a row that training had none of; nil where all are known.
  func unknownLabel(of row: SequenceRows.Row, _ example: Example) -> String? {
    switch kind {
    case .numbers: nil
    case .classes: example.label < 0 ? row.label ?? "" : nil
    case .sets: row.labels.first { classes[$0] == nil }
    }
  }

  /// What goes into the model.
  var input: TrainingSettings.SequenceInput {
    if let text { return .words(count: text.count) }
    return .numbers(width: size)
  }

  /// F.
  private var width: Int { preprocessing.inputScaler?.means.count ?? 1 }
  private var patch: Int { preprocessing.patch ?? 1 }
  /// The numbers of a step of a series as examples have them: with `mask` there are as many that say which are known.
  private var stepWidth: Int { preprocessing.missing == .mask ? 2 * width : width }
  /// What changes series of this width by chance; nil of texts, and for nothing.
  func noise(_ strength: Double) -> SeriesNoise? {
    SeriesNoise(
      width: preprocessing.inputScaler?.means.count, marks: stepWidth - width, strength: strength)
  }

  /// The numbers of a step that the model sees.
  private var size: Int { text == nil ? stepWidth * patch : 1 }

  /// The steps that the model sees of `steps`.
  func modelSteps(_ steps: Int) -> Int { (steps + patch - 1) / patch }

  // MARK: Examples

  /// A row as the model takes it; one without a word or step has one that is unknown, or the mean.
  func callAsFunction(_ row: SequenceRows.Row) -> Example {
    var example = values(row)
    example.label = row.label.flatMap { classes[$0] } ?? -1
    example.labels = row.labels.map { classes[$0] ?? -1 }
    if let scaler = preprocessing.targetScaler, let target = row.target {
      example.target = (Float(target) - scaler.means[0]) / scaler.deviations[0]
    }
    return example
  }

  /// A target on its own scale.
  func target(_ scaled: Float) -> Double {
    guard let scaler = preprocessing.targetScaler else { return Double(scaled) }
    return Double(scaled) * Double(scaler.deviations[0]) + Double(scaler.means[0])
  }

  /// The tokens of a text that the model sees, those that count.
  func tokens(of text: String) -> [String] { self.text?.tokens(of: text) ?? [] }

  /// The words that have numbers of their own, the first one with the number 2.
  var words: [String] { text?.words ?? [] }

  /// The first features of a series over time, as they are; none of a text.
  func features(of row: SequenceRows.Row, most: Int = 8) -> [[Float]] {
    guard row.text == nil else { return [] }
    return (0..<min(width, most)).map { feature in
      stride(from: feature, to: row.numbers.count, by: width).map { row.numbers[$0] }
    }
  }

  private func values(_ row: SequenceRows.Row) -> Example {
    if let text {
      var numbers = text.numbers(of: row.text ?? "").map { Float($0) }
      if numbers.isEmpty { numbers = [Float(WordVocabulary.unknown)] }
      return Example(values: numbers, steps: numbers.count)
    }
    guard let scaler = preprocessing.inputScaler else { return Example(values: [0], steps: 1) }
    let way = preprocessing.missing ?? .interpolate
    let numbers = way.filled(row.numbers, width: width)
    let steps = max(1, numbers.count / width)
    var values = [Float](repeating: 0, count: steps * stepWidth)
    for (index, number) in numbers.enumerated() {
      let (step, feature) = (index / width, index % width)
      let scaled = (number - scaler.means[feature]) / scaler.deviations[feature]
      values[step * stepWidth + feature] = scaled.isFinite ? scaled : 0
      if way == .mask { values[step * stepWidth + width + feature] = row.numbers[index].isFinite ? 1 : 0 }
    }
    return Example(values: values, steps: steps)
  }

  // MARK: Batches

  /// Examples side by side, `[T, B]` or `[T, B, F]`, with their lengths.
  func batch(_ examples: [Example]) -> ExampleBatch {
    let lengths = examples.map { modelSteps($0.steps) }
    let steps = lengths.max() ?? 0
    var x = [Float](repeating: 0, count: steps * examples.count * size)
    for (column, example) in examples.enumerated() {
      for (index, value) in example.values.enumerated() {
        x[(index / size * examples.count + column) * size + index % size] = value
      }
    }
    let shape = text == nil ? [steps, examples.count, size] : [steps, examples.count]
    return ExampleBatch(
      x: LayerValue(
        Tensor(x, shape: shape), mask: lengths.allSatisfy { $0 == steps } ? nil : .lengths(lengths)),
      classes: examples.map(\.label), labels: examples.map(\.labels), targets: examples.map(\.target))
  }
}

/// Sequences of any lengths with what is to be found.
public struct ExampleBatch {
  /// `[T, B]` of words or `[T, B, F]` of numbers, with the lengths.
  public let x: LayerValue
  /// B classes.
  public let classes: [Int32]
  /// The labels of each sequence, where it may have several.
  let labels: [[Int32]]
  /// B numbers.
  let targets: [Float]
}
