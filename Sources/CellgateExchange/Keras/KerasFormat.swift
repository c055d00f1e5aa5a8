import CellgateFiles
import CellgateNN
import CellgateTensor

/// Models of Keras 2 and 3: `.keras`, `.weights.h5` and its shards, and legacy `.h5`.
enum KerasFormat: ForeignFormat {
  static let name = "Keras"

  static func recognizes(_ file: ForeignFile) throws(ImportError) -> Bool {
    // An archive may have an HDF5 file where a user block of one would end.
    if isArchive(file.head) {
      // Keras writes these in front; of a torn archive the first name alone is there.
      let names = ["metadata.json", "config.json", "model.weights.h5"]
      if names.contains(where: { file.head.dropFirst(30).starts(with: $0.utf8) }) { return true }
      guard let archive = try? ZipArchive(path: file.path) else { return false }
      return archive["model.weights.h5"] != nil
        || (archive["config.json"] != nil && archive["metadata.json"] != nil)
    }
    if HDF5File.begins(file.head) { return true }
    guard isJSON(file.head), file.size <= configurationLimit else { return false }
    return (try? JSONTree(path: file.path))?["weight_map"]?.object != nil
  }

  private static func isArchive(_ head: [UInt8]) -> Bool { head.starts(with: [0x50, 0x4B, 3, 4]) }

  private static func isJSON(_ head: [UInt8]) -> Bool {
    head.first { !" \n\r\t".utf8.contains($0) } == UInt8(ascii: "{")
  }

  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel {
    if isArchive(file.head) { return try archive(file, options) }
    return HDF5File.begins(file.head) ? try hierarchical(file, options) : try shards(file, options)
  }

  // MARK: Containers

  private static func archive(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError)
    -> ImportedModel
  {
    let archive: ZipArchive
    do throws(ZipError) {
      archive = try ZipArchive(path: file.path, limit: options.maxSize ?? ZipArchive.defaultLimit)
      for entry in archive.entries where entry.size > 1 << 20 && entry.size / 1000 > entry.compressedSize {
        guard options.maxSize == nil else { continue }
        throw .tooLarge(
          file: file.path, entry: entry.name ?? "", bytes: UInt64(entry.size),
          limit: 1000 * entry.compressedSize)
      }
    } catch { throw Self.error(error, file.path) }
    for name in ["config.json", "metadata.json"] {
      try checkLength(archive[name]?.size ?? 0, name, file)
    }
    // Keras stores the numbers as they are; compressed ones may be many times as large as the file.
    if let entry = archive["model.weights.h5"], options.maxSize == nil, entry.method != 0,
      entry.size > 48 << 20, entry.size / 2 > entry.compressedSize
    {
      throw .unsupported(
        file: file.path,
        reason:
          "model.weights.h5: expected numbers that are stored as they are, found \(entry.size) bytes in \(entry.compressedSize); --max-size allows them"
      )
    }
    func bytes(_ name: String) throws(ImportError) -> [UInt8] {
      do throws(ZipError) { return try archive.bytes(name) } catch { throw Self.error(error, file.path) }
    }
    let config = try json(try bytes("config.json"), "config.json", file)
    let metadata =
      archive["metadata.json"] == nil ? nil : try json(try bytes("metadata.json"), "metadata.json", file)
    let weights = try bytes("model.weights.h5")
    let root = try opened { () throws(HDF5Error) in
      try HDF5File(data: weights, file: "\(file.path): model.weights.h5").root
    }
    let version = metadata?["keras_version"]?.string
    return try model(
      config, version, KerasWeights(paths: [root], bytes: weights.count, file: file.path), file, options,
      format: major(version, config) == 2 ? "keras_v2_keras" : "keras_v3")
  }

  private static func hierarchical(
    _ file: ForeignFile, _ options: ImportOptions
  ) throws(ImportError) -> ImportedModel {
    let root = try opened { () throws(HDF5Error) in try HDF5File(path: file.path).root }
    let config = try opened { () throws(HDF5Error) in try text("model_config", root) }
    let version = try opened { () throws(HDF5Error) in try root.strings("keras_version")?.first }
    let group = try opened { () throws(HDF5Error) in
      root.names.contains("model_weights") ? try root.group("model_weights") : root
    }
    let isLegacy = try opened { () throws(HDF5Error) -> Bool in
      if try group.strings("layer_names") != nil { return true }
      return try group.strings("layer_names0") != nil
    }
    let weights =
      isLegacy
      ? KerasWeights(legacy: group, bytes: file.size, file: file.path)
      : KerasWeights(paths: [root], bytes: file.size, file: file.path)
    if let config {
      guard isLegacy else {
        throw .damaged(file: file.path, reason: "expected model_weights with layer_names, found none")
      }
      let tree = try json(Array(config.utf8), "model_config", file)
      return try model(tree, version, weights, file, options, format: "keras_h5_legacy")
    }
    return try alone(
      weights, version, file, options, format: isLegacy ? "keras_h5_legacy_weights" : "keras_weights_h5")
  }

  /// A text that may be in several attributes.
  private static func text(_ name: String, _ group: HDF5File.Group) throws(HDF5Error) -> String? {
    let parts = try KerasWeights.names(name, of: group)
    return parts.isEmpty ? nil : parts.joined()
  }

  private static func shards(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError)
    -> ImportedModel
  {
    let tree: JSONTree
    do throws(JSONError) { tree = try JSONTree(path: file.path) } catch {
      throw .damaged(file: file.path, reason: "\(error)")
    }
    var names: [String] = []
    for member in tree["weight_map"]?.object ?? [] {
      for value in member.value.array ?? [member.value] {
        guard let name = value.string, !name.isEmpty, !name.contains("/"), !name.contains("\\"),
          !name.unicodeScalars.contains("\0"), name != "..", name != "."
        else {
          throw .damaged(
            file: file.path, reason: "weight_map: expected names of files beside it, found \(shown(value))")
        }
        if !names.contains(name) { names.append(name) }
      }
    }
    guard !names.isEmpty, names.count <= 10_000 else {
      throw .damaged(file: file.path, reason: "weight_map: expected 1 to 10000 files, found \(names.count)")
    }
    let slash = file.path.lastIndex(of: "/").map { file.path.index(after: $0) } ?? file.path.startIndex
    let folder = file.path[..<slash]
    var roots: [HDF5File.Group] = []
    var bytes = 0
    for name in names {
      let part = try ForeignFile(folder + name)
      bytes += part.size
      roots.append(try opened { () throws(HDF5Error) in try HDF5File(path: part.path).root })
    }
    return try alone(
      KerasWeights(paths: roots, bytes: bytes, file: file.path), nil, file, options,
      format: "keras_sharded_index")
  }

  // MARK: Models

  private static func major(_ version: String?, _ config: JSONTree) -> Int {
    if let version { return version.hasPrefix("2") || version.hasPrefix("1") ? 2 : 3 }
    // Without a version what a layer's type is written as says it.
    let layers = config["config"]?["layers"]?.array ?? []
    return layers.contains { $0["config"]?["batch_input_shape"] != nil } ? 2 : 3
  }

  private static func model(
    _ config: JSONTree, _ version: String?, _ weights: KerasWeights, _ file: ForeignFile,
    _ options: ImportOptions, format: String
  ) throws(ImportError) -> ImportedModel {
    let major = major(version, config)
    var graph = KerasGraph(file: file.path, version: major, asFloat32: options.asFloat32)
    let description = try graph.model(config)
    // What the description needs is compared with what there is before memory is taken for it.
    let entries = try weights.entries(graph.parts)
    let state = StateDictionary(entries)
    try check(description, state, file.path)
    let kind = config["class_name"]?.string ?? "model"
    var findings = [
      "Keras \(quotedName(version ?? "\(major)")): \(kind) of \(description.layers.count) layers, \(state.count) numbers"
    ]
    findings += graph.findings + warnings(weights)
    return ImportedModel(
      framework: "Keras \(quotedName(version ?? "\(major)"))", format: format, findings: findings,
      description: description, state: state, proposal: nil, metadata: [:],
      sampler: KerasSampler(steps: graph.inputSteps, symbols: graph.symbols, layers: graph.layerOutputs))
  }

  private static func warnings(_ weights: KerasWeights) -> [String] {
    var lines: [String] = []
    if !weights.types.isEmpty {
      lines.append("numbers of \(weights.types.sorted().joined(separator: ", ")) become Float32")
    }
    if let first = weights.notNumbers.first {
      lines.append("warning: NaN in \(weights.notNumbers.count) variables, such as '\(quotedName(first))'")
    }
    return lines
  }

  /// Throws unless the state has exactly what the description needs.
  private static func check(
    _ description: ModelDescription, _ state: StateDictionary, _ file: String
  ) throws(ImportError) {
    let shapes: AnySequence<ParameterShape>
    do throws(LayerError) { shapes = try Model.parameterShapes(description) } catch {
      throw .unsupported(file: file, reason: "\(error)")
    }
    var count = 0
    for shape in shapes {
      guard let tensor = state[shape.name] else {
        throw .damaged(file: file, reason: "expected numbers of '\(quotedName(shape.name))', found none")
      }
      guard tensor.shape == shape.shape else {
        throw .damaged(
          file: file,
          reason: "'\(quotedName(shape.name))': expected \(shape.shape), found \(tensor.shape)")
      }
      count += 1
    }
    guard count == state.entries.count else {
      throw .damaged(file: file, reason: "expected \(count) tensors, found \(state.entries.count)")
    }
  }

  /// Weights without a configuration: as they are, unless the architecture is Keras' configuration.
  private static func alone(
    _ weights: KerasWeights, _ version: String?, _ file: ForeignFile, _ options: ImportOptions, format: String
  ) throws(ImportError) -> ImportedModel {
    if let given = options.architecture, given.kind == "keras", let config = given.members["config"] {
      let version = given.members["keras_version"]?.string ?? version
      return try model(config, version, weights, file, options, format: format)
    }
    let (arrays, left) = try weights.all()
    guard !arrays.isEmpty else {
      throw .damaged(file: file.path, reason: "expected variables of layers, found none")
    }
    let state = StateDictionary(arrays.map { .init($0.path, Tensor($0.values, shape: $0.shape)) })
    var findings = [
      "Keras\(version.map { " " + quotedName($0) } ?? ""): weights alone, \(arrays.count) variables, \(state.count) numbers"
    ]
    if !left.isEmpty { findings.append("left out: \(left.joined(separator: ", "))") }
    findings += warnings(weights)
    return ImportedModel(
      framework: version.map { "Keras \(quotedName($0))" } ?? "Keras", format: format, findings: findings,
      description: nil, state: state, proposal: KerasProposal.architecture(arrays), metadata: [:],
      sampler: nil)
  }

  // MARK: Errors

  private static func opened<Value>(_ body: () throws(HDF5Error) -> Value) throws(ImportError) -> Value {
    do throws(HDF5Error) { return try body() } catch { throw KerasWeights.error(error, nil) }
  }

  /// The largest configuration that is read: what it becomes in memory is many times as large.
  static let configurationLimit = 2 << 20

  private static func checkLength(_ count: Int, _ name: String, _ file: ForeignFile) throws(ImportError) {
    guard count <= configurationLimit else {
      throw .unsupported(
        file: file.path, reason: "\(name): expected at most \(configurationLimit) bytes, found \(count)")
    }
  }

  private static func json(_ bytes: [UInt8], _ name: String, _ file: ForeignFile) throws(ImportError)
    -> JSONTree
  {
    try checkLength(bytes.count, name, file)
    do throws(JSONError) { return try JSONTree(data: bytes, file: name) } catch {
      throw .damaged(file: file.path, reason: "\(error)")
    }
  }

  private static func error(_ error: ZipError, _ file: String) -> ImportError {
    if case .file(let error) = error { return .file(error) }
    let text = "\(error)"
    return .damaged(
      file: file, reason: text.hasPrefix(file + ": ") ? String(text.dropFirst(file.count + 2)) : text)
  }
}
