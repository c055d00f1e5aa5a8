import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Caption models")
struct CaptionModelOptionsTests {
  private static let V = 11, F = 6, R = 4, B = 2

  private static func options(_ form: CaptionModelOptions.Form, _ cell: Cell = .lstm) -> CaptionModelOptions {
    var options = CaptionModelOptions(form, cell: cell, vocabularySize: V, featureSize: F)
    (options.units, options.embeddingSize, options.attentionUnits, options.dropout) = (8, 5, 7, 0.1)
    return options
  }

  private static func features(_ form: CaptionModelOptions.Form) -> [LayerValue] {
    form.seesRegions
      ? [LayerValue(random([R, B, F], "regions"), mask: .lengths([4, 2]))]
      : [LayerValue(random([B, F], "picture"))]
  }

  @Test(
    "Every form with any cell is a model of a description that reads back, trains and writes",
    arguments: CaptionModelOptions.Form.allCases)
  func forms(_ form: CaptionModelOptions.Form) throws {
    for cell in [Cell.lstm, .lstmWM, .gru, try Cell(text: Cell.lstmWM.text)] {
      var options = Self.options(form, cell)
      options.mappedSize = cell.name == "gru" ? nil : 9
      options.tiesWeights = cell.name == "gru"
      if options.tiesWeights { options.embeddingSize = 8 }
      let model = try options.model(seed: 5)
      #expect(model.inputs.map(\.name) == ["features", "words"])
      #expect(model.outputShapes == [.sequence(Self.V)])
      let text = model.description.encoded()
      #expect(try ModelDescription(decoding: text) == model.description)
      #expect(try options.description() == model.description)
      #expect(model.summary.description.contains(cell.name))

      let captions = try DecodingModel(model)
      #expect(captions.subjects.map(\.name) == ["features"] && captions.vocabularySize == Self.V)
      let sentences: [[Int32]] = [[2, 3, 4, 5], [6, 7], [8]]
      let owners: [Int32] = [0, 1, 1]
      let parameters = ParameterSet(model)
      let adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 0.02))
      var losses: [Float] = []
      for step in 0..<30 {
        parameters.zeroGradients()
        let loss = captions.loss(
          of: sentences, about: Self.features(form), owners: owners, start: 1, end: 0,
          .training(seed: 1, step: UInt64(step)))
        loss.mean.backward()
        adam.step(parameters)
        losses.append(loss.mean.item)
      }
      #expect((losses.last ?? 9) < 0.7 * losses[0], "\(cell.name)")

      // The same numbers from the description and the state.
      let copy = try DecodingModel(try Model(try ModelDescription(decoding: text)))
      try copy.model.load(model.state)
      let rules = DecodingRules(end: 0, maximumLength: 6), search = BeamSearch(width: 3)
      let found = captions.decoder(Self.features(form)).beamSearch(after: 1, rules: rules, search: search)
      #expect(copy.decoder(Self.features(form)).beamSearch(after: 1, rules: rules, search: search) == found)
    }
  }

  @Test("Up-down has any two cells")
  func twoCells() throws {
    var options = Self.options(.upDown, .lstmWM)
    options.secondCell = .gru
    let model = try options.model()
    #expect(model.summary.description.contains("attention decoder (lstm-wm, gru)"))
    #expect(model["decoder"] is AttentionDecoder)
    let names = model.namedParameters().map(\.name)
    #expect(names.contains("decoder.recurrent.weight_mh_l0") && names.contains("decoder.second.weight_hh_l0"))
  }

  @Test("Presets have the published sizes")
  func presets() throws {
    func shapes(_ preset: CaptionModelOptions.Preset) throws -> [String: [Int]] {
      let options = CaptionModelOptions(preset, cell: .lstm, vocabularySize: 9487, featureSize: 2048)
      let all = try Model.parameterShapes(options.description()).map { ($0.name, $0.shape) }
      return Dictionary(uniqueKeysWithValues: all)
    }
    let fc = try shapes(.fc)
    #expect(fc["decoder.subject.weight"] == [512, 2048] && fc["decoder.embedding.weight"] == [9487, 512])
    #expect(fc["decoder.recurrent.weight_ih_l0"] == [2048, 512] && fc["features.weight"] == nil)
    let att = try shapes(.att2in)
    #expect(att["features.weight"] == [512, 2048] && att["decoder.attention.key_weight"] == [512, 512])
    #expect(
      att["decoder.recurrent.weight_ih_l0"] == [2048, 1024] && att["decoder.first_states.weight"] == nil)
    let up = try shapes(.upDown)
    #expect(up["features.weight"] == [1000, 2048] && up["decoder.attention.query_weight"] == [512, 1000])
    #expect(up["decoder.recurrent.weight_ih_l0"] == [4000, 3000])
    #expect(up["decoder.second.weight_ih_l0"] == [4000, 2000] && up["decoder.head.weight"] == [9487, 1000])
  }

  @Test("Options that don't fit are named")
  func problems() {
    func reason(_ change: (inout CaptionModelOptions) -> Void, _ form: CaptionModelOptions.Form = .upDown)
      -> String
    {
      var options = Self.options(form)
      change(&options)
      do throws(LayerError) { _ = try options.model() } catch { return "\(error)" }
      return ""
    }
    #expect(reason { $0.units = 0 }.contains("units"))
    #expect(reason { $0.dropout = 1 }.contains("dropout"))
    #expect(reason { $0.attentionUnits = -1 }.contains("units"))
    #expect(reason { $0.vocabularySize = 0 }.contains("vocabulary_size"))
    #expect(reason { $0.featureSize = 0 }.contains("features"))
    #expect(reason({ $0.tiesWeights = true }, .showAndTell).contains("embedding_size"))
    #expect(reason { $0.mappedSize = 0 }.contains("units"))
    #expect(reason { _ in } == "")
  }
}
