import CellgateCells
import CellgateData
import CellgateExperiments
import CellgateFiles
import CellgateReport
import CellgateTasks
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

/// Every number, text and key of a small run's files is replaced by what no run has, one at a time; everything that
/// reads a run then works, or throws an error of one short line. A trap ends the tests. Without `CELLGATE_ALL_MUTANTS`
/// in the environment only some of the values are put in each place, so that it takes seconds.
@Suite("Runs with a value replaced")
struct MutatedRunTests {
  let scratch: Scratch

  /// Two runs on one text: "whole" is complete, "half" was stopped and has diagnostics.
  init() throws {
    scratch = try Scratch()
    let text = String(repeating: "ab\nac\n\nb", count: 20) + String(repeating: "aé", count: 20)
    try scratch.write(Array(text.utf8), as: "my.txt")
    for (name, stop) in [("whole", Int.max), ("half", 5)] {
      var settings = TextTask.defaults
      settings.taskOptions = ["length": 3, "embedding": 2, "valid-percent": 10, "test-percent": 10]
      (settings.hidden, settings.batch, settings.steps, settings.epochs) = (2, 2, 6, nil)
      (settings.chronoSteps, settings.recomputeEvery, settings.patience) = (9, 2, 9)
      settings.evaluationInterval = 2
      let prepared = try TextTask.prepared(settings, data: .file(scratch.path + "/my.txt"))
      let folder = scratch.path + "/" + name
      let trainer = try Trainer(
        task: TextTask(settings: prepared, data: .unspecified), settings: prepared,
        directory: RunDirectory(creating: folder, settings: prepared),
        recording: RunRecording(diagnosticsEvery: stop == 5 ? 2 : nil))
      _ = try trainer.run(shouldStop: { trainer.step == stop })
    }
    try scratch.write(
      Array(#"{"step":3,"layer":"loss","tensor":"loss","found":"NaN","saved_step":2}"#.utf8),
      as: "half/diverged.json")
  }

  // MARK: What is put in place

  /// As text in JSON, and without its quotes in metadata.
  private static let values = [
    "-1", "0", "1", "0.5", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551616", "1e308", "1e400", "NaN", "null", "true", "[[]]", #""a\nb\u001b[31m\u2028""#,
    "\"" + String(repeating: "x", count: 20_000) + "\"",
    "{\"" + String(repeating: "\\n", count: 5000) + "\":1}",
  ]

  private static let isComplete = ProcessInfo.processInfo.environment["CELLGATE_ALL_MUTANTS"] != nil

  /// The values for a place: all, or every tenth from another one on in each place.
  private static func values(at place: Int) -> [String] {
    values.enumerated().filter { isComplete || ($0.offset + place) % 10 == 0 }.map(\.element)
  }

  /// The text of a JSON object with each of its plain values replaced by each of `values`, and with each key replaced by
  /// a long one; `places` says where.
  private static func mutants(of bytes: [UInt8]) throws -> [(place: String, text: String)] {
    let root = try JSONSerialization.jsonObject(with: Data(bytes))
    let mark = "@@@"
    var mutants: [(String, String)] = []
    func text(_ value: Any) throws -> String {
      String(decoding: try JSONSerialization.data(withJSONObject: value), as: UTF8.self)
    }
    func walk(_ value: Any, _ place: String, _ rebuild: (Any) -> Any) throws {
      guard let object = value as? [String: Any] else {
        let marked = try text(rebuild(mark))
        for value in values(at: place.utf8.reduce(0) { $0 + Int($1) }) {
          mutants.append((place, marked.replacing("\"\(mark)\"", with: value)))
        }
        return
      }
      for (key, inner) in object {
        try walk(inner, "\(place).\(key)") { new in rebuild(object.merging([key: new]) { $1 }) }
        var renamed = object
        renamed[key] = nil
        renamed[key + String(repeating: "\n", count: 3000)] = inner
        guard isComplete || mutants.count % 3 == 0 else { continue }
        mutants.append(("\(place).\(key) renamed", try text(rebuild(renamed))))
      }
    }
    try walk(root, "") { $0 }
    return mutants
  }

  // MARK: What reads a run

  /// A copy of a run with another file in it.
  private func copy(_ run: String, _ name: String, _ file: String, _ bytes: [UInt8]) throws -> String {
    let folder = scratch.path + "/" + name
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.copyItem(atPath: scratch.path + "/" + run, toPath: folder)
    try scratch.write(bytes, as: name + "/" + file)
    return folder
  }

  /// Does some work, which may throw an error of one line that is shorter than a kilobyte.
  private func expect<Failure: Error & CustomStringConvertible>(
    _ place: String, _ work: () throws(Failure) -> Void
  ) {
    do throws(Failure) { try work() } catch {
      let line = error.description
      let isOneLine = line.unicodeScalars.allSatisfy {
        ![.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
      }
      #expect(isOneLine && !line.isEmpty && line.utf8.count < 1000, "\(place): \(line)")
    }
  }

  private func evaluate(_ folder: String, _ place: String) {
    expect(place) { () throws(TrainingError) in _ = try Tasks.evaluate(run: folder) }
  }

  private func generate(_ folder: String, _ place: String) {
    expect(place) { () throws(GenerationError) in
      _ = Array(try TextGenerator(run: folder).text().prefix(2))
    }
  }

  private func report(_ folder: String, _ place: String) {
    expect(place) { () throws(RunError) in _ = try Report(of: [folder]).page() }
    expect(place) { () throws(RunError) in _ = try RunDiagnostics.all(in: folder) }
  }

  /// Two updates more at most.
  private func resume(_ folder: String, _ place: String) {
    expect(place) { () throws(TrainingError) in
      let directory: RunDirectory
      do throws(RunError) { directory = try RunDirectory(resuming: folder) } catch { throw .run(error) }
      let trainer = try Trainer(
        task: Tasks.make(directory.settings), settings: directory.settings, directory: directory)
      let first = trainer.step
      _ = try trainer.run(shouldStop: { trainer.step >= first + 2 })
    }
  }

  // MARK: The files

  @Test("config.json")
  func config() throws {
    for (place, text) in try Self.mutants(of: try #require(scratch.read("half/config.json"))) {
      let folder = try copy("half", "mutant", "config.json", Array(text.utf8))
      // Settings that can be read are those of the model and the checkpoint too, which are refused otherwise.
      if let settings = try? RunDirectory.settings(of: folder) {
        let recorded = ["settings": String(decoding: settings.encoded(), as: UTF8.self)]
        for file in scratch.names("mutant") where file.hasSuffix(".safetensors") {
          try rewrite(folder + "/" + file, recorded)
        }
      }
      evaluate(folder, place)
      generate(folder, place)
      report(folder, place)
      resume(folder, place)
    }
  }

  @Test("result.json and diverged.json", arguments: [("whole", "result.json"), ("half", "diverged.json")])
  func outcomes(run: String, file: String) throws {
    for (place, text) in try Self.mutants(of: try #require(scratch.read("\(run)/\(file)"))) {
      let folder = try copy(run, "mutant", file, Array(text.utf8))
      report(folder, place)
      resume(folder, place)
    }
  }

  @Test(
    "The metadata of checkpoints and models, under a checksum that is right",
    arguments: ["checkpoint-000005.safetensors", "model.safetensors"])
  func metadata(file: String) throws {
    let old = try Safetensors(path: scratch.path + "/half/" + file)
    for (place, key) in old.metadata.keys.sorted().enumerated() where key != "checksum" {
      for value in Self.values(at: place) + (Self.isComplete ? [""] : []) {
        let plain = value.trimmingCharacters(in: ["\""]).replacing("\\n", with: "\n")
        let folder = try copy("half", "mutant", file, try #require(scratch.read("half/" + file)))
        try rewrite(folder + "/" + file, [key: plain])
        for other in scratch.names("mutant") where other.hasPrefix("checkpoint-") && other != file {
          if file.hasPrefix("checkpoint-") {
            try FileManager.default.removeItem(atPath: folder + "/" + other)
          }
        }
        resume(folder, key)
        guard file == "model.safetensors" else { continue }
        evaluate(folder, key)
        generate(folder, key)
        report(folder, key)
      }
    }
  }

  /// Writes a file of tensors again, with other metadata and its checksum.
  private func rewrite(_ path: String, _ changes: [String: String]) throws {
    let old = try Safetensors(path: path)
    let metadata = old.metadata.filter { $0.key != "checksum" }.merging(changes) { $1 }
    var writer = Safetensors.Writer(metadata: metadata, checksum: true)
    for info in old.tensors { writer.add(info.name, shape: info.shape, floats: try old.floats(info.name)) }
    try writer.write(to: path)
  }
}
