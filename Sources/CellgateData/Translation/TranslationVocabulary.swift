import CellgateBasics

/// The symbols of one side of a translation, words, pieces of words or characters, as numbers.
///
/// ```swift
/// let pieces = TranslationVocabulary(learning: sentences, unit: .pieces, most: 4_000)
/// let line = pieces.encode("Two dogs run.")
/// pieces.decode(line.symbols)                    // "Two dogs run."
/// ```
///
/// 0 is padding, 1 begins a sentence, 2 ends it, and the symbols of the tokenizer come from 3 on.
public struct TranslationVocabulary: Sendable, Equatable {
  /// The number of padding.
  public static let padding: Int32 = 0
  /// The number that a sentence begins with.
  public static let begin: Int32 = 1
  /// The number that a sentence ends with.
  public static let end: Int32 = 2
  private static let first: Int32 = 3

  /// What a sentence is cut into.
  public let tokenizer: TextTokenizer
  /// Whether capital letters are taken as small ones.
  public let isLowercased: Bool

  /// The symbols of a tokenizer that takes every text.
  public init(_ tokenizer: TextTokenizer, isLowercased: Bool = false) {
    require(
      tokenizer.takesEveryText, "TranslationVocabulary: expected a tokenizer that takes every text")
    (self.tokenizer, self.isLowercased) = (tokenizer, isLowercased)
  }

  /// The symbols of sentences, at most `most` of them.
  ///
  /// - Parameters:
  ///   - unit: what a symbol is.
  ///   - leastCount: words that stand there less often are unknown.
  ///   - isLowercased: whether capital letters are taken as small ones.
  public init(
    learning sentences: some Sequence<String>, unit: TextTokenizer.Unit, most: Int = .max,
    leastCount: Int = 1,
    isLowercased: Bool = false
  ) {
    var text: [Unicode.Scalar] = []
    for sentence in sentences {
      text += Self.form(sentence, unit, isLowercased)
      text.append("\n")
    }
    let most = max(1, most - Int(Self.first))
    let tokenizer: TextTokenizer =
      switch unit {
      case .words:
        .words(
          of: text.lazy.map { $0 == "\n" ? " " : $0 }, leastCount: leastCount, most: most)
      case .pieces: .pieces(BytePairVocabulary(learning: text, count: most))
      case .characters:
        .characters(Vocabulary(of: text.lazy.filter { $0 != "\n" }, hasUnknown: true))
      }
    self.init(tokenizer, isLowercased: isLowercased)
  }

  /// How many numbers there are, V.
  public var count: Int { tokenizer.count + Int(Self.first) }

  /// The number of all symbols that are none of the vocabulary's; nil where every text has symbols.
  public var unknown: Int32? { tokenizer.unknown.map { $0 + Self.first } }

  // MARK: Sentences

  /// A sentence as symbols.
  public struct Line: Sendable, Equatable {
    /// The symbols, without beginning and end.
    public var symbols: [Int32]
    /// What each of them is in the sentence, to be read by people.
    public var texts: [String]

    /// Symbols with a text for each.
    public init(symbols: [Int32], texts: [String]) { (self.symbols, self.texts) = (symbols, texts) }
  }

  /// A sentence as it is cut: its spaces are single ones, and pieces that begin a word have one before them.
  private static func form(
    _ sentence: String, _ unit: TextTokenizer.Unit, _ isLowercased: Bool
  ) -> [Unicode.Scalar] {
    let words = (isLowercased ? sentence.lowercased() : sentence).unicodeScalars
      .split { WordSplitting.isSpace($0) }
    var scalars = Array(words.joined(separator: [" "]))
    if unit == .pieces, !scalars.isEmpty { scalars.insert(" ", at: 0) }
    return scalars
  }

  /// The symbols of each of some sentences, without beginning and end; none of one that has no more than spaces.
  public func symbols(of sentences: [String]) -> [[Int32]] {
    let forms = sentences.map { Self.form($0, tokenizer.unit, isLowercased) }
    guard case .pieces(let vocabulary) = tokenizer else { return forms.map { symbols(of: $0) } }
    return vocabulary.encode(each: forms).map { $0.map { $0 + Self.first } }
  }

  private func symbols(of scalars: [Unicode.Scalar]) -> [Int32] {
    // The tokenizer takes every text.
    ((try? tokenizer.encode(scalars).indices) ?? []).map { $0 + Self.first }
  }

  /// The symbols of a sentence with a text for each.
  public func encode(_ sentence: String) -> Line {
    let scalars = Self.form(sentence, tokenizer.unit, isLowercased)
    let symbols = symbols(of: scalars)
    let texts: [String] =
      switch tokenizer {
      case .words(_, let splitting): splitting.tokens(of: scalars).map(\.text)
      case .characters: scalars.map { String($0) }
      case .pieces: symbols.map(text)
      }
    return Line(symbols: symbols, texts: texts)
  }

  /// The sentence of symbols. `unknown` is what stands for an unknown symbol, by its place; nil for the usual mark of it.
  public func decode(
    _ symbols: [Int32], unknown replacement: (_ place: Int) -> String? = { _ in nil }
  ) -> String {
    guard case .words(_, let splitting) = tokenizer else {
      let text = tokenizer.decode(symbols.lazy.filter { $0 >= Self.first }.map { $0 - Self.first })
      return text.hasPrefix(" ") && tokenizer.unit == .pieces ? String(text.dropFirst()) : text
    }
    var (text, last) = ("", String?.none)
    for (place, symbol) in symbols.enumerated() where symbol >= Self.first {
      let word = symbol == unknown ? replacement(place) ?? self.text(of: symbol) : self.text(of: symbol)
      if let last, splitting.needsSpace(between: last, and: word) { text += " " }
      text += word
      last = word
    }
    return text
  }

  /// A symbol to be read by people: a word, a character, or a piece, with a dot before one that goes on with a word.
  public func text(of symbol: Int32) -> String {
    let index = symbol - Self.first
    guard index >= 0, Int(index) < tokenizer.count else { return "" }
    switch tokenizer {
    case .characters(let vocabulary):
      return index == vocabulary.unknown ? "\u{FFFD}" : String(vocabulary.symbols[Int(index)])
    case .words: return tokenizer.word(index)
    case .pieces(let vocabulary):
      let text = String(decoding: vocabulary.bytes(index), as: UTF8.self)
      return text.hasPrefix(" ") && text.count > 1 ? String(text.dropFirst()) : "·" + text
    }
  }
}

// MARK: In a model's file

extension TranslationVocabulary: Codable {
  private enum CodingKeys: String, CodingKey {
    case symbols, isLowercased
  }

  /// Reads the tokenizer's own data, and whether capital letters are small.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let data = try values.decode([String: String].self, forKey: .symbols)
    guard let tokenizer = TextTokenizer(metadata: data), tokenizer.takesEveryText else {
      throw DecodingError.dataCorruptedError(
        forKey: .symbols, in: values,
        debugDescription: "expected words, pieces, or characters with one for unknown ones")
    }
    self.init(tokenizer, isLowercased: try values.decode(Bool.self, forKey: .isLowercased))
  }

  /// Writes the tokenizer's own data, and whether capital letters are small.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(tokenizer.metadata, forKey: .symbols)
    try values.encode(isLowercased, forKey: .isLowercased)
  }
}
