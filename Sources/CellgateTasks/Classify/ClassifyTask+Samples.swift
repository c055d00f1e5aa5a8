import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

extension ClassifyTask {
  /// The confusion matrix of the test part, and what the model makes of its first examples: of texts with what each word spoke for
  /// the class that was found, by gradient × input of its vector.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let labels = objective.labels
    var (probabilities, classes): ([[Double]], [Int32]) = ([], [])
    for batch in batches.batches(of: .test) {
      probabilities += ClassifyObjective.probabilities(model, batch, .inference())
      classes += batch.classes
    }
    var samples: [PredictionSample] = []
    if labels.count <= Self.mostClasses {
      let scores = ClassScores(probabilities: probabilities, classes: classes, count: labels.count)
      samples.append(.confusion(.init(labels: labels, counts: scores.confusion)))
    }
    let encoder = batches.encoder
    let relevance = WordRelevance(encoder: encoder, model: model)
    for (row, values) in zip(tested, probabilities).prefix(count) {
      let found = values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
      var sample = PredictionSample.Labelled(
        name: row.id, label: row.label ?? "", prediction: labels[found], probability: values[found])
      if let text = row.text {
        sample.words = relevance.words(of: text, encoder(row), output: found)
      } else {
        sample.series = encoder.features(of: row)
      }
      samples.append(.labelled(sample))
    }
    return samples
  }

  /// Classes of a matrix that is shown.
  private static let mostClasses = 30
}
