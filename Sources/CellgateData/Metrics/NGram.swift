/// One to four words after one another, as a key.
struct NGram: Hashable, Sendable {
  /// The longest n-gram.
  static let longest = 4
  /// The numbers of the words, and −1 after the last.
  private let words: SIMD4<Int32>
  /// The words less one.
  let order: Int

  private init(_ words: SIMD4<Int32>, order: Int) { (self.words, self.order) = (words, order) }

  /// How often each n-gram stands in a text.
  static func counts(_ words: [Int32]) -> [NGram: Int] {
    var counts: [NGram: Int] = [:]
    counts.reserveCapacity(words.count * longest)
    for start in words.indices {
      var gram = SIMD4<Int32>(repeating: -1)
      for order in 0..<min(longest, words.count - start) {
        gram[order] = words[start + order]
        counts[NGram(gram, order: order), default: 0] += 1
      }
    }
    return counts
  }
}
