import CellgateFiles

/// What the two forms of PyTorch's files have in common.
enum TorchFile {
  /// Memory that a pickle's objects may take besides twice the file.
  static let pickleRoom = 32 << 20

  /// Reads a pickle; a class or function that is not allowed is named.
  static func pickle(
    _ bytes: [UInt8], from start: Int = 0, file: String
  ) throws(ImportError) -> Pickle {
    do throws(PickleError) {
      return try Pickle(
        bytes, from: start, file: file, limit: pickleRoom + bytes.count, globals: TorchGlobals.global)
    } catch { throw importError(error, file) }
  }

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
          "expected a state dict of tensors and plain values, found \(quotedName(name)), which is not allowed; nothing was executed"
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
    try model(file, try pickle(bytes, file: file.path), storages, format: format, container: container, options)
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
