import CellgateFiles
import CellgateTensor

/// An npz file of weights under PyTorch's names, as `numpy.savez` and `numpy.savez_compressed` write them.
enum NumpyWeights: ForeignFormat {
  static let name = "npz"

  static func recognizes(_ file: ForeignFile) throws(ImportError) -> Bool {
    guard file.head.starts(with: Array("PK\u{3}\u{4}".utf8)) else { return false }
    if file.firstEntry.hasSuffix(".npy") { return true }
    return file.hasEntry { $0.hasSuffix(".npy") }
  }

  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel {
    let archive = try ForeignArchive(file.path, options)
    var weights = ForeignWeights(framework: "NumPy", format: "npz")
    weights.findings.append("NumPy's npz, names of PyTorch")
    var names: Set<String> = []
    for entry in archive.zip.entries {
      guard let path = entry.name, path.hasSuffix(".npy") else { continue }
      let name = String(path.dropLast(4))
      guard !name.isEmpty, !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
        throw .damaged(
          file: file.path,
          reason: "array '\(quotedName(name))': expected a name, found a path out of the file")
      }
      guard names.insert(name).inserted else {
        throw .damaged(
          file: file.path, reason: "array '\(quotedName(name))': expected it once, found it twice")
      }
      let bytes = try archive.bytes(of: entry, most: nil)
      do throws(NumpyError) {
        let array = try NumpyArray(data: bytes, file: file.path, name: name)
        weights.tensors.append(try tensor(array, name))
      } catch {
        // Strings beside weights are no harm; objects and records are refused.
        guard case .unsupportedDtype(_, _, let found) = error, let kind = found.dropFirst().first,
          kind == "U" || kind == "S"
        else { throw importError(error, file.path) }
        weights.tensors.append(
          ForeignTensor(name: name, dtype: found, shape: [], tensor: nil, problem: "an array of strings"))
      }
    }
    // Strings are left out for good: no layer has them.
    weights.findings += weights.tensors.filter { $0.problem != nil }.map {
      "left out, as no numbers: '\(quotedName($0.name))'"
    }
    weights.tensors.removeAll { $0.problem != nil }
    return try WeightsImport.model(weights, file: file.path, options)
  }

  private static func tensor(_ array: NumpyArray, _ name: String) throws(NumpyError) -> ForeignTensor {
    let dtype = array.dtype.shownName
    do throws(NumpyError) {
      let numbers = array.dtype.kind == .real ? try array.floats() : try array.doubles().map { Float($0) }
      return ForeignTensor(
        name: name, dtype: dtype, shape: array.shape, tensor: Tensor(numbers, shape: array.shape))
    } catch {
      guard case .doesNotFit = error else { throw error }
      return ForeignTensor(
        name: name, dtype: dtype, shape: array.shape, tensor: nil, problem: "numbers out of range")
    }
  }

  private static func importError(_ error: NumpyError, _ path: String) -> ImportError {
    switch error {
    case .file(let reason): .file(reason)
    case .zip(let reason): ForeignArchive.importError(reason, path)
    case .unsupportedDtype: .unsupported(file: path, reason: "\(error)".removingPrefix(path + ": "))
    default: .damaged(file: path, reason: "\(error)".removingPrefix(path + ": "))
    }
  }
}

extension NumpyArray.Dtype {
  /// "float64".
  fileprivate var shownName: String {
    switch kind {
    case .bool: "bool"
    case .signed: "int\(8 * size)"
    case .unsigned: "uint\(8 * size)"
    case .real: "float\(8 * size)"
    }
  }
}
