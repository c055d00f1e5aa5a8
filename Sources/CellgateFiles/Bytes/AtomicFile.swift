import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Writes a file whole or not at all.
///
///     try AtomicFile.write(Data(text.utf8), to: "run/config.json")
///
/// The bytes go to a temporary sibling, which is synced, read back and compared by a checksum, renamed over the file,
/// and the folder synced. Whatever fails (full disk, quota, permission), the temporary is removed and the old file
/// stays as it was. A symbolic link is followed: its target is replaced.
public enum AtomicFile {
  /// Replaces the file at `path` by `data`; throws `cannotCreate` or `cannotWrite`.
  public static func write(_ data: Data, to path: String) throws(FileError) {
    try write(to: path) { file throws(FileError) in try file.write(data) }
  }

  /// Replaces the file at `path` by what `body` writes, piece by piece; throws `cannotCreate`, `cannotWrite` or
  /// what `body` throws.
  public static func write(
    to path: String, _ body: (OutputFile) throws(FileError) -> Void
  ) throws(FileError) {
    let target = try resolve(path)
    let (temporary, file) = try createTemporary(beside: target, for: path)
    do throws(FileError) {
      try body(file)
      try file.sync()
      try verify(temporary, file)
      try file.close()
    } catch {
      _ = unsafe unlink(temporary)
      throw error
    }
    try move(temporary, to: path)
  }

  /// Reads a synced file back, from the disk where the system can be asked to, and compares it with what was written.
  static func verify(_ temporary: String, _ file: OutputFile) throws(FileError) {
    var (checksum, read) = (CRC32(), 0)
    do throws(FileError) {
      let input = try InputFile(temporary)
      input.forgetCache()
      while read < input.size {
        let part: [UInt8] = try input.read(at: read, count: min(input.size - read, 1 << 20))
        checksum.update(part)
        read += part.count
      }
    } catch {
      guard case .cannotRead(_, let reason) = error else { throw error }
      throw .cannotWrite(file: file.path, reason: "cannot be read back: \(reason)")
    }
    guard read == file.written, checksum == file.checksum else {
      throw .cannotWrite(file: file.path, reason: "what was read back is not what was written")
    }
  }

  /// Removes a file; throws `cannotWrite`.
  package static func remove(_ path: String) throws(FileError) {
    let fault = WriteFault.code(.remove, path)
    guard fault == 0, unsafe unlink(path) == 0 else {
      throw .cannotWrite(file: path, reason: "cannot be removed: \(systemReason(fault == 0 ? errno : fault))")
    }
  }

  /// Whether a file of this name is a temporary one, left by a write that was killed.
  package static func isTemporary(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(".tmp") }

  /// Removes the temporary files that killed writes left in a folder, which the caller has locked; throws `cannotOpen` where it can't
  /// be listed, or `cannotWrite`.
  package static func removeLeftovers(in folder: String) throws(FileError) {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
      throw .cannotOpen(file: folder, reason: "cannot be listed")
    }
    for name in names where isTemporary(name) { try remove(folder + "/" + name) }
  }

  /// Renames a synced file over the file at `path` and syncs the folder; on failure `temporary` is removed.
  package static func move(_ temporary: String, to path: String) throws(FileError) {
    let target = try resolve(path)
    let fault = WriteFault.code(.rename, path)
    guard fault == 0, unsafe rename(temporary, target) == 0 else {
      let reason = systemReason(fault == 0 ? errno : fault)
      _ = unsafe unlink(temporary)
      throw .cannotCreate(file: path, reason: reason)
    }
    let descriptor = unsafe open(folder(of: target), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotWrite(file: path, reason: systemReason(errno)) }
    try OutputFile(descriptor: descriptor, path: path).sync()
  }

  /// The folder part of a path; "." when there is none.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Follows symbolic links to the file that is to be replaced, and refuses folders and devices. A path that is no
  /// link stays as it is: the system's own absolute path may hold bytes that are not UTF-8.
  static func resolve(_ path: String) throws(FileError) -> String {
    guard !path.isEmpty, path.last != "/" else {
      throw .cannotCreate(file: path, reason: "is not a file name")
    }
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return path }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw .cannotCreate(file: path, reason: isFolder ? "is a folder" : "is not a regular file")
    }
    var target = path
    while unsafe lstat(target, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
      guard let next = try destination(of: target, for: path) else { break }
      target = next.hasPrefix("/") ? next : folder(of: target) + "/" + next
    }
    return target
  }

  /// What a symbolic link names; nil when it is none any more.
  private static func destination(of link: String, for path: String) throws(FileError) -> String? {
    let limit = Int(PATH_MAX)
    var bytes = [CChar](repeating: 0, count: limit)
    let count = unsafe readlink(link, &bytes, limit)
    guard count >= 0 else { return nil }
    guard let name = String(validating: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) else {
      throw .cannotCreate(file: path, reason: "is a link to a name that is not UTF-8")
    }
    return name
  }

  /// A new file beside the one that is to be replaced.
  static func createTemporary(
    beside target: String, for path: String
  ) throws(FileError) -> (String, OutputFile) {
    let name = target.split(separator: "/").last.map(String.init) ?? ""
    let stem = name.utf8.count <= 200 ? name : "cellgate"  // a file name holds 255 bytes
    let fault = WriteFault.code(.create, path)
    guard fault == 0 else { throw .cannotCreate(file: path, reason: systemReason(fault)) }
    while true {
      let mark = String(UInt64.random(in: .min ... .max), radix: 16)
      let temporary = folder(of: target) + "/.\(stem).\(mark).tmp"
      let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (temporary, OutputFile(descriptor: descriptor, path: path)) }
      let code = errno
      guard code == EEXIST || code == EINTR else {
        throw .cannotCreate(file: path, reason: systemReason(code))
      }
    }
  }
}
