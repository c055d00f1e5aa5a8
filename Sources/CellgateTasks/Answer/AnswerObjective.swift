import CellgateNN
import CellgateTensor
import CellgateTraining

/// The cross-entropy of answers, and perhaps that of where they come from.
public struct AnswerObjective: TrainingObjective {
  /// The answers.
  let labels: [String]
  /// λ of a loss −λ ln attention of the sentences that an answer comes from.
  let supporting: Float
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The mean over the questions, in nats.
  public func loss(
    _ model: Model, _ batch: AnswerBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let values = outputs(model, batch.inputs, named: "story", context, probe)
    let loss = crossEntropy(values[0].tensor, classes: batch.answers)
    let count = Double(batch.examples.count)
    guard supporting > 0, values.count > 1 else { return BatchLoss(mean: loss, weight: count) }
    return BatchLoss(mean: loss + attentionLoss(values[1].tensor, batch), weight: count)
  }

  /// −λ Σ ln weight of the sentence that each look is to be at, over the questions; weights are `[S, B, K]`.
  private func attentionLoss(_ weights: Tensor, _ batch: AnswerBatch) -> Tensor {
    let (count, hops) = (weights.shape[1], weights.shape[2])
    var places: [Int32] = []
    for (column, example) in batch.examples.enumerated() {
      for (look, sentence) in example.supporting.prefix(hops).enumerated() {
        places.append(Int32((sentence * count + column) * hops + look))
      }
    }
    guard !places.isEmpty else { return .zeros([]) }
    let seen = weights.reshaped([weights.count]).gathered(places)
    return (seen + Self.least).log().sum() * (-supporting / Float(max(1, batch.examples.count)))
  }

  /// Keeps the logarithm of a weight that is 0 finite.
  private static let least: Float = 1e-6

  /// The cross-entropy, of the questions whose answer is known.
  public func measure(
    _ model: Model, _ batch: AnswerBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let known = batch.answers.map { Float($0 < 0 ? 0 : 1) }
    let loss = crossEntropy(model(batch.inputs, context)[0].tensor, classes: batch.answers, mask: known)
    let count = Double(known.reduce(0, +))
    totals.add("log_loss", sum: Double(loss.item) * count, weight: count)
  }

  /// What a model makes of a question.
  struct Found {
    /// The probability of each answer.
    var probabilities: [Double]
    /// How much each look was at each sentence, a row for each look; empty of a model that reads words alone.
    var weights: [[Float]]

    /// The number of the likeliest answer.
    var answer: Int {
      probabilities.indices.max { (probabilities[$0], $1) < (probabilities[$1], $0) } ?? 0
    }
  }

  /// What a model makes of the questions of a batch.
  static func found(_ model: Model, _ batch: AnswerBatch, _ context: ForwardContext) -> [Found] {
    let values = withoutGradient { model(batch.inputs, context) }
    let probabilities = values[0].tensor.softmax().scalars, answers = values[0].tensor.shape[1]
    let weights = values.count > 1 ? values[1].tensor : nil
    let numbers = weights?.scalars ?? []
    return batch.examples.enumerated().map { column, example in
      let own = probabilities[column * answers..<(column + 1) * answers].map { Double($0) }
      guard let shape = weights?.shape else { return Found(probabilities: own, weights: []) }
      return Found(
        probabilities: own,
        weights: (0..<shape[2]).map { look in
          example.sentences.indices.map { numbers[($0 * shape[1] + column) * shape[2] + look] }
        })
    }
  }

  /// The share of right answers, and the log loss.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<AnswerBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var (probabilities, answers): ([[Double]], [Int32]) = ([], [])
    context.each(of: batches) {
      Self.found(model, $0, context).map(\.probabilities)
    } use: {
      probabilities += $1
      answers += $0.answers
    }
    let scores = ClassScores(probabilities: probabilities, classes: answers, count: labels.count)
    var values = metrics.map { scores.value($0.name) }
    // Of equal accuracies on validation data the better probabilities win.
    if split == .validation { values[0] -= min(scores.logLoss, 10) * 1e-5 }
    let unknown = answers.count { $0 < 0 }
    let remark =
      unknown == 0
      ? nil
      : "\(unknown) of \(answers.count) answers are none of the \(labels.count) that training has: all wrong"
    let parts = [remarks[split], remark].compactMap { $0 }
    return Evaluation(
      values[0], extras: Array(values.dropFirst()),
      remark: parts.isEmpty ? nil : parts.joined(separator: "; "))
  }
}
