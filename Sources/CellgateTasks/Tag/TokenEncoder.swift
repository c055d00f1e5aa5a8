import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes what a model takes of sentences, by what was learned from the training part alone: words, characters and tags.
struct TokenEncoder {
  /// A sentence as the model takes it, and its tags.
  struct Example {
    /// The words as they stand there.
    var tokens: [String]
    /// Their numbers in the vocabulary.
    var words: [Int32]
    /// The numbers of their tags; -1 for none, or for one that training had none of.
    var tags: [Int32]
    /// The tags as they stand there; empty for none.
    var names: [String]

    /// T.
    var steps: Int { tokens.count }
  }

  /// What a model's file keeps.
  let preprocessing: Preprocessing
  /// The tags' names.
  let labels: [String]
  private let source: Preprocessing.TokenSource
  private let vocabulary: WordVocabulary
  private let tags: [String: Int32]
  private let characters: [Unicode.Scalar: Float]?

  /// A character that is none of those known.
  private static let unknownCharacter: Float = 1

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard let source = preprocessing.tokens, let words = preprocessing.words,
      let labels = preprocessing.labels
    else { return nil }
    self.preprocessing = preprocessing
    self.source = source
    self.labels = labels
    vocabulary = WordVocabulary(words: words)
    tags = [String: Int32](
      labels.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    characters = source.characters.map { text in
      [Unicode.Scalar: Float](
        text.unicodeScalars.enumerated().map { ($1, Float($0 + 2)) }, uniquingKeysWith: { first, _ in first })
    }
  }

  /// What is learned from the sentences of the training part.
  static func preprocessing(
    fitting sentences: [CoNLLFile.Sentence], columns: TokenColumns, _ settings: TrainingSettings
  ) -> Preprocessing {
    var preprocessing = Preprocessing()
    preprocessing.labels = Set(sentences.lazy.flatMap { $0.tags.compactMap { $0 } }).sorted()
    let least = settings.whole(TagOptions.leastCount)
    let known = counts(sentences.lazy.flatMap(\.tokens).map(form)).filter { $0.value >= least }
    preprocessing.words = ordered(known).prefix(settings.whole(TagOptions.words) - 2).map { $0 }
    var source = Preprocessing.TokenSource(wordLength: settings.whole(TagOptions.wordLength))
    source.columns = columns.names
    if settings.text(TagOptions.characters) != TagOptions.Characters.none.rawValue {
      let scalars = counts(sentences.lazy.flatMap { $0.tokens.lazy.flatMap(\.unicodeScalars) })
        .filter { $0.value >= Self.leastCharacters }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: ordered(scalars))
      source.characters = String(text)
    }
    preprocessing.tokens = source
    return preprocessing
  }

  /// Characters that training has less often are unknown, so that there are unknown ones to learn from.
  private static let leastCharacters = 2

  private static func counts<Element: Hashable>(_ elements: some Sequence<Element>) -> [Element: Int] {
    var counts: [Element: Int] = [:]
    for element in elements { counts[element, default: 0] += 1 }
    return counts
  }

  /// The most frequent first.
  private static func ordered<Element: Comparable>(_ counts: [Element: Int]) -> [Element] {
    counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
  }

  /// How a word stands in the vocabulary: in lower case, each digit as 0.
  static func form(_ token: String) -> String {
    let lower = token.lowercased()
    guard lower.utf8.contains(where: { (0x31...0x39).contains($0) }) else { return lower }
    return String(decoding: lower.utf8.map { (0x31...0x39).contains($0) ? 0x30 : $0 }, as: UTF8.self)
  }

  /// How many words and characters there are, with the two that are none; nil where no characters go in.
  var wordCount: Int { vocabulary.count }
  var characterCount: Int? { characters.map { $0.count + 2 } }
  /// C.
  var wordLength: Int { source.wordLength }

  /// A sentence as the model takes it.
  func callAsFunction(_ sentence: CoNLLFile.Sentence) -> Example {
    Example(
      tokens: sentence.tokens,
      words: sentence.tokens.map { Int32(vocabulary.number(of: Self.form($0))) },
      tags: sentence.tags.map { $0.flatMap { tags[$0] } ?? -1 }, names: sentence.tags.map { $0 ?? "" })
  }

  /// Sentences side by side with their lengths: words [T, B] and characters [T, B, C].
  func batch(_ examples: [Example]) -> TagBatch {
    let (steps, count) = (examples.map(\.steps).max() ?? 0, examples.count)
    var words = [Float](repeating: 0, count: steps * count)
    var tags = [Int32](repeating: -1, count: steps * count)
    for (column, example) in examples.enumerated() {
      for step in 0..<example.steps {
        words[step * count + column] = Float(example.words[step])
        tags[step * count + column] = example.tags[step]
      }
    }
    let mask = SequenceMask.lengths(examples.map(\.steps))
    var inputs = [LayerValue(Tensor(words, shape: [steps, count]), mask: mask)]
    if let characters {
      inputs.append(
        LayerValue(
          Tensor(numbers(examples, steps, characters), shape: [steps, count, wordLength]), mask: mask))
    }
    return TagBatch(inputs: inputs, tags: tags, names: examples.map(\.names))
  }

  private func numbers(
    _ examples: [Example], _ steps: Int, _ characters: [Unicode.Scalar: Float]
  ) -> [Float] {
    let (count, width) = (examples.count, wordLength)
    var numbers = [Float](repeating: 0, count: steps * count * width)
    for (column, example) in examples.enumerated() {
      for (step, token) in example.tokens.enumerated() {
        var scalars = Array(token.unicodeScalars)
        // Of a long word the beginning and the end.
        if scalars.count > width { scalars.removeSubrange((width + 1) / 2..<scalars.count - width / 2) }
        let start = (step * count + column) * width
        for (place, scalar) in scalars.enumerated() {
          numbers[start + place] = characters[scalar] ?? Self.unknownCharacter
        }
      }
    }
    return numbers
  }
}

/// Sentences of any lengths with their tags.
public struct TagBatch {
  /// `[T, B]` of words and, of a model that takes them, `[T, B, C]` of their characters, with the lengths.
  public let inputs: [LayerValue]
  /// T · B numbers of tags, row by row; -1 for none.
  public let tags: [Int32]
  /// The tags of each sentence as they stand in the file.
  public let names: [[String]]

  /// The valid steps of each sentence.
  var lengths: [Int] { names.map(\.count) }
}
