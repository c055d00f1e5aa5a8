/// Sentences of some texts that say what the texts are about: those nearest the centroid of all, without repeats.
enum ExtractiveSummary {
  /// Similarity from which two sentences say the same.
  private static let repeats: Float = 0.85

  /// Sentences up to `budget` tokens in their order. Each is chosen for its inner product with the centroid, less half of its largest one
  /// with a sentence that is chosen already (Carbonell and Goldstein 1998, https://doi.org/10.1145/290941.291025).
  static func sentences(
    of texts: [String], budget: Int, count: (String) -> Int, vectors: ([String]) throws -> [[Float]]
  ) rethrows -> [String] {
    var seen: Set<String> = []
    let sentences = texts.flatMap(split).filter { seen.insert($0).inserted }
    let encoded = try vectors(sentences)
    guard var centroid = encoded.first else { return [] }
    for vector in encoded.dropFirst() {
      for place in centroid.indices { centroid[place] += vector[place] }
    }
    let length = product(centroid, centroid).squareRoot()
    guard length > 0 else { return [] }
    let central = encoded.map { product($0, centroid) / length }
    var nearest = [Float](repeating: 0, count: sentences.count)
    var left = Set(sentences.indices)
    var (chosen, tokens): ([Int], Int) = ([], 0)
    while !left.isEmpty {
      guard
        let best = left.max(by: {
          (central[$0] - nearest[$0] / 2, $1) < (central[$1] - nearest[$1] / 2, $0)
        })
      else { break }
      left.remove(best)
      let cost = count(sentences[best])
      guard nearest[best] < repeats, tokens + cost <= budget else { continue }
      chosen.append(best)
      tokens += cost
      for other in left { nearest[other] = max(nearest[other], product(encoded[other], encoded[best])) }
    }
    return chosen.sorted().map { sentences[$0] }
  }

  private static func product(_ first: [Float], _ second: [Float]) -> Float {
    var sum: Float = 0
    for place in first.indices { sum += first[place] * second[place] }
    return sum
  }

  /// A text's sentences: they end at `.`, `!`, `?` before white space, or with their line. Those without a word are left out.
  static func split(_ text: String) -> [String] {
    var (sentences, sentence): ([String], String) = ([], "")
    func finish() {
      let words = sentence.split(whereSeparator: \.isWhitespace)
      if words.contains(where: { $0.contains { $0.isLetter || $0.isNumber } }) {
        sentences.append(words.joined(separator: " "))
      }
      sentence = ""
    }
    var ends = false
    for character in text {
      if character.isNewline || (ends && character.isWhitespace) {
        finish()
        ends = false
        continue
      }
      sentence.append(character)
      ends = ".!?。！？".contains(character) || (ends && "\"')”’".contains(character))
    }
    finish()
    return sentences
  }
}
