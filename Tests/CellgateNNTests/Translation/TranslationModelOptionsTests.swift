import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("Translation models")
struct TranslationModelOptionsTests {
  private static let S = 9, T = 8

  private static func options(
    _ attention: TranslationModelOptions.Attention, _ cell: Cell = .lstm
  ) -> TranslationModelOptions {
    var options = TranslationModelOptions(cell: cell, units: 6, sourceSize: S, targetSize: T)
    (options.embeddingSize, options.attentionUnits, options.attention) = (5, 7, attention)
    (options.dropout, options.embeddingDropout, options.outputDropout) = (0.1, 0.1, 0.1)
    return options
  }

  /// Two sentences of 4 and 2 symbols, and their translations.
  private static var source: LayerValue {
    LayerValue(Tensor([3, 4, 5, 6, 7, 0, 8, 0], shape: [4, 2]), mask: .lengths([4, 2]))
  }
  private static let target: [[Int32]] = [[3, 4, 5], [6, 7]]

  private static func loss(_ model: DecodingModel, _ context: ForwardContext) -> Tensor {
    var options = DecodingModel.LossOptions()
    options.labelSmoothing = 0.1
    return model.loss(of: target, about: [source], start: 1, end: 2, options: options, context).mean
  }

  @Test(
    "Every kind with any cell is a model of a description that reads back, trains and writes",
    arguments: TranslationModelOptions.Attention.allCases)
  func kinds(_ attention: TranslationModelOptions.Attention) throws {
    for cell in [Cell.lstmWM, .gru, try Cell(text: Cell.lstmWM.text)] {
      var options = Self.options(attention, cell)
      options.placement = cell.name == "gru" ? .before : .after
      options.feedsOutput = cell.name != "gru"
      options.tiesWeights = attention != .dot
      let model = try options.model(seed: 5)
      #expect(model.inputs.map(\.name) == ["source", "target"])
      #expect(model.outputShapes == [.sequence(Self.T)])
      let text = model.description.encoded()
      #expect(try ModelDescription(decoding: text) == model.description)
      let translation = try DecodingModel(model)
      #expect(translation.subjects.map(\.name) == ["source"])
      let parameters = ParameterSet(model)
      let adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 0.03))
      var losses: [Float] = []
      for step in 0..<25 {
        parameters.zeroGradients()
        let loss = Self.loss(translation, .training(seed: 1, step: UInt64(step)))
        loss.backward()
        adam.step(parameters)
        losses.append(loss.item)
      }
      #expect((losses.last ?? 9) < 0.8 * losses[0], "\(cell.name), \(losses)")
      let copy = try DecodingModel(try Model(try ModelDescription(decoding: text)))
      try copy.model.load(model.state)
      let rules = DecodingRules(end: 2, maximumLength: 6), search = BeamSearch(width: 3, count: 3)
      let found = translation.decoder([Self.source]).beamSearch(after: 1, rules: rules, search: search)
      #expect(copy.decoder([Self.source]).beamSearch(after: 1, rules: rules, search: search) == found)
      // A sentence alone, without padding, is translated as among others.
      let alone = LayerValue(Tensor([4, 6], shape: [2, 1]), mask: .lengths([2]))
      let both = LayerValue(Tensor([3, 4, 5, 6, 7, 0, 8, 0], shape: [4, 2]), mask: .lengths([4, 2]))
      let one = translation.decoder([alone]).beamSearch(after: 1, rules: rules, search: search)[0]
      let two = translation.decoder([both]).beamSearch(after: 1, rules: rules, search: search)[1]
      #expect(one.map(\.tokens) == two.map(\.tokens))
      for (first, second) in zip(one, two) { #expect(abs(first.score - second.score) < 1e-5) }
    }
  }

  @Test(
    "Parameters have the gradients of central differences",
    arguments: TranslationModelOptions.Attention.allCases)
  func gradients(_ attention: TranslationModelOptions.Attention) throws {
    for placement in [AttentionDecoder.Placement.before, .after] {
      var options = Self.options(attention, .lstmWM)
      options.placement = placement
      options.feedsOutput = placement == .after
      let model = try DecodingModel(options.model(seed: 3))
      let parameters = model.model.namedParameters().map(\.parameter)
      // A loss of size 2 in Float32: the differences are good to some 1e-5.
      let error = directionalError(of: parameters) { Self.loss(model, .training(seed: 1, step: 0)) }
      #expect(error < 1e-4)
      #expect(parameters.allSatisfy { $0.gradient.scalars.contains { $0 != 0 } })
    }
  }

  @Test("The penalty of coverage is that of its formula, of the places of each sentence, in any batch")
  func coverage() throws {
    let model = try DecodingModel(Self.options(.general).model(seed: 2))
    var search = BeamSearch(width: 4, lengthPower: 0.5, count: 4)
    search.coveragePenalty = 0.3
    let rules = DecodingRules(end: 2, maximumLength: 5)
    let found = model.decoder([Self.source], keepsCoverage: true)
      .beamSearch(after: 1, rules: rules, search: search)
    let lengths = [4, 2]
    for (sentence, hypotheses) in found.enumerated() {
      #expect(hypotheses.map(\.score) == hypotheses.map(\.score).sorted(by: >))
      for hypothesis in hypotheses {
        // A row more than symbols: that of the end, where there is one.
        let symbols = hypothesis.tokens + (hypothesis.isComplete ? [2] : [])
        let owners = [Int32(sentence)]
        let known = DecodedSymbols(
          [1] + symbols.dropLast(), lengths: [symbols.count], sequences: owners)
        let weights = try #require(model.outputs(known, [Self.source]).weights)
        let sums = weights.sum(axis: 0).scalars.prefix(lengths[sentence])
        let coverage = sums.reduce(0.0) { $0 + log(min(Double($1), 1)) }
        let expected = search.score(
          hypothesis.logProbability, length: symbols.count, coverage: coverage)
        #expect(abs(hypothesis.score - expected) < 1e-5)
      }
    }
    // Without the penalty scores are those of before.
    search.coveragePenalty = 0
    let plain = model.decoder([Self.source]).beamSearch(after: 1, rules: rules, search: search)
    for hypothesis in plain.joined() {
      let length = hypothesis.logProbabilities.count
      #expect(abs(hypothesis.score - search.score(hypothesis.logProbability, length: length)) < 1e-9)
    }
    search.coveragePenalty = -1
    #expect(search.problem?.contains("coverage") == true)
  }

  @Test("Options that don't fit are named")
  func problems() {
    func reason(_ change: (inout TranslationModelOptions) -> Void) -> String {
      var options = Self.options(.additive)
      change(&options)
      do throws(LayerError) { _ = try options.model() } catch { return "\(error)" }
      return ""
    }
    #expect(reason { $0.decoder.units = 0 }.contains("units"))
    #expect(reason { $0.encoder.units = 0 }.contains("units"))
    #expect(reason { $0.sourceSize = 0 }.contains("input_dim"))
    #expect(reason { $0.targetSize = 0 }.contains("vocabulary_size"))
    #expect(reason { $0.dropout = 1 }.contains("rate"))
    #expect(reason { $0.outputDropout = -1 }.contains("dropout"))
    #expect(reason { $0.attentionUnits = 0 }.contains("units"))
    #expect(reason { $0.decoder.isBidirectional = true }.contains("direction"))
    #expect(
      reason {
        $0.placement = .before
        $0.feedsOutput = true
      }.contains("feeds_output"))
    #expect(reason { _ in } == "")
  }
}
