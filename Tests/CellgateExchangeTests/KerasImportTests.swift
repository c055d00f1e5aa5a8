import CellgateCells
import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("Keras import")
struct KerasImportTests {
  static let folder = Bundle.module.bundleURL.appendingPathComponent("KerasFiles").path

  private func check(_ file: InterchangeFile) throws {
    let isMixed = file.id.contains("mixed")
    var options = ImportOptions()
    if isMixed {
      #expect(throws: ImportError.self) { try ModelImporter.read(file.fullPath) }
      options.asFloat32 = true
    }
    try file.check(options: options, tolerance: isMixed ? 3e-2 : 1e-5, mayLackModel: true)
  }

  @Test(
    "Files of Keras 2 and 3 compute what Keras computes, or are refused as they must be",
    arguments: Interchange.files("keras", "broken", root: folder))
  func bundled(file: InterchangeFile) throws { try check(file) }

  @Test(
    "So do all files of the collection", .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("keras/", "keras2/", "broken/keras"))
  func collection(file: InterchangeFile) throws { try check(file) }

  /// What these files are refused for; the other files of Keras' layers are read.
  static let refused: Set<String> = [
    "keras/hdf5_variants/gzip.weights.h5", "keras/hdf5_variants/chunked.weights.h5",
    "keras/hdf5_variants/lzf.weights.h5", "keras/hdf5_variants/fletcher.weights.h5",
    "keras/dtype_mixed_bfloat16/model.keras",
  ]

  @Test(
    "What may be refused is read, but for what is named here",
    .enabled(if: Interchange.shared != nil, Interchange.absent),
    arguments: Interchange.files("keras/", "keras2/").filter { $0.expect == "read_or_refuse" })
  func optional(file: InterchangeFile) throws {
    if Self.refused.contains(file.testDescription) {
      #expect(throws: ImportError.self) { try ModelImporter.read(file.fullPath) }
    } else {
      _ = try ModelImporter.read(file.fullPath)
    }
  }

  @Test(
    "Recurrent layers agree in Double through the reference, to 1e-7",
    .enabled(if: Interchange.shared != nil, Interchange.absent))
  func reference() throws {
    var compared = 0
    for file in Interchange.files("keras/", "keras2/") where file.expect != "refuse" {
      guard let imported = try? ModelImporter.read(file.fullPath), let description = imported.description,
        let call = description.calls.first, description.inputs.count == 1, call.inputs == [.init(node: 0)],
        let layer = description.layers.first(where: { $0.name == call.layer }),
        let options = layer.options as? RecurrentOptions, let run = try file.runs().first,
        let expected = run.outputs64["layer/" + layer.name], let x = run.inputs["x"]
      else { continue }
      let (batch, steps, size) = (x.shape[0], x.shape[1], x.shape[2])
      let order = options.goBackwards ? Array((0..<steps).reversed()) : Array(0..<steps)
      // From the batch first to the steps first.
      var input: [Double] = []
      for step in order {
        for sequence in 0..<batch {
          let begin = (sequence * steps + step) * size
          input += x.values[begin..<begin + size]
        }
      }
      let cell = options.cell.cell, units = options.units
      let parameters = try cell.parameters.map { parameter in
        try #require(imported.state["\(layer.name).\(parameter.name)_l0"]).scalars.map { Double($0) }
      }
      let found = ReferenceExecution(cell: cell, inputSize: size, hiddenSize: units)
        .forward(
          input: input, steps: steps, batch: batch,
          states: cell.states.map { _ in [Double](repeating: 0, count: batch * units) },
          parameters: parameters)
      var output = found.finalStates[0]
      if options.returnSequences {
        output = []
        for sequence in 0..<batch {
          for step in 0..<steps {
            let begin = (step * batch + sequence) * units
            output += found.output[begin..<begin + units]
          }
        }
      }
      #expect(output.count == expected.values.count)
      let difference = zip(output, expected.values).map(ImportedModel.relativeDifference).max() ?? 1
      #expect(difference <= 1e-7, "\(file.testDescription): \(difference)")
      compared += 1
    }
    #expect(compared >= 20)
  }

  @Test("An error names the file, the layer and what it is")
  func errors() throws {
    let path = Self.folder + "/broken/keras/lambda.h5"
    let error = try #require(throws: ImportError.self) { try ModelImporter.read(path) }
    guard case .unsupported(path, let reason) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(reason.contains("(Lambda)") && reason.contains("never run"))
  }

  @Test("Weights alone come with a proposal, which makes a model of them when it is given back")
  func proposal() throws {
    let path = Self.folder + "/keras/sharded/model.weights.json"
    let alone = try ModelImporter.read(path)
    #expect(alone.description == nil && alone.sampler == nil)
    #expect(alone.state.names.contains("layers/lstm/cell/vars/0"))
    var options = ImportOptions()
    options.architecture = alone.proposal
    let whole = try ModelImporter.read(path, options: options)
    #expect(whole.state.count == alone.state.count)
    _ = try whole.makeModel()
  }

  @Test("Mutated files are read or refused, each in time")
  func fuzz() throws {
    let rounds = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 10_000
    // The cheapest one often, so that many rounds take little time.
    let names =
      [String](repeating: "keras/sharded/model_00001.weights.h5", count: 5) + [
        "keras/gru_reset_before/model.h5", "keras/bidirectional_own_backward/model.keras",
        "keras2/functional_text/model.keras", "keras/gru_reset_before/model.h5",
        "keras/functional_seq2seq/model.h5",
      ]
    var files: [[(name: String, bytes: [UInt8])]] = []
    for name in names {
      let path = Self.folder + "/" + name
      if name.hasSuffix(".keras") {
        let archive = try ZipArchive(path: path)
        files.append(try archive.entries.map { ($0.name ?? "", try archive.bytes(of: $0)) })
      } else {
        files.append([("", Array(try Data(contentsOf: URL(fileURLWithPath: path))))])
      }
    }
    // Files in memory where the system has such a folder: ten thousand on a disk take longer than reading them.
    let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : nil
    let path = (memory ?? FileManager.default.temporaryDirectory.path) + "/\(UUID()).mutated"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var random = Mutations(seed: 5)
    var readable = 0
    for round in 0..<rounds {
      var parts = files[round % files.count]
      let part = random.below(parts.count)
      parts[part].bytes = random.mutated(parts[part].bytes)
      var data = Data(parts[0].bytes)
      if parts.count > 1 {
        // An archive whose checksums fit, or one that is torn itself.
        var writer = ZipArchive.Writer()
        for part in parts { writer.add(part.name, bytes: part.bytes) }
        data = writer.encode()
        if round % 20 == 1 { data = Data(random.mutated(Array(data))) }
      }
      try data.write(to: URL(fileURLWithPath: path))
      do throws(ImportError) {
        let imported = try ModelImporter.read(path)
        readable += 1
        if round % 16 == 0, imported.description != nil { _ = try imported.makeModel() }
      } catch {
        #expect(!"\(error)".contains("\n"))
      }
    }
    #expect(readable > rounds / 20 && readable < rounds)
  }
}
