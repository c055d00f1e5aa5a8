import CellgateCells
import CellgateExchange
import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@Suite struct ONNXImportTests {
  /// The files that come with the tests.
  static let bundled = Interchange.files("onnx/", "broken/onnx", root: Interchange.bundled + "/onnx")

  @Test("An ONNX file computes what its framework computes, or is refused", arguments: bundled)
  func bundledFiles(_ file: InterchangeFile) throws { try check(file) }

  @Test(
    "Every ONNX file of the collection computes what its framework computes, or is refused",
    .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("onnx/", "broken/onnx"))
  func sharedFiles(_ file: InterchangeFile) throws { try check(file) }

  private func check(_ file: InterchangeFile) throws {
    guard file.path.hasSuffix(".onnx") else { return }
    try file.check()
    // Where ONNX Runtime computes nothing there are numbers of Float64 alone.
    guard let imported = try? ModelImporter.read(file.fullPath), let sampler = imported.sampler else {
      return
    }
    for run in try file.runs() where run.outputs.isEmpty && !run.outputs64.isEmpty {
      let inputs = SampleInputs(run: run.name, arrays: run.inputs, outputs: Array(run.outputs64.keys))
      let found = try sampler.outputs(of: inputs, by: try imported.makeModel())
      for (name, expected) in run.outputs64 {
        let output = try #require(found[name])
        #expect(output.shape == expected.shape)
        for (one, other) in zip(output.values, expected.values) {
          #expect(ImportedModel.relativeDifference(one, other) <= 1e-5)
        }
      }
    }
  }

  @Test func whatIsMissingIsRefusedByName() throws {
    let file = try #require(Self.bundled.first { $0.path == "unknown_op.onnx" })
    #expect(
      throws: ImportError.unsupported(
        file: file.fullPath,
        reason: "QuantumLSTM 'Y': expected an operator that Cellgate can express, found another")
    ) { try ModelImporter.read(file.fullPath) }
  }

  @Test func samplesThatDoNotFitAreRefused() throws {
    let file = try #require(Self.bundled.first { $0.id == "onnx/torch_text_classifier" })
    let imported = try ModelImporter.read(file.fullPath)
    let model = try imported.makeModel()
    let sampler = try #require(imported.sampler)
    for (shape, values) in [
      ([2, 3], [0, 1, 2, 3, 4, 99]), ([2, 3], [0, 1, 2, 3, 4, -1]), ([2, 3], [0, 1, 2, 3, 4, 0.5]),
      ([6], [0, 1, 2, 3, 4, 5]),
      ([2, 4], [0, 1, 2, 3, 4, 5]),
    ] as [([Int], [Double])] {
      let inputs = SampleInputs(
        run: "r", arrays: ["ids": SampleArray(shape: shape, values: values)], outputs: ["probabilities"])
      #expect(throws: ImportError.self) { try sampler.outputs(of: inputs, by: model) }
    }
    #expect(throws: ImportError.self) {
      try sampler.outputs(of: SampleInputs(run: "r", arrays: [:], outputs: []), by: model)
    }
  }

  @Test("Changed files end in a model or an error of one line, and soon")
  func fuzz() throws {
    let rounds = Int(ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"] ?? "") ?? 10_000
    var files: [[UInt8]] = []
    var runs: [InterchangeFile.Run?] = []
    for file in Self.bundled {
      files.append([UInt8](try Data(contentsOf: URL(fileURLWithPath: file.fullPath))))
      runs.append(try file.runs().first)
    }
    // What Cellgate writes, Scans too.
    for cell in [Cell.lstmWM, .lstm, ONNXWriterTests.own] {
      for streaming in [false, true] {
        let model = try ONNXWriterTests.stack(cell, layers: 1, both: false)
        files.append(try ONNXWriter.encoded(model, streaming: streaming))
        runs.append(nil)
      }
    }
    let folder = NSTemporaryDirectory() + "/cellgate-fuzz-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/model.onnx"
    var random = SplitMix(state: UInt64(ProcessInfo.processInfo.environment["CELLGATE_FUZZ_SEED"] ?? "") ?? 1)
    var read = 0
    let clock = ContinuousClock()
    for round in 0..<rounds {
      let place = Int.random(in: files.indices, using: &random)
      let bytes = Self.changed(files[place], Int.random(in: files.indices, using: &random), files, &random)
      let file = try OutputFile(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC)
      try file.write(bytes)
      try file.close()
      let start = clock.now
      do {
        let imported = try ModelImporter.read(path)
        read += 1
        if round % 8 == 0, imported.description != nil {
          let model = try imported.makeModel()
          if let run = runs[place], let sampler = imported.sampler {
            _ = try sampler.outputs(
              of: SampleInputs(run: run.name, arrays: run.inputs, outputs: Array(run.outputs.keys)), by: model
            )
          }
        }
      } catch {
        #expect(!"\(error)".contains("\n"))
      }
      #expect(clock.now - start < .seconds(2), "round \(round)")
    }
    // Changes that hit weights leave a model.
    #expect(read > rounds / 50)
  }

  /// One to four changes of a file.
  private static func changed(
    _ file: [UInt8], _ other: Int, _ files: [[UInt8]], _ random: inout SplitMix
  ) -> [UInt8] {
    var bytes = file
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      guard !bytes.isEmpty else { break }
      // Names and shapes lie at the beginning and at the end.
      let end = Int.random(in: 0..<4, using: &random) > 0 ? bytes.count : min(bytes.count, 200)
      let place = Int.random(in: 0..<end, using: &random)
      let last = min(bytes.count, place + Int.random(in: 1...16, using: &random))
      switch Int.random(in: 0..<14, using: &random) {
      case 0...7: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 8: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
      case 9: bytes.removeSubrange(place..<last)
      case 10: bytes.insert(contentsOf: bytes[place..<last], at: place)
      case 11: bytes.insert(contentsOf: [UInt8](repeating: 0xFF, count: last - place), at: place)
      case 12: bytes = Array(bytes.prefix(place))
      default:
        let part = files[other].prefix(Int.random(in: 0...files[other].count, using: &random)).suffix(32)
        bytes.replaceSubrange(place..<last, with: part)
      }
    }
    return bytes
  }
}
