import CellgateBasics

/// How often each word stands in the texts of the training part that have a label, and in those that don't, each count one more.
struct LabelWordCounts {
  private let labels: Int
  /// V · L: of the texts that have the label.
  private var counts: [Double]
  /// V: of all texts.
  private var all: [Double]
  /// L: the sums over the words, for texts that have the label and those that don't.
  private var sums: [(has: Double, hasNot: Double)] = []

  /// Counts the words that each text of the training part is said to have.
  init(
    _ batches: ExampleBatches, words: Int, labels: Int, of text: (SequenceEncoder.Example) -> [Float]
  ) {
    self.labels = labels
    (counts, all) = ([Double](repeating: 0, count: words * labels), [Double](repeating: 0, count: words))
    for example in batches.training {
      for word in text(example) {
        all[Int(word)] += 1
        for label in example.labels where label >= 0 { counts[Int(word) * labels + Int(label)] += 1 }
      }
    }
    let total = all.reduce(0, +)
    sums = (0..<labels).map { label in
      let own = stride(from: label, to: counts.count, by: labels).reduce(0) { $0 + counts[$1] }
      return (own + Double(words), total - own + Double(words))
    }
  }

  /// ln p(word | label) − ln p(word | not the label).
  func logRatio(_ word: Int, _ label: Int) -> Double {
    let own = counts[word * labels + label]
    return CLibrary.log((own + 1) / sums[label].has)
      - CLibrary.log((all[word] - own + 1) / sums[label].hasNot)
  }
}
