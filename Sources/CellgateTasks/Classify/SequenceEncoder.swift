import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes what a model takes of rows, by what was learned from the training part alone: the known words or the scale of the
/// numbers, and the classes.
struct SequenceEncoder {
  /// A sequence as the model takes it, and its class.
  struct Example {
    /// The words' numbers of a text, or T · F scaled numbers.
    var values: [Float]
    /// T.
    var steps: Int
    /// Which class; -1 for none, or for one that training had none of.
    var label: Int32
  }

  /// What a model's file keeps.
  let preprocessing: Preprocessing
  private let vocabulary: WordVocabulary?
  private let classes: [String: Int32]

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard preprocessing.rows != nil, let labels = preprocessing.labels,
      preprocessing.words != nil || preprocessing.inputScaler != nil
    else { return nil }
    self.preprocessing = preprocessing
    vocabulary = preprocessing.words.map { WordVocabulary(words: $0) }
    classes = [String: Int32](
      labels.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
  }

  /// Learns from the training part.
  init(fitting rows: [SequenceRows.Row], of data: SequenceRows, _ settings: TrainingSettings) {
    var preprocessing = Preprocessing()
    preprocessing.rows = data.source
    preprocessing.labels = Self.sorted(Set(rows.compactMap(\.label)))
    if let width = data.width {
      let known = rows.map { Self.filled($0.numbers, width: width) }.joined()
      preprocessing.inputScaler = Scaler(
        fitting: Tensor(Array(known), shape: [known.count / max(width, 1), width]))
    } else {
      var counts: [String: Int] = [:]
      for row in rows {
        for word in WordVocabulary.words(of: row.text ?? "") { counts[word, default: 0] += 1 }
      }
      let least = settings.whole(ClassifyOptions.leastCount)
      let sorted = counts.filter { $0.value >= least }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      preprocessing.words = sorted.prefix(settings.whole(ClassifyOptions.words) - 2).map(\.key)
      preprocessing.length = settings.whole(ClassifyOptions.length)
    }
    self.preprocessing = preprocessing
    vocabulary = preprocessing.words.map { WordVocabulary(words: $0) }
    classes = [String: Int32](
      (preprocessing.labels ?? []).enumerated().map { ($1, Int32($0)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Numbers by their size, other texts by their characters.
  private static func sorted(_ labels: Set<String>) -> [String] {
    let numbers = labels.compactMap(Double.init)
    guard numbers.count == labels.count else { return labels.sorted() }
    return labels.sorted { (Double($0) ?? 0, $0) < (Double($1) ?? 0, $1) }
  }

  /// The classes' names.
  var labels: [String] { preprocessing.labels ?? [] }

  /// What goes into the model.
  var input: TrainingSettings.SequenceInput {
    if let vocabulary { return .words(count: vocabulary.count) }
    return .numbers(width: preprocessing.inputScaler?.means.count ?? 1)
  }

  /// A row as the model takes it; one without a word or step has one that is unknown, or the mean.
  func callAsFunction(_ row: SequenceRows.Row) -> Example {
    let label = row.label.flatMap { classes[$0] } ?? -1
    if let vocabulary {
      var numbers = WordVocabulary.words(of: row.text ?? "").suffix(preprocessing.length ?? .max).map {
        Float(vocabulary.number(of: $0))
      }
      if numbers.isEmpty { numbers = [Float(WordVocabulary.unknown)] }
      return Example(values: numbers, steps: numbers.count, label: label)
    }
    guard let scaler = preprocessing.inputScaler else { return Example(values: [0], steps: 1, label: label) }
    let width = scaler.means.count
    var numbers = Self.filled(row.numbers, width: width)
    for index in numbers.indices {
      let dimension = index % width
      let number = (numbers[index] - scaler.means[dimension]) / scaler.deviations[dimension]
      numbers[index] = number.isFinite ? number : 0
    }
    if numbers.isEmpty { numbers = [Float](repeating: 0, count: width) }
    return Example(values: numbers, steps: numbers.count / width, label: label)
  }

  /// Numbers with what is missing on the line between its neighbours, or like the only one; NaN of a dimension without any.
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
    // The scale is that of the numbers there are.
    return numbers.contains { $0.isNaN } ? numbers.map { $0.isNaN ? 0 : $0 } : numbers
  }

  /// Examples side by side, `[T, B]` or `[T, B, F]`, with their lengths.
  func batch(_ examples: [Example]) -> ExampleBatch {
    let steps = examples.map(\.steps).max() ?? 0
    let width: Int
    if case .numbers(let own) = input { width = own } else { width = 1 }
    var x = [Float](repeating: 0, count: steps * examples.count * width)
    for (column, example) in examples.enumerated() {
      for step in 0..<example.steps {
        let place = (step * examples.count + column) * width
        for index in 0..<width { x[place + index] = example.values[step * width + index] }
      }
    }
    let shape = vocabulary == nil ? [steps, examples.count, width] : [steps, examples.count]
    let lengths = examples.map(\.steps)
    return ExampleBatch(
      x: LayerValue(
        Tensor(x, shape: shape), mask: lengths.allSatisfy { $0 == steps } ? nil : .lengths(lengths)),
      classes: examples.map(\.label))
  }
}

/// Sequences of any lengths with their classes.
public struct ExampleBatch {
  /// `[T, B]` of words or `[T, B, F]` of numbers, with the lengths.
  public let x: LayerValue
  /// B classes.
  public let classes: [Int32]
}
