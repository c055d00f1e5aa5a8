import CellgateBasics
import CellgateData

/// What texts of a group are found by their words alone: the cosine of tf-idf, and BM25 (Robertson and Zaragoza 2009,
/// https://doi.org/10.1561/1500000019) with k₁ = 1.2 and b = 0.75. How rare words are is counted in the texts that are searched.
struct WordRetrieval {
  /// The texts with a word, and how often it stands in each.
  private var postings: [[(text: Int, count: Float)]] = []
  private var words: [[(word: Int, count: Float)]] = []
  private let groups: [Int32]
  /// The words of each text, and of a text on average.
  private let lengths: [Float], mean: Float
  /// What a word counts for, by how few texts have it, and the length of a text's vector of such counts.
  private let rarity: [Float], norms: [Float]

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
    let count = Float(words.count)
    lengths = words.map { $0.reduce(Float(0)) { $0 + $1.count } }
    mean = max(1, lengths.reduce(0, +) / max(1, count))
    let rarity = postings.map { Self.log((1 + count) / (1 + Float($0.count))) + 1 }
    self.rarity = rarity
    norms = words.map { own in
      own.reduce(Float(0)) { sum, entry in
        let weight = (1 + Self.log(entry.count)) * rarity[entry.word]
        return sum + weight * weight
      }.squareRoot()
    }
  }

  /// The recall of both, by the metrics' names.
  var scores: [String: Double] {
    var (cosine, bm25) = (RetrievalScores(), RetrievalScores())
    for query in words.indices {
      let found = scores(of: query)
      cosine.add(query: query, scores: found.cosine, groups: groups)
      bm25.add(query: query, scores: found.bm25, groups: groups)
    }
    var scores: [String: Double] = [:]
    for (name, values) in [("tfidf", cosine.values), ("bm25", bm25.values)] {
      for (metric, value) in values { scores["\(name)_\(metric)"] = value }
    }
    return scores
  }

  /// What both say of all texts for a text as the query.
  func scores(of query: Int) -> (cosine: [Float], bm25: [Float]) {
    var cosine = [Float](repeating: 0, count: words.count)
    var bm25 = cosine
    for (word, count) in words[query] {
      let own = (1 + Self.log(count)) * rarity[word] * rarity[word]
      let with = Float(postings[word].count)
      let weight = Self.log(1 + (Float(words.count) - with + 0.5) / (with + 0.5))
      for (text, often) in postings[word] {
        cosine[text] += own * (1 + Self.log(often)) / norms[text]
        bm25[text] += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * lengths[text] / mean))
      }
    }
    return (cosine, bm25)
  }

  private static func log(_ value: Float) -> Float { Float(CLibrary.log(Double(value))) }
}
