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

  /// Lanes of an evaluation are at most so many, and at least so long.
  private static let mostLanes = 64, leastLane = 5000
  /// Symbols that a lane of an evaluation reads before the first one that it predicts.
  private static let warmUp = 500
  /// Steps at once, and the most logits at once of words and pieces.
  private static let chunk = 100, mostLogits = 1 << 25

  /// The metrics over the whole validation or test stream, each symbol but the first predicted once: bits per character, of
  /// words and pieces too; the cross-entropy of a symbol in nats, and its perplexity; and the share of unknown symbols. Those are
  /// in the nats, and in the bits only where the run's settings say so.
  ///
  /// Up to 64 lanes of 5,000 symbols or more are run at once. Each but the first begins 500 symbols before the
  /// first one that it predicts, with the states after the stream's first 500: what came even before is not remembered.
  /// Zeros in the middle of a text are not what a model was trained for: some never recover from them.
  public func evaluate(
    _ model: LanguageModel, on split: Split, _ batches: AnySequence<SymbolBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    let tokenizer = self.batches.tokenizer
    let stream = self.batches.stream(of: split)
    let scores = Self.scores(
      model, stream.indices, unknown: tokenizer.unknown, chunk: Self.chunk(for: tokenizer), context: context)
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

  /// Steps at once for so many lanes of symbols.
  static func chunk(for tokenizer: TextTokenizer) -> Int {
    tokenizer.unit == .characters
      ? chunk : max(1, min(chunk, mostLogits / (mostLanes * max(1, tokenizer.count))))
  }

  /// The states of lanes that begin at these places: zeros at the stream's beginning, elsewhere those that its first
  /// `count` symbols leave.
  private static func states(
    _ model: LanguageModel, _ stream: SymbolSequence, starts: [Int], after count: Int, context: ForwardContext
  ) -> [Tensor]? {
    guard count > 0, starts.contains(where: { $0 > 0 }) else { return nil }
    let first = model(Array(stream.prefix(count)), steps: count, batch: 1, context: context)
    return first.states.map { state in
      let (layers, hidden, values) = (state.shape[0], state.shape[2], state.scalars)
      let zeros = [Float](repeating: 0, count: hidden)
      var lanes: [Float] = []
      for layer in 0..<layers {
        let own = values[layer * hidden..<(layer + 1) * hidden]
        for start in starts { lanes += start > 0 ? own : zeros[...] }
      }
      return Tensor(lanes, shape: [layers, starts.count, hidden])
    }
  }

  /// What a model makes of a stream's symbols but the first.
  struct Scores {
    /// The mean cross-entropy in nats of all of them.
    var all: Double
    /// That of all but the unknown symbol; of all where there is no other.
    var known: Double
    /// The share of the unknown symbol.
    var unknownShare: Double
    /// How many symbols there are but the unknown one.
    var knownCount: Int

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
    _ model: LanguageModel, _ stream: SymbolSequence, lanes: Int? = nil, warmUp: Int = warmUp
  ) -> Double {
    scores(model, stream, unknown: nil, lanes: lanes, warmUp: warmUp).all
  }

  /// The scores of a stream, predicted in `lanes` at once.
  static func scores(
    _ model: LanguageModel, _ stream: SymbolSequence, unknown: Int32?, lanes: Int? = nil,
    warmUp: Int = warmUp,
    chunk: Int = chunk, context: ForwardContext = .inference()
  ) -> Scores {
    let count = stream.count - 1
    let lanes = lanes ?? max(1, min(mostLanes, count / leastLane))
    // Lane i predicts the symbols firsts[i] ..< firsts[i + 1], and reads those from starts[i] on.
    let firsts = (0...lanes).map { 1 + $0 * count / lanes }
    let starts = (0..<lanes).map { max(0, firsts[$0] - 1 - warmUp) }
    let steps: Int = zip(firsts.dropFirst(), starts).map { $0 - 1 - $1 }.max() ?? 0
    var states = states(model, stream, starts: starts, after: warmUp, context: context)
    var (sum, knownSum, knownCount) = (0.0, 0.0, 0)
    for begin in stride(from: 0, to: steps, by: chunk) where !context.shouldStop {
      let length = min(chunk, steps - begin)
      var (inputs, classes): ([Int32], [Int32]) = ([], [])
      var mask: [Float] = []
      for step in begin..<(begin + length) {
        for lane in 0..<lanes {
          let place = starts[lane] + step
          let isInside = place + 1 < firsts[lane + 1]
          inputs.append(isInside ? stream[place] : 0)
          classes.append(isInside ? stream[place + 1] : 0)
          mask.append(isInside && place + 1 >= firsts[lane] ? 1 : 0)
        }
      }
      let result = model(inputs, steps: length, batch: lanes, states: states, context: context)
      states = result.states
      let knownMask = zip(mask, classes).map { $1 == unknown ? 0 : $0 }
      func total(_ mask: [Float]) -> Double {
        let predicted = mask.reduce(0.0) { $0 + Double($1) }
        return predicted > 0
          ? predicted * Double(crossEntropy(result.logits, classes: classes, mask: mask).item) : 0
      }
      let all = total(mask)
      sum += all
      knownSum += knownMask == mask ? all : total(knownMask)
      knownCount += knownMask.count { $0 > 0 }
    }
    let all = sum / Double(count)
    return Scores(
      all: all, known: knownCount > 0 ? knownSum / Double(knownCount) : all,
      unknownShare: Double(count - knownCount) / Double(count), knownCount: knownCount)
  }
}
