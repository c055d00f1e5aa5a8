import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The negative log-likelihood of each frame of a tune given those before it, in nats: the sum over 88 keys that sound or not, or
/// the cross-entropy of its chord.
///
/// The metric `nll` is the mean over all frames but the first of each tune, as in Bai et al. (2018,
/// https://arxiv.org/abs/1803.01271); `nll_with_first` has those, predicted from silence, too. `frame_accuracy` is that of Bay et
/// al. (2009): keys found / (keys found + missed + wrong), where a key is found that is likelier to sound than not.
public struct MusicObjective: TrainingObjective {
  let encoder: MusicEncoder
  /// What whoever reads the score of the test part must know.
  var remark: String?

  /// The mean over the frames.
  public func loss(
    _ model: Model, _ batch: MusicBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let logits = outputs(model, [batch.x], named: "x", context, probe)[0].tensor
    let mean: Tensor
    if encoder.hasChords {
      mean = crossEntropy(logits, classes: batch.chords.map { encoder.number(of: $0) }, mask: batch.weights)
    } else {
      let keys = Chord.piano.count
      var targets = [Float](repeating: 0, count: batch.chords.count * keys)
      for (row, chord) in batch.chords.enumerated() {
        for key in chord.keys { targets[row * keys + key - Chord.piano.lowerBound] = 1 }
      }
      let mask = batch.weights.map { weights in
        Tensor(weights.flatMap { [Float](repeating: $0, count: keys) }, shape: logits.shape)
      }
      mean =
        binaryCrossEntropy(logits, targets: Tensor(targets, shape: logits.shape), mask: mask) * Float(keys)
    }
    return BatchLoss(mean: mean, weight: Double(batch.frames))
  }

  /// The sums over the frames.
  public func measure(
    _ model: Model, _ batch: MusicBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let logits = model([batch.x], context)[0].tensor.scalars
    let (count, width) = (batch.lengths.count, encoder.outputs)
    var (all, scored, first, found, different) = (0.0, 0.0, 0, 0, 0)
    for (column, length) in batch.lengths.enumerated() {
      for step in 0..<length {
        let row = step * count + column
        let (own, chord) = (logits[row * width..<(row + 1) * width], batch.chords[row])
        let nats = encoder.nats(own, chord)
        all += nats
        if step == 0, batch.beginnings[column] {
          first += 1
          continue
        }
        scored += nats
        let likeliest = encoder.likeliest(own)
        found += likeliest.intersection(chord).count
        different += likeliest.union(chord).count
      }
    }
    totals.add("nll", sum: scored, weight: Double(batch.frames - first))
    totals.add("nll_with_first", sum: all, weight: Double(batch.frames))
    totals.add("frame_accuracy", sum: Double(found), weight: Double(different))
  }

  /// The means over all frames.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<MusicBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    let totals = totals(model, batches, context)
    let values = metrics.map { totals[$0.name].mean }
    return Evaluation(
      values.first ?? .nan, extras: Array(values.dropFirst()), remark: split == .test ? remark : nil)
  }

  /// For each frame of a tune the probability of each key.
  static func probabilities(_ model: Model, _ encoder: MusicEncoder, _ roll: PianoRoll) -> [[Float]] {
    guard !roll.frames.isEmpty else { return [] }
    let batch = encoder.batch([.init(frames: roll.frames[...])])
    let logits = withoutGradient { model([batch.x], .inference())[0].tensor.scalars }
    return stride(from: 0, to: logits.count, by: encoder.outputs).map {
      encoder.probabilities(logits[$0..<$0 + encoder.outputs])
    }
  }
}
