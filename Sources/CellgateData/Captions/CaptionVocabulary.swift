/// The words that captions are written with, as numbers: those that training captions have often enough.
///
/// ```swift
/// let words = CaptionVocabulary(of: trainingCaptions, minimum: 5, length: 20)
/// words.encode("A dog runs.")             // [2, a, dog, runs, 3]
/// words.decode([4, 17, 25, 3])            // "a dog runs", or whichever words these numbers are
/// ```
///
/// 0 is padding, 1 stands for every other word, `<unk>`, 2 begins a caption, 3 ends it, and the words come from 4 on, the most
/// frequent one first. Captions are tokenised by `PTBTokenizer`, as metrics see them.
public struct CaptionVocabulary: Sendable, Equatable, Codable {
  /// The number of padding.
  public static let padding = WordVocabulary.padding
  /// The number of all words that are none of the vocabulary's.
  public static let unknown = WordVocabulary.unknown
  /// The number that a caption begins with.
  public static let begin = 2
  /// The number that a caption ends with.
  public static let end = 3
  /// What stands for a word that is none of the vocabulary's.
  public static let unknownText = "<unk>"

  /// The most words of a caption that are looked at, 1 or more.
  public let length: Int
  private let vocabulary: WordVocabulary

  /// What the numbers 2 and 3 are called; no token of a caption is.
  private static let marks = ["<begin>", "<end>"]

  /// A vocabulary of these words, the first of equal ones.
  public init(words: [String], length: Int) {
    vocabulary = WordVocabulary(words: Self.marks + words.filter { !Self.isSpecial($0) })
    self.length = max(1, length)
  }

  /// The words that stand `minimum` times or more in captions. Words that are equally frequent are in the order of their code points.
  public init(of captions: some Sequence<String>, minimum: Int, length: Int) {
    var counts: [String: Int] = [:]
    let tokenizer = PTBTokenizer()
    for caption in captions { for word in tokenizer.tokens(caption) { counts[word, default: 0] += 1 } }
    let sorted = counts.filter { $0.value >= minimum }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    self.init(words: sorted.map(\.key), length: length)
  }

  private static func isSpecial(_ word: String) -> Bool { marks.contains(word) || word == unknownText }

  /// How many numbers there are, V.
  public var count: Int { vocabulary.count }

  /// The words, the first one with the number 4.
  public var words: [String] { Array(vocabulary.words.dropFirst(Self.marks.count)) }

  /// The number of a token.
  public func number(of word: String) -> Int {
    Self.isSpecial(word) ? Self.unknown : vocabulary.number(of: word)
  }

  /// The word of a number; nil for padding, beginning and end, and for a number of none.
  public func word(_ number: Int) -> String? {
    if number == Self.unknown { return Self.unknownText }
    return number > Self.end && number < count ? vocabulary.words[number - 2] : nil
  }

  /// The numbers of a caption: its beginning, at most `length` words, its end.
  public func encode(_ caption: String) -> [Int] {
    [Self.begin] + PTBTokenizer().tokens(caption).prefix(length).map(number) + [Self.end]
  }

  /// The words of numbers until the end, with a space between.
  public func decode(_ numbers: some Sequence<Int>) -> String {
    numbers.prefix { $0 != Self.end }.compactMap(word).joined(separator: " ")
  }

  // MARK: In a model's file

  private enum CodingKeys: String, CodingKey {
    case words, length
  }

  /// Reads a vocabulary, whose words must be different.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let words = try values.decode([String].self, forKey: .words)
    let length = try values.decode(Int.self, forKey: .length)
    guard (1...1 << 24).contains(length) else {
      throw DecodingError.dataCorruptedError(
        forKey: .length, in: values, debugDescription: "expected 1 to \(1 << 24), found \(length)")
    }
    self.init(words: words, length: length)
    guard count == words.count + 4 else {
      throw DecodingError.dataCorruptedError(
        forKey: .words, in: values, debugDescription: "expected words of which no two are equal")
    }
  }

  /// Writes the words and the length.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(words, forKey: .words)
    try values.encode(length, forKey: .length)
  }
}
