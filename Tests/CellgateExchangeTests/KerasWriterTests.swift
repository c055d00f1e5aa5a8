import CellgateCells
import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

@Suite("Keras export")
struct KerasWriterTests {
  private func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keras").path
  }

  /// Writes a model, reads it again and compares the outputs for inputs of the model's shapes, bit for bit.
  private func roundTrip(_ model: Model, _ comment: Comment? = nil) throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try KerasWriter.write(model, to: path)
    let again = try ModelImporter.read(path).makeModel()
    #expect(again.inputs.map(\.shape) == model.inputs.map(\.shape), comment)
    #expect(again.outputShapes == model.outputShapes, comment)
    let values = model.inputs.map { input -> LayerValue in
      let shape = (input.shape.isSequence ? [5, 3] : [3]) + input.shape.features
      let count = shape.reduce(1, *)
      let isSymbols = input.shape.features.isEmpty
      return LayerValue(
        Tensor((0..<count).map { isSymbols ? Float($0 * 5 % 3) : sin(Float($0)) }, shape: shape))
    }
    let expected = model(values).map(\.tensor.scalars), found = again(values).map(\.tensor.scalars)
    #expect(expected == found, comment)
  }

  @Test("Import, export and import give the same bits", arguments: ["keras/", "keras2/"])
  func collection(prefix: String) throws {
    let roots = [KerasImportTests.folder, Interchange.shared].compactMap { $0 }
    var written = 0
    for file in roots.flatMap({ Interchange.files(prefix, root: $0) }) {
      var options = ImportOptions()
      options.asFloat32 = true
      guard let imported = try? ModelImporter.read(file.fullPath, options: options),
        imported.description != nil
      else { continue }
      do {
        try roundTrip(try imported.makeModel(), "\(file)")
        written += 1
      } catch let error as ExportError {
        // What Keras 3 can't say: hard_sigmoid of Keras 2, and directions that are apart.
        #expect("\(error)".contains("hard_sigmoid of Keras 2") || "\(error)".contains("reverse"), "\(file)")
      }
    }
    #expect(written > 0)
  }

  @Test("Chains and graphs of all layers that Keras has")
  func layers() throws {
    let chain = Sequential(
      Embedding(7, 4, maskZero: true), Bidirectional(GRU(3, returnSequences: true), mergeMode: .ave), LayerNormalization(),
      Dropout(0.2), Recurrent(.rnnReLU, 5, returnSequences: true, maskedOutput: .previous),
      TimeDistributed(Dense(4, activation: .elu)), LSTM(3), Dense(2, activation: .softmax),
      input: .sequence())
    try chain.build(seed: 3)
    try roundTrip(chain)
    let convolutions = Sequential(
      Conv1D(4, 2, padding: .causal, activation: .relu), BatchNormalization(), MaxPooling1D(2),
      SimpleRNN(3, returnSequences: true, goBackwards: true), GlobalMaxPooling1D(), RepeatVector(3),
      AveragePooling1D(2), GlobalAveragePooling1D(), ActivationLayer(.softsign), input: .sequence(3))
    try convolutions.build(seed: 4)
    try roundTrip(convolutions)
    let stacked = RecurrentOptions(cell: .lstm, units: 3)
    var deep = stacked
    deep.layers = 2
    deep.isBidirectional = true
    deep.returnSequences = true
    let flat = Sequential(Recurrent(deep), Flatten(steps: 5), Dense(2), input: .sequence(3))
    try flat.build(seed: 5)
    try roundTrip(flat)
    let (a, b) = (Input(.sequence(3), name: "a"), Input(.sequence(3), name: "b"))
    let encoder = LSTM(4, returnState: true)
    let (left, right) = (encoder.outputs([a]), encoder.outputs([b]))
    let decoder = LSTM(4, returnSequences: true)
    let decoded = decoder([b, left[1], left[2]])
    let graph = try Model(
      inputs: [a, b],
      outputs: [
        Add()(left[0], right[0]), Multiply()(left[1], right[1]), Average()(left[2], right[2]),
        Dense(2)(Concatenate()(decoded, b)),
      ], seed: 6)
    try roundTrip(graph)
  }

  @Test("What Keras lacks is refused by its name")
  func refused() throws {
    func error(_ layers: any Layer...) throws -> String {
      let model = Sequential(layers, input: .sequence(3))
      try model.build(seed: 1)
      let error = try #require(throws: ExportError.self) { try KerasWriter.write(model, to: "/no/folder/x.keras") }
      #expect(!"\(error)".contains("\n"))
      return "\(error)"
    }
    #expect(try error(Recurrent(.lstmWM, 3)).contains("'lstm-wm'"))
    #expect(try error(Reverse()).contains("reverse"))
    #expect(try error(LSTM(3, stateful: true)).contains("stateful"))
    #expect(try error(LSTM(3)).contains("/no/folder"))
  }
}
