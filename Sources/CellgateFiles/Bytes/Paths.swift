#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Paths as the operating system reads them. They are never shortened as text: `link/..` is the folder above the
/// link's target.
package enum Paths {
  /// An absolute path of the same file, as far as it can be written as text: a relative one stays as it is in a
  /// working folder whose name is not UTF-8. Links stay, but where `..` follows one its target is named.
  package static func absolute(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }
    if parts.dropLast().contains(".."), let folder = resolved(AtomicFile.folder(of: path)) {
      return (folder == "/" ? "" : folder) + "/" + (parts.last ?? "")
    }
    let plain = parts.joined(separator: "/")
    if path.hasPrefix("/") { return "/" + plain }
    guard let here = workingFolder else { return path }
    return (here == "/" ? "" : here) + "/" + plain
  }

  /// What stands before a path's last part, "" where it has one part alone.
  package static func folder(in path: String) -> String {
    path.contains("/") ? AtomicFile.folder(of: path) : ""
  }

  /// A path's last part.
  package static func name(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// A path less its last part's ending, "a.b" of "a.b.c"; a name that begins with its only point stays.
  package static func withoutExtension(_ path: String) -> String {
    let name = Self.name(of: path)
    guard path.hasSuffix(name), let point = name.lastIndex(of: "."), point != name.startIndex else {
      return path
    }
    return String(path.dropLast(name.distance(from: point, to: name.endIndex)))
  }

  /// The absolute path of the working folder; nil when it can't be found out or is not UTF-8.
  package static var workingFolder: String? {
    guard let path = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(path) }
    return unsafe String(validatingCString: path)
  }

  /// Makes a folder and those above it, unless they are there; throws `cannotCreate`.
  package static func makeFolder(_ path: String) throws(FileError) {
    guard unsafe mkdir(path, 0o777) != 0 else { return }
    var code = errno
    if isFolder(path) { return }
    var trimmed = path[...]
    while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
    let parent = AtomicFile.folder(of: String(trimmed))
    if code == ENOENT, !path.isEmpty, parent != path {
      try makeFolder(parent)
      guard unsafe mkdir(path, 0o777) != 0 else { return }
      code = errno
      if isFolder(path) { return }
    }
    throw .cannotCreate(file: path, reason: systemReason(code))
  }

  /// Whether there is a folder at a path.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// What is the same for all paths of a file or folder.
  package struct Identity: Hashable {
    private let device: UInt64, number: UInt64

    /// Nil when nothing is there.
    package init?(of path: String) {
      var status = stat()
      guard unsafe stat(path, &status) == 0 else { return nil }
      device = UInt64(truncatingIfNeeded: status.st_dev)
      number = UInt64(truncatingIfNeeded: status.st_ino)
    }
  }

  /// The path without links and `..`; nil when it leads nowhere or is not UTF-8.
  private static func resolved(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(validatingCString: resolved)
  }
}
