import CellgateBasics
import CellgateTraining

/// What is reached without a network: by the largest class, by naive Bayes on words, or by the nearest series.
struct ClassBaselines {
  let batches: ExampleBatches

  /// The best of them on the test part.
  var best: Baseline {
    // Data that a finished model is scored on come without those that it learned from.
    if batches.training.isEmpty {
      let sizes = Dictionary(grouping: test, by: \.label).mapValues(\.count)
      return Baseline(Double(sizes.values.max() ?? 0) / Double(test.count), "largest class of these data")
    }
    var all = [largest]
    if case .words = batches.encoder.input {
      all.append(naiveBayes)
    } else if let nearest {
      all.append(nearest)
    }
    return all.max { $0.value < $1.value } ?? largest
  }

  private var test: [SequenceEncoder.Example] { batches.examples(.test) }

  private func accuracy(_ predict: (SequenceEncoder.Example) -> Int32) -> Double {
    Double(test.count { predict($0) == $0.label }) / Double(test.count)
  }

  private var sizes: [Int] {
    var sizes = [Int](repeating: 0, count: batches.encoder.labels.count)
    for example in batches.training { sizes[Int(example.label)] += 1 }
    return sizes
  }

  /// The class that training has most of.
  var largest: Baseline {
    let sizes = sizes
    let label = Int32(sizes.indices.max { (sizes[$0], $1) < (sizes[$1], $0) } ?? 0)
    return Baseline(accuracy { _ in label }, "largest class")
  }

  /// Multinomial naive Bayes on the known words, each count one more.
  var naiveBayes: Baseline {
    guard case .words(let words) = batches.encoder.input else { return largest }
    let sizes = sizes
    var counts = sizes.map { _ in [Double](repeating: 1, count: words) }
    for example in batches.training {
      for word in example.values { counts[Int(example.label)][Int(word)] += 1 }
    }
    let logs = counts.map { row in
      let total = log(row.reduce(0, +))
      return row.map { log($0) - total }
    }
    return Baseline(
      accuracy { example in
        let scores = sizes.indices.map { label in
          example.values.reduce(log(Double(max(sizes[label], 1)))) { $0 + logs[label][Int($1)] }
        }
        return Int32(scores.indices.max { (scores[$0], $1) < (scores[$1], $0) } ?? 0)
      }, "naive Bayes on words")
  }

  /// The class of the nearest training series; nil where that would take long.
  var nearest: Baseline? {
    guard let places = nearestPlaces() else { return nil }
    let right = zip(test, places).count { $0.label == batches.training[$1].label }
    return Baseline(Double(right) / Double(test.count), "1-NN, Euclidean distance")
  }

  /// Of each test series the training series that is nearest by Euclid, over the steps that both have; nil where that would take long.
  func nearestPlaces() -> [Int]? {
    let work = batches.training.reduce(0) { $0 + $1.values.count } * max(test.count, 1)
    guard work < 2_000_000_000 else { return nil }
    let training = batches.training
    return test.map { example in
      var best = (distance: Float.infinity, place: 0)
      for (place, other) in training.enumerated() {
        let count = min(other.values.count, example.values.count)
        var distance: Float = 0
        for index in 0..<count {
          let difference = other.values[index] - example.values[index]
          distance += difference * difference
        }
        if distance < best.distance { best = (distance, place) }
      }
      return best.place
    }
  }
}
