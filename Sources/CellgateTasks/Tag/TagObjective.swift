import CellgateNN
import CellgateTensor
import CellgateTraining

/// The negative log-likelihood of the tags: of whole sentences under a conditional random field, or of each token under a softmax.
public struct TagObjective: TrainingObjective {
  /// The names of the tags.
  let labels: [String]
  /// Whether they mean spans.
  let areSpans: Bool
  /// What there is to say of the parts; nil for nothing.
  let remarks: [Split: String]

  /// The mean over the tokens, in nats.
  public func loss(
    _ model: Model, _ batch: TagBatch, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> BatchLoss {
    let scores = outputs(model, batch.inputs, named: "words", context, probe)[0]
    let tokens = batch.lengths.reduce(0, +)
    if let field = Self.field(model) {
      let sum = -field.logLikelihood(scores, tags: batch.tags).sum()
      return BatchLoss(mean: sum / Float(max(1, tokens)), weight: Double(tokens))
    }
    let mask = batch.tags.map { Float($0 < 0 ? 0 : 1) }
    return BatchLoss(
      mean: crossEntropy(scores.tensor, classes: batch.tags, mask: mask), weight: Double(tokens))
  }

  /// The share of the tokens whose tag is right.
  public func measure(
    _ model: Model, _ batch: TagBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let scores = scores(batch.names, Self.tags(model, batch, context))
    totals.add("accuracy", sum: scores.accuracy * Double(scores.tokens), weight: Double(scores.tokens))
  }

  private static func field(_ model: Model) -> ConditionalRandomField? {
    model.layers.last?.layer as? ConditionalRandomField
  }

  /// The number of the likeliest tag of each token of each sentence.
  static func tags(_ model: Model, _ batch: TagBatch, _ context: ForwardContext) -> [[Int32]] {
    let scores = model(batch.inputs, context)[0]
    if let field = field(model) { return field.decode(scores) }
    let likeliest = scores.tensor.argMax(axis: -1)
    let count = batch.lengths.count
    return batch.lengths.enumerated().map { column, length in
      (0..<length).map { Int32(likeliest[$0 * count + column]) }
    }
  }

  private func scores(_ expected: [[String]], _ found: [[Int32]]) -> TagScores {
    TagScores(expected: expected, found: found.map { $0.map { labels[Int($0)] } })
  }

  /// All scores, and those of the spans of each type.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<TagBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var (expected, found): ([[String]], [[Int32]]) = ([], [])
    context.each(of: batches) {
      Self.tags(model, $0, context)
    } use: {
      expected += $0.names
      found += $1
    }
    let scores = scores(expected, found)
    let values = metrics.map { scores.value($0.name) }
    return Evaluation(
      values[0], extras: Array(values.dropFirst()), remark: remark(split, expected),
      named: areSpans ? Self.named(scores.types) : [:])
  }

  /// The scores of each type of spans, by names of their own.
  private static func named(_ types: [String: TagScores.Spans]) -> [String: Double] {
    var named: [String: Double] = [:]
    for (type, spans) in types {
      named["span_f1_\(type)"] = spans.f1
      named["span_precision_\(type)"] = spans.precision
      named["span_recall_\(type)"] = spans.recall
    }
    return named
  }

  private func remark(_ split: Split, _ expected: [[String]]) -> String? {
    var parts = remarks[split].map { [$0] } ?? []
    let known = Set(labels)
    let unknown = expected.reduce(0) { $0 + $1.count { !known.contains($0) } }
    if unknown > 0 {
      let tokens = unknown == 1 ? "1 token has" : "\(unknown) tokens have"
      parts.append("\(tokens) a tag that the training data have none of, which counts as wrong")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}
