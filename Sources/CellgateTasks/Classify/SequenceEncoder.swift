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
    /// The scaled number to be found; NaN for none.
    var target: Float = .nan
  }

  /// What a model's file keeps.
  let preprocessing: Preprocessing
  private let vocabulary: WordVocabulary?
  private let classes: [String: Int32]

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard preprocessing.rows != nil, preprocessing.labels != nil || preprocessing.targetScaler != nil,
      preprocessing.words != nil || preprocessing.inputScaler != nil
    else { return nil }
    self.init(known: preprocessing)
  }

  private init(known preprocessing: Preprocessing) {
    self.preprocessing = preprocessing
    vocabulary = preprocessing.words.map { WordVocabulary(words: $0) }
    classes = [String: Int32](
      (preprocessing.labels ?? []).enumerated().map { ($1, Int32($0)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Learns from the training part.
  init(
    fitting rows: [SequenceRows.Row], of data: SequenceRows, _ labels: SequenceRows.Label,
    _ settings: TrainingSettings
  ) {
    var preprocessing = Preprocessing()
    preprocessing.rows = data.source
    switch labels {
    case .classes: preprocessing.labels = Self.sorted(Set(rows.compactMap(\.label)))
    case .numbers:
      let targets = rows.compactMap { $0.target.map { Float($0) } }
      preprocessing.targetScaler = Scaler(fitting: Tensor(targets, shape: [targets.count, 1]))
    }
    if let width = data.width {
      preprocessing.inputScaler = Self.scaler(rows, width: width)
      let longest = rows.map { $0.numbers.count / max(width, 1) }.max() ?? 1
      let patch = settings.optionalWhole(ClassifyOptions.patch) ?? Self.patch(longest)
      preprocessing.patch = patch > 1 ? patch : nil
    } else {
      let texts = rows.map { $0.text ?? "" }
      let unit = settings.text(ClassifyOptions.unit).flatMap(TextUnit.init) ?? Self.unit(of: texts)
      preprocessing.unit = unit
      preprocessing.words = Self.known(
        texts, unit, least: settings.whole(ClassifyOptions.leastCount),
        most: settings.whole(ClassifyOptions.words) - 2)
      preprocessing.length = settings.whole(ClassifyOptions.length)
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

  /// Characters of texts that are hardly more than a word each, such as names; words of others.
  private static func unit(of texts: [String]) -> TextUnit {
    let words = texts.reduce(0) { $0 + TextUnit.words.tokens(of: $1).count }
    return 2 * words < 3 * texts.count ? .characters : .words
  }

  /// The tokens that stand in texts often enough, and the forms of those that don't, the most frequent one first.
  private static func known(_ texts: [String], _ unit: TextUnit, least: Int, most: Int) -> [String] {
    var counts: [String: Int] = [:]
    for text in texts { for token in unit.tokens(of: text) { counts[token, default: 0] += 1 } }
    var kept = counts.filter { $0.value >= least }
    if unit == .words {
      var forms: [String: Int] = [:]
      for (token, count) in counts where count < least {
        if let form = TextUnit.form(of: token) { forms[form, default: 0] += count }
      }
      for (form, count) in forms where count >= max(least, leastForm) { kept[form] = count }
    }
    return kept.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(most).map(\.key)
  }

  /// The fewest unknown words that make their form known.
  private static let leastForm = 2

  /// Numbers by their size, other texts by their characters.
  private static func sorted(_ labels: Set<String>) -> [String] {
    let numbers = labels.compactMap(Double.init)
    guard numbers.count == labels.count else { return labels.sorted() }
    return labels.sorted { (Double($0) ?? 0, $0) < (Double($1) ?? 0, $1) }
  }

  /// The classes' names; none of numbers that are to be found.
  var labels: [String] { preprocessing.labels ?? [] }

  /// What goes into the model.
  var input: TrainingSettings.SequenceInput {
    if let vocabulary { return .words(count: vocabulary.count) }
    return .numbers(width: width * patch)
  }

  /// F.
  private var width: Int { preprocessing.inputScaler?.means.count ?? 1 }
  private var patch: Int { preprocessing.patch ?? 1 }

  /// The steps that the model sees of `steps`.
  func modelSteps(_ steps: Int) -> Int { (steps + patch - 1) / patch }

  // MARK: Examples

  /// A row as the model takes it; one without a word or step has one that is unknown, or the mean.
  func callAsFunction(_ row: SequenceRows.Row) -> Example {
    var example = values(row)
    example.label = row.label.flatMap { classes[$0] } ?? -1
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
  func tokens(of text: String) -> [String] {
    Array((preprocessing.unit ?? .words).tokens(of: text).suffix(preprocessing.length ?? .max))
  }

  /// The first features of a series over time, as they are; none of a text.
  func features(of row: SequenceRows.Row, most: Int = 8) -> [[Float]] {
    guard row.text == nil else { return [] }
    return (0..<min(width, most)).map { feature in
      stride(from: feature, to: row.numbers.count, by: width).map { row.numbers[$0] }
    }
  }

  private func values(_ row: SequenceRows.Row) -> Example {
    if let vocabulary {
      var numbers = tokens(of: row.text ?? "").map { Float(Self.number($0, vocabulary)) }
      if numbers.isEmpty { numbers = [Float(WordVocabulary.unknown)] }
      return Example(values: numbers, steps: numbers.count)
    }
    guard let scaler = preprocessing.inputScaler else { return Example(values: [0], steps: 1) }
    var numbers = Self.filled(row.numbers, width: width)
    for index in numbers.indices {
      let dimension = index % width
      let number = (numbers[index] - scaler.means[dimension]) / scaler.deviations[dimension]
      numbers[index] = number.isFinite ? number : 0
    }
    if numbers.isEmpty { numbers = [Float](repeating: 0, count: width) }
    return Example(values: numbers, steps: numbers.count / width)
  }

  /// The number of a token, of its form where it isn't known itself, or of unknown ones.
  private static func number(_ token: String, _ vocabulary: WordVocabulary) -> Int {
    let own = vocabulary.number(of: token)
    guard own == WordVocabulary.unknown, let form = TextUnit.form(of: token) else { return own }
    return vocabulary.number(of: form)
  }

  /// Numbers with what is missing on the line between its neighbours, or like the only one; as they are in a dimension without any.
  static func filled(_ numbers: [Float], width: Int) -> [Float] {
    guard numbers.contains(where: { !$0.isFinite }) else { return numbers }
    var numbers = numbers
    for dimension in 0..<width {
      let places = Array(stride(from: dimension, to: numbers.count, by: width))
      let known = places.filter { numbers[$0].isFinite }
      guard var left = known.first else { continue }
      for place in places where place < left { numbers[place] = numbers[left] }
      for right in known.dropFirst() {
        let gap = Float(right - left)
        for place in stride(from: left + width, to: right, by: width) {
          let share = Float(place - left) / gap
          numbers[place] = numbers[left] * (1 - share) + numbers[right] * share
        }
        left = right
      }
      for place in places where place > left { numbers[place] = numbers[left] }
    }
    return numbers
  }

  // MARK: Batches

  /// Examples side by side, `[T, B]` or `[T, B, F]`, with their lengths.
  func batch(_ examples: [Example]) -> ExampleBatch {
    let lengths = examples.map { modelSteps($0.steps) }
    let steps = lengths.max() ?? 0
    let size = vocabulary == nil ? width * patch : 1
    var x = [Float](repeating: 0, count: steps * examples.count * size)
    for (column, example) in examples.enumerated() {
      for (index, value) in example.values.enumerated() {
        x[(index / size * examples.count + column) * size + index % size] = value
      }
    }
    let shape = vocabulary == nil ? [steps, examples.count, size] : [steps, examples.count]
    return ExampleBatch(
      x: LayerValue(
        Tensor(x, shape: shape), mask: lengths.allSatisfy { $0 == steps } ? nil : .lengths(lengths)),
      classes: examples.map(\.label), targets: examples.map(\.target))
  }
}

/// Sequences of any lengths with what is to be found.
public struct ExampleBatch {
  /// `[T, B]` of words or `[T, B, F]` of numbers, with the lengths.
  public let x: LayerValue
  /// B classes.
  public let classes: [Int32]
  /// B numbers.
  let targets: [Float]
}
