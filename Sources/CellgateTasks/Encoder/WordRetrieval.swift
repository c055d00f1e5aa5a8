import CellgateBasics
import CellgateData

/// What texts of a group are found by their words alone: the cosine of tf-idf, and BM25 (Robertson and Zaragoza 2009,
/// https://doi.org/10.1561/1500000019) with k₁ = 1.2 and b = 0.75. How rare words are is counted in the texts that are searched.
struct WordRetrieval {
  /// The texts with a word, and how often it stands in each.
  private var postings: [[(text: Int, count: Float)]] = []
  private var words: [[(word: Int, count: Float)]] = []
  private let groups: [Int32]

  init(_ part: SentencePart) {
    groups = part.groups
    var numbers: [String: Int] = [:]
    for (text, content) in part.texts.enumerated() {
      var (counts, order): ([Int: Float], [Int]) = ([:], [])
      for token in TextUnit.words.tokens(of: content) {
        let word: Int
        if let known = numbers[token] {
          word = known
        } else {
          word = numbers.count
          numbers[token] = word
          postings.append([])
        }
        if counts[word] == nil { order.append(word) }
        counts[word, default: 0] += 1
      }
      words.append(order.map { ($0, counts[$0] ?? 0) })
      for word in order { postings[word].append((text, counts[word] ?? 0)) }
    }
  }

  /// The recall of both, by the metrics' names.
  var scores: [String: Double] {
    let count = Float(words.count)
    let lengths = words.map { $0.reduce(0) { $0 + $1.count } }
    let mean = max(1, lengths.reduce(0, +) / max(1, count))
    let rarity = postings.map { Self.log((1 + count) / (1 + Float($0.count))) + 1 }
    let norms = words.map { own in
      own.reduce(Float(0)) { sum, entry in
        let weight = (1 + Self.log(entry.count)) * rarity[entry.word]
        return sum + weight * weight
      }.squareRoot()
    }
    var (cosine, bm25) = (RetrievalScores(), RetrievalScores())
    var (cosines, sums) = (
      [Float](repeating: 0, count: words.count), [Float](repeating: 0, count: words.count)
    )
    for query in words.indices {
      for place in words.indices { (cosines[place], sums[place]) = (0, 0) }
      for (word, count) in words[query] {
        let own = (1 + Self.log(count)) * rarity[word] * rarity[word]
        let with = Float(postings[word].count)
        let weight = Self.log(1 + (Float(words.count) - with + 0.5) / (with + 0.5))
        for (text, often) in postings[word] {
          cosines[text] += own * (1 + Self.log(often)) / norms[text]
          sums[text] += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * lengths[text] / mean))
        }
      }
      cosine.add(query: query, scores: cosines, groups: groups)
      bm25.add(query: query, scores: sums, groups: groups)
    }
    var scores: [String: Double] = [:]
    for (name, values) in [("tfidf", cosine.values), ("bm25", bm25.values)] {
      for (metric, value) in values { scores["\(name)_\(metric)"] = value }
    }
    return scores
  }

  private static func log(_ value: Float) -> Float { Float(CLibrary.log(Double(value))) }
}
