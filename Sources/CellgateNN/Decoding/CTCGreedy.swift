/// The likeliest path of the steps of one sequence under connectionist temporal classification, collapsed: of each run of a symbol
/// one, and no blanks. A step at a time, so that a sequence may come in pieces.
///
///     var decoder = CTCGreedy()
///     for row in rows { if let symbol = decoder.step(row) { print(symbol) } }
public struct CTCGreedy: Sendable {
  private let blank: Int
  private var last: Int
  /// The symbols so far.
  public private(set) var symbols: [Int32] = []
  /// ln p of the path so far.
  public private(set) var score = 0.0

  /// A sequence that has not begun.
  public init(blank: Int = 0) { (self.blank, last) = (blank, blank) }

  /// Takes ln p of each of the K symbols at the next step, and gives the symbol that it adds; nil for none.
  @discardableResult
  public mutating func step(_ scores: some Collection<Float>) -> Int32? {
    var (best, top) = (blank, -Float.infinity)
    for (symbol, value) in scores.enumerated() where value > top { (best, top) = (symbol, value) }
    score += Double(top)
    defer { last = best }
    guard best != last, best != blank else { return nil }
    symbols.append(Int32(best))
    return Int32(best)
  }
}
