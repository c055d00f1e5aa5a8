import CellgateBasics
import CellgateData
import CellgateTraining

/// Cuts texts into tokens and gives each its number: 0 is padding, 1 stands for what isn't known, and the tokens that the training part
/// made known come from 2 on.
struct TextVectorizer {
  private let unit: TextUnit
  /// Nil for all.
  private let length: Int?
  private let keepsEnd: Bool
  private let keepsCase: Bool
  private let vocabulary: WordVocabulary
  /// Of pieces; nil of words and characters.
  private let pieces: BytePairVocabulary?

  /// What a model knows; nil of one that takes no texts, or whose pieces can't be.
  init?(_ preprocessing: Preprocessing) {
    guard let words = preprocessing.words else { return nil }
    unit = preprocessing.unit ?? .words
    length = preprocessing.length
    keepsEnd = preprocessing.keepsStart != true
    keepsCase = preprocessing.keepsCase == true
    pieces = preprocessing.merges.flatMap { BytePairVocabulary(text: $0) }
    if preprocessing.merges != nil, pieces == nil { return nil }
    vocabulary = WordVocabulary(words: words)
  }

  /// How many numbers there are, V.
  var count: Int { (pieces?.count ?? vocabulary.words.count) + Self.first }

  /// The number of the first token.
  private static let first = 2

  /// The tokens of a text that count, those at its end or at its start.
  func tokens(of text: String) -> [String] {
    guard let pieces else {
      return Array(kept(unit.tokens(of: text, keepsCase: keepsCase)))
    }
    return kept(pieces.encode(cased(text).unicodeScalars)).map {
      String(decoding: pieces.bytes($0), as: UTF8.self)
    }
  }

  /// Their numbers.
  func numbers(of text: String) -> [Int] {
    guard let pieces else { return tokens(of: text).map(number) }
    return kept(pieces.encode(cased(text).unicodeScalars)).map { Int($0) + Self.first }
  }

  /// The tokens that have numbers of their own, in the order of these; none of pieces.
  var words: [String] { vocabulary.words }

  private func cased(_ text: String) -> String { keepsCase ? text : text.lowercased() }

  private func kept<Token>(_ tokens: [Token]) -> ArraySlice<Token> {
    keepsEnd ? tokens.suffix(length ?? .max) : tokens.prefix(length ?? .max)
  }

  /// The number of a token, of its form where it isn't known itself, or of unknown ones.
  private func number(_ token: String) -> Int {
    let own = vocabulary.number(of: token)
    guard own == WordVocabulary.unknown, unit == .words, let form = TextUnit.form(of: token) else {
      return own
    }
    return vocabulary.number(of: form)
  }

  // MARK: Learning

  /// What the training part makes known, into `preprocessing`. Words of `vectors` are known however rare they are; those of `given` are
  /// the only ones.
  static func learn(
    _ texts: [String], _ settings: TrainingSettings, given: [String]?, vectors: WordVectors?,
    into preprocessing: inout Preprocessing
  ) {
    preprocessing.length = settings.whole(ClassifyOptions.length)
    preprocessing.keepsStart = settings.text(ClassifyOptions.truncate) == "end" ? true : nil
    let keepsCase = settings.text(ClassifyOptions.lowercase) == "no"
    preprocessing.keepsCase = keepsCase ? true : nil
    if settings.text(ClassifyOptions.unit) == ClassifyOptions.pieces.name {
      var all = String.UnicodeScalarView()
      for text in texts {
        all.append(contentsOf: (keepsCase ? text : text.lowercased()).unicodeScalars)
        all.append("\n")
      }
      let pieces = BytePairVocabulary(learning: all, count: settings.whole(ClassifyOptions.pieces))
      (preprocessing.merges, preprocessing.words) = (pieces.text, [])
      return
    }
    let unit =
      settings.text(ClassifyOptions.unit).flatMap(TextUnit.init)
      ?? (given == nil && vectors == nil ? unit(of: texts) : .words)
    preprocessing.unit = unit
    preprocessing.words = given ?? known(texts, unit, keepsCase: keepsCase, vectors, settings)
  }

  /// Characters of texts that are hardly more than a word each, such as names, by the first thousand; words of others.
  private static func unit(of texts: [String]) -> TextUnit {
    let texts = texts.prefix(1000)
    let words = texts.reduce(0) { $0 + TextUnit.words.tokens(of: $1).count }
    return 2 * words < 3 * texts.count ? .characters : .words
  }

  /// The tokens that stand in texts often enough, and the forms of those that don't, the most frequent one first.
  private static func known(
    _ texts: [String], _ unit: TextUnit, keepsCase: Bool, _ vectors: WordVectors?,
    _ settings: TrainingSettings
  ) -> [String] {
    let least = settings.whole(ClassifyOptions.leastCount)
    var counts: [String: Int] = [:]
    for text in texts {
      for token in unit.tokens(of: text, keepsCase: keepsCase) { counts[token, default: 0] += 1 }
    }
    func isKnown(_ token: String, _ count: Int) -> Bool { count >= least || vectors?[token] != nil }
    var kept = counts.filter { isKnown($0.key, $0.value) }
    if unit == .words {
      var forms: [String: Int] = [:]
      for (token, count) in counts where !isKnown(token, count) {
        if let form = TextUnit.form(of: token) { forms[form, default: 0] += count }
      }
      for (form, count) in forms where count >= max(least, leastForm) { kept[form] = count }
    }
    return kept.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .prefix(settings.whole(ClassifyOptions.words) - first).map(\.key)
  }

  /// The fewest unknown words that make their form known.
  private static let leastForm = 2
}
