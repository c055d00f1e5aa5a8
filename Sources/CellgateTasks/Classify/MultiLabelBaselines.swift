import CellgateBasics
import CellgateTraining

/// What is reached without a network where a row may have several labels: by the most frequent set of labels, by those that most
/// rows have, by naive Bayes on words for each label, or by the nearest series.
struct MultiLabelBaselines {
  let batches: ExampleBatches

  /// The best of them on the test part, by the share of rows whose labels are all right.
  var best: Baseline {
    if batches.training.isEmpty {
      return Baseline(accuracy { [set = Self.most(test)] _ in set }, "most frequent labels of these data")
    }
    var all = [Baseline(accuracy { [set = Self.most(batches.training)] _ in set }, "most frequent labels")]
    if case .words(let words) = batches.encoder.input {
      if words * batches.encoder.labels.count <= TrainingSettings.mostEvidence {
        all.append(naiveBayes(words))
      }
    } else if let nearest = ClassBaselines(batches: batches).nearestPlaces() {
      let sets = nearest.map { Set(batches.training[$0].labels) }
      let right = zip(test, sets).count { Set($0.labels) == $1 }
      all.append(Baseline(Double(right) / Double(max(test.count, 1)), "1-NN, Euclidean distance"))
    }
    return all.max { $0.value < $1.value } ?? all[0]
  }

  private var test: [SequenceEncoder.Example] { batches.examples(.test) }

  private func accuracy(_ predict: (SequenceEncoder.Example) -> Set<Int32>) -> Double {
    Double(test.count { predict($0) == Set($0.labels) }) / Double(max(test.count, 1))
  }

  /// The labels that examples have together most often.
  private static func most(_ examples: [SequenceEncoder.Example]) -> Set<Int32> {
    var counts: [[Int32]: Int] = [:]
    for example in examples { counts[Set(example.labels).sorted(), default: 0] += 1 }
    let best = counts.max {
      ($0.value, $1.key.map { "\($0)" }.joined(separator: " "))
        < ($1.value, $0.key.map { "\($0)" }.joined(separator: " "))
    }
    return Set(best?.key ?? [])
  }

  /// Multinomial naive Bayes on the known words for each label by itself, each count one more.
  private func naiveBayes(_ words: Int) -> Baseline {
    let labels = batches.encoder.labels.count
    let counts = LabelWordCounts(batches, words: words, labels: labels) { $0.values }
    let logs = (0..<words * labels).map { counts.logRatio($0 / labels, $0 % labels) }
    let rows = Double(batches.training.count)
    let priors = (0..<labels).map { label in
      let own = Double(batches.training.count { $0.labels.contains(Int32(label)) })
      return CLibrary.log(max(own, 0.5)) - CLibrary.log(max(rows - own, 0.5))
    }
    return Baseline(
      accuracy { example in
        var scores = priors
        for word in example.values {
          for label in 0..<labels { scores[label] += logs[Int(word) * labels + label] }
        }
        return Set((0..<labels).filter { scores[$0] > 0 }.map { Int32($0) })
      }, "naive Bayes on words")
  }
}
