import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The loss of connectionist temporal classification; scored by the errors of the likeliest path's transcripts.
public struct TranscribeObjective: TrainingObjective {
  let encoder: SpeechEncoder
  /// What there is to say of the parts; none for nothing.
  let remarks: [Split: [String]]

  /// The mean over the symbols of the transcripts, in nats. A recording that is too short for its transcript adds nothing.
  public func loss(
    _ model: Model, _ batch: SpeechBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let logits = outputs(model, [batch.input], named: "features", context, probe)[0].tensor
    let symbols = batch.targets.reduce(0) { $0 + $1.count }
    let sum = ctcLoss(logits, targets: batch.targets, lengths: batch.lengths, zeroInfinity: true).sum()
    return BatchLoss(mean: sum / Float(max(1, symbols)), weight: Double(max(1, symbols)))
  }

  /// Adds the loss, the recordings that are too short for their transcripts, and the errors.
  public func measure(
    _ model: Model, _ batch: SpeechBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let found = found(model, batch, context)
    totals.add(found.totals)
    totals.add(
      TranscribeTask.characterErrors.name, sum: Double(found.errors.characterEdits),
      weight: Double(found.errors.characters))
  }

  /// The sums of the losses and the errors of recordings.
  private struct Found: Codable {
    var totals = MetricTotals()
    var errors = TranscriptErrors()
  }

  private func found(_ model: Model, _ batch: SpeechBatch, _ context: ForwardContext) -> Found {
    var own = Found()
    let logits = outputs(model, [batch.input], named: "features", context, nil)[0].tensor
    let losses = ctcLoss(logits, targets: batch.targets, lengths: batch.lengths).scalars
    let found = encoder.transcripts(logits, batch.lengths)
    for (sequence, loss) in losses.enumerated() {
      // Of no finite loss there is no mean.
      if loss == .infinity {
        own.totals.add(TranscribeTask.impossible.name, sum: 1, weight: 0)
      } else {
        own.totals.add(
          TranscribeTask.lossMetric.name, sum: Double(loss), weight: Double(batch.targets[sequence].count))
      }
      own.totals.add("unknown", sum: Double(batch.unknown[sequence]), weight: 0)
      own.errors.add(found[sequence], reference: batch.texts[sequence])
    }
    return own
  }

  /// All scores, over all characters, words and symbols.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<SpeechBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var all = Found()
    context.each(of: batches) {
      found(model, $0, context)
    } use: {
      all.totals.add($1.totals)
      all.errors.add($1.errors)
    }
    let (totals, errors) = (all.totals, all.errors)
    let loss = totals[TranscribeTask.lossMetric.name]
    let values = [
      TranscribeTask.characterErrors.name: errors.characterErrorRate,
      TranscribeTask.wordErrors.name: errors.wordErrorRate,
      TranscribeTask.transcriptErrors.name: errors.transcriptErrorRate,
      TranscribeTask.lossMetric.name: loss.sum / max(1, loss.weight),
      TranscribeTask.impossible.name: totals[TranscribeTask.impossible.name].sum,
    ]
    let own = metrics.map { values[$0.name] ?? .nan }
    return Evaluation(
      own[0], extras: Array(own.dropFirst()),
      remark: remark(
        split, impossible: Int(totals[TranscribeTask.impossible.name].sum),
        unknown: Int(totals["unknown"].sum)))
  }

  private func remark(_ split: Split, impossible: Int, unknown: Int) -> String? {
    var parts = remarks[split] ?? []
    if impossible > 0 {
      parts.append(
        (impossible == 1 ? "1 recording is" : "\(impossible) recordings are")
          + " too short for the transcript, which no path says and the loss leaves out")
    }
    if unknown > 0 {
      parts.append(
        (unknown == 1 ? "1 character is" : "\(unknown) characters are")
          + " none of the training transcripts', which counts as wrong")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}
