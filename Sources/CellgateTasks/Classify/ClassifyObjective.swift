import CellgateBasics
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The cross-entropy of sequences' classes, each weighed by its class.
public struct ClassifyObjective: TrainingObjective {
  /// The names of the classes.
  let labels: [String]
  /// What an example of each class weighs; nil for all the same.
  let weights: [Float]?
  /// The share of each label that is spread over all classes.
  let smoothing: Float
  /// What is said of the validation part.
  let remark: String?

  /// The mean cross-entropy in nats, of smoothed labels.
  public func loss(
    _ model: Model, _ batch: ExampleBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let logits = outputs(model, [batch.x], named: "x", context, probe)[0].tensor
    let mask = weights.map { weights in batch.classes.map { weights[Int($0)] } }
    return BatchLoss(
      mean: crossEntropy(logits, classes: batch.classes, mask: mask, labelSmoothing: smoothing),
      weight: mask.map { $0.reduce(0) { $0 + Double($1) } } ?? Double(batch.classes.count))
  }

  /// The cross-entropy, of the examples whose class is known.
  public func measure(
    _ model: Model, _ batch: ExampleBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let known = batch.classes.map { Float($0 < 0 ? 0 : 1) }
    let count = Double(known.reduce(0, +))
    let loss = crossEntropy(model([batch.x], context)[0].tensor, classes: batch.classes, mask: known)
    totals.add("log_loss", sum: Double(loss.item) * count, weight: count)
  }

  /// The probabilities of the classes of each sequence.
  static func probabilities(_ model: Model, _ batch: ExampleBatch, _ context: ForwardContext) -> [[Double]] {
    let logits = model([batch.x], context)[0].tensor
    let (width, values) = (logits.shape[1], logits.detached.softmax().scalars)
    return stride(from: 0, to: values.count, by: width).map { start in
      values[start..<start + width].map { Double($0) }
    }
  }

  /// All scores, and how often each class was taken for another.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<ExampleBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var (probabilities, classes): ([[Double]], [Int32]) = ([], [])
    context.each(of: batches) {
      Self.probabilities(model, $0, context)
    } use: {
      probabilities += $1
      classes += $0.classes
    }
    let scores = ClassScores(probabilities: probabilities, classes: classes, count: labels.count)
    let values = metrics.map { scores.value($0.name) }
    // Of equal accuracies on validation data the better probabilities win, by what is trained for.
    let value =
      split == .validation ? values[0] - min(smoothedLoss(probabilities, classes), 10) * 1e-5 : values[0]
    return Evaluation(
      value, extras: Array(values.dropFirst()),
      remark: split == .test ? remark(scores, classes) : remark,
      named: split == .test && labels.count <= Self.mostNamed
        ? [String: Double](labels.indices.map { ("f1_" + labels[$0], scores.f1[$0]) }) { first, _ in first }
        : [:])
  }

  /// The most classes whose scores have names of their own.
  private static let mostNamed = 20

  /// The mean cross-entropy of smoothed labels.
  private func smoothedLoss(_ probabilities: [[Double]], _ classes: [Int32]) -> Double {
    let share = Double(smoothing) / Double(max(labels.count, 1))
    let sum = zip(probabilities, classes).reduce(0.0) { sum, example in
      let (row, label) = example
      let logs = row.map { log(max($0, 1e-15)) }
      let own = label >= 0 ? logs[Int(label)] : log(1e-15)
      return sum - (1 - Double(smoothing)) * own - share * logs.reduce(0, +)
    }
    return sum / Double(max(classes.count, 1))
  }

  /// The confusion matrix of a few classes, and labels that training had none of.
  private func remark(_ scores: ClassScores, _ classes: [Int32]) -> String? {
    var parts: [String] = []
    let unknown = classes.count { $0 < 0 }
    if unknown > 0 {
      parts.append("\(unknown) examples have a class that the training data have none of: all wrong")
    }
    if labels.count <= 10 {
      let rows = labels.indices.map { row in
        "\(labels[row]): " + scores.confusion[row].map(String.init).joined(separator: " ")
      }
      parts.append("confusion, a row a true class: " + rows.joined(separator: ", "))
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}
