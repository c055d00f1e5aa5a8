import CellgateBasics
import CellgateData
import CellgateTensor

/// What each word says for each class: ln p(word | class), less its mean over the classes, by naive Bayes on the words that the texts
/// of the training part have.
struct WordEvidence {
  /// [V, C]; 0 of padding and of unknown words.
  let table: Tensor

  /// Of the training part of texts.
  init(_ batches: ExampleBatches) {
    let classes = batches.encoder.labels.count
    let words: Int
    if case .words(let count) = batches.encoder.input { words = count } else { words = 0 }
    // Each count is one more.
    var counts = [Double](repeating: 1, count: words * classes)
    for example in batches.training where example.label >= 0 {
      for word in Set(example.values) { counts[Int(word) * classes + Int(example.label)] += 1 }
    }
    let totals = (0..<classes).map { label in
      CLibrary.log(stride(from: label, to: counts.count, by: classes).reduce(0) { $0 + counts[$1] })
    }
    var values = [Float](repeating: 0, count: counts.count)
    for word in min(WordVocabulary.unknown + 1, words)..<words {
      let logs = (0..<classes).map { CLibrary.log(counts[word * classes + $0]) - totals[$0] }
      let mean = logs.reduce(0, +) / Double(classes)
      for label in 0..<classes { values[word * classes + label] = Float(logs[label] - mean) }
    }
    table = Tensor(values, shape: [words, classes])
  }

  /// Of the training part of texts whose rows may have several labels: ln p(word | label) less ln p(word | not the label).
  init(labelsOf batches: ExampleBatches) {
    let labels = batches.encoder.labels.count
    let words: Int
    if case .words(let count) = batches.encoder.input { words = count } else { words = 0 }
    let counts = LabelWordCounts(batches, words: words, labels: labels) { Array(Set($0.values)) }
    var values = [Float](repeating: 0, count: words * labels)
    for word in min(WordVocabulary.unknown + 1, words)..<words {
      for label in 0..<labels { values[word * labels + label] = Float(counts.logRatio(word, label)) }
    }
    table = Tensor(values, shape: [words, labels])
  }
}
