import CellgateNN
import CellgateTensor
import CellgateTraining

/// Weighs the logits of a classifier, and what naive Bayes makes of the words, so that the right answers of the validation part become
/// the likeliest: a temperature (Guo et al. 2017, https://arxiv.org/abs/1706.04599) and a mixture of both. The weights become part of
/// the head and of the words' evidence.
struct ClassifierCalibration {
  let batches: ExampleBatches

  /// Changes a model by the weights of its logits on the validation part, and of the evidence's where it has one; returns whether it did,
  /// which it doesn't when it is asked to stop.
  func callAsFunction(
    _ model: Model, _ context: ForwardContext, evidence table: () -> Tensor,
    weights: (_ logits: [Float], _ evidence: [Float]?) -> LogitWeights
  ) -> Bool {
    guard let head = model["head"] as? Dense else { return false }
    let words = model["evidence"] as? Embedding
    let before = words?.weight.value
    // A model that was trained on from a calibrated one has that one's evidence yet.
    if let words { words.weight.assign(.zeros(words.weight.shape)) }
    guard let logits = logits(model, context) else {
      if let words, let before { words.weight.assign(before) }
      return false
    }
    var evidence: [Float]?
    if let words {
      words.weight.assign(table())
      guard let both = self.logits(model, context) else {
        if let before { words.weight.assign(before) }
        return false
      }
      evidence = zip(both, logits).map { $0 - $1 }
    }
    let weights = weights(logits, evidence)
    for parameter in [head.map.weight, head.map.bias].compactMap({ $0 }) {
      parameter.assign(parameter.value * Float(weights.logits))
    }
    if let words { words.weight.assign(words.weight.value * Float(weights.evidence)) }
    return true
  }

  /// Those of the validation part, C of each example; nil when asked to stop.
  func logits(_ model: Model, _ context: ForwardContext) -> [Float]? {
    var logits: [Float] = []
    for batch in batches.batches(of: .validation) {
      if context.shouldStop { return nil }
      logits += model([batch.x], context)[0].tensor.scalars
    }
    return logits
  }
}
