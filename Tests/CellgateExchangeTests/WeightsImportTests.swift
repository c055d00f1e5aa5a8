import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

/// Model files of PyTorch and NumPy against the outputs that PyTorch computes, and broken ones against what must become of
/// them.
@Suite struct WeightsImportTests {
  @Test(
    "The files that come with the tests are as their index says",
    arguments: Interchange.files(
      "torch/", "lstmwm/", "npz/", "broken/hostile_pickle", "broken/torch", "broken/npz",
      root: Interchange.bundled))
  func bundled(_ file: InterchangeFile) throws { try file.check() }

  @Test(
    "All files of PyTorch and NumPy are as their index says",
    .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("torch/", "lstmwm/", "npz/"))
  func shared(_ file: InterchangeFile) throws { try file.check() }

  @Test(
    "Broken and hostile files end in an error or in right numbers",
    .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("broken/hostile_pickle", "broken/torch", "broken/safetensors", "broken/npz"))
  func broken(_ file: InterchangeFile) throws {
    switch file.path {
    case "empty_tensor.safetensors":
      // Not the tensor of the others.
      let state = try ModelImporter.read(file.fullPath).state
      #expect(
        state.entries.map(\.tensor.shape) == [[], [0, 3]]
          || state.entries.map(\.tensor.shape) == [[0, 3], []])
    case "nan_inf.pt":
      let imported = try ModelImporter.read(file.fullPath)
      #expect(imported.findings.contains { $0.hasPrefix("warning: NaN or infinite numbers in 'weight'") })
    default: try file.check()
    }
    #expect(!FileManager.default.fileExists(atPath: "/home/ann/training/PWNED"))
  }

  /// The arithmetic is Double's in another order; the outputs are as PyTorch computes them in Double.
  @Test(
    "Recurrent layers agree in Double to 1e-9", .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("torch/lstm_", "torch/gru_", "torch/rnn_", "lstmwm/layer", "npz/"))
  func double(_ file: InterchangeFile) throws {
    // Weights of 64 bits lose half of them.
    guard file.expect == "read", file.id != "torch/lstm_float64" else { return }
    var options = ImportOptions()
    options.architecture = try file.architecture()
    let isBatchFirst = options.architecture?.members["batch_first"]?.bool == true
    let imported = try ModelImporter.read(file.fullPath, options: options)
    options.architecture = Architecture(.object([.init("kind", .string("tensors"))]))
    let tensors = try ModelImporter.read(file.fullPath, options: options).state
    let stack = try #require(ReferenceStack(imported, tensors: tensors))
    var worst = 0.0
    for run in try file.runs() where run.name != "gradients" {
      let x = try #require(run.inputs["x"])
      let isBatch = x.shape.count == 3
      let (a, b) = (x.shape[0], isBatch ? x.shape[1] : 1)
      let (steps, batch) = isBatchFirst && isBatch ? (b, a) : (a, b)
      func swapped(_ values: [Double], _ size: Int, _ first: Int, _ second: Int) -> [Double] {
        guard isBatchFirst, isBatch else { return values }
        return (0..<first * second * size).map { index in
          let (row, column) = (index / size, index % size)
          return values[(row % second * first + row / second) * size + column]
        }
      }
      let states = run.inputs["h0"].map { [$0.values] + (run.inputs["c0"].map { [$0.values] } ?? []) }
      let (output, finals) = stack.run(
        swapped(x.values, stack.inputSize, steps, batch), steps: steps, batch: batch, states: states,
        lengths: run.inputs["lengths"]?.values.map { Int($0) })
      let y = try #require(run.outputs64["y"])
      let expected = swapped(y.values, y.shape.last ?? 1, steps, batch)
      #expect(expected.count == output.count)
      worst = max(worst, zip(output, expected).map(ImportedModel.relativeDifference).max() ?? 0)
      for (name, found) in zip(["h_n", "c_n"], finals) {
        let expected = try #require(run.outputs64[name])
        #expect(expected.values.count == found.count)
        worst = max(worst, zip(found, expected.values).map(ImportedModel.relativeDifference).max() ?? 0)
      }
    }
    #expect(worst <= 1e-9)
  }

  @Test(
    "What is found is reported",
    arguments: Interchange.files("torch/", "lstmwm/", "npz/", root: Interchange.bundled))
  func findings(_ file: InterchangeFile) throws {
    guard let imported = try? ModelImporter.read(file.fullPath) else {
      #expect(file.expect != "read")
      return
    }
    #expect(imported.findings.count > 2)
    #expect(imported.findings.allSatisfy { !$0.contains("\n") })
    if ProcessInfo.processInfo.environment["CELLGATE_SHOW"] != nil {
      print(file.testDescription, imported.framework, imported.format)
      imported.findings.forEach { print("   ", $0) }
      print("   ", imported.metadata, imported.proposal?.members ?? .null)
    }
  }

  @Test(
    "What is certain becomes a model, what isn't a proposal that makes one",
    arguments: [
      ("torch/lstm_1layer/state_dict.pt", "lstm", true),
      ("torch/gru_2layer_bidirectional/state_dict.safetensors", "gru", true),
      ("torch/lstm_cell/state_dict.safetensors", "lstm_cell", true),
      ("torch/char_lm/checkpoint.pt", "char_lm", true),
      ("torch/char_lm_tied/model.safetensors", "char_lm", true),
      ("torch/rnn_relu/state_dict.safetensors", "rnn", false),
      ("torch/checkpoints/nested.pt", "text_classifier", false),
      ("lstmwm/tagger/state_dict.safetensors", "text_classifier", false),
    ])
  func inference(path: String, kind: String, isCertain: Bool) throws {
    let file = Interchange.bundled + "/" + path
    let imported = try ModelImporter.read(file)
    #expect((imported.description != nil) == isCertain)
    #expect((imported.proposal?.kind ?? kind) == kind)
    #expect((imported.proposal == nil) == isCertain)
    var options = ImportOptions()
    options.architecture = imported.proposal
    _ = try ModelImporter.read(file, options: options).makeModel()
  }

  @Test(
    "The description computes what the sampler does, with any pooling",
    arguments: [
      ("torch/text_classifier_bidirectional/state_dict.safetensors", nil),
      ("torch/text_classifier_bidirectional/state_dict.safetensors", "mean"),
      ("torch/text_classifier_bidirectional/state_dict.safetensors", "max"),
      ("torch/checkpoints/nested.pt", nil), ("torch/checkpoints/nested.pt", "max"),
    ] as [(String, String?)])
  func description(path: String, pooling: String?) throws {
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    let about = try JSONTree(path: Interchange.bundled + "/" + folder + "/case.json")
    let members = try #require(about["model"]?.object)
    var options = ImportOptions()
    options.architecture = Architecture(
      .object(members + (pooling.map { [.init("pooling", .string($0))] } ?? [])))
    let imported = try ModelImporter.read(Interchange.bundled + "/" + path, options: options)
    let model = try imported.makeModel()
    let ids: [Double] = [3, 1, 4, 1, 5, 9, 2, 6]
    let lengths = [4, 2]
    let found = try #require(imported.sampler).outputs(
      of: SampleInputs(
        run: "own",
        arrays: [
          "ids": SampleArray(shape: [2, 4], values: ids),
          "lengths": SampleArray(shape: [2], values: lengths.map(Double.init)),
        ], outputs: ["logits"]), by: model)
    let symbols = Tensor(ids.map { Float($0) }, shape: [2, 4]).transposed(0, 1)
    let logits = model([LayerValue(symbols, mask: .lengths(lengths))])[0].tensor
    #expect(logits.scalars.map(Double.init) == found["logits"]?.values)
    #expect(found["logits"]?.shape == [2, 3])
  }

  @Test(
    "An architecture that the weights don't fit is an error that says what differs",
    arguments: [
      (#"{"kind": "gru"}"#, "weights of the kind gru, found lstm"),
      (#"{"kind": "lstm", "hidden_size": 6}"#, "hidden_size 6, found 5"),
      (#"{"kind": "lstm", "bidirectional": true}"#, "bidirectional true, found false"),
      (#"{"kind": "char_lm"}"#, "one embedding of vectors of 3, found none"),
      (#"{"kind": "transformer"}"#, "found transformer"),
    ])
  func wrongArchitecture(text: String, message: String) throws {
    var options = ImportOptions()
    options.architecture = Architecture(try JSONTree(data: Array(text.utf8), file: "architecture"))
    let error = #expect(throws: ImportError.self) {
      try ModelImporter.read(Interchange.bundled + "/torch/lstm_1layer/state_dict.pt", options: options)
    }
    #expect("\(try #require(error))".contains(message))
  }

  @Test("Samples that don't fit the model are errors")
  func badSamples() throws {
    let imported = try ModelImporter.read(Interchange.bundled + "/torch/lstm_1layer/state_dict.pt")
    let (model, sampler) = (try imported.makeModel(), try #require(imported.sampler))
    let x = SampleArray(shape: [2, 1, 3], values: [1, 2, 3, 4, 5, 6])
    for arrays in [
      [:], ["x": SampleArray(shape: [2, 1, 4], values: [Double](repeating: 0, count: 8))],
      ["x": SampleArray(shape: [2, 1, 3], values: [1])],
      ["x": x, "lengths": SampleArray(shape: [1], values: [3])],
      ["x": x, "lengths": SampleArray(shape: [1], values: [0.5])],
      ["x": x, "h0": SampleArray(shape: [1, 1, 5], values: [1, 2, 3, 4, 5])],
      ["x": SampleArray(shape: [1 << 62, 4, 3], values: [])],
    ] as [[String: SampleArray]] {
      #expect(throws: ImportError.self) {
        try sampler.outputs(of: SampleInputs(run: "bad", arrays: arrays, outputs: ["y"]), by: model)
      }
    }
    let empty = try sampler.outputs(
      of: SampleInputs(
        run: "none", arrays: ["x": SampleArray(shape: [0, 2, 3], values: [])], outputs: ["y"]),
      by: model)
    #expect(empty["y"]?.shape == [0, 2, 5])
    #expect(empty["h_n"]?.values == [Double](repeating: 0, count: 10))
  }

  @Test(
    "What is imported stands in a model's file as it is",
    arguments: Interchange.files("torch/", "lstmwm/", "npz/", root: Interchange.bundled))
  func written(_ file: InterchangeFile) throws {
    var options = ImportOptions()
    options.architecture = try file.architecture()
    guard file.expect == "read" else { return }
    let imported = try ModelImporter.read(file.fullPath, options: options)
    guard let description = imported.description else {
      #expect(options.architecture?.kind == "tensors")
      return
    }
    #expect(try ModelDescription(decoding: description.encoded()) == description)
    let model = try imported.makeModel()
    #expect(model.state.names.sorted() == imported.state.names.sorted())
    for entry in imported.state.entries {
      #expect(model.state[entry.name]?.scalars == entry.tensor.scalars)
    }
  }
}
