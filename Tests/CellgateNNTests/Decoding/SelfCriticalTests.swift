import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Self-critical training")
struct SelfCriticalTests {
  private static let start: Int32 = 1, end: Int32 = 0

  private func model() throws -> DecodingModel {
    var options = CaptionModelOptions(.showAndTell, cell: .lstm, vocabularySize: 6, featureSize: 3)
    // Dropout has no part in what follows.
    (options.units, options.embeddingSize, options.dropout) = (8, 5, 0.5)
    return try DecodingModel(options.model(seed: 3))
  }

  private func options() -> DecodingModel.SelfCriticalOptions {
    .init(rules: DecodingRules(end: Self.end, maximumLength: 4), start: Self.start)
  }

  @Test("The loss is −Σ (reward − baseline) ln p over the symbols of the samples", arguments: [false, true])
  func loss(_ comparesOthers: Bool) throws {
    let model = try model(), subjects = [LayerValue(random([3, 3], "picture"))]
    var options = options()
    options.samples = 3
    options.baseline = comparesOthers ? .others : .greedy
    var asked: [DecodingModel.RewardedSequence] = []
    func reward(_ own: DecodingModel.RewardedSequence) -> Double {
      Double(own.subject) + own.tokens.reduce(0.0) { $0 + Double($1) } / 3
    }
    let loss = model.selfCriticalLoss(about: subjects, options: options, .training(seed: 2, step: 5)) {
      asked = $0
      return $0.map(reward)
    }
    #expect(asked.count == (comparesOthers ? 9 : 12))
    #expect(asked.map(\.subject) == [0, 0, 0, 1, 1, 1, 2, 2, 2] + (comparesOthers ? [] : [0, 1, 2]))
    if !comparesOthers {
      let greedy = model.decoder(subjects).greedy(after: Self.start, rules: options.rules)
      #expect(asked.suffix(3).map(\.tokens) == greedy.map(\.tokens))
    }
    let rewards = asked.map(reward)
    var (sum, symbols, baselines) = (0.0, 0.0, 0.0)
    for index in 0..<9 {
      let subject = asked[index].subject
      let baseline =
        comparesOthers
        ? (0..<3).filter { $0 + 3 * subject != index }.reduce(0) { $0 + rewards[3 * subject + $1] } / 2
        : rewards[9 + subject]
      baselines += baseline / 9
      let known = asked[index].tokens, isComplete = known.count < 4
      let one = model.loss(
        of: [known], about: subjects, owners: [Int32(subject)], start: Self.start, end: Self.end, .inference()
      )
      var logProbability = -Double(one.mean.item) * one.weight
      var count = one.weight
      if !isComplete {
        // The end after the longest sequences has no part.
        let less = model.loss(
          of: [Array(known.dropLast())], about: subjects, owners: [Int32(subject)], start: Self.start,
          end: known[3], .inference())
        logProbability = -Double(less.mean.item) * less.weight
        count = less.weight
      }
      sum -= (rewards[index] - baseline) * logProbability
      symbols += count
    }
    #expect(loss.weight == symbols)
    #expect(abs(Double(loss.mean.item) - sum / symbols) < 1e-5)
    #expect(abs(loss.reward - rewards.prefix(9).reduce(0, +) / 9) < 1e-9)
    #expect(abs(loss.baseline - baselines) < 1e-9)
  }

  @Test("Samples depend on seed and step, and updates raise the reward", arguments: [false, true])
  func training(_ comparesOthers: Bool) throws {
    let model = try model(), subjects = [LayerValue(random([4, 3], "picture"))]
    var options = options()
    options.samples = 5
    options.baseline = comparesOthers ? .others : .greedy
    func samples(_ step: UInt64) -> [[Int32]] {
      var found: [[Int32]] = []
      _ = model.selfCriticalLoss(about: subjects, options: options, .training(seed: 2, step: step)) {
        found = $0.map(\.tokens)
        return $0.map { _ in 0 }
      }
      return found
    }
    #expect(samples(0) == samples(0) && samples(0) != samples(1))
    // Symbol 3 is what is wanted.
    func reward(_ own: DecodingModel.RewardedSequence) -> Double { Double(own.tokens.count { $0 == 3 }) }
    let parameters = ParameterSet(model.model)
    let adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 0.02))
    var rewards: [Double] = []
    for step in 0..<60 {
      parameters.zeroGradients()
      let loss = model.selfCriticalLoss(
        about: subjects, options: options, .training(seed: 1, step: UInt64(step))
      ) { $0.map(reward) }
      loss.mean.backward()
      adam.step(parameters)
      rewards.append(loss.reward)
    }
    #expect(rewards.prefix(5).reduce(0, +) / 5 < 1.5)
    #expect(rewards.suffix(5).reduce(0, +) / 5 > 3)
  }

  @Test("Where all rewards are equal nothing is learned: ln p is that of what samples are drawn from")
  func unbiased() throws {
    let model = try model(), subjects = [LayerValue(random([4, 3], "picture"))]
    for (place, rules) in [
      DecodingRules(end: Self.end, maximumLength: 4),
      {
        var own = $0; (own.minimumLength, own.noRepeatedNGram) = (2, 1); return own
      }(
        DecodingRules(end: Self.end, maximumLength: 4)),
    ].enumerated() {
      var options = DecodingModel.SelfCriticalOptions(rules: rules, start: Self.start)
      (options.rules.forbidden, options.samples, options.temperature) = ([2, 5], 500, 0.8)
      // The first ones are samples, the last ones greedy.
      let loss = model.selfCriticalLoss(about: subjects, options: options, .training(seed: 1, step: 2)) {
        $0.indices.map { $0 < 2000 ? 1 : 0 }
      }
      ParameterSet(model.model).zeroGradients()
      loss.mean.backward()
      let bias = try #require(model.model.namedParameters().first { $0.name.hasSuffix("head.bias") })
      let gradient = bias.parameter.gradient.scalars
      #expect(gradient[2] == 0 && gradient[5] == 0)
      // A mean over 4,000 symbols or more: deviations of at most 0.01.
      #expect(gradient.allSatisfy { abs($0) < 0.04 }, "rules \(place): \(gradient)")
    }
  }

  @Test("Options that make no sense are named")
  func problems() {
    var options = options()
    #expect(options.problem == nil)
    options.baseline = .others
    #expect(options.problem?.contains("samples") == true)
    options = self.options()
    options.rules.end = nil
    #expect(options.problem?.contains("end") == true)
    options = self.options()
    options.temperature = 0
    #expect(options.problem?.contains("temperature") == true)
  }
}
