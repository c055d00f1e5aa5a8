import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("CharacterEncoder")
struct CharacterEncoderTests {
  private func encoder(_ cell: Cell?, units: Int = 4) throws -> Model {
    var options = CharacterEncoder.Options(inputDim: 7, outputDim: 3, units: units)
    options.cell = cell.map { CellText($0) }
    let x = Input(.sequence(5))
    return try Model(inputs: x, outputs: CharacterEncoder(options)(x), seed: 4)
  }

  private func words(_ words: [[Float]], width: Int = 5) -> Tensor {
    Tensor(
      words.flatMap { $0 + [Float](repeating: 0, count: width - $0.count) }, shape: [words.count, 1, width])
  }

  @Test("A word's vector depends on its characters alone", arguments: [nil, Cell.lstmWM, Cell.gru])
  func words(cell: Cell?) throws {
    let model = try encoder(cell)
    let size = cell == nil ? 4 : 8
    #expect(model.outputShapes == [.sequence(size)])
    let all = model(words([[1, 2, 3], [6], [1, 2, 3, 4, 5], [], [6], [3, 2, 1]]))
    #expect(all.shape == [6, 1, size])
    let rows = (0..<6).map { all[$0].scalars }
    #expect(rows[1] == rows[4] && rows[0] != rows[5] && rows[0] != rows[2])
    if cell == nil { #expect(rows[3] == [Float](repeating: 0, count: size)) }
    for (word, row) in zip([[1, 2, 3], [6]] as [[Float]], rows) {
      for (one, other) in zip(model(words([word])).scalars, row) { #expect(abs(one - other) < 1e-6) }
    }
  }

  @Test("Has the gradient of central differences", arguments: [nil, Cell.lstm])
  func gradient(cell: Cell?) throws {
    let model = try encoder(cell, units: 2)
    let x = words([[1, 2, 3], [6], [1, 2], [], [6]])
    // Largest outputs change their places at larger steps.
    let error = gradientError(of: model.namedParameters().map(\.parameter), step: 0.004) { model(x) }
    #expect(error < 1e-3)
  }

  @Test("The mask of the words stays, and the noise of its parts is its own")
  func mask() throws {
    let model = try encoder(nil)
    let value = model([LayerValue(words([[1], [2]]), mask: .lengths([1]))])[0]
    #expect(value.mask == .lengths([1]))
    #expect(
      model.state.names == [
        "character_encoder.embedding.weight", "character_encoder.convolution.weight",
        "character_encoder.convolution.bias",
      ])
  }
}
