import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Brings the vectors of texts of a group near each other, and those of different groups apart.
public struct EncoderObjective: TrainingObjective {
  /// τ.
  let temperature: Float
  /// What counting words reaches on a part.
  let counted: (Split) -> [String: Double]
  /// The words of a part's texts.
  let words: (Split) -> WordRetrieval?
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The cross-entropy of finding each text's partner among those of the batch by inner products over τ, the mean of both directions (van den
  /// Oord et al. 2018, https://arxiv.org/abs/1807.03748). Texts of the same group are no wrong answers.
  public func loss(
    _ model: Model, _ batch: SentenceBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let vectors = Self.unit(outputs(model, [batch.x], named: "texts", context, probe)[0].tensor)
    let count = batch.groups.count / 2
    let (first, second) = (vectors.sliced(0..<count, axis: 0), vectors.sliced(count..<2 * count, axis: 0))
    let groups = batch.groups.prefix(count)
    var same = [Float](repeating: 0, count: count * count)
    for (row, group) in groups.enumerated() {
      for (column, other) in groups.enumerated() where row != column && group == other {
        same[row * count + column] = -1e4
      }
    }
    let mask = Tensor(same, shape: [count, count])
    let partners = (0..<Int32(count)).map { $0 }
    let there = crossEntropy(
      matmul(first, second, transposeB: true) * (1 / temperature) + mask, classes: partners)
    let back = crossEntropy(
      matmul(second, first, transposeB: true) * (1 / temperature) + mask, classes: partners)
    return BatchLoss(mean: (there + back) * 0.5, weight: Double(count))
  }

  /// Vectors of length 1, `[N, D]`.
  static func unit(_ vectors: Tensor) -> Tensor {
    vectors / ((vectors * vectors).sum(axis: 1, keepDims: true) + 1e-12).sqrt()
  }

  /// The unit vectors of texts.
  static func vectors(_ model: Model, _ x: LayerValue, _ context: ForwardContext) -> Tensor {
    withoutGradient { unit(model([x], context)[0].tensor) }
  }

  /// Adds the loss of a training batch.
  public func measure(
    _ model: Model, _ batch: SentenceBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    var carried: [Tensor] = []
    let loss: BatchLoss = withoutGradient {
      self.loss(model, batch, carried: &carried, context: context, probe: nil)
    }
    totals.add("contrastive_loss", sum: Double(loss.mean.item) * loss.weight, weight: loss.weight)
  }

  /// Queries whose inner products with all texts are computed at once.
  private static let queries = 256

  /// How often each text's nearest ones are of its group, and how often counting words finds one, and on the test part BM25 and the vectors
  /// together.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<SentenceBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var (rows, groups): ([Tensor], [Int32]) = ([], [])
    for batch in batches {
      if context.shouldStop { break }
      rows.append(Self.vectors(model, batch.x, context))
      groups += batch.groups
    }
    var (scores, fused) = (RetrievalScores(), RetrievalScores())
    // Of the test part alone, as it takes longer than all the rest.
    let words = split == .test ? words(split) : nil
    if !rows.isEmpty {
      let all = concatenated(rows, axis: 0)
      for start in stride(from: 0, to: groups.count, by: Self.queries) {
        if context.shouldStop { break }
        let own = start..<min(start + Self.queries, groups.count)
        let products = matmul(all.sliced(own, axis: 0), all, transposeB: true).scalars
        for query in own {
          let first = (query - start) * groups.count
          let own = products[first..<first + groups.count]
          scores.add(query: query, scores: own, groups: groups)
          if let words {
            let both = RetrievalScores.fused(own, words.scores(of: query).bm25, query: query)
            fused.add(query: query, scores: both, groups: groups)
          }
        }
      }
    }
    let found = scores.values.merging(metrics.contains { !$0.isLogged } ? counted(split) : [:]) { $1 }
    let values = metrics.map { found[$0.name] ?? .nan }
    var named: [String: Double] = [:]
    if words != nil { for name in RetrievalScores.names { named["fused_\(name)"] = fused.values[name] } }
    return Evaluation(values[0], extras: Array(values.dropFirst()), remark: remarks[split], named: named)
  }
}
