import CellgateBasics

/// What the symbols of a language model are, and their indices: characters, words, or pieces of words.
///
/// ```swift
/// let tokenizer = TextTokenizer.words(of: training.unicodeScalars, leastCount: 2)
/// let text = try tokenizer.encode("To be, or not to be.".unicodeScalars)
/// tokenizer.decode(text.indices)          // "To be, or not to be."
/// ```
public enum TextTokenizer: Sendable, Equatable {
  /// Unicode scalars.
  case characters(Vocabulary)
  /// Words, of which 0 stands for all that are none of the vocabulary's and the first one has the index 1; there is no padding.
  case words(WordVocabulary, WordSplitting)
  /// Pieces of words and other runs of characters, of which every text can be made.
  case pieces(BytePairVocabulary)

  /// The kinds of symbols, by their names on the command line.
  public enum Unit: String, Sendable, CaseIterable { case characters, words, pieces }

  /// The kind of symbols.
  public var unit: Unit {
    switch self {
    case .characters: .characters
    case .words: .words
    case .pieces: .pieces
    }
  }

  /// What stands for words that are none of the vocabulary's.
  public static let unknownWord = "<unk>"

  /// The words of a text that stand there `leastCount` times or more, the most frequent ones first, so that there are at most `most`
  /// symbols; the others are one symbol. Words that are equally frequent are in the order of their code points.
  public static func words(
    of text: some BidirectionalCollection<Unicode.Scalar>, splitting: WordSplitting = .punctuation,
    leastCount: Int = 1,
    most: Int = .max
  ) -> TextTokenizer {
    var counts: [String: Int] = [:]
    splitting.forEachToken(of: text) { token in
      if token.text != unknownWord { counts[token.text, default: 0] += 1 }
    }
    let sorted = counts.filter { $0.value >= leastCount }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    return .words(WordVocabulary(words: sorted.prefix(max(0, most - 1)).map(\.key)), splitting)
  }

  // MARK: Symbols

  /// How many symbols there are, V.
  public var count: Int {
    switch self {
    case .characters(let vocabulary): vocabulary.count
    case .words(let vocabulary, _): vocabulary.words.count + 1
    case .pieces(let vocabulary): vocabulary.count
    }
  }

  /// The symbol for all that are none of the vocabulary's; nil where there is none.
  public var unknown: Int32? {
    switch self {
    case .characters(let vocabulary): vocabulary.unknown
    case .words: 0
    case .pieces: nil
    }
  }

  /// Whether every text can be encoded.
  public var takesEveryText: Bool {
    if case .characters(let vocabulary) = self { return vocabulary.hasUnknown }
    return true
  }

  /// Whether there are symbols that can be written.
  package var canWrite: Bool {
    switch self {
    case .characters(let vocabulary): !vocabulary.symbols.isEmpty
    case .words(let vocabulary, _): !vocabulary.words.isEmpty
    case .pieces: true
    }
  }

  /// Whether the byte-order mark is one of the symbols by itself.
  package var hasMark: Bool {
    if case .characters(let vocabulary) = self { return vocabulary.index(of: TextFile.mark) != nil }
    return false
  }

  /// What a text begins after: a newline, or the first symbol where there is none.
  public var start: Int32 {
    switch self {
    case .characters(let vocabulary): vocabulary.index(of: "\n") ?? 0
    case .words(let vocabulary, _): Int32(vocabulary.number(of: "\n") - WordVocabulary.unknown)
    case .pieces: 10
    }
  }

  /// The word of a symbol.
  func word(_ index: Int32) -> String {
    guard case .words(let vocabulary, _) = self, index > 0 else { return Self.unknownWord }
    return vocabulary.words[Int(index) - 1]
  }

  // MARK: Texts

  /// A text as symbols.
  public struct Encoded: Sendable, Equatable {
    /// The symbols.
    public var indices: SymbolSequence
    /// Characters, Unicode scalars, that each symbol stands for, spaces before a word included; nil for 1 each.
    public var characters: SymbolSequence?

    /// Symbols, of one character each unless it is said of how many.
    public init(indices: SymbolSequence, characters: SymbolSequence? = nil) {
      self.indices = indices
      self.characters = characters
    }
  }

  /// The symbols of a text. Throws the first character that there is no symbol for, and its place.
  public func encode(_ text: some BidirectionalCollection<Unicode.Scalar>) throws(UnknownCharacter) -> Encoded
  {
    switch self {
    case .characters(let vocabulary): return Encoded(indices: try vocabulary.encode(text))
    case .words(let vocabulary, let splitting):
      var (indices, characters): (SymbolSequence, SymbolSequence) = ([], [])
      splitting.forEachToken(of: text) { token in
        indices.append(Int32(vocabulary.number(of: token.text) - WordVocabulary.unknown))
        characters.append(Int32(token.characters))
      }
      return Encoded(indices: indices, characters: characters)
    case .pieces(let vocabulary):
      var (indices, characters): (SymbolSequence, SymbolSequence) = ([], [])
      vocabulary.forEachPiece(of: text) { piece in
        indices.append(piece)
        characters.append(Int32(vocabulary.characters(piece)))
      }
      return Encoded(indices: indices, characters: characters)
    }
  }

  /// The text of symbols: U+FFFD for an unknown character, words with spaces between, of pieces the whole characters.
  public func decode(_ indices: some Sequence<Int32>) -> String {
    var writer = TokenWriter(self)
    var text = String.UnicodeScalarView()
    for index in indices { text.append(contentsOf: writer.write(index)) }
    return String(text)
  }

  // MARK: In a model's file

  private static let wordsKey = "vocabulary_words", splittingKey = "word_splitting"
  private static let mergesKey = "vocabulary_merges"
  /// The names of what model's files say of words and of pieces.
  package static let ownKeys = [wordsKey, splittingKey, mergesKey]

  /// What a model's file has to say.
  package var metadata: [String: String] {
    switch self {
    case .characters(let vocabulary): return vocabulary.metadata
    case .words(let vocabulary, let splitting):
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      // Strings can be encoded.
      let words = (try? encoder.encode(vocabulary.words)) ?? Data("[]".utf8)
      return [
        Self.wordsKey: String(decoding: words, as: UTF8.self), Self.splittingKey: splitting.rawValue,
      ]
    case .pieces(let vocabulary):
      return [Self.mergesKey: vocabulary.text]
    }
  }

  /// The symbols that a model's file has; nil when there are none, or none that can be.
  package init?(metadata: [String: String]) {
    if let vocabulary = Vocabulary(metadata: metadata) {
      self = .characters(vocabulary)
    } else if let text = metadata[Self.wordsKey] {
      guard let splitting = metadata[Self.splittingKey].flatMap(WordSplitting.init),
        let words = try? JSONDecoder().decode([String].self, from: Data(text.utf8))
      else { return nil }
      let vocabulary = WordVocabulary(words: words)
      guard vocabulary.words.count == words.count else { return nil }
      self = .words(vocabulary, splitting)
    } else if let text = metadata[Self.mergesKey] {
      guard let vocabulary = BytePairVocabulary(text: text) else { return nil }
      self = .pieces(vocabulary)
    } else {
      return nil
    }
  }
}
