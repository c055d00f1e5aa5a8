/// What a language model makes of the symbols before: ln p of each symbol that may come next, and of the end.
public struct LanguagePrefix: Sendable {
  /// ln p of each of the K symbols as the next one.
  public let scores: [Float]
  /// ln p of the end.
  public let end: Float
  /// The prefix with one more symbol.
  public let next: @Sendable (Int32) -> LanguagePrefix

  /// A prefix; `next` gives what it is with one more symbol.
  public init(scores: [Float], end: Float, next: @escaping @Sendable (Int32) -> LanguagePrefix) {
    (self.scores, self.end, self.next) = (scores, end, next)
  }
}
