import CellgateBasics
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The binary cross-entropy of each label of sequences that may have several, each answer weighed by its label.
public struct MultiLabelObjective: TrainingObjective {
  /// The names of the labels.
  let labels: [String]
  /// What an example that has a label weighs for it, and one that has it not; nil for all the same.
  let weights: [(has: Float, hasNot: Float)]?
  /// The share of each answer that is spread over both.
  let smoothing: Float
  /// What is said of the validation part.
  let remark: String?

  /// The mean over all labels of all examples, in nats, of smoothed answers.
  public func loss(
    _ model: Model, _ batch: ExampleBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let logits = outputs(model, [batch.x], named: "x", context, probe)[0].tensor
    let targets = targets(batch, smoothing: smoothing)
    let mask = weights.map { weights in
      self.targets(batch, smoothing: 0).enumerated().map { place, target in
        let own = weights[place % labels.count]
        return target > 0 ? own.has : own.hasNot
      }
    }
    return BatchLoss(
      mean: binaryCrossEntropy(
        logits, targets: Tensor(targets, shape: logits.shape),
        mask: mask.map { Tensor($0, shape: logits.shape) }),
      weight: mask.map { $0.reduce(0) { $0 + Double($1) } } ?? Double(targets.count))
  }

  /// 1 for each label of an example and 0 for the others, B · L, drawn together by smoothing.
  private func targets(_ batch: ExampleBatch, smoothing: Float) -> [Float] {
    var targets = [Float](repeating: smoothing / 2, count: batch.labels.count * labels.count)
    for (row, own) in batch.labels.enumerated() {
      for label in own where label >= 0 { targets[row * labels.count + Int(label)] = 1 - smoothing / 2 }
    }
    return targets
  }

  /// The binary cross-entropy of all labels.
  public func measure(
    _ model: Model, _ batch: ExampleBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let logits = model([batch.x], context)[0].tensor
    let targets = targets(batch, smoothing: 0)
    let loss = binaryCrossEntropy(logits, targets: Tensor(targets, shape: logits.shape))
    totals.add("log_loss", sum: Double(loss.item) * Double(targets.count), weight: Double(targets.count))
  }

  /// The probability of each label of each sequence.
  static func probabilities(_ model: Model, _ batch: ExampleBatch, _ context: ForwardContext) -> [[Double]] {
    let logits = model([batch.x], context)[0].tensor
    let (width, values) = (logits.shape[1], logits.detached.scalars)
    return stride(from: 0, to: values.count, by: width).map { start in
      values[start..<start + width].map { 1 / (1 + CLibrary.exp(-Double($0))) }
    }
  }

  /// All scores, and the AUC and F1 of each label.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<ExampleBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var (probabilities, labels): ([[Double]], [[Int32]]) = ([], [])
    context.each(of: batches) {
      Self.probabilities(model, $0, context)
    } use: {
      probabilities += $1
      labels += $0.labels
    }
    let scores = MultiLabelScores(probabilities: probabilities, labels: labels, count: self.labels.count)
    let values = metrics.map { scores.value($0.name) }
    // Of equal accuracies on validation data the better probabilities win.
    let value = split == .validation ? values[0] - min(scores.logLoss, 10) * 1e-5 : values[0]
    return Evaluation(
      value, extras: Array(values.dropFirst()), remark: split == .test ? remark(labels) : remark,
      named: split == .test && self.labels.count <= Self.mostNamed ? named(scores) : [:])
  }

  /// The most labels whose scores have names of their own.
  private static let mostNamed = 50

  private func named(_ scores: MultiLabelScores) -> [String: Double] {
    var named: [String: Double] = [:]
    for (place, label) in labels.enumerated() {
      if let area = scores.areas[place] { named["auc_\(label)"] = area }
      if let f1 = scores.f1[place] { named["f1_\(label)"] = f1 }
    }
    return named
  }

  private func remark(_ labels: [[Int32]]) -> String? {
    let unknown = labels.count { $0.contains(-1) }
    guard unknown > 0 else { return nil }
    let examples = unknown == 1 ? "1 example has" : "\(unknown) examples have"
    return "\(examples) a label that the training data have none of, which is missed"
  }
}
