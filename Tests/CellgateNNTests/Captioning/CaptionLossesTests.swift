import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

/// Models of captions learn as PyTorch's do: the losses of the first 20 updates from the same weights and batches.
struct CaptionLossesTests {
  @Test(
    "The first 20 losses are PyTorch's",
    arguments: [CaptionModelOptions.Form.showAndTell, .showAttendTell])
  func losses(_ form: CaptionModelOptions.Form) throws {
    let folder = Bundle.module.bundleURL.appendingPathComponent("CaptionLosses").path
    let file = try Safetensors(path: "\(folder)/\(form.rawValue).safetensors")
    let vocabulary = try file.info("decoder.embedding.weight").shape
    let units = try file.info("decoder.recurrent.weight_hh_l0").shape[1]
    let shape = try file.info("features").shape, words = try file.info("words").shape
    let (steps, batch, length) = (words[0], words[1], words[2])
    var options = CaptionModelOptions(
      form, cell: .lstm, vocabularySize: vocabulary[0], featureSize: shape.last ?? 0)
    (options.embeddingSize, options.units, options.dropout) = (vocabulary[1], units, 0)
    if form.seesRegions { options.attentionUnits = try file.info("decoder.attention.score").shape[0] }
    let model = try options.model()
    var state = StateDictionary()
    for entry in model.state.entries {
      state[entry.name] = Tensor(
        try file.floats(entry.name, shape: entry.tensor.shape), shape: entry.tensor.shape)
    }
    try model.load(state)
    let features = Tensor(try file.floats("features"), shape: shape)
    let symbols = try file.int64s("words"), expected = try file.doubles("losses")

    let decoding = try DecodingModel(model)
    let parameters = ParameterSet(model)
    let adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 0.01))
    for step in 0..<steps {
      let captions = (0..<batch).map { row in
        symbols[(step * batch + row) * length..<(step * batch + row + 1) * length].filter { $0 >= 0 }
          .map { Int32($0) }
      }
      parameters.zeroGradients()
      let loss = decoding.loss(
        of: captions, about: [LayerValue(features[step])], start: 1, end: 2,
        .training(seed: 1, step: UInt64(step + 1)))
      #expect(abs(Double(loss.mean.item) - expected[step]) < 1e-5 * expected[step], "step \(step)")
      loss.mean.backward()
      parameters.clipGradients(value: 0.1)
      adam.step(parameters)
    }
  }
}
