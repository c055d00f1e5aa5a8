import CellgateFiles
import CellgateNN

/// ONNX files.
enum ONNXFormat: ForeignFormat {
  static let name = "ONNX"

  /// The fields of a model, by number, and whether each holds bytes; others are whole numbers.
  private static let fields: [UInt64: Bool] = [
    1: false, 2: true, 3: true, 4: true, 5: false, 6: true, 7: true, 8: true, 14: true, 20: true, 25: true,
    26: true,
  ]

  static func recognizes(_ file: ForeignFile) throws(ImportError) -> Bool {
    // The first fields, as far as they lie in the first bytes.
    var rest = file.head[...]
    var found: Set<UInt64> = []
    while !rest.isEmpty, found.count < 4 {
      var reader = ProtocolBufferReader(rest)
      guard let tag = try? reader.varint(), let isBytes = fields[tag >> 3], tag & 7 == (isBytes ? 2 : 0),
        let number = try? reader.varint()
      else { return found.contains(1) && found.count > 1 }
      found.insert(tag >> 3)
      guard isBytes else {
        rest = rest.dropFirst(varintSize(tag) + varintSize(number))
        continue
      }
      guard number <= UInt64(file.size) else { return found.contains(1) }
      rest = rest.dropFirst(varintSize(tag) + varintSize(number)).dropFirst(Int(number))
    }
    return found.contains(7) || (found.contains(1) && found.count > 1)
  }

  private static func varintSize(_ value: UInt64) -> Int { max(1, (70 - value.leadingZeroBitCount) / 7) }

  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(file.path).readAll() } catch { throw .file(error) }
    let model: ONNXModel
    do throws(ProtocolBufferError) { model = try ONNXModel(bytes) } catch {
      throw .damaged(file: file.path, reason: "\(error)")
    }
    let importer = ONNXImporter(file.path, bytes: bytes.count, model)
    return try importer.run()
  }
}
