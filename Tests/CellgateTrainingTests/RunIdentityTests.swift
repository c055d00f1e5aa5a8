import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("What a saved model is, and what it may be used with")
struct RunIdentityTests {
  let scratch: Scratch
  let settings = MeanTask.defaults
  var path: String { scratch.file("run") }

  init() throws { scratch = try Scratch() }

  /// Trains up to `stop` and lets go of the folder.
  private func train(stop: Int = .max, cell: Cell? = nil) throws {
    var settings = settings
    if let cell { settings.cell = cell.name }
    let trainer = try Trainer(
      task: MeanTask(settings: settings), settings: settings, cell: cell,
      directory: RunDirectory(creating: path, settings: settings))
    _ = try trainer.run(shouldStop: { trainer.step == stop })
  }

  /// What resuming throws.
  private func resume(cell: Cell? = nil) throws -> RunError? {
    let directory = try RunDirectory(resuming: path)
    return runError {
      _ = try Trainer(
        task: MeanTask(settings: directory.settings), settings: directory.settings, cell: cell,
        directory: directory)
    }
  }

  /// What evaluating throws.
  private func evaluate(cell: Cell? = nil, trustingWeights: Bool = false) throws -> RunError? {
    let settings = try RunDirectory.settings(of: path)
    return runError {
      _ = try RunDirectory.evaluate(
        path, task: MeanTask(settings: settings), cell: cell, trustingWeights: trustingWeights)
    }
  }

  private func runError(_ body: () throws -> Void) -> RunError? {
    do {
      try body()
    } catch TrainingError.run(let error) {
      return error
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  private func replace(_ old: String, by new: String, in file: String) throws {
    var bytes = try #require(scratch.read(file))
    let (from, to) = (Array(old.utf8), Array(new.utf8))
    let place = try #require(
      (0...bytes.count - from.count).first { bytes[$0..<$0 + from.count] == from[...] })
    bytes.replaceSubrange(place..<place + from.count, with: to)
    try scratch.write(bytes, as: file)
  }

  /// Writes a file of tensors again as an older version, or another program, would have.
  private func rewrite(
    _ file: String, checksum: Bool = true, _ change: (inout [String: String]) -> Void = { _ in }
  ) throws {
    let old = try Safetensors(path: scratch.file(file))
    var metadata = old.metadata
    change(&metadata)
    if checksum { metadata["checksum"] = nil }
    var writer = Safetensors.Writer(metadata: metadata, checksum: checksum)
    for info in old.tensors { writer.add(info.name, shape: info.shape, floats: try old.floats(info.name)) }
    try writer.write(to: scratch.file(file))
  }

  private static let records = ["settings", "cell_sha256", "training_data"]

  @Test("A checksum that is there is verified, whatever version the file claims to have")
  func version() throws {
    try train(stop: 6)
    try replace(#""format_version":"3""#, by: #""format_version":"1""#, in: "run/model.safetensors")
    guard case .unverifiedModel(_, let expected?, let found?) = try evaluate() else {
      Issue.record("a model of a wrong checksum is accepted")
      return
    }
    #expect(expected != found)
    for step in [0, 6] {
      try replace(
        #""format_version":"2""#, by: #""format_version":"1""#, in: "run/checkpoint-00000\(step).safetensors")
    }
    guard case .noCheckpoint(_, let problems) = try resume() else {
      Issue.record("a checkpoint of a wrong checksum is accepted")
      return
    }
    #expect(problems.count == 2)
    #expect(problems.allSatisfy { if case .tensors(.wrongChecksum) = $0 { true } else { false } })
  }

  @Test("Another seed in config.json refuses to resume and to evaluate, with both values")
  func otherSettings() throws {
    try train(stop: 6)
    try replace("\"seed\" : 1", by: "\"seed\" : 7", in: "run/config.json")
    let before = scratch.names("run").map { scratch.read("run/" + $0) }
    let error = try #require(try resume())
    #expect(
      error
        == .otherModel(
          file: path + "/checkpoint-000006.safetensors", name: "seed", expected: "1", place: "config.json",
          found: "7"))
    #expect(
      error.description
        == "\(path)/checkpoint-000006.safetensors: seed: made with 1, found 7 in config.json")
    #expect(
      try evaluate()
        == .otherModel(
          file: path + "/model.safetensors", name: "seed", expected: "1", place: "config.json", found: "7"))
    #expect(scratch.names("run").map { scratch.read("run/" + $0) } == before)
  }

  @Test("A checkpoint of an older version is compared by what its best model records")
  func olderCheckpoint() throws {
    try train(stop: 6)
    for step in [0, 6] {
      try rewrite("run/checkpoint-00000\(step).safetensors") { metadata in
        for name in Self.records { metadata[name] = nil }
      }
    }
    try rewrite("run/model.safetensors") { $0["cell_sha256"] = nil }
    #expect(try resume() == nil && evaluate() == nil)
    try replace("\"batch\" : 6", by: "\"batch\" : 5", in: "run/config.json")
    #expect(
      try resume()
        == .otherModel(
          file: path + "/model.safetensors", name: "batch", expected: "6", place: "config.json", found: "5"))
    try rewrite("run/model.safetensors") { $0["settings"] = nil }
    #expect(try resume() == nil && evaluate() == nil)
  }

  @Test("A model is built only when its file is that of the settings")
  func size() throws {
    try train(stop: 6)
    try replace("\"hidden\" : 4", by: "\"hidden\" : 40", in: "run/config.json")
    let other = try RunDirectory.settings(of: path)
    let directory = try RunDirectory(resuming: path)
    let errors = [
      runError { _ = try RunDirectory.evaluate(path, task: ReadingTask()) },
      runError { _ = try Trainer(task: ReadingTask(), settings: other, directory: directory) },
    ]
    for error in errors {
      guard case .otherModel(_, "hidden", "4", _, "40") = error else {
        Issue.record("another size is accepted")
        return
      }
    }
  }

  /// A cell of one name and two equations.
  private func cell(_ isOther: Bool) throws -> Cell {
    try Cell("mine") { cell in
      let x = cell.input, h = cell.state("h")
      let W = cell.matrix("weight_ih"), U = cell.matrix("weight_hh"), b = cell.vector("bias")
      let sum = W(x) + U(h) + b
      cell.next(h, isOther ? sigmoid(sum) : tanh(sum))
    }
  }

  @Test("A cell of the same name and shapes with other equations is refused")
  func equations() throws {
    let (cell, other) = (try cell(false), try cell(true))
    try train(stop: 6, cell: cell)
    #expect(try resume(cell: cell) == nil && evaluate(cell: cell) == nil)
    for error in [try resume(cell: other), try evaluate(cell: other)] {
      guard case .otherModel(_, "equations of the cell mine", let expected, _, let found) = error else {
        Issue.record("other equations are accepted")
        return
      }
      #expect(expected == "SHA-256 " + SHA256.hex(Array(cell.canonicalText.utf8)))
      #expect(found == SHA256.hex(Array(other.canonicalText.utf8)))
    }
  }

  @Test("Weights of another program are used when they are trusted, with or without metadata")
  func trusted() throws {
    try train()
    try rewrite("run/model.safetensors", checksum: false) { $0["checksum"] = "crc32:00000000" }
    let error = try #require(try evaluate())
    #expect(
      error.description.hasPrefix(
        "\(path)/model.safetensors: checksum is missing or of other bytes: expected crc32:"))
    #expect(error.description.contains("--trust-weights"))
    #expect(try evaluate(trustingWeights: true) == nil)
    try rewrite("run/model.safetensors", checksum: false) { $0 = [:] }
    #expect(
      try evaluate() == .unverifiedModel(file: path + "/model.safetensors", expected: nil, found: nil))
    #expect(try evaluate(trustingWeights: true) == nil)
    try replace("\"hidden\" : 4", by: "\"hidden\" : 5", in: "run/config.json")
    guard case .tensors(.wrongShape) = try evaluate(trustingWeights: true) else {
      Issue.record("another shape is accepted")
      return
    }
  }

  @Test("Training data with another checksum refuse to resume, and what the task records is compared")
  func data() throws {
    let settings = MeanTask.defaults
    let identity = RunIdentity(settings: settings, cell: .lstm, task: MeanTask(settings: settings))
    #expect(identity.metadata["training_data"] == nil)
    var metadata = identity.metadata
    metadata["training_data"] = "crc32:1"
    metadata["vocabulary"] = String(repeating: "x", count: 50) + "abc"
    try identity.check(metadata, file: "f", resuming: true)
    let other = RunIdentity(settings: settings, cell: .lstm, task: ReadingTask())
    #expect(
      throws: RunError.otherModel(
        file: "f", name: "vocabulary", expected: "'…xxxabc'", place: "the data", found: "'…xxxABC'")
    ) { try other.check(metadata, file: "f", resuming: false) }
    metadata["vocabulary"] = nil
    try other.check(metadata, file: "f", resuming: false)
    #expect(
      throws: RunError.otherModel(
        file: "f", name: "training data", expected: "crc32:1", place: "the data directory", found: "crc32:2")
    ) { try other.check(metadata, file: "f", resuming: true) }
  }
}

/// A task whose data are read, and whose model must not be built.
private struct ReadingTask: SequenceTask {
  static let description = MeanTask.description
  let settings = MeanTask.defaults
  let objective = MeanObjective()
  var batches: Read { Read(made: task.batches) }
  let task = MeanTask(settings: MeanTask.defaults)
  var baseline: Baseline { task.baseline }
  var modelMetadata: [String: String] { ["vocabulary": String(repeating: "x", count: 50) + "ABC"] }

  init() {}
  init(settings: TrainingSettings, data: DataSource) {}
  func makeModel(cell: Cell) -> RecurrentModel {
    Issue.record("the model is built")
    return task.makeModel(cell: cell)
  }

  struct Read: BatchSource {
    let made: MeanBatches
    var checksum: String? { "crc32:2" }
    func batch(seed: UInt64, step: Int, shard: Shard) -> NumberBatch {
      made.batch(seed: seed, step: step, shard: shard)
    }
    func batches(of split: Split) -> AnySequence<NumberBatch> { made.batches(of: split) }
  }
}
