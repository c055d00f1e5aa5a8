import CellgateBasics
import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Holds a folder against other processes, and other holders in this one, as long as it lives.
///
/// The lock is the system's, on an empty file `.lock` in the folder: it ends with the process, however that
/// ends. The file stays.
package final class FolderLock {
  private let file: OutputFile
  /// What is to be said when the file system has no locks, so that nothing is held: one line.
  package let warning: String?

  /// Locks the folder; throws `inUse`, or `cannotCreate` when the folder can't be written.
  package init(_ folder: String) throws(RunError) {
    do throws(FileError) {
      file = try OutputFile(opening: folder + "/.lock", flags: O_WRONLY | O_CREAT)
    } catch {
      if case .cannotCreate(_, let reason) = error { throw .cannotCreate(folder: folder, reason: reason) }
      throw .file(error)
    }
    switch file.lock() {
    case .held: warning = nil
    case .inUse: throw .inUse(folder: folder)
    case .unsupported(let reason):
      warning =
        "\(folder): the file system has no locks (\(reason)); nothing keeps another run out of this folder"
    }
  }

  /// Makes a folder whose parent exists, or takes over an empty one; throws what refuses.
  package static func makeFolder(_ path: String) throws(RunError) {
    guard !path.isEmpty else { throw .cannotCreate(folder: path, reason: "is not a folder name") }
    if unsafe mkdir(path, 0o777) == 0 { return }
    let code = errno
    guard code == EEXIST else {
      guard code == ENOENT else { throw .cannotCreate(folder: path, reason: systemReason(code)) }
      var trimmed = Substring(path)
      while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
      throw .parentMissing(folder: path, parent: AtomicFile.folder(of: String(trimmed)))
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw .exists(folder: path)  // a file, or a folder that can't be looked into
    }
    // A start that was killed leaves its lock, and perhaps a temporary file.
    guard names.allSatisfy({ $0 == ".lock" || AtomicFile.isTemporary($0) }) else {
      throw .exists(folder: path)
    }
  }
}
