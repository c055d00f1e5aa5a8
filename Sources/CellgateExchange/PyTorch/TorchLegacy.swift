import CellgateFiles

/// A file that `torch.save` wrote before version 1.6: pickles one after the other, a magic number, the protocol, the
/// system, the object and the keys of the storages, then the storages, each a count and its numbers.
enum TorchLegacy: ForeignFormat {
  static let name = "PyTorch before 1.6"

  /// The pickle of the magic number begins like this, whatever the number.
  private static let starts: [[UInt8]] = [[0x80, 2], [0x80, 3], [0x80, 4], [0x80, 5]]
  /// 0x1950a86a20f9469cfc6c.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  static func recognizes(_ file: ForeignFile) -> Bool { starts.contains { file.head.starts(with: $0) } }

  static func read(_ file: ForeignFile, _ options: ImportOptions) throws(ImportError) -> ImportedModel {
    let opened: InputFile
    do throws(FileError) { opened = try InputFile(file.path) } catch { throw .file(error) }
    // The pickles stand in front and are small beside the numbers: more is read only when they go on.
    var count = min(opened.size, 1 << 20)
    while true {
      let bytes: [UInt8]
      do throws(FileError) { bytes = try opened.read(at: 0, count: count) } catch { throw .file(error) }
      do throws(PickleOrImport) {
        return try read(file, opened, bytes, options)
      } catch {
        switch error {
        case .pickle(.truncated) where count < opened.size:
          count = count > opened.size / 8 ? opened.size : 8 * count
        case .pickle(let error): throw TorchFile.importError(error, file.path)
        case .imports(let error): throw error
        }
      }
    }
  }

  private enum PickleOrImport: Error {
    case pickle(PickleError)
    case imports(ImportError)
  }

  private static func read(
    _ file: ForeignFile, _ opened: InputFile, _ bytes: [UInt8], _ options: ImportOptions
  ) throws(PickleOrImport) -> ImportedModel {
    var position = 0
    func next() throws(PickleOrImport) -> Pickle {
      do throws(PickleError) {
        let pickle = try Pickle(
          bytes, from: position, file: file.path, limit: TorchFile.limit(file), globals: TorchGlobals.global)
        position = pickle.end
        return pickle
      } catch { throw .pickle(error) }
    }
    func damaged(_ reason: String) -> PickleOrImport { .imports(.damaged(file: file.path, reason: reason)) }

    guard try next().root == .bigInteger(magic) else {
      throw damaged("expected a pickle of torch.save with its magic number, found another pickle")
    }
    let version = try next().root
    guard version == .integer(1001) else { throw damaged("expected the protocol 1001, found another") }
    let system = try next()
    guard let items = system.items(system.root),
      items.last(where: { $0.key == .text("little_endian") })?.value == .bool(true)
    else { throw damaged("expected a little-endian system, found another") }
    let object = try next()
    let keys = try next()
    guard let elements = keys.elements(keys.root) else {
      throw damaged("expected keys of storages, found none")
    }
    do throws(ImportError) {
      let storages = try LegacyStorages(
        opened, from: position, keys: elements, sizes: try sizes(object, file: file.path), file: file.path)
      return try TorchFile.model(
        file, object, storages, format: "torch_legacy", container: "torch.save's older form", options)
    } catch { throw .imports(error) }
  }

  /// Bytes of a number of each storage that the object names.
  private static func sizes(_ pickle: Pickle, file: String) throws(ImportError) -> [String: Int] {
    var sizes: [String: Int] = [:]
    for case .persistent(let id) in pickle.objects {
      guard let parts = pickle.elements(id), parts.count >= 5, case .global(let storage) = parts[1],
        case .text(let key) = parts[2]
      else {
        throw .unsupported(file: file, reason: "expected ids of storages, found others, as of a whole module")
      }
      let size =
        storage == TorchGlobals.untyped
        ? 1 : (TorchGlobals.storages[storage] ?? nil)?.size ?? foreignSizes[TorchGlobals.shown(storage)]
      guard let size, sizes[key] ?? size == size else {
        throw .damaged(
          file: file,
          reason:
            "storage '\(quotedName(key))': expected one type that is known, found \(quotedName(TorchGlobals.shown(storage)))"
        )
      }
      sizes[key] = size
    }
    return sizes
  }

  /// Bytes of numbers that are not read, but stand between others.
  private static let foreignSizes = [
    "torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16, "torch.QInt8Storage": 1,
    "torch.QUInt8Storage": 1, "torch.QInt32Storage": 4, "torch.Float8_e4m3fnStorage": 1,
    "torch.Float8_e5m2Storage": 1,
  ]

  private struct LegacyStorages: TorchStorages {
    let isBigEndian = false
    private let opened: InputFile
    private let file: String
    private var places: [String: Range<Int>] = [:]

    init(
      _ opened: InputFile, from start: Int, keys: [Pickle.Value], sizes: [String: Int], file: String
    ) throws(ImportError) {
      self.opened = opened
      self.file = file
      var position = start
      for value in keys {
        guard case .text(let key) = value, let size = sizes[key], places[key] == nil else {
          throw .damaged(file: file, reason: "expected keys of the storages, each once, found another")
        }
        guard opened.size - position >= 8 else {
          throw .damaged(
            file: file, reason: "storage '\(quotedName(key))': expected a count, found the file's end")
        }
        let count: UInt64
        do throws(FileError) { count = try opened.read(at: position, count: 1)[0] } catch {
          throw .file(error)
        }
        position += 8
        let (bytes, overflows) = count.multipliedReportingOverflow(by: UInt64(size))
        guard !overflows, bytes <= UInt64(opened.size - position) else {
          throw .damaged(
            file: file,
            reason:
              "storage '\(quotedName(key))': expected at most \(opened.size - position) bytes, found \(count) numbers"
          )
        }
        places[key] = position..<position + Int(bytes)
        position += Int(bytes)
      }
    }

    func bytes(_ key: String, count: Int, used: Int) throws(ImportError) -> [UInt8] {
      guard let place = places[key] else {
        throw .damaged(
          file: file, reason: "storage '\(quotedName(key))': expected it in the file, found none")
      }
      guard place.count == count else {
        throw .damaged(
          file: file, reason: "storage '\(quotedName(key))': expected \(count) bytes, found \(place.count)")
      }
      do throws(FileError) { return try opened.read(at: place.lowerBound, count: count) } catch {
        throw .file(error)
      }
    }
  }
}
