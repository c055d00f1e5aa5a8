import CellgateFiles
import CellgateNN
import CellgateTestSupport
import Foundation
import Synchronization
import Testing

@testable import CellgateTraining

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

@Suite("Runs that are made longer")
struct TrainingSettingsContinuationTests {
  let scratch: Scratch
  let settings: TrainingSettings

  init() throws {
    scratch = try Scratch()
    var settings = MeanTask.defaults
    settings.evaluationInterval = 4
    self.settings = settings
  }

  private func settings(_ change: (inout TrainingSettings) -> Void) -> TrainingSettings {
    var settings = settings
    change(&settings)
    return settings
  }

  private func trainer(
    _ name: String, _ settings: TrainingSettings, new: Bool, observed: Bool
  ) throws -> Trainer {
    let path = scratch.file(name)
    let directory =
      new
      ? try RunDirectory(creating: path, settings: settings)
      : try RunDirectory(extending: path, to: settings)
    return try Trainer(
      task: MeanTask(settings: settings), settings: settings, directory: directory,
      recording: RunRecording(checkpointSteps: 3, diagnosticsEvery: new && observed ? 5 : nil))
  }

  /// Trains to the end, or up to a step; the notices before the run begins.
  @discardableResult
  private func run(
    _ name: String, _ settings: TrainingSettings, new: Bool = true, observed: Bool = true, stop: Int = .max
  ) throws -> [String] {
    let trainer = try trainer(name, settings, new: new, observed: observed)
    var notices: [String] = []
    _ = try trainer.run(
      onEvent: { if case .notice(let line) = $0 { notices.append(line) } },
      shouldStop: { trainer.step == stop })
    return notices
  }

  private func expectSame(_ name: String, as other: String) throws {
    for file in ["config.json", "metrics.csv", "model.safetensors", "diagnostics.csv", "gradients.csv"] {
      #expect(scratch.read("\(name)/\(file)") == scratch.read("\(other)/\(file)"), "\(file)")
    }
    let results = try [name, other].map { folder in
      let bytes = try #require(scratch.read(folder + "/result.json"))
      return try TrainingResult(decoding: Data(bytes), file: folder)
    }
    #expect(results[0].value == results[1].value && results[0].steps == results[1].steps)
    #expect(results[0].bestStep == results[1].bestStep)
  }

  @Test(
    "A run that is made longer, wherever it was, has the bits of one that was as long from its start",
    arguments: ["constant", "plateau", "step"], [(12, Int.max), (10, Int.max), (10, 7), (9, 0), (3, Int.max)])
  func sameBits(schedule: String, length: (steps: Int, stop: Int)) throws {
    let short = settings {
      $0.schedule.name = schedule
      $0.schedule.patience = 0
      $0.schedule.every = 5
      $0.schedule.factor = 0.5
      $0.schedule.warmUpSteps = 2
      $0.optimizerSettings.learningRate = 0.1
      $0.steps = length.steps
    }
    var long = short
    long.steps = 21
    try run("whole", long)
    try run("parts", short, stop: length.stop)
    let notices = try run("parts", long, new: false)
    #expect(
      notices == [
        "steps \(length.steps) made 21: the run goes on from step \(min(length.steps, length.stop))"
      ])
    try expectSame("parts", as: "whole")
    // And once more, with nothing to change.
    #expect(try run("parts", long, new: false).isEmpty)
  }

  @Test("Patience may grow too, and a run that it has ended goes on to the same bits")
  func patience() throws {
    let impatient = settings {
      $0.optimizer = "sgd"
      $0.optimizerSettings.learningRate = 3
      $0.clipNorm = nil
      $0.evaluationInterval = 1
      $0.steps = 60
      $0.patience = 3
    }
    var patient = impatient
    patient.patience = 6
    try run("whole", patient)
    try run("parts", impatient)
    let before = scratch.names("parts").map { scratch.read("parts/" + $0) }
    var longer = impatient
    longer.steps = 80
    let error = #expect(throws: TrainingError.self) { try self.run("parts", longer, new: false) }
    guard case .run(.cannotExtend(_, let reason)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("after 3 evaluations without improvement"))
    #expect(scratch.names("parts").map { scratch.read("parts/" + $0) } == before)
    #expect(try run("parts", patient, new: false).first?.hasPrefix("patience 3 made 6: ") == true)
    try expectSame("parts", as: "whole")
  }

  @Test("A run that has ended because its task was solved is not made longer")
  func solved() throws {
    let short = settings {
      $0.stopWhenSolved = true
      $0.steps = 200
    }
    try run("a", short)
    var long = short
    long.steps = 300
    let error = #expect(throws: TrainingError.self) { try self.run("a", long, new: false) }
    #expect(error?.description.contains("where its task is solved") == true)
    #expect(scratch.read("a/result.json") != nil)
  }

  @Test("The cosine falls over the new length, which a line says")
  func cosine() throws {
    let short = settings { $0.schedule.name = "cosine" }
    var long = short
    long.steps = 24
    try run("a", short)
    let notices = try run("a", long, new: false)
    #expect(
      notices == [
        "steps 12 made 24: the run goes on from step 12; the learning rate falls over the new length from here on"
      ])
    let rates = try MetricsLog.read(
      scratch.file("a/metrics.csv"), metrics: MeanTask.metricNames(MeanTask.defaults)
    )
    .map(\.learningRate)
    #expect(rates[3] > rates[2] && rates[5] < rates[3])
  }

  @Test("What else differs, or is smaller, is refused with both values, and nothing changes")
  func refused() throws {
    try run("a", settings)
    let before = scratch.names("a").map { scratch.read("a/" + $0) }
    for (change, name, expected, found) in [
      ({ $0.steps = 8 }, "steps", "12 or more", "8"), ({ $0.batch = 7 }, "batch", "6", "7"),
      (
        {
          $0.steps = nil; $0.epochs = 3
        }, "epochs", "none", "3"
      ),
      ({ $0.patience = 2 }, "patience", "none", "2"),
      (
        {
          $0.seed = 2; $0.steps = 20
        }, "seed", "1", "2"
      ),
    ] as [((inout TrainingSettings) -> Void, String, String, String)] {
      #expect(
        throws: RunError.otherSettings(
          folder: scratch.file("a"), setting: name, expected: expected, found: found)
      ) { try RunDirectory(extending: self.scratch.file("a"), to: self.settings(change)) }
    }
    #expect(scratch.names("a").map { scratch.read("a/" + $0) } == before)
  }

  @Test(
    "A config.json with a smaller length than the run's is refused, complete or not", arguments: [12, 10])
  func shorterConfig(stop: Int) throws {
    try run("a", settings, stop: stop)
    var shorter = settings
    shorter.steps = 6
    try scratch.write(Array(shorter.encoded()), as: "a/config.json")
    let error = #expect(throws: TrainingError.self) { try self.run("a", shorter, new: false) }
    guard case .run(.otherModel(_, "steps", "12 or more", "config.json", "6")) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("Wherever it is killed while it is made longer, the run goes on to the same bits")
  func killed() throws {
    let short = settings { $0.steps = 10 }
    var long = short
    long.steps = 16
    try run("whole", long, observed: false)
    try run("short", short, observed: false)
    var isBegun = false
    for place in 0..<100 where !isBegun {
      let name = "parts\(place)"
      try FileManager.default.copyItem(atPath: scratch.file("short"), toPath: scratch.file(name))
      #expect(try fails(name, long, at: place))
      // After the checkpoint that has the new length a run is killed like any other.
      isBegun = scratch.names(name).contains("checkpoint-000013.safetensors")
      // Resumed as it is, its length is the old or the new one; then it is made longer for good.
      try run(name, try RunDirectory.settings(of: scratch.file(name)), new: false)
      try run(name, long, new: false)
      try expectSame(name, as: "whole")
    }
    #expect(isBegun)
  }

  /// Makes a run longer, whose write, sync, rename, ... number `place` fails; false when there are fewer.
  private func fails(_ name: String, _ settings: TrainingSettings, at place: Int) throws -> Bool {
    let count = Counter()
    do {
      // A lock that can't be had is no error.
      try WriteFault.$injected.withValue({ step, _ in
        step != .lock && step != .recordLock && count.next() == place ? ENOSPC : 0
      }) {
        _ = try run(name, settings, new: false)
      }
    } catch is TrainingError { return true } catch is RunError { return true }
    return false
  }

  private final class Counter: Sendable {
    private let value = Atomic(0)
    func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
  }
}
