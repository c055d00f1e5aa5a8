import CellgateCells
import CellgateFiles
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

@Suite("Run directories")
struct RunDirectoryTests {
  let scratch: Scratch
  let settings = MeanTask.defaults
  var path: String { scratch.file("run") }

  init() throws { scratch = try Scratch() }

  /// Trains up to `stop` and lets go of the folder.
  private func train(stop: Int = .max) throws {
    let directory =
      scratch.names("run").isEmpty
      ? try RunDirectory(creating: path, settings: settings) : try RunDirectory(resuming: path)
    let trainer = try Trainer(task: MeanTask(settings: settings), settings: settings, directory: directory)
    _ = try trainer.run(shouldStop: { trainer.step == stop })
  }

  private func resumeError() throws -> RunError? {
    let directory = try RunDirectory(resuming: path)
    do throws(TrainingError) {
      _ = try Trainer(task: MeanTask(settings: settings), settings: settings, directory: directory)
    } catch {
      if case .run(let error) = error { return error }
    }
    return nil
  }

  @Test("A complete run holds its files, two checkpoints and its lock, and no temporary")
  func files() throws {
    try train()
    #expect(
      scratch.names("run") == [
        ".lock", "checkpoint-000000.safetensors", "checkpoint-000012.safetensors", "config.json",
        "metrics.csv",
        "model.safetensors", "result.json",
      ])
    let lines = String(decoding: try #require(scratch.read("run/metrics.csv")), as: UTF8.self).split(
      separator: "\n")
    #expect(lines.count == 4)
    #expect(lines[0] == "step,training_loss,validation_mse,validation_error,learning_rate,gradient_norm")
    #expect(lines.dropFirst().map { $0.split(separator: ",")[0] } == ["4", "8", "12"])
  }

  @Test("A run's best model is evaluated as at its end, and its file says how to build it")
  func evaluation() throws {
    try train()
    let directory = try RunDirectory(resuming: path)
    let result = try #require(try directory.result())
    let again = try RunDirectory.evaluate(path, task: MeanTask(settings: settings))
    #expect(again.value == result.value)
    #expect(again.extras == [result.extras["error"] ?? .nan])
    #expect(try ModelFile.settings(of: directory.modelFile) == settings)
    let validation = try RunDirectory.evaluate(path, task: MeanTask(settings: settings), on: .validation)
    #expect(validation.value == result.validationValue)
  }

  @Test("A folder that exists is not overwritten")
  func exists() throws {
    try train(stop: 2)
    let before = scratch.read("run/checkpoint-000002.safetensors")
    #expect(before != nil)
    #expect(throws: RunError.exists(folder: path)) { try RunDirectory(creating: path, settings: settings) }
    #expect(scratch.read("run/checkpoint-000002.safetensors") == before)
    try scratch.write([1], as: "plain")
    #expect(throws: RunError.exists(folder: scratch.file("plain"))) {
      try RunDirectory(creating: scratch.file("plain"), settings: settings)
    }
  }

  @Test("An empty folder is taken, one with a foreign file is not")
  func emptyFolder() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    _ = try RunDirectory(creating: path, settings: settings)
    let other = scratch.file("other")
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
    try scratch.write([1], as: "other/a")
    #expect(throws: RunError.exists(folder: other)) { try RunDirectory(creating: other, settings: settings) }
    #expect(scratch.names("other") == ["a"])
  }

  @Test("A missing parent is named, and not made")
  func parent() {
    let inner = scratch.file("missing/run")
    #expect(throws: RunError.parentMissing(folder: inner, parent: scratch.file("missing"))) {
      try RunDirectory(creating: inner, settings: settings)
    }
    #expect(scratch.names("") == [])
  }

  @Test(
    "A read-only parent is named with the system's reason",
    .enabled(if: getuid() != 0, "root may write anywhere"))
  func readOnly() throws {
    try #require(unsafe chmod(scratch.path, 0o555) == 0)
    defer { _ = unsafe chmod(scratch.path, 0o755) }
    #expect(throws: RunError.cannotCreate(folder: path, reason: systemReason(EACCES))) {
      try RunDirectory(creating: path, settings: settings)
    }
  }

  @Test("A folder in use is refused, and free again when its holder is gone")
  func inUse() throws {
    var holder: RunDirectory? = try RunDirectory(creating: path, settings: settings)
    #expect(holder != nil)
    #expect(throws: RunError.inUse(folder: path)) { try RunDirectory(resuming: path) }
    holder = nil
    _ = try RunDirectory(resuming: path)
  }

  @Test("A folder is free at once when its holder is gone, also while other programs are being started")
  func freeAtOnce() throws {
    _ = try RunDirectory(creating: path, settings: settings)
    let isDone = Atomic(false)
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      while !isDone.load(ordering: .relaxed) {
        // A new process has its parent's files until it has become another program.
        guard let child = try? Process.run(URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", ":"]) else {
          break
        }
        child.waitUntilExit()
      }
      ended.signal()
    }
    defer {
      isDone.store(true, ordering: .relaxed)
      ended.wait()
    }
    for _ in 0..<3000 { _ = try RunDirectory(resuming: path) }
  }

  @Test("A run that was made with other settings names the first that differs")
  func otherSettings() throws {
    try train(stop: 2)
    var other = settings
    other.batch = 7
    #expect(
      throws: RunError.otherSettings(folder: path, setting: "batch", expected: "6", found: "7")
    ) { try RunDirectory(resuming: path, expecting: other) }
  }

  @Test("A folder without a run can't be continued or evaluated")
  func notARun() {
    #expect(throws: RunError.notARun(folder: path)) { try RunDirectory(resuming: path) }
    #expect(throws: TrainingError.run(.notARun(folder: path))) {
      try RunDirectory.evaluate(path, task: MeanTask(settings: settings))
    }
  }

  @Test("A metrics file with fewer rows than the checkpoint, or another header, is refused")
  func badMetrics() throws {
    try train(stop: 9)
    let file = path + "/metrics.csv"
    let text = String(decoding: try #require(scratch.read("run/metrics.csv")), as: UTF8.self)
    let lines = text.split(separator: "\n")
    try scratch.write(Array((lines[0] + "\n" + lines[1] + "\n").utf8), as: "run/metrics.csv")
    #expect(try resumeError() == .metrics(.missingRows(file: file, expected: 2, found: 1)))
    try scratch.write(Array("a,b\n".utf8), as: "run/metrics.csv")
    guard case .metrics(.wrongHeader) = try resumeError() else {
      Issue.record("no wrong header")
      return
    }
  }

  @Test("Rows after the checkpoint are cut off on resume")
  func rowsBehind() throws {
    try train(stop: 6)
    let good = try #require(scratch.read("run/metrics.csv"))
    try scratch.write(good + Array("8,1,2,3,4,5\n9,".utf8), as: "run/metrics.csv")
    #expect(try resumeError() == nil)
    #expect(scratch.read("run/metrics.csv") == good)
  }

  @Test("A disk that gets full stops the run with the file's name; what was saved before stays whole")
  func fullDisk() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      var settings = MeanTask.defaults
      settings.hidden = 64
      let path = scratch.file("run")
      let trainer = try Trainer(
        task: MeanTask(settings: settings), settings: settings,
        directory: RunDirectory(creating: path, settings: settings))
      let before = scratch.read("run/checkpoint-000000.safetensors")
      _ = signal(SIGXFSZ, SIG_IGN)
      #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      #else
        let resource = RLIMIT_FSIZE
      #endif
      var limit = rlimit(rlim_cur: 8192, rlim_max: 8192)
      try #require(unsafe setrlimit(resource, &limit) == 0)
      let model = path + "/model.safetensors"
      #expect(
        throws: TrainingError.run(
          .notSaved(.cannotWrite(file: model, reason: systemReason(EFBIG)), savedStep: 0))
      ) { _ = try trainer.run() }
      #expect(scratch.read("run/checkpoint-000000.safetensors") == before)
      #expect(
        scratch.names("run") == [".lock", "checkpoint-000000.safetensors", "config.json", "metrics.csv"])
    }
  }
}
