import CellgateNN
import CellgateTensor
import CellgateTraining

/// What each word of a text says for one output of a model: by how much the output changes with each number of the word's vector, times
/// the number (gradient × input), over all places where the word stands.
struct WordRelevance {
  let encoder: SequenceEncoder
  let model: Model

  /// The last words that are shown.
  private static let mostWords = 400

  /// Those of a text, whose example is `example`, the largest magnitude being 1; none of a model without words.
  func words(
    of text: String, _ example: SequenceEncoder.Example, output: Int
  ) -> [PredictionSample.Labelled.Word] {
    guard let embedding = model["embedding"] as? Embedding else { return [] }
    let table = embedding.weight
    table.zeroGradient()
    withGradient {
      let logits = model([encoder.batch([example]).x], .inference())[0].tensor
      let own = (0..<logits.shape[1]).map { $0 == output ? Float(1) : 0 }
      (logits * Tensor(own, shape: [1, own.count])).sum().backward()
    }
    let size = table.shape[1]
    let (gradients, values) = (table.gradient.scalars, table.value.scalars)
    let tokens = encoder.tokens(of: text)
    let evidence = (model["evidence"] as? Embedding)?.weight.value
    let weights = example.values.prefix(tokens.count).map { number in
      let start = Int(number) * size
      let own = (start..<start + size).reduce(0.0) { $0 + Double(gradients[$1]) * Double(values[$1]) }
      guard let evidence else { return own }
      let places = example.values.count { $0 == number }
      return own + Double(evidence[Int(number)].scalars[output]) * Double(places) / Double(example.steps)
    }
    table.zeroGradient()
    let largest = weights.map { abs($0) }.max() ?? 0
    return zip(tokens, weights).suffix(Self.mostWords).map {
      .init($0, weight: largest > 0 ? $1 / largest : 0)
    }
  }
}
