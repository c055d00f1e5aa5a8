import CellgateBasics
import CellgateFiles

/// What a check found for one file of a data set.
public struct DataCheck: Sendable, Equatable, CustomStringConvertible {
  /// What a file on the disk is.
  public enum State: Sendable, Equatable {
    case whole
    case missing
    case wrongSize(expected: Int, found: Int)
    case wrongChecksum(expected: String, found: String)
    case unreadable(FileError)
    case damaged(GzipError)
  }

  /// The file of the catalogue.
  public let file: DataFile
  /// Where it was looked for.
  public let path: String
  /// What was found there.
  public let state: State

  /// True when the file is there with the right size and checksum.
  public var isWhole: Bool { state == .whole }

  /// One line naming the file and what is wrong with it.
  public var description: String {
    switch state {
    case .whole: "\(path): whole"
    case .missing: "\(path): missing"
    case .wrongSize(let expected, let found): "\(path): expected \(expected) bytes, found \(found)"
    case .wrongChecksum(let expected, let found):
      "\(path): expected SHA-256 \(expected), found \(found)"
    case .unreadable(let error): error.description
    case .damaged(let error): error.description
    }
  }
}

extension DataSet {
  /// Checks size and checksum of each file, in the catalogue's order. A plain file may be gzipped on the disk: it is
  /// then checked as what it decompresses to.
  public func verify(in directory: DataDirectory) -> [DataCheck] {
    files.map { Self.check($0, at: directory.path(of: $0)) }
  }

  /// Throws `DataError.missing` for the first file that is not there, neither under its name nor gzipped where it is
  /// plain or plain where it is gzipped; reads none of them.
  public func require(in directory: DataDirectory) throws(DataError) {
    for file in files {
      let path = directory.path(of: file)
      let names = [path, path.hasSuffix(".gz") ? String(path.dropLast(3)) : path + ".gz"]
      guard names.contains(where: { FileManager.default.fileExists(atPath: $0) }) else {
        throw .missing(file: path, set: name)
      }
    }
  }

  static func check(_ file: DataFile, at path: String) -> DataCheck {
    DataCheck(file: file, path: path, state: state(of: file, at: path))
  }

  private static func gzippedState(of file: DataFile, at path: String) -> DataCheck.State {
    do throws(FileError) {
      let packed = try InputFile(path).readAll()
      let bytes: [UInt8]
      do throws(GzipError) {
        bytes = try Gzip.decompress(packed, file: path, limit: 2 * file.bytes)
      } catch { return .damaged(error) }
      guard bytes.count == file.bytes else { return .wrongSize(expected: file.bytes, found: bytes.count) }
      let found = SHA256.hex(bytes)
      return found == file.sha256 ? .whole : .wrongChecksum(expected: file.sha256, found: found)
    } catch .missing {
      return .missing
    } catch {
      return .unreadable(error)
    }
  }

  private static func state(of file: DataFile, at path: String) -> DataCheck.State {
    do throws(FileError) {
      let size = try InputFile(path).size
      guard size == file.bytes else { return .wrongSize(expected: file.bytes, found: size) }
      let found = try SHA256.hex(ofFile: path)
      return found == file.sha256 ? .whole : .wrongChecksum(expected: file.sha256, found: found)
    } catch .missing {
      return file.path.hasSuffix(".gz") ? .missing : gzippedState(of: file, at: path + ".gz")
    } catch {
      return .unreadable(error)
    }
  }
}
