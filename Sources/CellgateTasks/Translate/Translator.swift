import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Translates sentences with a model that `translate` trained.
///
/// ```swift
/// let translator = try Translator("runs/translate-lstm")
/// let found = translator.translations(of: ["Zwei Hunde laufen."], search: Translator.usualSearch)
/// print(found?[0][0].text ?? "")
/// ```
///
/// A sentence of more symbols than those that were trained on is translated in parts of like lengths, one after another.
public struct Translator {
  /// A beam of 5 with an α of 0.5. With 1 the translations of a model of Multi30k's validation part (de→en, four epochs) were 11 %
  /// longer than the references: BLEU 28.2, with 0.5 30.3.
  public static let usualSearch = BeamSearch(width: 5, lengthPower: 0.5)

  /// What becomes of words that the model doesn't know.
  public enum Unknown: String, Sendable, CaseIterable {
    /// The word of the source that was looked at most stands for it.
    case replace
    /// A mark, `<unk>`, stands for it.
    case keep
    /// The model writes none.
    case avoid
  }

  /// A translation that the model found.
  public struct Translation: Sendable, Equatable {
    /// The sentence.
    public internal(set) var text = ""
    /// ln p of its symbols and its end over their number^α, with the penalty of what wasn't looked at; see ``BeamSearch``. Of a
    /// sentence in parts the mean of theirs.
    public internal(set) var score = 0.0
    /// ln p of its symbols and its end.
    public internal(set) var logProbability = 0.0
    /// The symbols of each part.
    var parts: [[Int32]] = []
    /// What stands for unknown ones, by part and place.
    var replaced: [[Int: String]] = []

    /// The translation of nothing.
    public init() {}
  }

  /// The model.
  public let model: DecodingModel
  /// The symbols of both sides.
  let symbols: Preprocessing.Translation

  init(_ model: DecodingModel, _ symbols: Preprocessing.Translation) {
    (self.model, self.symbols) = (model, symbols)
  }

  /// The translator of a model; nil of one that takes or gives other data.
  public init?(_ model: Model) {
    guard let symbols = model.preprocessing.translation, let decoding = try? DecodingModel(model),
      decoding.vocabularySize == symbols.target.count, decoding.subjects.map(\.shape) == [.sequence()],
      model.layers.compactMap({ ($0.layer as? Embedding)?.options.inputDim }) == [symbols.source.count]
    else { return nil }
    self.init(decoding, symbols)
  }

  /// The model in a file, or the best one of the run in a folder. Throws what is wrong with it, `badModel` for one that translates
  /// nothing.
  public init(_ path: String, trustingWeights: Bool = false) throws(RunError) {
    guard let own = Translator(try Model.load(path, trustingWeights: trustingWeights)) else {
      throw .badModel(
        file: path, reason: "expected a model that 'cellgate train translate' made, found another")
    }
    self = own
  }

  /// Whether it looks at the sentence while it writes.
  public var hasAttention: Bool { model.layer is AttentionDecoder || model.layer is TransformerSymbolDecoder }

  /// Symbols of sentences side by side, with their lengths.
  static func subject(_ sentences: [[Int32]]) -> LayerValue {
    let (steps, count) = (sentences.map(\.count).max() ?? 0, sentences.count)
    var numbers = [Float](repeating: Float(TranslationVocabulary.padding), count: steps * count)
    for (column, sentence) in sentences.enumerated() {
      for (step, symbol) in sentence.enumerated() { numbers[step * count + column] = Float(symbol) }
    }
    return LayerValue(
      Tensor(numbers, shape: [steps, count]), mask: .lengths(sentences.map(\.count)))
  }

  // MARK: Translations

  /// A part of a sentence.
  private struct Part {
    /// The sentence's place.
    let sentence: Int
    /// Its symbols and their texts.
    let line: TranslationVocabulary.Line
  }

  /// The parts of sentences, none of those without symbols.
  private func parts(of sentences: [String]) -> [Part] {
    sentences.enumerated().flatMap { place, sentence -> [Part] in
      let line = symbols.source.encode(sentence)
      let (all, count) = (line.symbols.count, (line.symbols.count - 1) / symbols.length + 1)
      guard all > 0 else { return [] }
      return (0..<count).map { index in
        let range = all * index / count..<all * (index + 1) / count
        return Part(
          sentence: place,
          line: .init(symbols: Array(line.symbols[range]), texts: Array(line.texts[range])))
      }
    }
  }

  /// The best translations of sentences, of each the best first; that of a sentence without symbols is empty. Nil where
  /// `shouldStop` was true before they were found. A sentence's translations don't depend on the others.
  ///
  /// - Parameters:
  ///   - search: how they are looked for.
  ///   - unknown: what becomes of words that the model doesn't know.
  ///   - batch: sentences that are translated together.
  public func translations(
    of sentences: [String], search: BeamSearch, unknown: Unknown = .replace, batch: Int = 64,
    shouldStop: () -> Bool = { false }
  ) -> [[Translation]]? {
    let parts = parts(of: sentences)
    var found = [[Translation]](repeating: [], count: parts.count)
    for group in LengthOrder.groups(of: parts.map(\.line.symbols.count), most: batch) {
      if shouldStop() { return nil }
      for (place, own) in zip(group, translations(of: group.map { parts[$0] }, search, unknown)) {
        found[place] = own
      }
    }
    var whole = [[[Translation]]](repeating: [], count: sentences.count)
    for (part, own) in zip(parts, found) { whole[part.sentence].append(own) }
    return whole.map { joined($0, search) }
  }

  /// Calls `body` with each line of a text, gzipped or not, its number from 0 on and its translations; with "-" each line of standard
  /// input as it comes. Throws what is wrong with the file, or what `body` throws.
  public func forEachLine(
    of path: String, search: BeamSearch, unknown: Unknown = .replace, batch: Int = 64,
    _ body: (_ number: Int, _ sentence: String, _ translations: [Translation]) throws -> Void
  ) throws {
    var number = 0
    try LineStream.read(path, most: batch) { lines in
      let found = translations(of: lines, search: search, unknown: unknown, batch: batch) ?? []
      for (line, own) in zip(lines, found) {
        try body(number, line, own)
        number += 1
      }
    }
  }

  /// The translations of parts that are computed together.
  private func translations(
    of parts: [Part], _ search: BeamSearch, _ unknown: Unknown
  ) -> [[Translation]] {
    var rules = DecodingRules(end: TranslationVocabulary.end, maximumLength: 2 * symbols.length)
    rules.forbidden = [TranslationVocabulary.padding, TranslationVocabulary.begin]
    let mark = symbols.target.unknown
    if unknown == .avoid, let mark { rules.forbidden.insert(mark) }
    let subject = Self.subject(parts.map(\.line.symbols))
    let decoder = model.decoder([subject], keepsCoverage: search.coveragePenalty > 0)
    let found = decoder.beamSearch(after: TranslationVocabulary.begin, rules: rules, search: search)
    return zip(parts, found).map { part, hypotheses in
      hypotheses.map { hypothesis in
        var translation = Translation()
        translation.score = hypothesis.score
        translation.logProbability = hypothesis.logProbability
        translation.parts = [hypothesis.tokens]
        let replaced =
          unknown == .replace && mark.map(hypothesis.tokens.contains) == true
          ? replacements(hypothesis.tokens, of: part.line) : [:]
        translation.replaced = [replaced]
        translation.text = symbols.target.decode(hypothesis.tokens) { replaced[$0] }
        return translation
      }
    }
  }

  /// What stands for the unknown ones of some symbols: the text of the source that was looked at most, the first of equal ones.
  private func replacements(_ tokens: [Int32], of line: TranslationVocabulary.Line) -> [Int: String] {
    guard let weights = attention([tokens], of: [line.symbols])?[0] else { return [:] }
    var texts: [Int: String] = [:]
    for (place, token) in tokens.enumerated() where token == symbols.target.unknown {
      let most = weights[place].indices.max { (weights[place][$0], $1) < (weights[place][$1], $0) }
      texts[place] = most.map { line.texts[$0] }
    }
    return texts
  }

  private func attention(_ tokens: [[Int32]], of lines: [[Int32]]) -> [[[Float]]]? {
    model.attention(tokens, about: [Self.subject(lines)], start: TranslationVocabulary.begin)?
      .map(\.rowValues)
  }

  /// The translations of a sentence, of those of its parts: the best ones together, the second ones together.
  private func joined(_ parts: [[Translation]], _ search: BeamSearch) -> [Translation] {
    if parts.count == 1 { return parts[0] }
    guard let count = parts.map(\.count).min() else { return [Translation()] }
    return (0..<count).map { rank in
      let own = parts.map { $0[rank] }
      var translation = Translation()
      translation.text = own.map(\.text).joined(separator: " ")
      translation.logProbability = own.reduce(0) { $0 + $1.logProbability }
      translation.score = own.reduce(0) { $0 + $1.score } / Double(own.count)
      translation.parts = own.flatMap(\.parts)
      translation.replaced = own.flatMap(\.replaced)
      return translation
    }
  }

  // MARK: Attention

  /// What each symbol of translations of sentences looked at; nothing of a model without attention.
  public func alignments(of sentences: [String], _ translations: [Translation]) -> [Alignment] {
    let parts = [Int: [Part]](grouping: self.parts(of: sentences)) { $0.sentence }
    return translations.enumerated().map { place, translation in
      let own = parts[place] ?? []
      let width = own.reduce(0) { $0 + $1.line.symbols.count }
      var alignment = Alignment(source: own.flatMap(\.line.texts), target: [], weights: [])
      var start = 0
      for (index, part) in own.enumerated() where index < translation.parts.count {
        let (tokens, count) = (translation.parts[index], part.line.symbols.count)
        let rows = tokens.isEmpty ? [] : attention([tokens], of: [part.line.symbols])?[0] ?? []
        for (row, weights) in rows.enumerated() {
          alignment.target.append(
            translation.replaced[index][row] ?? symbols.target.text(of: tokens[row]))
          alignment.weights.append(
            [Float](repeating: 0, count: start) + weights
              + [Float](repeating: 0, count: width - start - count))
        }
        start += count
      }
      return alignment
    }
  }
}
