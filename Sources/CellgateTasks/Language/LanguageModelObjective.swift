import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The cross-entropy of the next symbol, in nats; states go on from update to update, detached, and are zeros at the
/// beginning of each epoch, or those of the lane before.
public struct LanguageModelObjective: TrainingObjective {
  let batches: TextBatches
  /// Whether the metric has symbols in it that the vocabulary knows only as unknown.
  let scoresUnknown: Bool
  /// What evaluations mix the model's predictions with; nil for nothing.
  var memory: LanguageMemory?

  /// The cross-entropy of the symbols of one update.
  public func loss(
    _ model: LanguageModel, _ batch: SymbolBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let states = states(before: batch, carried)
    // The states after the steps that the next update doesn't read again are carried; the gradient goes through them.
    let own = batch.steps - batches.overlap
    let (first, middle) = model(
      Array(batch.inputs.prefix(own * batch.lanes)), steps: own, batch: batch.lanes, states: states,
      context: context, probe: probe)
    carried = middle.map(\.detached)
    guard batches.overlap > 0 else {
      return BatchLoss(
        mean: crossEntropy(first, classes: batch.classes), weight: Double(batch.classes.count))
    }
    let rest = model(
      Array(batch.inputs.dropFirst(own * batch.lanes)), steps: batches.overlap, batch: batch.lanes,
      states: middle, context: context)
    let place = batch.overlap * batch.lanes
    let logits = concatenated([first, rest.logits], axis: 0).sliced(batch.overlap..<batch.steps, axis: 0)
    return BatchLoss(
      mean: crossEntropy(logits, classes: Array(batch.classes.dropFirst(place))),
      weight: Double(batch.classes.count - place))
  }

  /// The states that a batch begins with; nil for zeros.
  private func states(before batch: SymbolBatch, _ carried: [Tensor]) -> [Tensor]? {
    guard !carried.isEmpty else { return nil }
    switch batch.beginning {
    case .zeros: return nil
    case .sameLane: return carried
    case .laneBefore:
      return carried.map { states in
        let (layers, lanes, hidden) = (states.shape[0], states.shape[1], states.shape[2])
        let zeros = Tensor([Float](repeating: 0, count: layers * hidden), shape: [layers, 1, hidden])
        return concatenated([zeros, states.sliced(0..<lanes - 1, axis: 1)], axis: 1)
      }
    }
  }

  /// Each state of each layer, [L, B, H], or those of the Transformer.
  public func carriedShapes(_ model: LanguageModel) -> [[Int]] {
    model.body.stateShapes(batch: batches.lanes, inputSize: model.embedding.options.outputDim)
  }

  /// The cross-entropy of a batch that begins with zeros, in nats and in bits.
  public func measure(
    _ model: LanguageModel, _ batch: SymbolBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let (logits, _) = model(batch.inputs, steps: batch.steps, batch: batch.lanes, context: context)
    let weight = Double(batch.classes.count)
    let nats = Double(crossEntropy(logits, classes: batch.classes).item) * weight
    totals.add("cross_entropy", sum: nats, weight: weight)
    totals.add("bits_per_character", sum: nats / log(2), weight: weight)
  }

  /// The metrics over the whole validation or test stream, each symbol but the first predicted once: bits per character, of
  /// words and pieces too; the cross-entropy of a symbol in nats, and its perplexity; and the share of unknown symbols. Those are
  /// in the nats, and in the bits only where the run's settings say so.
  ///
  /// Up to 64 lanes of 5,000 symbols or more are run at once; see ``LanguageReading``.
  public func evaluate(
    _ model: LanguageModel, on split: Split, _ batches: AnySequence<SymbolBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    let tokenizer = self.batches.tokenizer
    let stream = self.batches.stream(of: split)
    // One stream is read by one process.
    var scores = Scores.none
    context.each(of: CollectionOfOne(stream)) {
      Self.scores(model.reading($0, tokenizer, context), unknown: tokenizer.unknown, memory: memory)
    } use: {
      scores = $1
    }
    let values = metrics.map { metric in
      switch metric.name {
      case "perplexity": min(exp(scores.all), .greatestFiniteMagnitude)
      case "unknown_share": scores.unknownShare
      case "cross_entropy": scores.all
      default: scores.bitsPerCharacter(of: stream, leavingOut: scoresUnknown ? nil : tokenizer.unknown)
      }
    }
    return Evaluation(
      values.first ?? scores.all, extras: Array(values.dropFirst()),
      remark: remark(on: scores, metrics.first?.name ?? ""))
  }

  /// What unknown symbols do to the metric, when that is more than a hundredth of it or the text isn't the run's own.
  private func remark(on scores: Scores, _ metric: String) -> String? {
    guard scores.unknownShare > 0, batches.isOther || scores.unknownCost > 0.01 else { return nil }
    func percent(_ share: Double) -> String { String.printf("%.\(share < 0.1 ? 2 : 1)f %%", 100 * share) }
    let isCounted = scoresUnknown || metric == "perplexity"
    return
      "\(percent(scores.unknownShare)) of the \(batches.tokenizer.unit) are unknown to the model and make "
      + "\(percent(scores.unknownCost)) of the cross-entropy; "
      + "\(metric) \(isCounted ? "counts them" : "leaves them out")"
  }

  /// What a model makes of a stream's symbols but the first.
  struct Scores: Codable {
    /// The mean cross-entropy in nats of all of them.
    var all: Double
    /// That of all but the unknown symbol; of all where there is no other.
    var known: Double
    /// The share of the unknown symbol.
    var unknownShare: Double
    /// How many symbols there are but the unknown one.
    var knownCount: Int

    /// Those of no symbols.
    static let none = Scores(all: .nan, known: .nan, unknownShare: 0, knownCount: 0)

    /// The share of the whole cross-entropy that is the unknown symbol's.
    var unknownCost: Double { all > 0 ? max(0, 1 - known * (1 - unknownShare) / all) : 0 }

    /// All bits of the symbols of a stream but the first over all their characters; without those of the symbol `unknown`,
    /// as far as there are others.
    func bitsPerCharacter(of stream: TextTokenizer.Encoded, leavingOut unknown: Int32?) -> Double {
      let mean = unknown == nil ? all : known
      guard let characters = stream.characters else { return mean / log(2) }
      let leavesOut = unknown != nil && knownCount > 0
      var (symbols, count) = (0, 0)
      for (index, own) in zip(stream.indices, characters).dropFirst() where !leavesOut || index != unknown {
        symbols += 1
        count += Int(own)
      }
      // Where no character begins in what is predicted, its symbols count.
      return mean * Double(symbols) / Double(max(count, 1)) / log(2)
    }
  }

  /// The mean cross-entropy in nats of all symbols of a stream but the first, predicted in `lanes` at once.
  static func nats(
    _ model: LanguageModel, _ stream: SymbolSequence, lanes: Int? = nil,
    warmUp: Int = LanguageReading.usualWarmUp
  ) -> Double {
    scores(LanguageReading(model: model, stream: stream, lanes: lanes, warmUp: warmUp), unknown: nil).all
  }

  /// The scores of a stream, with what a memory adds.
  static func scores(
    _ reading: LanguageReading, unknown: Int32?, memory: LanguageMemory? = nil
  ) -> Scores {
    var reading = reading
    reading.warmUp = max(reading.warmUp, memory?.cache?.window ?? 0)
    let count = reading.stream.count - 1
    var reader = memory.map { MemoryReader($0, lanes: reading.laneCount) }
    var (sum, knownSum, knownCount) = (0.0, 0.0, 0)
    reading.forEachPiece { piece in
      let mask = piece.mask
      let knownMask = zip(mask, piece.classes).map { $1 == unknown ? 0 : $0 }
      let mixed = memory.flatMap { memory in reader?.nats(piece, memory) }
      func total(_ mask: [Float]) -> Double {
        if let mixed { return zip(mask, mixed).reduce(0) { $0 + ($1.0 > 0 ? $1.1 : 0) } }
        let predicted = mask.reduce(0.0) { $0 + Double($1) }
        return predicted > 0
          ? predicted * Double(crossEntropy(piece.reading.logits, classes: piece.classes, mask: mask).item)
          : 0
      }
      let all = total(mask)
      sum += all
      knownSum += knownMask == mask ? all : total(knownMask)
      knownCount += knownMask.count { $0 > 0 }
      return true
    }
    let all = sum / Double(count)
    return Scores(
      all: all, known: knownCount > 0 ? knownSum / Double(knownCount) : all,
      unknownShare: Double(count - knownCount) / Double(count), knownCount: knownCount)
  }
}
