import CellgateExchange
import CellgateFiles
import CellgateNN
import CellgateTensor
import Foundation
import Testing

/// Folders of model files that other tools wrote, with inputs and the outputs that these tools compute; `index.json` says
/// what must become of each file.
enum Interchange {
  /// The whole collection: the folder in `$CELLGATE_MODELS`, else `../shared/interchange` beside the package; nil
  /// where there is neither.
  static let shared: String? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let own = ProcessInfo.processInfo.environment["CELLGATE_MODELS"]
    let path = own ?? package.appendingPathComponent("shared/interchange").path
    return FileManager.default.fileExists(atPath: path + "/index.json") ? path : nil
  }()

  /// The few files that come with the tests.
  static let bundled = Bundle.module.bundleURL.appendingPathComponent("Interchange").path

  /// Why tests of the whole collection are left out.
  static let absent: Comment = "set CELLGATE_MODELS to the folder with index.json"

  /// The files of the cases whose names begin with one of `cases`, in the folder `root`; [] where that is nil.
  static func files(_ cases: String..., root: String? = shared) -> [InterchangeFile] {
    guard let root, let index = try? JSONTree(path: root + "/index.json") else { return [] }
    return (index["cases"]?.array ?? []).flatMap { item -> [InterchangeFile] in
      guard let id = item["id"]?.string, cases.contains(where: { id.hasPrefix($0) }) else { return [] }
      let folder = root + "/" + (item["dir"]?.string ?? id)
      return (item["files"]?.array ?? []).compactMap { file in
        guard let path = file["path"]?.string, let expect = file["expect"]?.string else { return nil }
        return InterchangeFile(id: id, folder: folder, path: path, expect: expect)
      }
    }
  }
}

/// One model file of a case.
struct InterchangeFile: Sendable, CustomTestStringConvertible {
  /// "torch/lstm_1layer".
  let id: String
  /// Where the case is.
  let folder: String
  /// The file in it.
  let path: String
  /// "read", "refuse", or either: "read_or_refuse", "weights_only_or_refuse".
  let expect: String

  var testDescription: String { "\(id)/\(path)" }
  var fullPath: String { folder + "/" + path }

  /// A run of the case: inputs, and the outputs in float32 and in float64.
  struct Run {
    let name: String
    let inputs: [String: SampleArray]
    let outputs: [String: SampleArray]
    let outputs64: [String: SampleArray]
    let options: JSONTree?
  }

  /// What the case says about itself.
  func description() throws -> JSONTree { try JSONTree(path: folder + "/case.json") }

  /// What the case says that the weights belong to, where it is a kind of architecture.
  func architecture() throws -> Architecture? {
    let architecture = try description()["model"].flatMap(Architecture.init)
    return architecture.flatMap { Architecture.kinds.contains($0.kind) ? $0 : nil }
  }

  /// The case's samples.
  func runs() throws -> [Run] {
    let description = try description()
    guard let runs = description["runs"]?.array, !runs.isEmpty else { return [] }
    let path = folder + "/" + (description["expected"]?.string ?? "expected.safetensors")
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    let samples = try Safetensors(path: path)
    func arrays(_ names: JSONTree?) throws -> [String: SampleArray] {
      var arrays: [String: SampleArray] = [:]
      for member in names?.object ?? [] {
        guard let name = member.value.string else { continue }
        arrays[member.key] = try ModelSamples.array(name, of: samples)
      }
      return arrays
    }
    return try runs.map { run in
      Run(
        name: run["name"]?.string ?? "", inputs: try arrays(run["inputs"]),
        outputs: try arrays(run["outputs"]),
        outputs64: try arrays(run["outputs64"]), options: run["options"])
    }
  }

  /// Imports the file and compares what it computes, or holds, with the case's outputs, within `tolerance` relative to
  /// max(1, |expected|); a file to be refused must end in an `ImportError` of one line.
  ///
  /// Of weights alone that say no architecture, with `mayLackModel`, no outputs are compared.
  func check(
    options: ImportOptions = ImportOptions(), tolerance: Double = 1e-5, mayLackModel: Bool = false
  ) throws {
    var options = options
    options.architecture = try architecture()
    do {
      let imported = try ModelImporter.read(fullPath, options: options)
      let model = try imported.description.map { _ in try imported.makeModel() }
      #expect(expect != "refuse", "\(testDescription): expected an error, found \(imported.findings)")
      for run in try runs() where !run.outputs.isEmpty {
        var found: [String: SampleArray] = [:]
        if run.name == "tensors" {
          for entry in imported.state.entries {
            found[entry.name] = SampleArray(
              shape: entry.tensor.shape, values: entry.tensor.scalars.map(Double.init))
          }
        } else {
          if mayLackModel, model == nil { continue }
          let sampler = try #require(imported.sampler, "\(testDescription): no sampler")
          let inputs = SampleInputs(
            run: run.name, arrays: run.inputs, outputs: run.outputs.keys.sorted(), options: run.options,
            shapes: run.outputs.mapValues(\.shape))
          found = try sampler.outputs(of: inputs, by: try #require(model))
        }
        for (name, expected) in run.outputs.sorted(by: { $0.key < $1.key }) {
          let place = "\(testDescription): \(run.name)/\(name)"
          guard let output = found[name] else {
            Issue.record("\(place): not computed")
            continue
          }
          // The samples have a single number as [1].
          let shape = output.shape.isEmpty ? [1] : output.shape
          #expect(shape == expected.shape, "\(place): the shape")
          guard output.values.count == expected.values.count else { continue }
          let difference =
            zip(output.values, expected.values).map(ImportedModel.relativeDifference).max() ?? 0
          #expect(difference <= tolerance, "\(place): differs by \(difference)")
        }
      }
    } catch let error as ImportError {
      #expect(expect != "read", "\(error)")
      #expect(!"\(error)".contains("\n") && !"\(error)".isEmpty)
    }
  }
}
