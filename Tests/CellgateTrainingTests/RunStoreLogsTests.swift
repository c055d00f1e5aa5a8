import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("The logs of a run that is continued")
struct RunStoreLogsTests {
  static let logs = ["metrics.csv", "diagnostics.csv", "gradients.csv"]
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func directory(_ name: String) throws -> RunDirectory {
    var settings = MeanTask.defaults
    settings.evaluationInterval = 2
    return try RunDirectory(creating: scratch.file(name), settings: settings)
  }

  private func trainer(_ directory: RunDirectory) throws -> Trainer {
    try Trainer(
      task: MeanTask(settings: directory.settings), settings: directory.settings, directory: directory,
      recording: RunRecording(checkpointSteps: 3, diagnosticsEvery: 2))
  }

  /// A whole run, and a copy of it as a process that was killed at step 9 leaves it: its checkpoint is of step 6, with
  /// three rows of `metrics.csv`, and each log has rows that came later.
  private func killed() throws {
    _ = try trainer(directory("whole")).run { event in
      guard case .progress(let progress) = event, progress.step == 9 else { return }
      try? FileManager.default.copyItem(atPath: scratch.file("whole"), toPath: scratch.file("parts"))
    }
  }

  private func resumed() throws -> Trainer {
    try trainer(RunDirectory(resuming: scratch.file("parts")))
  }

  private func edit(_ file: String, _ change: (inout [String]) -> Void) throws {
    let text = String(decoding: try #require(scratch.read("parts/" + file)), as: UTF8.self)
    var lines = text.split(separator: "\n").map(String.init)
    change(&lines)
    try scratch.write(Array((lines.joined(separator: "\n") + "\n").utf8), as: "parts/" + file)
  }

  private func contents() -> [String: [UInt8]?] {
    Dictionary(uniqueKeysWithValues: scratch.names("parts").map { ($0, scratch.read("parts/\($0)")) })
  }

  /// What can be wrong with a log.
  enum Fault: String, CaseIterable {
    case missing, header, number, nothing, field, tooFew, removed, twice

    func apply(_ lines: inout [String]) {
      switch self {
      case .missing: break
      case .header: lines[0] = "step;loss"
      case .number: lines[1] = Self.replacingLast(lines[1], "1,2")
      case .nothing: lines[2] = Self.replacingLast(lines[2], "")
      case .field: lines[1] += ",1"
      case .tooFew: lines.removeSubrange(2...)
      case .removed: lines.remove(at: 1)
      case .twice: lines.insert(lines[1], at: 1)
      }
    }

    private static func replacingLast(_ line: String, _ field: String) -> String {
      let fields = line.split(separator: ",").dropLast().joined(separator: ",")
      return field.contains(",") ? "\(fields),\"\(field)\"" : "\(fields),\(field)"
    }
  }

  @Test(
    "A log that doesn't fit to its checkpoint is refused by name at the start, and nothing in the folder has changed",
    arguments: logs, Fault.allCases)
  func refused(log: String, fault: Fault) throws {
    try killed()
    if fault == .missing {
      try FileManager.default.removeItem(atPath: scratch.file("parts/" + log))
    } else {
      try edit(log, fault.apply)
    }
    let before = contents()
    let error = try #require(throws: TrainingError.self) { try resumed() }
    #expect(error.description.hasPrefix(scratch.file("parts/\(log): ")), "\(error)")
    #expect(!error.description.contains("\n"))
    #expect(contents() == before)
  }

  /// What is no fault of a log.
  enum Oddity: String, CaseIterable {
    case blankLines, byteOrderMark, otherLineEnds, laterRow

    func apply(_ lines: inout [String]) {
      switch self {
      case .blankLines:
        lines.insert("", at: 2)
        lines.insert("", at: 1)
        lines.insert("", at: 0)
      case .byteOrderMark: lines[0] = "\u{FEFF}" + lines[0]
      case .otherLineEnds: lines = lines.map { $0 + "\r" }
      case .laterRow: lines[lines.count - 1] = "\"half"
      }
    }
  }

  @Test(
    "Lines with nothing on them, a spreadsheet's marks and what follows the checkpoint's rows change no bit of the run",
    arguments: Oddity.allCases)
  func odd(oddity: Oddity) throws {
    try killed()
    for log in Self.logs { try edit(log, oddity.apply) }
    _ = try resumed().run()
    for file in Self.logs + ["model.safetensors"] {
      #expect(scratch.read("parts/" + file) == scratch.read("whole/" + file), "\(file)")
    }
  }

  @Test(
    "A log that can't be written ends the start with an error, and no log has lost a row", arguments: logs)
  func unwritable(log: String) throws {
    try killed()
    let before = contents()
    WriteFault.$injected.withValue({ $0 == .create && $1.hasSuffix(log) ? EACCES : 0 }) {
      #expect(throws: TrainingError.self) { try resumed() }
    }
    // The logs before it in the list may have been cut to the checkpoint's rows, which come again.
    for file in Self.logs.drop(while: { $0 != log }) {
      #expect(scratch.read("parts/" + file) == before[file], "\(file)")
    }
    _ = try resumed().run()
    #expect(scratch.read("parts/" + log) == scratch.read("whole/" + log))
  }
}
