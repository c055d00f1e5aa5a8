import CellgateTensor

/// A model that writes sequences a symbol at a time: it takes the last symbol of each and gives the logits of the next.
///
/// It steps many sequences together, a *row* each: greedy search, sampling and beam search over it are written once. A
/// row's results must not depend on the other rows.
///
/// ```swift
/// let texts = decoder.greedy(from: states, after: [start, start], rules: rules)     // two texts
/// let best = decoder.beamSearch(from: states, after: [start, start], rules: rules, width: 5)
/// ```
public protocol SequenceDecoder {
  /// What the decoder knows of each row.
  associatedtype States

  /// The logits `[N, V]` of what comes after the last symbols of N rows, and what is known after them. A decoder may use up the
  /// states: what is returned is stepped on.
  func step(_ states: States, tokens: [Int32]) -> (logits: Tensor, states: States)

  /// The states of these rows, in this order and as often as they are named.
  func select(_ states: States, rows: [Int32]) -> States

  /// How little each row has looked at some places, 0 or less; see ``BeamSearch/coveragePenalty``. Nil of a decoder that doesn't
  /// know, as by default.
  func coverage(_ states: States) -> [Double]?
}

extension SequenceDecoder {
  /// Unknown.
  public func coverage(_ states: States) -> [Double]? { nil }
}

/// What a decoded sequence must look like.
public struct DecodingRules: Sendable, Equatable {
  /// The symbol that ends a sequence; nil where only the length does.
  public var end: Int32?
  /// The most symbols, the end not counted; a sequence that reaches it ends there without `end`.
  public var maximumLength: Int
  /// The fewest symbols before the end.
  public var minimumLength = 0
  /// N: no N symbols in a row come a second time; nil for no such rule.
  public var noRepeatedNGram: Int?
  /// Symbols that never come, such as that of unknown words.
  public var forbidden: Set<Int32> = []

  /// Sequences of up to so many symbols, until `end`.
  public init(end: Int32?, maximumLength: Int) {
    self.end = end
    self.maximumLength = maximumLength
  }

  /// What is wrong with the rules, in one line; nil for nothing.
  public var problem: String? {
    if maximumLength < 1 { return "maximum length: expected 1 or more, found \(maximumLength)" }
    if minimumLength < 0 || minimumLength > maximumLength {
      return "minimum length: expected 0 to the maximum length \(maximumLength), found \(minimumLength)"
    }
    if let count = noRepeatedNGram, count < 1 {
      return "no repeated n-gram: expected n of 1 or more, found \(count)"
    }
    return nil
  }

  /// The symbols that may not come after `tokens`, besides those that are forbidden anywhere.
  func excluded(after tokens: [Int32]) -> [Int32] {
    var result: [Int32] = []
    if let end, tokens.count < minimumLength { result.append(end) }
    if let count = noRepeatedNGram, tokens.count >= count {
      let last = tokens.suffix(count - 1)
      for start in 0...(tokens.count - count)
      where tokens[start..<start + count - 1].elementsEqual(last) {
        result.append(tokens[start + count - 1])
      }
    }
    return result
  }
}

/// A decoded sequence.
public struct Hypothesis: Sendable, Equatable {
  /// The symbols, without the first one and without the end.
  public var tokens: [Int32] = []
  /// ln p of each symbol, and of the end where there is one.
  public var logProbabilities: [Double] = []
  /// Whether it came to its end, and not to the maximum length.
  public var isComplete = false
  /// What hypotheses are compared by: `logProbability`, or what a search makes of it.
  public var score = 0.0

  /// A sequence that has not begun.
  public init() {}

  /// ln p of the sequence: the sum over its symbols and its end.
  public var logProbability: Double { logProbabilities.reduce(0, +) }
}
