import CellgateFiles
import CellgateTensor

/// A safetensors file of weights alone, as `safetensors.torch.save_file` and `save_model` write them.
enum SafetensorsWeights: ForeignFormat {
  static let name = "safetensors"

  static func recognizes(_ file: ForeignFile) -> Bool {
    // The length of the header, then JSON.
    file.head.count > 8 && file.head[8] == UInt8(ascii: "{")
  }

  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel {
    let opened: Safetensors
    do throws(SafetensorsError) { opened = try Safetensors(path: file.path) } catch {
      throw importError(error, file.path)
    }
    if opened.metadata["format"]?.hasPrefix("cellgate") == true {
      throw .unsupported(file: file.path, reason: "expected a model of another tool, found one of Cellgate")
    }
    var weights = ForeignWeights(framework: "PyTorch", format: "safetensors")
    weights.findings.append("safetensors, names of PyTorch")
    for info in opened.tensors {
      guard info.dtype.bits != nil else {
        throw .unsupported(
          file: file.path,
          reason:
            "tensor '\(quotedName(info.name))': expected a type of numbers that is known, found '\(quotedName(info.dtype.rawValue))'"
        )
      }
      guard let type = types[info.dtype] else {
        weights.tensors.append(
          ForeignTensor(
            name: info.name, dtype: info.dtype.rawValue, shape: info.shape, tensor: nil,
            problem: "numbers of the type \(info.dtype.rawValue)"))
        continue
      }
      let bytes: [UInt8]
      do throws(SafetensorsError) { bytes = try opened.bytes(info.name) } catch {
        throw importError(error, file.path)
      }
      let tensor = Tensor(bytes, type, layout: NumberLayout(contiguous: info.shape))
      weights.tensors.append(
        ForeignTensor(name: info.name, dtype: type.rawValue, shape: info.shape, tensor: tensor))
    }
    // `save_model` writes of two names of one tensor one, and what the other was.
    let names = Set(weights.tensors.map(\.name))
    weights.ties = opened.metadata.filter { !names.contains($0.key) && names.contains($0.value) }
    return try WeightsImport.model(weights, file: file.path, options)
  }

  static let types: [Safetensors.Dtype: NumberType] = [
    .f64: .float64, .f32: .float32, .f16: .float16, .bf16: .bfloat16, .i64: .int64, .i32: .int32,
    .i16: .int16,
    .i8: .int8, .u8: .uint8, .u16: .uint16, .u32: .uint32, .u64: .uint64, .bool: .bool,
  ]

  private static func importError(_ error: SafetensorsError, _ path: String) -> ImportError {
    if case .file(let reason) = error { return .file(reason) }
    return .damaged(file: path, reason: "\(error)".removingPrefix(path + ": "))
  }
}

extension String {
  /// The text without what it begins with.
  func removingPrefix(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}
