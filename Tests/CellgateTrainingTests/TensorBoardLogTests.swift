import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("A run's scalars for TensorBoard")
struct TensorBoardLogTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A run with an event file, in a new or old folder, up to a step.
  private func train(_ name: String, steps: Int = 12, writes: Bool = true, stop: Int = .max) throws {
    var settings = MeanTask.defaults
    settings.steps = steps
    let path = scratch.file(name)
    let directory =
      scratch.names(name).isEmpty
      ? try RunDirectory(creating: path, settings: settings) : try RunDirectory(resuming: path)
    let trainer = try Trainer(
      task: MeanTask(settings: settings), settings: settings, directory: directory,
      recording: RunRecording(writesTensorBoard: writes))
    _ = try trainer.run(shouldStop: { trainer.step == stop })
  }

  private func files(_ name: String) -> [String] {
    scratch.names(name).filter { $0.hasPrefix("events.out.tfevents.") }
  }

  /// How often a tag stands in a file.
  private func count(_ tag: String, _ file: String) throws -> Int {
    let bytes = try #require(scratch.read(file))
    let tag = Array(tag.utf8)
    return bytes.indices.count { bytes[$0...].starts(with: tag) }
  }

  @Test("Every update and evaluation of a short run is in its file, and a run changes nothing else by it")
  func everyUpdate() throws {
    try train("a")
    try train("b", writes: false)
    #expect(files("a").count == 1)
    let file = try #require(files("a").first.map { "a/" + $0 })
    #expect(files("b").isEmpty)
    for tag in ["train/loss", "train/learning_rate", "train/gradient_norm", "train/ms_per_step"] {
      #expect(try count(tag, file) == 12)
    }
    for tag in ["validation/mse", "validation/error"] { #expect(try count(tag, file) == 3) }
    for name in ["config.json", "metrics.csv", "model.safetensors"] {
      #expect(scratch.read("a/" + name) == scratch.read("b/" + name))
    }
  }

  @Test("A resumed run starts a file that says where, and a complete one none")
  func resumed() throws {
    try train("a", stop: 7)
    try train("a")
    try train("a")
    let names = files("a")
    #expect(names.count == 2)
    #expect(try count("train/loss", "a/" + names[0]) == 7)
    #expect(try count("train/loss", "a/" + names[1]) == 5)
    // An event of step 8 with a session log of status START.
    let restart: [UInt8] = [0x10, 8, 0x3A, 2, 8, 1]
    let bytes = try #require(scratch.read("a/" + names[1]))
    #expect(bytes.indices.contains { bytes[$0...].starts(with: restart) })
  }

  @Test("A long run has 10,000 points at most, at the same steps whether it was resumed or not")
  func thinned() throws {
    let loop = TrainingLoop(
      ParameterSet(Linear(inputSize: 1, outputSize: 1, stream: RandomStream(seed: 1, name: "test"))),
      optimizer: SGD(count: 2, settings: OptimizerSettings()), steps: 25_000, loss: { _, _ in .zeros([]) })
    let log = TensorBoard(scratch.path)
    try log.trainingBegan(loop)
    for step in 1...25_000 {
      try log.updated(loop, UpdateRecord(step: step, loss: 1, learningRate: 1, gradientNorm: 1))
    }
    let file = try #require(files("").first)
    let bytes = try #require(scratch.read(file))
    // Every third update and the last, each an event of one size but for its step.
    let size = bytes.count / (25_000 / 3 + 1)
    #expect((100...200).contains(size))
  }
}
