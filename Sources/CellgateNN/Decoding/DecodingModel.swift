import CellgateBasics
import CellgateTensor

/// A model with a decoding layer, which writes sequences: captions of pictures, translations.
///
/// Of the model's inputs one is the symbols, which the decoding layer alone takes; what it writes about is computed from the
/// others.
///
/// ```swift
/// let captions = try DecodingModel(try Model.load("captions.safetensors"))
/// let decoder = captions.decoder([LayerValue(features)])
/// let best = decoder.beamSearch(after: start, rules: rules, search: BeamSearch(width: 5))
/// ```
public struct DecodingModel {
  /// The model, whose parameters are trained and saved as any model's.
  public let model: Model
  /// The layer that decodes.
  public let layer: any DecodingLayer
  private let call: ModelDescription.Call
  /// The number of the symbols' input.
  private let symbols: Int

  /// A model that is built; throws `badDescription` unless it has one decoding layer, whose symbols are an input of the model
  /// that nothing else takes.
  public init(_ model: Model) throws(LayerError) {
    require(
      model.isBuilt, "DecodingModel: expected a model that is built, found one without parameters")
    let calls = model.calls.filter { model[$0.layer] is any DecodingLayer }
    guard let call = calls.first, calls.count == 1, let layer = model[call.layer] as? any DecodingLayer else {
      throw .badDescription(
        reason: "model: expected one layer that decodes, found \(calls.count) among the layers "
          + model.layers.prefix(8).map(\.name).joined(separator: ", "))
    }
    let symbols = call.inputs[0].node
    let uses = model.calls.flatMap(\.inputs).count { $0.node == symbols }
    guard symbols < model.inputs.count, uses == 1 else {
      throw .badDescription(
        reason:
          "model: expected symbols of the layer '\(call.layer)' that are an input of the model and of nothing else"
      )
    }
    (self.model, self.layer, self.call, self.symbols) = (model, layer, call, symbols)
  }

  /// V.
  public var vocabularySize: Int { layer.vocabularySize }

  /// What sequences are about: the model's inputs but for the symbols, in their order.
  public var subjects: [ModelDescription.Input] {
    model.inputs.enumerated().filter { $0.offset != symbols }.map(\.element)
  }

  /// What the decoding layer writes about, of the `subjects`.
  private func encoded(_ subjects: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    require(
      subjects.count == model.inputs.count - 1,
      "DecodingModel: expected \(model.inputs.count - 1) inputs besides the symbols, found \(subjects.count)")
    var given: [LayerValue?] = subjects
    given.insert(nil, at: symbols)
    return model.values(Array(call.inputs.dropFirst()), of: given, context)
  }

  /// The model a step at a time, for values of the `subjects`: a sequence for each. With `keepsCoverage` it knows at each step what
  /// was looked at so far, which a beam search with a ``BeamSearch/coveragePenalty`` needs; without attention nothing is.
  public func decoder(
    _ subjects: [LayerValue], _ context: ForwardContext = .inference(), keepsCoverage: Bool = false
  ) -> LayerDecoder {
    withoutGradient {
      let inputs = encoded(subjects, context)
      let decoder = layer.decoder(inputs, context)
      guard keepsCoverage, let memory = inputs.first else { return decoder }
      return decoder.keepingCoverage(memory.mask, places: memory.tensor.shape[0])
    }
  }

  /// What the decoding layer gives for known symbols; see ``DecoderOutputs``. The logits of its rows are
  /// `layer.logits(outputs)`.
  public func outputs(
    _ symbols: DecodedSymbols, _ subjects: [LayerValue], _ context: ForwardContext = .inference()
  ) -> DecoderOutputs {
    layer.outputs(symbols, encoded(subjects, context), context)
  }

  /// The weights of attention for sequences of symbols that begin with `start`: of each sequence `[length, S]`, a row for
  /// each symbol, and nil without attention. Row t is what was looked at before symbol t was written.
  public func attention(
    _ sequences: [[Int32]], about subjects: [LayerValue], start: Int32
  ) -> [Tensor]? {
    withoutGradient {
      let known = Self.known(sequences.map { [start] + $0.dropLast() })
      let result = outputs(known, subjects)
      guard let weights = result.weights else { return nil }
      let all = result.spread(weights, over: known.steps)
      return sequences.enumerated().map { index, symbols in
        all.sliced(index..<index + 1, axis: 1)[0..<symbols.count].squeezed(axis: 1)
      }
    }
  }

  /// Sequences side by side; what stands after an end is 0.
  private static func known(
    _ sequences: [[Int32]], about owners: [Int32]? = nil, drawnShare: Float = 0
  ) -> DecodedSymbols {
    let steps = sequences.map(\.count).max() ?? 0
    let tokens = (0..<steps).flatMap { step in sequences.map { step < $0.count ? $0[step] : 0 } }
    return DecodedSymbols(
      tokens, lengths: sequences.map(\.count), sequences: owners, drawnShare: drawnShare)
  }

  // MARK: Losses

  /// How a decoder is trained on known sequences.
  public struct LossOptions: Sendable, Equatable {
    /// ε of the targets (1 − ε) onehot + ε / V.
    public var labelSmoothing: Float = 0
    /// The share of the symbols that the model draws itself (scheduled sampling), which usually rises by epoch.
    public var drawnShare: Float = 0
    /// λ of the doubly stochastic penalty of attention; see ``DecoderOutputs/doublyStochasticPenalty``.
    public var attentionPenalty: Float = 0

    /// The cross-entropy alone.
    public init() {}
  }

  /// A loss and what it is the mean over.
  public struct SequenceLoss {
    /// The mean loss, of shape [].
    public let mean: Tensor
    /// Symbols, the ends included.
    public let weight: Double
  }

  /// The mean of −ln p of each symbol of sequences and of their ends, given the symbols before, with what the options add.
  ///
  /// - Parameters:
  ///   - sequences: symbols without start and end.
  ///   - subjects: values of ``subjects``.
  ///   - owners: of each sequence which of the subjects' it is about; nil where sequence n is about the n-th. A picture with
  ///     five captions is given once.
  ///   - start: the symbol that begins a sequence.
  ///   - end: the symbol that ends it.
  public func loss(
    of sequences: [[Int32]], about subjects: [LayerValue], owners: [Int32]? = nil, start: Int32, end: Int32,
    options: LossOptions = LossOptions(), _ context: ForwardContext
  ) -> SequenceLoss {
    let known = Self.known(
      sequences.map { [start] + $0 }, about: owners, drawnShare: options.drawnShare)
    let result = outputs(known, subjects, context)
    var loss = crossEntropy(
      layer.logits(result.outputs), classes: Self.targets(sequences, result, end: end),
      labelSmoothing: options.labelSmoothing)
    if options.attentionPenalty != 0, let penalty = result.doublyStochasticPenalty {
      loss = loss + penalty * options.attentionPenalty
    }
    return SequenceLoss(mean: loss, weight: Double(result.places.count))
  }

  /// The symbol after each row's.
  private static func targets(_ sequences: [[Int32]], _ result: DecoderOutputs, end: Int32) -> [Int32] {
    result.places.map { place in
      let (step, sequence) = Int(place).quotientAndRemainder(dividingBy: result.count)
      return step < sequences[sequence].count ? sequences[sequence][step] : end
    }
  }

  // MARK: Self-critical training

  /// How a decoder is trained by a reward of whole sequences.
  public struct SelfCriticalOptions: Sendable, Equatable {
    /// What a sequence's reward is compared with.
    public enum Baseline: String, Sendable, CaseIterable {
      /// The reward of the sequence that greedy search finds (Rennie et al. 2017, https://arxiv.org/abs/1612.00563).
      case greedy
      /// The mean reward of the subject's other samples (Luo 2020, https://arxiv.org/abs/2003.09971).
      case others
    }

    /// What sequences must look like; they have an end.
    public var rules: DecodingRules
    /// The symbol that begins a sequence.
    public var start: Int32
    /// Sequences that are drawn for each subject.
    public var samples = 1
    /// The temperature at which they are drawn.
    public var temperature = 1.0
    /// What their rewards are compared with.
    public var baseline = Baseline.greedy

    /// Sequences under rules, after `start`.
    public init(rules: DecodingRules, start: Int32) {
      self.rules = rules
      self.start = start
    }

    /// What is wrong with them, in one line; nil for nothing.
    public var problem: String? {
      if let problem = rules.problem { return problem }
      if rules.end == nil { return "self-critical training: expected rules with an end, found none" }
      if !(temperature > 0 && temperature.isFinite) {
        return "temperature: expected above 0, found \(temperature)"
      }
      let least = baseline == .others ? 2 : 1
      return samples < least
        ? "samples: expected \(least) or more for this baseline, found \(samples)" : nil
    }
  }

  /// A sequence whose reward is asked for.
  public struct RewardedSequence: Sendable {
    /// Which of the subjects it is about.
    public let subject: Int
    /// Its symbols, without start and end.
    public let tokens: [Int32]
    /// Whether it came to its end, and not to the maximum length.
    public let isComplete: Bool
  }

  /// A loss with the rewards that it came from.
  public struct SelfCriticalLoss {
    /// The loss, of shape [].
    public let mean: Tensor
    /// Symbols of the samples, their ends included.
    public let weight: Double
    /// The mean reward of the samples, and of what they were compared with.
    public let reward: Double, baseline: Double
  }

  /// Self-critical sequence training (Rennie et al. 2017, https://arxiv.org/abs/1612.00563): sequences are drawn, and those
  /// that are better than the baseline become likelier:
  ///
  ///     − Σ over samples of (reward − baseline) Σ over symbols of ln p(symbol) / Σ over samples of symbols
  ///
  /// p is what samples are drawn from: the model's without dropout, at their temperature, of the symbols that the rules allow.
  /// Another one's ln p has a gradient without any reward, times how much worse than the baseline samples are, which soon undoes a
  /// model. The samples depend on the context's seed and step.
  ///
  /// - Parameters:
  ///   - subjects: values of ``subjects``, N sequences.
  ///   - rewards: the reward of each sequence: of all samples and, for the greedy baseline, of N greedy sequences, at once.
  public func selfCriticalLoss(
    about subjects: [LayerValue], options: SelfCriticalOptions, _ context: ForwardContext,
    rewards: (_ sequences: [RewardedSequence]) -> [Double]
  ) -> SelfCriticalLoss {
    require(options.problem == nil, "selfCriticalLoss: \(options.problem ?? "")")
    let decoder = decoder(subjects)
    let count = decoder.start.sequences.count, samples = options.samples
    let owners = (0..<Int32(count * samples)).map { $0 / Int32(samples) }
    let noise = context.stream(call.layer + "/samples")
    var streams = owners.indices.map { noise.child("\($0)") }
    let drawn = decoder.sample(
      from: decoder.select(decoder.start, rows: owners), after: owners.map { _ in options.start },
      rules: options.rules, sampling: Sampling(temperature: options.temperature), streams: &streams)
    func asking(_ sequence: Hypothesis, _ subject: Int) -> RewardedSequence {
      RewardedSequence(subject: subject, tokens: sequence.tokens, isComplete: sequence.isComplete)
    }
    var asked = zip(drawn, owners).map { asking($0, Int($1)) }
    if options.baseline == .greedy {
      let greedy = decoder.greedy(after: options.start, rules: options.rules)
      asked += greedy.enumerated().map { asking($1, $0) }
    }
    let given = rewards(asked)
    require(
      given.count == asked.count, "selfCriticalLoss: expected \(asked.count) rewards, found \(given.count)")
    let own = Array(given.prefix(drawn.count))
    let baselines = owners.enumerated().map { index, subject in
      let subject = Int(subject)
      guard options.baseline == .others else { return given[drawn.count + subject] }
      let all = own[subject * samples..<(subject + 1) * samples].reduce(0, +)
      return (all - own[index]) / Double(samples - 1)
    }

    // The end is a symbol of those that came to it.
    let end = options.rules.end ?? 0
    let known = Self.known(
      drawn.map { ([options.start] + $0.tokens).prefix($0.logProbabilities.count).map { $0 } },
      about: owners)
    let result = outputs(known, subjects, context.withoutNoise)
    let total = Double(max(1, result.places.count))
    let weights = result.places.map { place in
      let index = Int(place) % max(1, result.count)
      return Float((own[index] - baselines[index]) / total)
    }
    let logits = allowed(layer.logits(result.outputs), drawn, result, options.rules)
    let loss = crossEntropy(
      options.temperature == 1 ? logits : logits / Float(options.temperature),
      classes: Self.targets(drawn.map(\.tokens), result, end: end), weights: weights)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
    return SelfCriticalLoss(
      mean: loss, weight: Double(result.places.count), reward: mean(own), baseline: mean(baselines))
  }

  /// The logits `[P, V]` of the places of drawn sequences, those that the rules don't allow there too small to count.
  private func allowed(
    _ logits: Tensor, _ drawn: [Hypothesis], _ result: DecoderOutputs, _ rules: DecodingRules
  ) -> Tensor {
    let size = logits.shape[1]
    var hidden = [Float](repeating: 0, count: size)
    for symbol in rules.forbidden where (0..<Int32(size)).contains(symbol) { hidden[Int(symbol)] = 1 }
    guard rules.minimumLength > 0 || rules.noRepeatedNGram != nil else {
      return rules.forbidden.isEmpty
        ? logits : logits.filled(where: Tensor(hidden, shape: [1, size]), with: Self.impossible)
    }
    var rows: [Float] = []
    rows.reserveCapacity(result.places.count * size)
    for place in result.places {
      let (step, index) = Int(place).quotientAndRemainder(dividingBy: max(1, result.count))
      var own = hidden
      for symbol in rules.excluded(after: Array(drawn[index].tokens.prefix(step))) { own[Int(symbol)] = 1 }
      rows += own
    }
    return logits.filled(
      where: Tensor(rows, shape: [result.places.count, size]), with: Self.impossible)
  }

  /// A logit whose symbol has no probability.
  private static let impossible: Float = -1e9
}

extension LayerDecoder {
  /// The greedy sequence about each of the inputs' sequences, after the symbol `start`.
  public func greedy(after token: Int32, rules: DecodingRules) -> [Hypothesis] {
    greedy(from: start, after: start.sequences.map { _ in token }, rules: rules)
  }

  /// The best sequences about each of the inputs' sequences, after the symbol `start`.
  public func beamSearch(after token: Int32, rules: DecodingRules, search: BeamSearch) -> [[Hypothesis]] {
    beamSearch(from: start, after: start.sequences.map { _ in token }, rules: rules, search: search)
  }

  /// A drawn sequence about each of the inputs' sequences, after the symbol `start`; see
  /// ``SequenceDecoder/sample(from:after:rules:sampling:streams:)``.
  public func sample(
    after token: Int32, rules: DecodingRules, sampling: Sampling = Sampling(), streams: inout [RandomStream]
  ) -> [Hypothesis] {
    sample(
      from: start, after: start.sequences.map { _ in token }, rules: rules, sampling: sampling,
      streams: &streams)
  }
}
