/// The words of texts by how often they stand there, as numbers for an embedding: 0 is padding, 1 stands for all other words,
/// and the words themselves come from 2 on, the most frequent one first.
///
/// ```swift
/// let words = WordVocabulary(of: texts, most: 10_000)
/// let x = Tensor(texts.flatMap { words.encode($0, length: 200) }, shape: [texts.count, 200])
/// ```
public struct WordVocabulary: Sendable, Equatable {
  /// The number of padding.
  public static let padding = 0
  /// The number of words that are none of the vocabulary's.
  public static let unknown = 1

  /// The words, the first one with the number 2.
  public let words: [String]
  private let index: [String: Int]

  /// How many numbers there are, V: the words and two more.
  public var count: Int { words.count + 2 }

  /// A vocabulary of these words, the first of equal ones.
  public init(words: [String]) {
    var index: [String: Int] = [:]
    var own: [String] = []
    for word in words where index[word] == nil {
      index[word] = own.count + 2
      own.append(word)
    }
    self.words = own
    self.index = index
  }

  /// The most frequent words of texts, so that there are at most `most` numbers, and at least the two that are no words.
  /// Words that are equally frequent are in the order of their code points.
  public init(of texts: some Sequence<some StringProtocol>, most: Int) {
    var counts: [String: Int] = [:]
    for text in texts { for word in Self.words(of: text) { counts[word, default: 0] += 1 } }
    let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    self.init(words: sorted.prefix(max(0, most - 2)).map(\.key))
  }

  /// The words of a text: runs of letters and digits in lower case, with apostrophes inside of them.
  public static func words(of text: some StringProtocol) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    func finish(_ word: inout String.UnicodeScalarView) {
      while word.last == "'" { word.removeLast() }
      if !word.isEmpty { words.append(String(word)) }
      word.removeAll()
    }
    for scalar in text.lowercased().unicodeScalars {
      let isInside = scalar == "'" || scalar == "’"
      if isInside ? !word.isEmpty : scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
        word.append(isInside ? "'" : scalar)
      } else {
        finish(&word)
      }
    }
    finish(&word)
    return words
  }

  /// The number of a word.
  public func number(of word: String) -> Int { index[word] ?? Self.unknown }

  /// The numbers of the last `length` words of a text, with padding in front of a shorter one.
  public func encode(_ text: some StringProtocol, length: Int) -> [Float] {
    let numbers = Self.words(of: text).suffix(length).map { Float(number(of: $0)) }
    return Array(repeating: Float(Self.padding), count: length - numbers.count) + numbers
  }
}
