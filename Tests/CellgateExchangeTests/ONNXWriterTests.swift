import CellgateCells
import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

@Suite struct ONNXWriterTests {
  /// A cell of a user's own with a projection, a mean, a variance, constants and functions that others lack.
  static let own: Cell = try! Cell(
    text: """
      cell own
      states h size P, c
      matrices W = weight_ih (i, g)
      matrices U = weight_hh (i, g)
      matrix V = weight_hr rows P
      vectors b = bias (i, g)
      i = σ(W_i x + U_i h + b_i)
      g = max(min(W_g x + U_g h + b_g, 0.9), −0.8)
      c' = i ⊙ g + (1 − i) ⊙ c
      n = (c' − mean(c')) ÷ sqrt(variance(c') + 0.001)
      h' = V (relu(n) + softplus(n) ⊙ exp(−abs(n)) + log(2 + tanh(n)))
      """)

  static let cells = Cell.core + [own]

  /// A model that is a stack of a cell.
  static func stack(_ cell: Cell, layers: Int, both: Bool) throws -> Model {
    var options = RecurrentOptions(cell: cell, units: 5)
    options.layers = layers
    options.isBidirectional = both
    options.returnSequences = true
    options.returnState = true
    if cell.hasProjection { options.projection = 3 }
    let input = Input(.sequence(4), name: "x")
    return try Model(inputs: [input], outputs: Recurrent(options).outputs([input]), seed: 3)
  }

  /// Numbers in ±1 that are no one else's.
  static func noise(_ shape: [Int], _ name: String) -> Tensor {
    var stream = RandomStream(seed: 7, name: name)
    let count = shape.reduce(1, *)
    return Tensor((0..<count).map { _ in stream.uniform(in: -1..<1) }, shape: shape)
  }

  struct Array: Encodable {
    var type = "float32"
    var shape: [Int]
    var values: [Float]
    init(_ tensor: Tensor) { (shape, values) = (tensor.shape, tensor.scalars) }
    init(type: String, shape: [Int], values: [Float]) {
      (self.type, self.shape, self.values) = (type, shape, values)
    }
  }
  struct Run: Encodable {
    var inputs: [String: Array] = [:]
    var outputs: [String: Array] = [:]
  }
  struct Case: Encodable { var runs: [Run] }

  static func write(_ bytes: [UInt8], _ runs: [Run], _ name: String, in folder: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name).onnx"))
    try JSONEncoder().encode(Case(runs: runs)).write(to: URL(fileURLWithPath: "\(folder)/\(name).json"))
  }

  /// The names of a stack's outputs, the last layer's name first.
  static func names(_ count: Int, _ layer: String) -> [String] {
    (0..<count).map { $0 == 0 ? layer : "\(layer).\($0)" }
  }

  static func writeStacks(to folder: String) throws {
    for cell in cells + Cell.zoo {
      for layers in [1, 2] {
        for both in [false, true] {
          let model = try stack(cell, layers: layers, both: both)
          let x = noise([7, 3, 4], cell.name)
          var runs: [Run] = []
          for lengths in [nil, [7, 2, 4], [1, 7, 7]] as [[Int]?] {
            let outputs = model([LayerValue(x, mask: lengths.map { .lengths($0) })])
            var run = Run()
            run.inputs["x"] = Array(x)
            if let lengths {
              run.inputs["lengths"] = Array(type: "int64", shape: [3], values: lengths.map(Float.init))
            }
            for (name, value) in zip(names(outputs.count, "recurrent"), outputs) {
              run.outputs[name] = Array(value.tensor)
            }
            runs.append(run)
          }
          let name = "\(cell.name)_\(layers)_\(both ? 2 : 1)"
          try write(try ONNXWriter.encoded(model, streaming: false), runs, name, in: folder)
          guard !both else { continue }
          // The sequence in two parts, the states carried from one to the other.
          let whole = model([LayerValue(x)])
          let first = model([LayerValue(x[0..<3])])
          var run = Run()
          run.inputs["x"] = Array(x[3..<7])
          run.outputs["recurrent"] = Array(whole[0].tensor[3..<7])
          var place = 1
          for layer in 0..<layers {
            for state in cell.states {
              run.inputs["recurrent.\(state)_l\(layer)"] = Array(first[place].tensor)
              run.outputs["recurrent.\(state)_l\(layer).next"] = Array(whole[place].tensor)
              place += 1
            }
          }
          try write(try ONNXWriter.encoded(model, streaming: true), [run], name + "_streaming", in: folder)
        }
      }
      try Data(cell.onnxText.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(cell.name).txt"))
    }
  }

  /// Models of several layers.
  static func writeModels(to folder: String) throws {
    func symbols(_ count: Int) -> Tensor {
      Tensor((0..<21).map { Float(($0 * 5 + 1) % count) }, shape: [7, 3])
    }
    let (ids, padded) = (symbols(9), symbols(4))
    let mask = SequenceMask.lengths([7, 3, 5])
    func add(_ name: String, _ model: Model, _ inputs: [Tensor], _ masks: [SequenceMask?] = [nil, mask])
      throws
    {
      var runs: [Run] = []
      for mask in masks {
        let shapes = model.inputs.map(\.shape)
        let outputs = model(zip(shapes, inputs).map { LayerValue($1, mask: $0.isSequence ? mask : nil) })
        var run = Run()
        for (input, tensor) in zip(model.inputs, inputs) {
          run.inputs[input.name] = Array(tensor)
          if input.shape.features.isEmpty { run.inputs[input.name]?.type = "int64" }
        }
        if case .lengths(let lengths)? = mask {
          run.inputs["lengths"] = Array(type: "int64", shape: [3], values: lengths.map(Float.init))
        }
        let description = model.description
        for (value, output) in zip(description.outputs, outputs) {
          let layer = description.calls[value.node - description.inputs.count].layer
          run.outputs[layer + (value.output == 0 ? "" : ".\(value.output)")] = Array(output.tensor)
        }
        runs.append(run)
      }
      try write(try ONNXWriter.encoded(model, streaming: false), runs, name, in: folder)
    }
    func chain(_ layers: [any Layer], _ shape: LayerShape) throws -> Model {
      let model = Sequential(layers, input: shape)
      try model.build(seed: 5)
      return model
    }
    try add(
      "classifier",
      chain([Embedding(9, 6), LSTM(5), Dropout(0.5), Dense(4, activation: .softmax)], .sequence()), [ids])
    try add(
      "tagger",
      chain(
        [
          Embedding(9, 6), Bidirectional(LSTM(5, returnSequences: true), mergeMode: .ave),
          LayerNormalization(),
          TimeDistributed(Dense(4, activation: .gelu)), ActivationLayer(.logSoftmax),
        ], .sequence()), [ids])
    try add(
      "padded",
      chain(
        [
          Embedding(4, 6, maskZero: true),
          Recurrent(.lstm, 5, returnSequences: true, maskedOutput: .previous),
          GRU(5, returnSequences: true), LastStep(), Dense(3, activation: .silu),
        ], .sequence()), [padded])
    try add(
      "backwards",
      chain(
        [
          LSTM(5, returnSequences: true, goBackwards: true), Reverse(), GRU(4, returnSequences: true),
          LastStep(),
        ],
        .sequence(4)), [noise([7, 3, 4], "backwards")])
    try add(
      "backwards_wm",
      chain(
        [
          Recurrent(.lstmWM, 5, returnSequences: true, goBackwards: true), Reverse(),
          GlobalAveragePooling1D(),
        ],
        .sequence(4)), [noise([7, 3, 4], "backwards")])
    try add(
      "pooled",
      chain([Masking(), LSTM(5, returnSequences: true), GlobalMaxPooling1D()], .sequence(4)),
      [noise([7, 3, 4], "pooled").filled(where: noise([7, 3, 1], "gaps") .> 0.3, with: 0)])
    let (first, second) = (Input(.sequence(4), name: "x"), Input(.vector(5), name: "h"))
    let sequence = GRU(5, returnSequences: true).outputs([first, second])[0]
    let both = Concatenate()(sequence, Dense(5, activation: .relu)(sequence))
    let context = RepeatVector(2)(LastStep()(both))
    try add(
      "graph",
      Model(
        inputs: [first, second],
        outputs: [Flatten()(both), context, Multiply()(Add()(sequence, sequence), sequence)]),
      [noise([7, 3, 4], "x"), noise([3, 5], "h")])
    var options = RecurrentOptions(cell: .lstm, units: 5)
    options.learnsFirstStates = true
    options.zoneout = 0.1
    options.returnSequences = true
    let learned = try chain([Recurrent(options)], .sequence(4))
    var state = learned.state
    state["recurrent.h0"] = noise([1, 5], "h0")
    state["recurrent.c0"] = noise([1, 5], "c0")
    try learned.load(state)
    try add("learned", learned, [noise([7, 3, 4], "learned")])
  }

  @Test(
    "ONNX Runtime computes what Cellgate computes, for every cell, layers and directions",
    .enabled(
      if: ProcessInfo.processInfo.environment["CELLGATE_ONNX_PYTHON"] != nil,
      "set CELLGATE_ONNX_PYTHON to a Python that has numpy, onnx and onnxruntime"))
  func onnxRuntimeAgrees() throws {
    let python = try #require(ProcessInfo.processInfo.environment["CELLGATE_ONNX_PYTHON"])
    let folder = NSTemporaryDirectory() + "/cellgate-onnx-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Self.writeStacks(to: folder)
    try Self.writeModels(to: folder)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      python,
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(".ci/check-onnx.py").path,
      folder,
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self)
    print(text)
    #expect(process.terminationStatus == 0, "\(text)")
  }
}
