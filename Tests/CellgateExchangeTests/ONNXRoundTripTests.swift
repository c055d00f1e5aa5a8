import CellgateCells
import CellgateExchange
import CellgateNN
import CellgateTensor
import Foundation
import Testing

@Suite struct ONNXRoundTripTests {
  /// Imports what is written of a model.
  static func imported(_ model: Model, streaming: Bool = false) throws -> ImportedModel {
    let path = NSTemporaryDirectory() + "/cellgate-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ONNXWriter.write(model, to: path, streaming: streaming)
    return try ModelImporter.read(path)
  }

  static func bits(_ state: StateDictionary) -> [String: [UInt32]] {
    Dictionary(uniqueKeysWithValues: state.entries.map { ($0.name, $0.tensor.scalars.map(\.bitPattern)) })
  }

  @Test(
    "A model of plain cells that is imported, exported and imported again has the same graph and the same bits",
    .enabled(if: Interchange.shared != nil, Interchange.absent), arguments: Interchange.files("onnx/"))
  func sharedFiles(_ file: InterchangeFile) throws {
    guard file.path.hasSuffix(".onnx"), let first = try? ModelImporter.read(file.fullPath) else { return }
    let plain = [Cell.lstm, .gru, .rnnTanh, .rnnReLU, .lstmPeephole, .lstmCoupled].map(\.name)
    var isPlain = true
    for case let options as RecurrentOptions in first.description?.layers.map(\.options) ?? [] {
      if !plain.contains(options.cell.cell.name) { isPlain = false }
    }
    let second = try Self.imported(try first.makeModel())
    // A Scan bears one direction: other cells in both become two layers.
    if isPlain { #expect(Self.bits(second.state) == Self.bits(first.state)) }
    let third = try Self.imported(try second.makeModel())
    #expect(Self.bits(third.state) == Self.bits(second.state))
    #expect(third.description == second.description)
    // The samples have the first file's names and layouts; what the models compute from the same values is the same.
    let (one, two) = (try first.makeModel(), try second.makeModel())
    func value(_ shape: LayerShape, _ name: String) -> LayerValue {
      let size = (shape.isSequence ? [6, 3] : [3]) + shape.features
      let noise = ONNXWriterTests.noise(size, name)
      let symbols = Tensor((0..<noise.count).map { Float($0 % 9) }, shape: size)
      return LayerValue(
        shape.features.isEmpty ? symbols : noise, mask: shape.isSequence ? .lengths([6, 2, 4]) : nil)
    }
    let outputs = [one, two].map { model in
      model(model.inputs.map { value($0.shape, $0.name) }).map { $0.tensor.scalars.map(\.bitPattern) }
    }
    #expect(outputs[0] == outputs[1])
  }

  @Test("A layer of a published cell keeps its bits", arguments: Cell.zoo)
  func publishedCells(_ cell: Cell) throws { try stacks(cell, (1, false)) }

  @Test(
    "A stack keeps its bits, whatever its cell", arguments: ONNXWriterTests.cells,
    [(1, false), (2, false), (1, true), (2, true)])
  func stacks(_ cell: Cell, _ size: (layers: Int, both: Bool)) throws {
    let model = try ONNXWriterTests.stack(cell, layers: size.layers, both: size.both)
    let imported = try Self.imported(model)
    let own = Self.bits(model.state).values.map { $0 }, found = Self.bits(imported.state).values.map { $0 }
    func sorted(_ tensors: [[UInt32]]) -> [[UInt32]] { tensors.sorted { "\($0)" < "\($1)" } }
    #expect(sorted(found) == sorted(own))
    let x = ONNXWriterTests.noise([7, 3, 4], "x")
    let made = try imported.makeModel()
    for mask in [nil, SequenceMask.lengths([7, 1, 4])] {
      let expected = model([LayerValue(x, mask: mask)]), result = made([LayerValue(x, mask: mask)])
      #expect(
        result.map { $0.tensor.scalars.map(\.bitPattern) }
          == expected.map { $0.tensor.scalars.map(\.bitPattern) })
    }
    guard !size.both else { return }
    let streamed = try Self.imported(model, streaming: true)
    let stepped = try streamed.makeModel()
    #expect(stepped.inputs.count == 1 + size.layers * cell.states.count)
  }

  @Test("Models of several layers come back with the same outputs, with lengths and without")
  func models() throws {
    func chain(_ layers: [any Layer], _ shape: LayerShape) throws -> Model {
      let model = Sequential(layers, input: shape)
      try model.build(seed: 5)
      return model
    }
    var options = RecurrentOptions(cell: .lstm, units: 5)
    options.learnsFirstStates = true
    options.returnSequences = true
    let learned = try chain([Recurrent(options)], .sequence(4))
    var state = learned.state
    state["recurrent.h0"] = ONNXWriterTests.noise([1, 5], "h0")
    state["recurrent.c0"] = ONNXWriterTests.noise([1, 5], "c0")
    try learned.load(state)
    let models = [
      learned,
      try chain([Embedding(9, 6), LSTM(5), Dropout(0.5), Dense(4, activation: .softmax)], .sequence()),
      try chain(
        [
          Embedding(9, 6), GRU(5, returnSequences: true), LayerNormalization(), Dense(4, activation: .gelu),
          GlobalAveragePooling1D(),
        ], .sequence()),
      try chain(
        [Recurrent(.lstmWM, 5, returnSequences: true), Dense(4, activation: .relu), GlobalMaxPooling1D()],
        .sequence(4)),
      try chain(
        [
          LSTM(5, goBackwards: true), RepeatVector(3), GRU(5, returnSequences: true),
          Dense(4, activation: .logSoftmax),
        ], .sequence(4)),
      try chain([Bidirectional(LSTM(5, returnSequences: true)), Dense(4), LastStep()], .sequence(4)),
    ]
    for (place, model) in models.enumerated() {
      let made = try Self.imported(model).makeModel()
      let shape = model.inputs[0].shape
      let size = [7, 3] + shape.features
      let x =
        shape.features.isEmpty
        ? Tensor((0..<21).map { Float($0 % 9) }, shape: size) : ONNXWriterTests.noise(size, "x")
      for mask in [nil, SequenceMask.lengths([7, 2, 5])] {
        let value = LayerValue(x, mask: mask)
        let (found, expected) = (made(value).tensor, model(value).tensor)
        #expect(found.shape == expected.shape, "model \(place)")
        #expect(found.scalars.map(\.bitPattern) == expected.scalars.map(\.bitPattern), "model \(place)")
      }
    }
  }
}
