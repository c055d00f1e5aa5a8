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
    let values = inputs(model)
    let expected = model(values).map(\.tensor.scalars), found = again(values).map(\.tensor.scalars)
    #expect(expected == found, comment)
  }

  /// Inputs of 5 steps and 3 sequences, with zeros in the middle and a sequence of zeros among symbols.
  private func inputs(_ model: Model) -> [LayerValue] {
    model.inputs.map { input -> LayerValue in
      let leading: [Int] = input.shape.isSequence ? [5, 3] : [3]
      let shape = leading + input.shape.features
      let isSymbols = input.shape.features.isEmpty
      let numbers = (0..<shape.reduce(1, *)).map { index -> Float in
        guard isSymbols else { return sin(Float(index)) }
        let symbol = index * 5 % 7 % 3
        return index % 3 == 2 ? 0 : Float(symbol)
      }
      return LayerValue(Tensor(numbers, shape: shape))
    }
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
        // What Keras 3 doesn't have, and masks and stacks of cells that it has in other ways.
        let reasons = [
          "hard_sigmoid of Keras 2", "stateful", "the other way", "both", "reverse", "by itself", "one mask",
          "those of the inputs",
        ]
        #expect(reasons.contains { "\(error)".contains($0) }, "\(file): \(error)")
      } catch {
        Issue.record("\(file): \(error)")
      }
    }
    #expect(written > 0)
  }

  /// Models of all layers that Keras has.
  private func models() throws -> [Model] {
    let chain = Sequential(
      Embedding(7, 4, maskZero: true), Bidirectional(GRU(3, returnSequences: true), mergeMode: .ave),
      LayerNormalization(), Dropout(0.2),
      Recurrent(.rnnReLU, 5, returnSequences: true, dropout: 0.1, maskedOutput: .previous),
      Recurrent(.lstm, 4, returnSequences: true), TimeDistributed(Dense(4, activation: .elu)), LSTM(3),
      Dense(2, activation: .softmax), input: .sequence())
    try chain.build(seed: 3)
    let convolutions = Sequential(
      Conv1D(4, 2, padding: .causal, activation: .relu), BatchNormalization(), MaxPooling1D(2),
      SimpleRNN(3, returnSequences: true, goBackwards: true), GlobalMaxPooling1D(), RepeatVector(3),
      AveragePooling1D(2), GlobalAveragePooling1D(), ActivationLayer(.softsign), input: .sequence(3))
    try convolutions.build(seed: 4)
    var deep = RecurrentOptions(cell: .lstm, units: 3)
    deep.layers = 2
    deep.isBidirectional = true
    deep.returnSequences = true
    let flat = Sequential(
      Recurrent(deep), Flatten(steps: 5), Dense(2, activation: .leakyReLU), input: .sequence(3))
    try flat.build(seed: 5)
    let (a, b) = (Input(.sequence(3), name: "a"), Input(.sequence(3), name: "b"))
    let encoder = LSTM(4, returnState: true)
    let (left, right) = (encoder.outputs([a]), encoder.outputs([b]))
    let decoded = LSTM(4, returnSequences: true)([b, left[1], left[2]])
    let graph = try Model(
      inputs: [a, b],
      outputs: [
        Add()(left[0], right[0]), Multiply()(left[1], right[1]), Average()(left[2], right[2]),
        Dense(2, activation: .hardSigmoid)(Concatenate()(decoded, b)),
        Bidirectional(LSTM(2, returnState: true), mergeMode: .none).outputs([a])[4],
      ], seed: 6)
    return [chain, convolutions, flat, graph]
  }

  @Test("Chains and graphs of all layers that Keras has")
  func layers() throws {
    for model in try models() { try roundTrip(model) }
  }

  /// A Python that has Keras, of `$CELLGATE_KERAS_PYTHON`.
  static let python = ProcessInfo.processInfo.environment["CELLGATE_KERAS_PYTHON"]

  @Test(
    "Keras opens what is written, and computes the same",
    .enabled(if: python != nil, "set CELLGATE_KERAS_PYTHON to a Python that has Keras 3"))
  func keras() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var all = try models()
    for file in Interchange.files("keras", root: KerasImportTests.folder) where file.path.hasPrefix("model") {
      guard let model = try? ModelImporter.read(file.fullPath).makeModel() else { continue }
      all.append(model)
    }
    func array(_ tensor: Tensor, _ shape: LayerShape) -> String {
      let first = shape.isSequence ? tensor.transposed(0, 1) : tensor
      return #"{"shape": \#(first.shape), "values": \#(first.scalars)}"#
    }
    var cases: [String] = []
    for (index, model) in all.enumerated() {
      let path = folder.appendingPathComponent("\(index).keras").path
      do { try KerasWriter.write(model, to: path) } catch { continue }
      let values = inputs(model)
      let outputs = zip(model(values), model.outputShapes).map { array($0.tensor, $1) }
      let given = zip(values, model.inputs).map { array($0.tensor, $1.shape) }
      cases.append(
        #"{"path": "\#(path)", "inputs": [\#(given.joined(separator: ", "))], "outputs": [\#(outputs.joined(separator: ", "))]}"#
      )
    }
    #expect(cases.count >= 8)
    let list = folder.appendingPathComponent("cases.json")
    try Data("[\(cases.joined(separator: ",\n"))]".utf8).write(to: list)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.python))
    process.arguments = [KerasImportTests.folder + "/check_keras.py", list.path]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test("What Keras lacks is refused by its name")
  func refused() throws {
    func error(_ layers: any Layer...) throws -> String {
      let model = Sequential(layers, input: .sequence(3))
      try model.build(seed: 1)
      let error = try #require(throws: ExportError.self) {
        try KerasWriter.write(model, to: "/no/folder/x.keras")
      }
      #expect(!"\(error)".contains("\n"))
      return "\(error)"
    }
    #expect(try error(Recurrent(.lstmWM, 3)).contains("'lstm-wm'"))
    #expect(try error(Reverse()).contains("reverse"))
    #expect(try error(LSTM(3, stateful: true)).contains("stateful"))
    #expect(try error(Masking(), LSTM(3, returnSequences: true, goBackwards: true)).contains("the other way"))
    #expect(try error(Masking(), GlobalMaxPooling1D()).contains("maximum"))
    #expect(try error(LSTM(3)).contains("/no/folder"))
  }
}
