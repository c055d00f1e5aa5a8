import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
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

@Suite("What a run keeps, and how it is continued")
struct RunStoreTests {
  let scratch: Scratch
  let settings: TrainingSettings

  init() throws {
    scratch = try Scratch()
    var settings = MeanTask.defaults
    settings.evaluationInterval = 2
    settings.patience = 4
    self.settings = settings
  }

  private func trainer(resuming name: String, savedEvery: Int? = nil) throws -> Trainer {
    let directory = try RunDirectory(resuming: scratch.file(name))
    return try Trainer(
      task: MeanTask(settings: directory.settings), settings: directory.settings, directory: directory,
      recording: RunRecording(checkpointSteps: savedEvery))
  }

  /// A run in a new folder with a checkpoint every 3 updates, up to a step and, when asked for, copied after another
  /// step as a process that is killed there leaves it.
  @discardableResult
  private func run(
    _ name: String, _ settings: TrainingSettings? = nil, stop: Int = .max,
    copy: (step: Int, name: String)? = nil
  ) throws -> TrainingResult? {
    let settings = settings ?? self.settings
    let trainer = try Trainer(
      task: MeanTask(settings: settings), settings: settings,
      directory: RunDirectory(creating: scratch.file(name), settings: settings),
      recording: RunRecording(checkpointSteps: 3))
    let outcome = try trainer.run { event in
      if case .progress(let progress) = event, let copy, progress.step == copy.step {
        try? FileManager.default.copyItem(atPath: scratch.file(name), toPath: scratch.file(copy.name))
      }
    } shouldStop: {
      trainer.step == stop
    }
    guard case .completed(let result) = outcome else { return nil }
    return result
  }

  /// Continues to the end; the notices before it began.
  @discardableResult
  private func finish(_ name: String) throws -> [String] {
    var notices: [String] = []
    _ = try trainer(resuming: name).run { if case .notice(let line) = $0 { notices.append(line) } }
    return notices
  }

  private func resumeError(_ name: String) throws -> RunError? {
    do { _ = try trainer(resuming: name) } catch let error as TrainingError {
      if case .run(let cause) = error { return cause }
    }
    return nil
  }

  private func checkpoints(_ name: String) -> [String] {
    scratch.names(name).filter { $0.hasPrefix("checkpoint") }
  }

  /// Everything in a folder.
  private func contents(_ name: String) -> [String: [UInt8]?] {
    Dictionary(uniqueKeysWithValues: scratch.names(name).map { ($0, scratch.read("\(name)/\($0)")) })
  }

  private func expectSame(_ name: String, as other: String = "whole") throws {
    for file in ["metrics.csv", "model.safetensors"] {
      #expect(scratch.read("\(name)/\(file)") == scratch.read("\(other)/\(file)"), "\(file)")
    }
    let results = try [name, other].map { folder in
      let bytes = try #require(scratch.read(folder + "/result.json"))
      return try TrainingResult(decoding: Data(bytes), file: folder)
    }
    #expect(results[0].value == results[1].value)
    #expect(results[0].bestStep == results[1].bestStep)
    #expect(results[0].steps == results[1].steps)
  }

  /// Damages of a file.
  enum Damage: String, CaseIterable {
    case empty, truncated, bit, garbage

    func apply(_ bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      switch self {
      case .empty: return []
      case .truncated: return Array(bytes.dropLast(7))
      case .bit: bytes[bytes.count - 9] ^= 4
      case .garbage: bytes = bytes.indices.map { UInt8(truncatingIfNeeded: $0 &* 31) }
      }
      return bytes
    }
  }

  private func damage(_ file: String, _ damage: Damage = .bit) throws {
    try scratch.write(damage.apply(try #require(scratch.read(file))), as: file)
  }

  @Test("The newest two checkpoints are kept, and nothing else is left over")
  func rotation() throws {
    try run("a", stop: 10)
    #expect(checkpoints("a") == ["checkpoint-000009.safetensors", "checkpoint-000010.safetensors"])
    for name in checkpoints("a") { try Safetensors(path: scratch.file("a/" + name)).verifyChecksum() }
    try run("b", copy: (5, "b5"))
    #expect(checkpoints("b5") == ["checkpoint-000000.safetensors", "checkpoint-000003.safetensors"])
  }

  @Test("Steps with more digits than others are still the newer ones")
  func manyDigits() throws {
    let directory = try RunDirectory(creating: scratch.file("a"), settings: settings)
    let steps = [999_999, 1_000_000, 0, 7]
    for step in steps {
      _ = FileManager.default.createFile(atPath: directory.checkpointFile(step: step), contents: nil)
    }
    for name in ["checkpoint-x.safetensors", "checkpoint-.safetensors", "checkpoint-1.csv"] {
      try scratch.write([], as: "a/" + name)
    }
    let found = try directory.checkpointFiles()
    #expect(found == [1_000_000, 999_999, 7, 0].map { directory.checkpointFile(step: $0) })
  }

  @Test(
    "A damaged newest checkpoint is named, and the one before it continues to the same bits",
    arguments: Damage.allCases)
  func damagedNewest(kind: Damage) throws {
    try run("whole")
    try run("parts", stop: 10)
    try damage("parts/checkpoint-000010.safetensors", kind)
    #expect(try trainer(resuming: "parts").step == 9)
    let notices = try finish("parts")
    #expect(notices.count == 1)
    #expect(notices.first?.hasPrefix(scratch.file("parts/checkpoint-000010.safetensors") + ": ") == true)
    #expect(notices.first?.hasSuffix("; the run goes on from step 9") == true)
    #expect(notices.first?.contains("\n") == false)
    try expectSame("parts")
    // The damaged one is gone with the next that is whole.
    #expect(checkpoints("parts") == ["checkpoint-000009.safetensors", "checkpoint-000012.safetensors"])
  }

  @Test("When no checkpoint is whole the run is refused in one line, and nothing is touched")
  func noneWhole() throws {
    try run("a", stop: 10)
    try damage("a/checkpoint-000010.safetensors", .truncated)
    try damage("a/checkpoint-000009.safetensors", .bit)
    try scratch.write([1], as: "a/.model.safetensors.77.tmp")
    let before = contents("a")
    let error = try #require(try resumeError("a"))
    guard case .noCheckpoint(let folder, let problems) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(folder == scratch.file("a"))
    #expect(problems.count == 2)
    for name in ["checkpoint-000010.safetensors: ", "checkpoint-000009.safetensors: damaged"] {
      #expect(error.description.contains(name))
    }
    #expect(!error.description.contains("\n"))
    #expect(contents("a") == before)
  }

  @Test("A run that had begun and has no checkpoint any more is refused and not started anew")
  func noCheckpoints() throws {
    try run("a", stop: 10)
    for name in checkpoints("a") { try FileManager.default.removeItem(atPath: scratch.file("a/" + name)) }
    let before = contents("a")
    #expect(try resumeError("a") == .noCheckpoint(folder: scratch.file("a"), problems: []))
    #expect(contents("a") == before)
  }

  @Test("A run that was killed before its first checkpoint begins")
  func beforeFirst() throws {
    try run("whole")
    _ = try RunDirectory(creating: scratch.file("parts"), settings: settings)
    try scratch.write([1], as: "parts/.checkpoint-000000.safetensors.1f.tmp")
    #expect(try finish("parts").isEmpty)
    try expectSame("parts")
    #expect(!scratch.names("parts").contains { $0.hasSuffix(".tmp") })
  }

  @Test("A tensor of another shape, one with NaN and a foreign file are named")
  func badTensors() throws {
    try run("a", stop: 2)
    let file = scratch.file("a/checkpoint-000002.safetensors")
    try FileManager.default.removeItem(atPath: scratch.file("a/checkpoint-000000.safetensors"))
    try rewrite(file) { $0 == "model.head.bias" ? [0, 0] : $1 }
    #expect(
      try resumeError("a")
        == .tensors(.wrongShape(file: file, tensor: "model.head.bias", expected: [1], found: [2])))
    try rewrite(file) { $0 == "model.head.bias" ? [.nan] : $1 }
    #expect(try resumeError("a") == .notFinite(file: file, tensor: "model.head.bias"))
    try Safetensors.Writer(metadata: ["format": "x"]).write(to: file)
    #expect(
      try resumeError("a")
        == .badState(file: file, name: "format", expected: "cellgate-checkpoint", found: "x"))
    try Safetensors.Writer(metadata: ["format": "cellgate-checkpoint", "format_version": "3"]).write(to: file)
    #expect(
      try resumeError("a") == .badState(file: file, name: "format_version", expected: "1 to 2", found: "3"))
  }

  @Test("Carried states of another shape, or none where there must be some, are named")
  func badCarriedStates() throws {
    let settings = CarryingTask.defaults
    let path = scratch.file("c")
    do {
      let trainer = try Trainer(
        task: CarryingTask(settings: settings), settings: settings,
        directory: RunDirectory(creating: path, settings: settings))
      #expect(try trainer.run(shouldStop: { trainer.step == 2 }) == .interrupted(step: 2))
    }
    func error() throws -> RunError? {
      do {
        _ = try Trainer(
          task: CarryingTask(settings: settings), settings: settings,
          directory: RunDirectory(resuming: path))
      } catch let error as TrainingError {
        if case .run(let cause) = error { return cause }
      }
      return nil
    }
    let file = path + "/checkpoint-000002.safetensors"
    try FileManager.default.removeItem(atPath: path + "/checkpoint-000000.safetensors")
    try rewrite(file) { $0 == "carried.0" ? [0, 0] : $1 }
    #expect(
      try error()
        == .tensors(.wrongShape(file: file, tensor: "carried.0", expected: [1, 3, 4], found: [2])))
    try rewrite(file) { $0 == "carried.0" ? nil : $1 }
    #expect(try error() == .tensors(.missingTensor(file: file, tensor: "carried.0")))
  }

  @Test(
    "A counter of a checkpoint that no run can have is named",
    arguments: [
      "step", "rows", "loss_count", "since_best", "best_step", "solved_step", "optimizer_step",
      "diagnostics_every", "schedule.since_best", "schedule.factor",
    ], ["9223372036854775807", "-1", "1e400", "x", "\n"])
  func counters(name: String, value: String) throws {
    var settings = settings
    settings.schedule.name = "plateau"
    try run("a", settings, stop: 5)
    let file = scratch.file("a/checkpoint-000005.safetensors")
    for other in checkpoints("a").dropLast() {
      try FileManager.default.removeItem(atPath: scratch.file("a/\(other)"))
    }
    try rewrite(file, metadata: [name: value]) { $1 }
    let error = try resumeError("a")
    if case .badState(file, name, _, _)? = error { return }
    // Layers may be observed once and never again; the rows of the files decide.
    #expect(name == "diagnostics_every" && value == "9223372036854775807", "\(String(describing: error))")
  }

  @Test("A checkpoint past the end of the run is not continued")
  func pastTheEnd() throws {
    try run("a", stop: 6)
    var settings = settings
    settings.steps = 5
    try pretend("a", settings)
    let before = contents("a")
    #expect(
      try resumeError("a")
        == .badState(
          file: scratch.file("a/checkpoint-000006.safetensors"), name: "step",
          expected: "at most 5, the updates of the run", found: "6"))
    #expect(contents("a") == before)
  }

  @Test("A run shortened to a checkpoint before its first evaluation ends with one")
  func neverEvaluated() throws {
    var settings = settings
    settings.evaluationInterval = 100
    settings.steps = 200
    try run("a", settings, stop: 5)
    settings.steps = 5
    try pretend("a", settings)
    let trainer = try trainer(resuming: "a")
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("the run is at its end")
      return
    }
    #expect(result.steps == 5 && result.bestStep == 5)
    #expect(trainer.records.map(\.step) == [5])
    let whole = try #require(try run("whole", settings))
    #expect(result.value == whole.value && result.validationValue == whole.validationValue)
  }

  @Test("Files of another model are refused before one is made for them")
  func otherShapes() throws {
    try run("a", stop: 6)
    var settings = settings
    // A model that takes minutes to make.
    settings.hidden = 6000
    try pretend("a", settings)
    let expected = SafetensorsError.wrongShape(
      file: scratch.file("a/checkpoint-000006.safetensors"), tensor: "model.recurrent.weight_ih_l0",
      expected: [24_000, 1], found: [16, 1])
    guard case .noCheckpoint(_, let problems)? = try resumeError("a") else {
      Issue.record("both checkpoints are of another model")
      return
    }
    #expect(problems.count == 2 && problems.first == .tensors(expected))
    let file = scratch.file("a/model.safetensors")
    #expect(
      throws: TrainingError.run(
        .tensors(
          .wrongShape(
            file: file, tensor: "recurrent.weight_ih_l0", expected: [24_000, 1], found: [16, 1])))
    ) {
      try RunDirectory.evaluate(scratch.file("a"), task: MeanTask(settings: settings))
    }
    (settings.hidden, settings.layers) = (4, 2)
    try pretend("a", settings)
    #expect(
      throws: TrainingError.run(.tensors(.missingTensor(file: file, tensor: "recurrent.weight_ih_l1")))
    ) {
      try RunDirectory.evaluate(scratch.file("a"), task: MeanTask(settings: settings))
    }
    let one = MeanTask(settings: self.settings).parameterShapes(self.settings, cell: .lstm).dropLast()
    #expect(
      throws: RunError.badState(
        file: file, name: "tensors", expected: "4 parameters of the settings' model", found: "5")
    ) {
      try ModelFile.check(file, holds: one)
    }
  }

  /// Makes a run's folder say that it was made with other settings, everywhere but in the tensors.
  private func pretend(_ name: String, _ settings: TrainingSettings) throws {
    try scratch.write(Array(settings.encoded()), as: "\(name)/config.json")
    let text = String(decoding: settings.encoded(), as: UTF8.self)
    for file in scratch.names(name) where file.hasSuffix(".safetensors") {
      try rewrite(scratch.file("\(name)/\(file)"), metadata: ["settings": text]) { $1 }
    }
  }

  /// Writes a file of tensors again, with other numbers in some or without them, and other metadata.
  private func rewrite(
    _ file: String, to path: String? = nil, version: String = "2", metadata changes: [String: String] = [:],
    _ change: (String, [Float]) -> [Float]?
  ) throws {
    let old = try Safetensors(path: file)
    var metadata = old.metadata.filter { $0.key != "checksum" }.merging(changes) { $1 }
    metadata["format_version"] = version
    var writer = Safetensors.Writer(metadata: metadata, checksum: version != "1")
    for info in old.tensors {
      let values = try old.floats(info.name)
      guard let changed = change(info.name, values) else { continue }
      writer.add(
        info.name, shape: changed.count == values.count ? info.shape : [changed.count], floats: changed)
    }
    try writer.write(to: path ?? file)
  }

  @Test("A folder of version 1, with one checkpoint without a checksum, is continued to the same bits")
  func versionOne() throws {
    try run("whole")
    try run("parts", stop: 8)
    try rewrite(
      scratch.file("parts/checkpoint-000008.safetensors"), to: scratch.file("parts/checkpoint.safetensors"),
      version: "1"
    ) { $0.hasPrefix("best.") ? nil : $1 }
    try rewrite(scratch.file("parts/model.safetensors"), version: "1") { $1 }
    for name in checkpoints("parts") where name != "checkpoint.safetensors" {
      try FileManager.default.removeItem(atPath: scratch.file("parts/" + name))
    }
    let trainer = try trainer(resuming: "parts", savedEvery: 2)
    #expect(trainer.step == 8)
    _ = try trainer.run()
    try expectSame("parts")
    #expect(checkpoints("parts") == ["checkpoint-000010.safetensors", "checkpoint-000012.safetensors"])
  }

  @Test("A best model that is ahead of the checkpoint stays until the run comes to it again")
  func bestAhead() throws {
    try run("whole", copy: (5, "ahead"))
    // The checkpoint is that of step 3, the best model that of step 4, if the task gets better.
    let ahead = try #require(scratch.read("ahead/model.safetensors"))
    #expect(try Safetensors(path: scratch.file("ahead/model.safetensors")).metadata["step"] == "4")
    let trainer = try trainer(resuming: "ahead")
    #expect(trainer.step == 3)
    #expect(trainer.records.map(\.step) == [2])
    #expect(scratch.read("ahead/model.safetensors") == ahead)
    #expect(try trainer.run(shouldStop: { trainer.step == 4 }) == .interrupted(step: 4))
    #expect(scratch.read("ahead/model.safetensors") == ahead)
    _ = try trainer.run()
    try expectSame("ahead")
  }

  @Test("Patience counts from the same evaluation after a kill as without one, wherever the run was killed")
  func patience() throws {
    var settings = settings
    settings.optimizer = "sgd"
    settings.optimizerSettings.learningRate = 0.3
    settings.seed = 2
    settings.clipNorm = nil
    settings.evaluationInterval = 1
    settings.patience = 5
    settings.steps = 200
    settings.schedule.name = "plateau"
    settings.schedule.patience = 1
    settings.schedule.factor = 0.7
    let whole = try #require(try run("whole", settings))
    #expect(whole.bestStep > 6 && whole.steps == whole.bestStep + 5)
    for step in 1..<whole.steps {
      try run("a\(step)", settings, copy: (step, "b\(step)"))
      try finish("b\(step)")
      try expectSame("b\(step)")
    }
  }

  @Test(
    "A damaged best model is named and taken from the checkpoint, the newest or the one before",
    arguments: Damage.allCases)
  func damagedBest(kind: Damage) throws {
    try run("whole")
    for previous in [false, true] {
      let name = "parts-\(previous)"
      try run(name, stop: 10)
      try damage(name + "/model.safetensors", kind)
      if previous { try damage(name + "/checkpoint-000010.safetensors", kind) }
      let trainer = try trainer(resuming: name)
      // Whole again at once, and the one of the checkpoint.
      let best = try Safetensors(path: scratch.file(name + "/model.safetensors"))
      try best.verifyChecksum()
      #expect(best.metadata["step"].flatMap { Int($0) }.map { $0 <= trainer.step } == true)
      var notices: [String] = []
      _ = try trainer.run { if case .notice(let line) = $0 { notices.append(line) } }
      #expect(notices.count == (previous ? 2 : 1))
      let step = previous ? 9 : 10
      #expect(notices.last?.hasPrefix(scratch.file(name + "/model.safetensors") + ": ") == true)
      #expect(
        notices.last?.hasSuffix("; the best model is taken from the checkpoint of step \(step)") == true)
      try expectSame(name)
    }
  }

  @Test("A best model's file that is missing, or of an earlier step, is made again")
  func lostBest() throws {
    try run("whole", copy: (3, "early"))
    try run("parts", stop: 10)
    let early = try #require(scratch.read("early/model.safetensors"))
    try scratch.write(early, as: "parts/model.safetensors")
    #expect(try finish("parts").first?.contains("expected the best model of step") == true)
    try expectSame("parts")
    try run("again", stop: 10)
    try FileManager.default.removeItem(atPath: scratch.file("again/model.safetensors"))
    #expect(try finish("again").first?.contains("no such file") == true)
    try expectSame("again")
  }

  @Test("A complete run needs no checkpoint to report its result, and keeps its rows")
  func complete() throws {
    let result = try run("a")
    for name in checkpoints("a") { try damage("a/" + name) }
    let before = contents("a")
    let trainer = try trainer(resuming: "a")
    #expect(try trainer.run() == result.map { .completed($0) })
    #expect(trainer.records.count == 6)
    #expect(contents("a") == before)
  }

  @Test("Temporary files of killed writes are removed on resume")
  func temporaries() throws {
    try run("a", stop: 5)
    for name in [".checkpoint-000009.safetensors.1a2b.tmp", ".model.safetensors.ff.tmp"] {
      try scratch.write([1, 2, 3], as: "a/" + name)
    }
    try finish("a")
    #expect(scratch.names("a").filter { $0.hasPrefix(".") } == [".lock"])
  }

  @Test(
    "Any write of a run may fail: one line names the file and the reason, and the run resumes to the same bits"
  )
  func everyWrite() throws {
    var settings = settings
    settings.optimizer = "sgd"
    settings.steps = 4
    settings.hidden = 2
    try run("whole", settings)
    try run("start", settings, stop: 1)
    var failing = 0
    while true {
      let name = "parts\(failing)"
      try FileManager.default.copyItem(atPath: scratch.file("start"), toPath: scratch.file(name))
      let error = try failure(name, at: failing)
      guard let error else { break }
      let line = error.description
      #expect(line.hasPrefix(scratch.file(name) + "/"), "\(failing): \(line)")
      #expect(line.contains(": cannot "), "\(failing): \(line)")
      #expect(line.contains(systemReason(ENOSPC)), "\(failing): \(line)")
      #expect(!line.contains("\n"))
      #expect(!scratch.names(name).contains { $0.hasSuffix(".tmp") })
      #expect(try finish(name).isEmpty)
      try expectSame(name)
      try FileManager.default.removeItem(atPath: scratch.file(name))
      failing += 1
    }
    // Two models and two checkpoints of six and more writes each, rows, the result, events.
    #expect(failing > 50)
  }

  /// Continues a run of which the write, sync, rename, ... number `place` fails; nil when there are fewer.
  private func failure(_ name: String, at place: Int) throws -> TrainingError? {
    let directory = try RunDirectory(resuming: scratch.file(name))
    let count = Atomic(0)
    do {
      try WriteFault.$injected.withValue({ _, _ in
        count.wrappingAdd(1, ordering: .relaxed).oldValue == place ? ENOSPC : 0
      }) {
        let trainer = try Trainer(
          task: MeanTask(settings: directory.settings), settings: directory.settings, directory: directory,
          recording: RunRecording(checkpointSteps: 2, writesTensorBoard: true))
        _ = try trainer.run()
      }
    } catch let error as TrainingError {
      return error
    }
    #expect(count.load(ordering: .relaxed) <= place)
    return nil
  }
}
