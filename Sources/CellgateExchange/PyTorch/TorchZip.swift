import CellgateFiles

/// A file that `torch.save` writes: a zip file of one folder with a pickle, `data.pkl`, and the storages, `data/0`, ….
enum TorchZip: ForeignFormat {
  static let name = "PyTorch"

  static func recognizes(_ file: ForeignFile) throws(ImportError) -> Bool {
    guard file.head.starts(with: Array("PK\u{3}\u{4}".utf8)) else { return false }
    // By the first entry's own header, which stands in a torn file too; by the list otherwise.
    let first = file.firstEntry
    if first.hasSuffix("/data.pkl") || first == "data.pkl" || first.hasSuffix("/archive_format") {
      return true
    }
    return file.hasEntry { $0.hasSuffix("/data.pkl") || $0 == "data.pkl" || $0.hasSuffix("/archive_format") }
  }

  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel {
    let archive = try ForeignArchive(file.path, options)
    let entries = archive.zip.entries
    let pickles = entries.filter { $0.name?.hasSuffix("/data.pkl") == true || $0.name == "data.pkl" }
    if entries.contains(where: { $0.name?.hasSuffix("/archive_format") == true }), pickles.isEmpty {
      throw .unsupported(
        file: file.path,
        reason: "expected a state dict, found a program of torch.export; save model.state_dict() instead")
    }
    guard pickles.count == 1, let entry = pickles.first, let path = entry.name else {
      throw .damaged(file: file.path, reason: "expected one data.pkl, found \(pickles.count)")
    }
    let root = String(path.dropLast("data.pkl".count))
    if let other = entries.first(where: { $0.name?.hasPrefix(root) != true }) {
      throw .damaged(
        file: file.path,
        reason:
          "expected all entries in the folder '\(quotedName(root))', found '\(quotedName(other.name ?? "?"))'"
      )
    }
    if archive.zip[root + "constants.pkl"] != nil {
      throw .unsupported(
        file: file.path,
        reason: "expected a state dict, found a program of TorchScript; save model.state_dict() instead")
    }
    var isBigEndian = false
    if let order = archive.zip[root + "byteorder"] {
      let text = String(decoding: try archive.bytes(of: order, most: 64), as: UTF8.self)
      switch text.split(whereSeparator: \.isWhitespace).first {
      case "little": break
      case "big": isBigEndian = true
      default:
        throw .damaged(
          file: file.path, reason: "byteorder: expected little or big, found '\(quotedName(text))'")
      }
    }
    // A pickle of names and numbers compresses some ten times.
    let most = min((1 << 20) + 100 * min(entry.compressedSize, 1 << 40), (24 << 20) + file.size)
    let bytes = try archive.bytes(of: entry, most: options.maxSize ?? most)
    let storages = ZipStorages(archive: archive, root: root, isBigEndian: isBigEndian)
    return try TorchFile.model(
      file, bytes, storages, format: "torch_zip", container: "torch.save's zip file", options)
  }

  private struct ZipStorages: TorchStorages {
    let archive: ForeignArchive
    let root: String
    let isBigEndian: Bool

    func bytes(_ key: String, count: Int, used: Int) throws(ImportError) -> [UInt8] {
      guard let entry = archive.zip[root + "data/" + key] else {
        throw .damaged(
          file: archive.zip.file,
          reason: "storage '\(quotedName(key))': expected an entry data/KEY, found none")
      }
      guard entry.size == count else {
        throw .damaged(
          file: archive.zip.file,
          reason: "storage '\(quotedName(key))': expected \(count) bytes, found \(entry.size)")
      }
      // Compressed bytes that no tensor reads take memory for nothing.
      let (room, overflows) = (entry.compressedSize + used).multipliedReportingOverflow(by: 2)
      guard entry.method == 0 || count <= 32 << 20 || overflows || count <= room else {
        throw .unsupported(
          file: archive.zip.file,
          reason:
            "storage '\(quotedName(key))': expected about as many bytes as tensors read, \(used), found \(count)"
        )
      }
      return try archive.bytes(of: entry, most: nil)
    }
  }
}

/// A zip file to import: entries expand to no more than the options allow.
struct ForeignArchive {
  let zip: ZipArchive
  private let maxSize: Int?

  /// The most entries: their list takes memory.
  fileprivate static let mostEntries = 100_000
  /// How much an entry may expand unless the user allows more.
  private static let mostExpansion = 1_000

  init(_ path: String, _ options: ImportOptions) throws(ImportError) {
    maxSize = options.maxSize
    do throws(ZipError) {
      zip = try ZipArchive(
        path: path, limit: max(ZipArchive.defaultLimit, options.maxSize ?? 0), entryLimit: Self.mostEntries)
    } catch { throw Self.importError(error, path) }
  }

  /// The bytes of an entry, at most `most` of them; of one whose checksum is 0 without a look at it, as PyTorch can leave
  /// it out.
  func bytes(of entry: ZipArchive.Entry, most: Int?) throws(ImportError) -> [UInt8] {
    if entry.method != 0 {
      let (room, overflows) = entry.compressedSize.multipliedReportingOverflow(by: Self.mostExpansion)
      let allowed = maxSize ?? (overflows ? .max : room)
      guard entry.size <= allowed else {
        throw .unsupported(
          file: zip.file,
          reason:
            "entry '\(quotedName(entry.name ?? "?"))': expected at most \(allowed) bytes of \(entry.compressedSize) compressed ones, found \(entry.size); a larger size must be allowed"
        )
      }
    }
    if let most, entry.size > most, entry.method != 0 || most <= 64 {
      throw .unsupported(
        file: zip.file,
        reason:
          "entry '\(quotedName(entry.name ?? "?"))': expected at most \(most) bytes, found \(entry.size)")
    }
    do throws(ZipError) { return try zip.bytes(of: entry, acceptsNoChecksum: true) } catch {
      throw Self.importError(error, zip.file)
    }
  }

  static func importError(_ error: ZipError, _ path: String) -> ImportError {
    if case .file(let reason) = error { return .file(reason) }
    var text = "\(error)"
    if text.hasPrefix(path + ": ") { text.removeFirst(path.count + 2) }
    return .damaged(file: path, reason: text)
  }
}

extension ForeignFile {
  /// Whether a zip file lists an entry of such a name.
  func hasEntry(_ isSuch: (String) -> Bool) -> Bool {
    let archive = try? ZipArchive(
      path: path, limit: ZipArchive.defaultLimit, entryLimit: ForeignArchive.mostEntries)
    return archive?.entries.contains { $0.name.map(isSuch) ?? false } ?? false
  }

  /// The name of the first entry of a zip file by the entry's own header; "" where there is none.
  var firstEntry: String {
    guard head.count >= 30, head.starts(with: Array("PK\u{3}\u{4}".utf8)) else { return "" }
    let length = Int(head[26]) | Int(head[27]) << 8
    guard length <= head.count - 30 else { return "" }
    return String(decoding: head[30..<30 + length], as: UTF8.self)
  }
}
