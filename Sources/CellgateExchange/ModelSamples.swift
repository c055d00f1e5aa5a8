import CellgateBasics
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Samples of a model: inputs, and the outputs that its framework computes of them.
///
/// They lie in a safetensors file as `RUN/in/NAME` and `RUN/out/NAME`, or `RUN/out64/NAME` where there is none; outputs of a run named "tensors" are weights. A
/// `case.json` beside it may say more: `model`, the architecture, and for each of `runs` its `options`.
public struct ModelSamples: Sendable {
  /// Inputs and outputs that belong together.
  public struct Run: Sendable {
    /// Its name.
    public var name: String
    /// What goes in.
    public var inputs: [String: SampleArray]
    /// What comes out.
    public var outputs: [String: SampleArray]
    /// What else is said about it.
    public var options: JSONTree?
  }

  /// In the order of their names.
  public let runs: [Run]
  /// What the weights belong to; nil where the samples don't say.
  public let architecture: Architecture?

  /// The samples in a file. Throws what is wrong with it, or with the `case.json` beside it.
  public init(_ path: String) throws(ImportError) {
    let file: Safetensors
    do throws(SafetensorsError) { file = try Safetensors(path: path) } catch {
      if case .file(let error) = error { throw .file(error) }
      throw .damaged(file: path, reason: error.reason(without: path))
    }
    let beside = Paths.folder(in: path)
    let description = try Self.description((beside.isEmpty ? "." : beside) + "/case.json")
    let model = description?["model"].flatMap(Architecture.init)
    architecture = model.flatMap { Architecture.kinds.contains($0.kind) ? $0 : nil }
    var runs: [String: Run] = [:]
    for tensor in file.tensors {
      let parts = tensor.name.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(
        String.init)
      guard parts.count == 3, ["in", "out", "out64"].contains(parts[1]) else { continue }
      // What was computed in float64 stands for what wasn't computed in float32.
      if parts[1] == "out64", file["\(parts[0])/out/\(parts[2])"] != nil { continue }
      let array = try Self.array(tensor.name, of: file)
      var run = runs[parts[0]] ?? Run(name: parts[0], inputs: [:], outputs: [:])
      if parts[1] == "in" { run.inputs[parts[2]] = array } else { run.outputs[parts[2]] = array }
      runs[parts[0]] = run
    }
    for run in description?["runs"]?.array ?? [] {
      guard let name = run["name"]?.string else { continue }
      runs[name]?.options = run["options"]
      // A run may share another one's inputs.
      for member in run["inputs"]?.object ?? [] {
        guard let tensor = member.value.string, runs[name] != nil, file[tensor] != nil else { continue }
        runs[name]?.inputs[member.key] = try Self.array(tensor, of: file)
      }
    }
    self.runs = runs.values.filter { !$0.outputs.isEmpty }.sorted { $0.name < $1.name }
    if self.runs.isEmpty {
      throw .damaged(
        file: path,
        reason: "expected tensors named RUN/in/NAME and RUN/out/NAME, found \(file.tensors.count) others")
    }
  }

  private static func description(_ path: String) throws(ImportError) -> JSONTree? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    do throws(JSONError) { return try JSONTree(path: path) } catch {
      throw .damaged(file: path, reason: error.description)
    }
  }

  /// A tensor of samples, of any number type.
  package static func array(_ name: String, of file: Safetensors) throws(ImportError) -> SampleArray {
    do {
      let info = try file.info(name)
      let values: [Double]
      switch info.dtype {
      case .i64, .i32: values = try file.int64s(name).map(Double.init)
      case .f64, .f32: values = try file.doubles(name)
      default:
        guard let type = SafetensorsWeights.types[info.dtype] else {
          throw ImportError.damaged(
            file: file.file,
            reason: "tensor \(quotedName(name)): expected numbers, found \(info.dtype.rawValue)")
        }
        let tensor = Tensor(try file.bytes(name), type, layout: NumberLayout(contiguous: info.shape))
        values = tensor.scalars.map(Double.init)
      }
      return SampleArray(shape: info.shape, values: values)
    } catch let error as SafetensorsError {
      throw .damaged(file: file.file, reason: error.reason(without: file.file))
    } catch {
      throw error as? ImportError ?? .damaged(file: file.file, reason: "\(error)")
    }
  }
}

/// How far a model is from what its framework computes.
public struct SampleDifference: Sendable {
  /// The run.
  public var run: String
  /// The output.
  public var output: String
  /// The largest |found − expected| / max(1, |expected|); infinity where only one is NaN, nil where nothing was compared.
  public var difference: Double?
  /// Why nothing was compared, or another shape was found.
  public var problem: String?
}

extension ImportedModel {
  /// Runs the model on samples, and compares its outputs, or of a run "tensors" its weights. Throws for samples that don't
  /// fit it.
  public func differences(from samples: ModelSamples) throws(ImportError) -> [SampleDifference] {
    let model = description == nil ? nil : try makeModel()
    var result: [SampleDifference] = []
    for run in samples.runs {
      var found: [String: SampleArray] = [:]
      if run.name == "tensors" {
        for entry in state.entries {
          found[entry.name] = SampleArray(
            shape: entry.tensor.shape, values: entry.tensor.scalars.map(Double.init))
        }
      } else if let model, let sampler {
        let inputs = SampleInputs(
          run: run.name, arrays: run.inputs, outputs: run.outputs.keys.sorted(), options: run.options,
          shapes: run.outputs.mapValues(\.shape))
        found = try sampler.outputs(of: inputs, by: model)
      } else {
        result += run.outputs.keys.sorted().map {
          SampleDifference(run: run.name, output: $0, problem: "outputs not compared: no architecture")
        }
        continue
      }
      for (name, expected) in run.outputs.sorted(by: { $0.key < $1.key }) {
        result.append(Self.difference(found[name], expected, run: run.name, output: name))
      }
    }
    return result
  }

  private static func difference(
    _ found: SampleArray?, _ expected: SampleArray, run: String, output: String
  ) -> SampleDifference {
    guard let found else {
      return SampleDifference(run: run, output: output, problem: "not among the model's outputs")
    }
    // Files of samples have a single number as [1].
    let shape = found.shape.isEmpty ? [1] : found.shape
    guard shape == expected.shape, found.values.count == expected.values.count else {
      return SampleDifference(
        run: run, output: output, difference: .infinity,
        problem: "expected the shape \(expected.shape), found \(found.shape)")
    }
    let largest = zip(found.values, expected.values).map(relativeDifference).max() ?? 0
    return SampleDifference(run: run, output: output, difference: largest)
  }

  /// |found − expected| / max(1, |expected|); 0 of equal values, such as two NaN, infinite where only one is NaN.
  package static func relativeDifference(_ found: Double, _ expected: Double) -> Double {
    if found == expected || found.isNaN && expected.isNaN { return 0 }
    let difference = abs(found - expected) / max(1, abs(expected))
    return difference.isNaN ? .infinity : difference
  }
}

extension SafetensorsError {
  /// The error without the name of the file that it begins with.
  func reason(without path: String) -> String {
    let text = description, start = oneLine(path) + ": "
    return text.hasPrefix(start) ? String(text.dropFirst(start.count)) : text
  }
}
