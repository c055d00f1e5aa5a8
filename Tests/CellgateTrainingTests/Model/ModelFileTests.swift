import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTasks
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@Suite("Models in files")
struct ModelFileTests {
  @Test("A model that is saved and loaded gives the same bits, with its metadata and its buffers")
  func roundTrip() throws {
    let scratch = try Scratch()
    let model = Sequential(
      Embedding(9, 4, maskZero: true), Bidirectional(LSTM(3, returnSequences: true), mergeMode: .sum),
      BatchNormalization(), GlobalAveragePooling1D(), Dense(2, activation: .softmax))
    model.compile(optimizer: .sgd, loss: .sparseCategoricalCrossEntropy)
    let x = Tensor([0, 3, 4, 8, 1, 2], shape: [2, 3])
    try model.fit(x, Tensor([0, 1]), epochs: 2, verbose: .silent)
    model.metadata["labels"] = "[\"no\",\"yes\"]"
    let path = scratch.file("model.safetensors")
    try model.save(path)
    let loaded = try Model.load(path)
    #expect(loaded.metadata == ["labels": "[\"no\",\"yes\"]"])
    #expect(loaded.description == model.description)
    #expect(try loaded.predict(x).scalars == model.predict(x).scalars)
    // What is loaded is saved with the same bytes.
    let again = scratch.file("again.safetensors")
    try loaded.save(again)
    #expect(
      try Data(contentsOf: URL(filePath: path)) == Data(contentsOf: URL(filePath: again)))
  }

  private static func language() throws -> Sequential {
    let model = Sequential(
      Embedding(40, 64), LSTM(64, returnSequences: true), Dense(40), input: .sequence())
    try model.build(seed: 4)
    return model
  }

  @Test("A file of signed bytes is a quarter as large, and gives the numbers of the model in int8")
  func bytes() throws {
    let scratch = try Scratch()
    let model = try Self.language()
    model.metadata["labels"] = "[\"no\"]"
    let (floats, bytes) = (scratch.file("f.safetensors"), scratch.file("b.safetensors"))
    try model.save(floats)
    try model.saveInBytes(bytes)
    func size(_ path: String) throws -> Int { try Data(contentsOf: URL(filePath: path)).count }
    #expect(try Double(size(bytes)) < 0.3 * Double(size(floats)))
    let loaded = try Model.load(bytes)
    #expect(loaded.metadata == model.metadata)
    let x = Tensor((0..<24).map { Float($0 % 40) }, shape: [2, 12])
    #expect(try loaded.predict(x).scalars == model.computing(in: .int8).predict(x).scalars)
    let again = scratch.file("again.safetensors")
    try loaded.saveInBytes(again)
    #expect(try Data(contentsOf: URL(filePath: bytes)) == Data(contentsOf: URL(filePath: again)))
    loaded.compile(optimizer: .sgd, loss: .sparseCategoricalCrossEntropy)
    #expect {
      try loaded.fit(x, x, epochs: 1, verbose: .silent)
    } throws: {
      "\($0)".contains(": expected one with gradients, such as f32, found int8")
    }
  }

  @Test("Files of signed bytes that are damaged are refused in one line that names them")
  func badBytes() throws {
    let scratch = try Scratch()
    let path = scratch.file("b.safetensors"), bad = scratch.file("bad.safetensors")
    try Self.language().saveInBytes(path)
    let good = try Safetensors(path: path)
    /// The file with scales, and matrices, of other types and shapes; a scale without a type is left out.
    func message(
      scales: Safetensors.Dtype? = .f32, more: Int = 0, matrices: Safetensors.Dtype = .i8, byte: UInt8? = nil
    ) throws -> String {
      var metadata = good.metadata
      metadata["checksum"] = nil
      var writer = Safetensors.Writer(metadata: metadata, checksum: true)
      for info in good.tensors {
        var (dtype, shape, bytes) = (info.dtype, info.shape, try good.bytes(info.name))
        if info.name.hasSuffix(".int8_scale") {
          guard let scales else { continue }
          (dtype, shape[0]) = (scales, shape[0] + more)
          bytes += [UInt8](repeating: 0, count: 4 * more)
        } else if dtype == .i8 {
          if let byte { bytes[0] = byte }
          if matrices != .i8 { bytes += [UInt8](repeating: 0, count: 3 * bytes.count) }
          dtype = matrices
        }
        writer.add(info.name, dtype: dtype, shape: shape, bytes: bytes)
      }
      try writer.write(to: bad)
      do {
        _ = try Model.load(bad)
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(try message() == "nothing")
    let texts = [
      try message(scales: nil), try message(scales: .i32), try message(more: 1), try message(matrices: .i32),
      try message(byte: 0x80),
    ]
    for text in texts { #expect(text.hasPrefix(bad) && !text.contains("\n"), "\(text)") }
    #expect(texts[1].contains("expected dtype F32, found I32"))
    #expect(texts[4].contains("expected bytes from -127 to 127"))
    let all = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for count in [10, all.count / 2, all.count - 1] {
      try Data(all.prefix(count)).write(to: URL(filePath: bad))
      #expect {
        try Model.load(bad)
      } throws: { "\($0)".hasPrefix(bad) && !"\($0)".contains("\n") }
    }
  }

  @Test(
    "A model that writes captions is one file, from which it decodes the same",
    arguments: CaptionModelOptions.Form.allCases)
  func captions(_ form: CaptionModelOptions.Form) throws {
    let scratch = try Scratch()
    var options = CaptionModelOptions(form, cell: .lstmWM, vocabularySize: 9, featureSize: 4)
    (options.units, options.embeddingSize, options.attentionUnits) = (6, 5, 4)
    options.mappedSize = 5
    let model = try options.model(seed: 2)
    model.metadata["vocabulary"] = "words"
    let path = scratch.file("captions.safetensors")
    try model.save(path)
    let loaded = try Model.load(path)
    #expect(loaded.description == model.description && loaded.metadata == model.metadata)
    let features = LayerValue(random(form.seesRegions ? [3, 2, 4] : [2, 4], "features"))
    func best(_ model: Model) throws -> [[Hypothesis]] {
      try DecodingModel(model).decoder([features]).beamSearch(
        after: 1, rules: DecodingRules(end: 0, maximumLength: 5), search: BeamSearch(width: 2, count: 2))
    }
    #expect(try best(loaded) == best(model))
  }

  @Test("A cell of a user's own needs nothing but the model's file")
  func ownCell() throws {
    let scratch = try Scratch()
    let cell = try Cell("leaky", summary: "a leaky sum") { cell in
      let h = cell.state("h")
      cell.next(h, 0.9 * h + tanh(cell.matrix("weight_ih")(cell.input)))
    }
    let model = Sequential(Recurrent(cell, 3), Dense(1), input: .sequence(2))
    try model.build()
    try model.save(scratch.file("m"))
    let x = random([2, 5, 2])
    #expect(try Model.load(scratch.file("m")).predict(x).scalars == model.predict(x).scalars)
  }

  @Test("Damaged, foreign and newer files are refused in one line that names them")
  func badFiles() throws {
    let scratch = try Scratch()
    let path = scratch.file("m.safetensors")
    let model = Sequential(Dense(2), input: .vector(3))
    try model.build()
    try model.save(path)
    func message(_ bytes: [UInt8]) throws -> String {
      try Data(bytes).write(to: URL(filePath: path))
      do {
        _ = try Model.load(path)
        return "nothing"
      } catch { return "\(error)" }
    }
    let good = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for count in [0, 5, 20, good.count - 1] {
      let text = try message(Array(good.prefix(count)))
      #expect(text.hasPrefix(path) && !text.contains("\n"), "\(text)")
    }
    var writer = Safetensors.Writer(
      metadata: ["format": "cellgate-model", "format_version": "3"], checksum: true)
    writer.add("dense.weight", shape: [2, 3], floats: Array(repeating: 0, count: 6))
    #expect(try message([UInt8](writer.encode())).contains("description"))
    writer.metadata["description"] = model.description.encoded()
    #expect(try message([UInt8](writer.encode())).contains("dense.bias"))
    writer.add("dense.bias", shape: [2], floats: [0, .nan])
    #expect(try message([UInt8](writer.encode())).contains("dense.bias"))
    writer.metadata["format_version"] = "99"
    #expect(try message([UInt8](writer.encode())).contains("99"))
    // Many layers and huge sizes cost nothing before the tensors are compared.
    writer.metadata["format_version"] = "3"
    writer.metadata["description"] = model.description.encoded().replacing(
      "\"units\":2", with: "\"units\":2000000000")
    #expect(try message([UInt8](writer.encode())).contains("dense.weight"))
  }

  @Test(
    "Settings that no run has, in the file of a run of an earlier version, are refused by name",
    arguments: ["dropout", "chrono-steps", "layers", "Transformer"])
  func settings(option: String) throws {
    let scratch = try Scratch()
    let path = scratch.file("m.safetensors")
    var settings = TrainingSettings(hidden: 2, batch: 1, steps: 1)
    settings.task = "adding"
    switch option {
    case "dropout": settings.dropout = 1
    case "chrono-steps": settings.chronoSteps = 1
    case "layers": settings.layers = 0
    default: settings.taskOptions["model"] = .text("transformer")
    }
    let text = String(decoding: settings.encoded(), as: UTF8.self)
    var writer = Safetensors.Writer(
      metadata: ["format": "cellgate-model", "format_version": "2", "settings": text], checksum: true)
    writer.add("recurrent.weight_ih_l0", shape: [8, 2], floats: Array(repeating: 0, count: 16))
    writer.add("head.weight", shape: [1, 2], floats: [0, 0])
    try Data(writer.encode()).write(to: URL(filePath: path))
    let error = #expect(throws: RunError.self) { _ = try Model.load(path) }
    let message = try #require(error).description
    #expect(message.hasPrefix(path) && message.contains(option), "\(message)")
  }

  @Test("Changed bytes never crash", arguments: 0..<40)
  func fuzz(_ seed: Int) throws {
    let scratch = try Scratch()
    let path = scratch.file("m.safetensors")
    let model = Sequential(LSTM(2), Dense(1), input: .sequence(2))
    try model.build()
    try model.save(path)
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    var stream = RandomStream(seed: UInt64(seed), name: "fuzz")
    for _ in 0..<1 + seed % 4 {
      bytes[stream.integer(below: min(bytes.count, 2500))] = UInt8(stream.integer(below: 256))
    }
    try Data(bytes).write(to: URL(filePath: path))
    // Trusted, so that the reader is reached and not the checksum alone.
    _ = try? Model.load(path, trustingWeights: true)
  }

  @Test(
    "The file of a task's run is a model by itself, with the run's numbers", arguments: ["adding", "copying"])
  func runs(_ name: String) throws {
    let scratch = try Scratch()
    var settings = try Tasks.named(name).defaults
    settings.taskOptions["length"] = 10
    (settings.hidden, settings.batch, settings.steps, settings.cell) = (6, 4, 3, "lstm-wm")
    (settings.layers, settings.bidirectional, settings.dropout) = (2, true, 0.25)
    settings.evaluationInterval = 3
    let task = try Tasks.make(settings)
    let directory = try RunDirectory(creating: scratch.file("run"), settings: settings)
    _ = try Trainer(task: task, settings: settings, directory: directory).run()
    let model = try Model.load(scratch.file("run"))
    let own = RecurrentModel(
      settings: settings, shape: type(of: task).shape(settings), cell: .lstmWM)
    try ModelFile.load(directory.modelFile, into: own)
    let x = random([11, 3, model.inputs[0].shape.features[0]])
    #expect(model(x).scalars == own(x).scalars)
    #expect(
      model([LayerValue(x)], .training(seed: 1, step: 2))[0].tensor.scalars
        == own(x, context: .training(seed: 1, step: 2)).scalars)
    #expect(model.metadata["task"] == name)
  }

  @Test(
    "Models of runs of earlier versions load without run, task or registry",
    arguments: ["adding", "copying", "smnist", "pmnist", "ptb-char", "text"])
  func recorded(_ name: String) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "CellgateCommandTests/Recorded/\(name)")
    try #require(FileManager.default.fileExists(atPath: folder.path))
    let model = try Model.load(folder.path)
    let input = model.inputs[0].shape
    let x =
      input.features.isEmpty ? Tensor.zeros([3, 2]) : random([5, 2, input.features[0]])
    let y = model(x)
    #expect(y.scalars.allSatisfy { $0.isFinite })
    #expect(model.outputShapes[0].isSequence == (name == "copying" || name == "ptb-char" || name == "text"))
  }
}
