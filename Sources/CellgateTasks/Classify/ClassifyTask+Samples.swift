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
    for (row, values) in zip(tested, probabilities).prefix(count) {
      let found = values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
      var sample = PredictionSample.Labelled(
        name: row.id, label: row.label ?? "", prediction: labels[found], probability: values[found])
      if let text = row.text {
        sample.words = words(of: text, encoder(row), class: found, model)
      } else {
        sample.series = encoder.features(of: row)
      }
      samples.append(.labelled(sample))
    }
    return samples
  }

  /// Classes of a matrix that is shown, and words of an example.
  private static let mostClasses = 30, mostWords = 400

  /// The last words with what they say for a class: what the class' logit changes by with each number of a word's vector, times the
  /// number, over all places where the word stands.
  private func words(
    of text: String, _ example: SequenceEncoder.Example, class found: Int, _ model: Model
  ) -> [PredictionSample.Labelled.Word] {
    guard let embedding = model["embedding"] as? Embedding else { return [] }
    let table = embedding.weight
    table.zeroGradient()
    withGradient {
      let logits = model([batches.encoder.batch([example]).x], .inference())[0].tensor
      let own = (0..<logits.shape[1]).map { $0 == found ? Float(1) : 0 }
      (logits * Tensor(own, shape: [1, own.count])).sum().backward()
    }
    let size = table.shape[1]
    let (gradients, values) = (table.gradient.scalars, table.value.scalars)
    let tokens = batches.encoder.tokens(of: text)
    let evidence = (model["evidence"] as? Embedding)?.weight.value
    let weights = example.values.prefix(tokens.count).map { number in
      let start = Int(number) * size
      let own = (start..<start + size).reduce(0.0) { $0 + Double(gradients[$1]) * Double(values[$1]) }
      guard let evidence else { return own }
      let places = example.values.count { $0 == number }
      return own + Double(evidence[Int(number)].scalars[found]) * Double(places) / Double(example.steps)
    }
    table.zeroGradient()
    let largest = weights.map { abs($0) }.max() ?? 0
    return zip(tokens, weights).suffix(Self.mostWords).map {
      .init($0, weight: largest > 0 ? $1 / largest : 0)
    }
  }
}
