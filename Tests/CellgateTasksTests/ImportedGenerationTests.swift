import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTasks
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Testing

@Suite("Generation with imported models")
struct ImportedGenerationTests {
  /// Symbols in an order of their own, as a training script may have given them.
  private static let symbols = "z\nab e"

  /// A character model of PyTorch's names.
  private func weights() -> Safetensors.Writer {
    var random = SplitMix(state: 5)
    var writer = Safetensors.Writer()
    for (name, shape) in [
      ("encoder.weight", [6, 3]), ("rnn.weight_ih_l0", [16, 3]), ("rnn.weight_hh_l0", [16, 4]),
      ("rnn.bias_ih_l0", [16]), ("rnn.bias_hh_l0", [16]), ("rnn.weight_ih_l1", [16, 4]),
      ("rnn.weight_hh_l1", [16, 4]), ("rnn.bias_ih_l1", [16]), ("rnn.bias_hh_l1", [16]),
      ("decoder.weight", [6, 4]), ("decoder.bias", [6]),
    ] {
      let count = shape.reduce(1, *)
      writer.add(
        name, shape: shape, floats: (0..<count).map { _ in Float.random(in: -1...1, using: &random) })
    }
    return writer
  }

  @Test("A character model with its symbols generates text from its file")
  func text() throws {
    let scratch = try Scratch()
    try weights().write(to: scratch.file("weights.safetensors"))
    var options = ImportOptions()
    options.architecture = Architecture(
      .object([
        .init("kind", .string("char_lm")), .init("vocab", .number("6")),
        .init("chars", .string(Self.symbols)),
      ]))
    let imported = try ModelImporter.read(scratch.file("weights.safetensors"), options: options)
    let model = try imported.makeModel()
    try model.save(scratch.file("model.safetensors"))

    let generator = try TextGenerator(model: scratch.file("model.safetensors"))
    let text = try generator.text(after: "ab\n", sampling: Sampling(temperature: 0))
    let sampler = try #require(imported.sampler)
    let prompt = SampleArray(shape: [1, 3], values: [2, 3, 1])
    let expected = try sampler.outputs(
      of: SampleInputs(
        run: "greedy", arrays: ["prompt_ids": prompt], outputs: ["ids"], shapes: ["ids": [1, 30]]),
      by: model)
    let scalars = Array(Self.symbols.unicodeScalars)
    #expect(Array(text.prefix(30)) == expected["ids"]?.values.map { scalars[Int($0)] })
  }
}
