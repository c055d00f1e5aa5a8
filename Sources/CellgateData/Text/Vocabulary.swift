/// The symbols of a language model: Unicode scalars, each with an index. Of a text they are in the order of their code
/// points; a model of another tool may have an order of its own.
///
/// With `hasUnknown` one more index, the last, stands for every scalar that is none of the symbols.
public struct Vocabulary: Sendable, Equatable {
  /// The symbols, by index.
  public let symbols: [Unicode.Scalar]
  /// Whether there is an index for all others.
  public let hasUnknown: Bool
  /// By code point; −1 where there is no symbol.
  private let table: [Int32]

  /// The vocabulary of all scalars in `text`.
  public init(of text: some Sequence<Unicode.Scalar>, hasUnknown: Bool = false) {
    var isPresent: [Bool] = []
    for scalar in text {
      let code = Int(scalar.value)
      if code >= isPresent.count {
        isPresent += [Bool](repeating: false, count: code + 1 - isPresent.count)
      }
      isPresent[code] = true
    }
    self.init(
      ordered: isPresent.indices.filter { isPresent[$0] }.compactMap { Unicode.Scalar(UInt32($0)) },
      hasUnknown: hasUnknown)
  }

  /// The vocabulary of these symbols in this order; of those that stand twice the first counts.
  package init(ordered all: some Sequence<Unicode.Scalar>, hasUnknown: Bool = false) {
    var (symbols, table): ([Unicode.Scalar], [Int32]) = ([], [])
    for scalar in all {
      let code = Int(scalar.value)
      if code >= table.count { table += [Int32](repeating: -1, count: code + 1 - table.count) }
      guard table[code] < 0 else { continue }
      table[code] = Int32(symbols.count)
      symbols.append(scalar)
    }
    (self.symbols, self.hasUnknown, self.table) = (symbols, hasUnknown, table)
  }

  /// How many indices there are, V.
  public var count: Int { symbols.count + (hasUnknown ? 1 : 0) }

  /// The index that stands for all others; nil when there is none.
  public var unknown: Int32? { hasUnknown ? Int32(symbols.count) : nil }

  /// The index of a symbol; nil for a scalar that is none.
  public func index(of scalar: Unicode.Scalar) -> Int32? {
    let code = Int(scalar.value)
    return code < table.count && table[code] >= 0 ? table[code] : nil
  }

  /// The indices of a text. Throws the first scalar that has none, and its place.
  public func encode(_ text: some Sequence<Unicode.Scalar>) throws(UnknownCharacter) -> SymbolSequence {
    var indices: SymbolSequence = []
    for scalar in text {
      guard let index = index(of: scalar) ?? unknown else {
        throw UnknownCharacter(character: scalar, place: indices.count)
      }
      indices.append(index)
    }
    return indices
  }

  /// The symbols as one text.
  public var text: String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: symbols)
    return String(text)
  }

  // MARK: In a model's file

  private static let symbolsKey = "vocabulary", unknownKey = "vocabulary_unknown"

  /// What a model's file has to say.
  package var metadata: [String: String] {
    [Self.symbolsKey: text, Self.unknownKey: "\(hasUnknown)"]
  }

  /// The vocabulary in a model's file; nil when there is none.
  package init?(metadata: [String: String]) {
    guard let text = metadata[Self.symbolsKey], let hasUnknown = metadata[Self.unknownKey].flatMap(Bool.init)
    else { return nil }
    self.init(ordered: text.unicodeScalars, hasUnknown: hasUnknown)
  }
}

/// A character that a vocabulary doesn't have.
public struct UnknownCharacter: Error, Equatable, Sendable {
  /// The character.
  public let character: Unicode.Scalar
  /// Its place in the text, counted in scalars from 0.
  public let place: Int
}
