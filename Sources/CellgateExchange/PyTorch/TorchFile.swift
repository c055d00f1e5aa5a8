import CellgateFiles

/// What the two forms of PyTorch's files have in common.
enum TorchFile {
  /// Memory that a pickle's objects may take: as much as the file, and some more.
  static func limit(_ file: ForeignFile) -> Int { (32 << 20) + file.size }

  static func importError(_ error: PickleError, _ file: String) -> ImportError {
    switch error {
    case .refusedGlobal(_, _, let name) where name.hasPrefix("torch.nn.modules."):
      return .unsupported(
        file: file,
        reason:
          "expected a state dict, found a whole module that names \(quotedName(name)); save model.state_dict() instead"
      )
    case .refusedGlobal(_, _, let name):
      return .unsupported(
        file: file,
        reason:
          "expected a state dict of tensors and plain values, found \(quotedName(name)), which is not allowed and was not executed; of a whole model save model.state_dict()"
      )
    default:
      var text = "\(error)"
      if text.hasPrefix(file + ": ") { text.removeFirst(file.count + 2) }
      return .damaged(file: file, reason: text)
    }
  }

  /// The model of a pickle and its storages.
  static func model(
    _ file: ForeignFile, _ bytes: [UInt8], _ storages: some TorchStorages, format: String, container: String,
    _ options: ImportOptions
  ) throws(ImportError) -> ImportedModel {
    let pickle: Pickle
    do throws(PickleError) {
      pickle = try Pickle(bytes, file: file.path, limit: limit(file), globals: TorchGlobals.global)
    } catch { throw importError(error, file.path) }
    return try model(file, pickle, storages, format: format, container: container, options)
  }

  /// The model of a pickle that is read and its storages.
  static func model(
    _ file: ForeignFile, _ pickle: Pickle, _ storages: some TorchStorages, format: String, container: String,
    _ options: ImportOptions
  ) throws(ImportError) -> ImportedModel {
    let search = try StateDictSearch(pickle, file: file.path)
    var weights = ForeignWeights(framework: "PyTorch", format: format)
    weights.findings.append("PyTorch, \(container)" + (storages.isBigEndian ? ", big-endian numbers" : ""))
    if !search.key.isEmpty { weights.findings.append("state dict: under '\(quotedName(search.key))'") }
    if !search.others.isEmpty {
      weights.findings.append(
        "left out, as no tensors: " + joined(search.others.map(quotedName), most: 6))
    }
    weights.tensors = try TorchTensors(search.tensors, pickle, storages, file: file.path).tensors
    weights.symbols = search.symbols()
    return try WeightsImport.model(weights, file: file.path, options)
  }
}
