import CellgateBasics
import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The download of one file from the first mirror that has it, by way of `NAME.part`.
struct Fetch {
  let file: DataFile
  let target: String
  let mirrors: [String]
  let progress: (FetchProgress) -> Void

  /// How often a mirror that did send something is asked again for the rest.
  private static let resumes = 3

  private var partPath: String { target + ".part" }

  /// Leaves the verified file in place, or throws and leaves at most a part that can be resumed; `warn` gets a line
  /// when the part can't be locked.
  func run(warn: (String) -> Void = { _ in }) throws(DataError) {
    let part: OutputFile
    do throws(FileError) {
      part = try OutputFile(opening: partPath, flags: O_WRONLY | O_CREAT | O_APPEND)
    } catch { throw .cannotStore(error) }
    switch part.lock() {
    case .held: break
    case .inUse: throw .inUse(file: target)
    case .unsupported(let reason):
      warn("\(target): the file system has no locks (\(reason)); nothing keeps another fetch of it away")
    }

    // What an interrupted fetch left may be whole already, or something else.
    if try partSize() >= file.bytes {
      if try install(part) { return }
      try empty(part)
    }
    var attempts: [String] = []
    for mirror in mirrors {
      let address = mirror + (mirror.hasSuffix("/") ? "" : "/") + file.name
      guard let failure = try download(address, to: part) else { return }
      attempts.append("\(address): \(failure)")
    }
    if try partSize() == 0 { _ = unsafe unlink(partPath) }
    throw .downloadFailed(file: target, attempts: attempts)
  }

  /// Nil when the file is in place; else why this mirror did not do.
  private func download(_ address: String, to part: OutputFile) throws(DataError) -> String? {
    guard let url = URL(string: address), ["http", "https"].contains(url.scheme), url.host != nil else {
      return "not an http address"
    }
    var resumesLeft = Self.resumes
    while true {
      let offset = try partSize()
      var transfer: Transfer
      do throws(FileError) {
        transfer = try Transfer(file: file, offset: offset, partPath: partPath, progress: progress)
      } catch { throw .cannotStore(error) }
      switch transfer.run(url.absoluteString) {
      case .ended:
        let size = try partSize()
        if size == file.bytes {
          if try install(part) { return nil }
          try empty(part)
          // A part of another file's bytes spoils a good mirror's rest, so ask for all of it.
          guard offset > 0, !transfer.didRestart else { return "wrong checksum" }
        } else {
          guard size > offset, resumesLeft > 0 else { return "ends at byte \(size) of \(file.bytes)" }
          resumesLeft -= 1
        }
      case .cut(let reason):
        guard try partSize() > offset, resumesLeft > 0 else { return reason }
        resumesLeft -= 1
      case .rangeRefused:
        try empty(part)
        guard offset > 0 else { return "HTTP status 416" }
      case .tooLong:
        try empty(part)
        return "sends more than \(file.bytes) bytes"
      case .refused(let reason): return reason
      case .disk(let error): throw .cannotStore(error)
      case .noProgram(let reason):
        if offset == 0 { _ = unsafe unlink(partPath) }
        throw .noCurl(file: target, reason: reason)
      }
    }
  }

  /// Renames the part into place when its checksum is right.
  private func install(_ part: OutputFile) throws(DataError) -> Bool {
    guard DataSet.check(file, at: partPath).isWhole else { return false }
    do throws(FileError) {
      try part.sync()
      try AtomicFile.move(partPath, to: target)
    } catch { throw .cannotStore(error) }
    return true
  }

  private func empty(_ part: OutputFile) throws(DataError) {
    do throws(FileError) { try part.truncate(to: 0) } catch { throw .cannotStore(error) }
  }

  private func partSize() throws(DataError) -> Int {
    do throws(FileError) { return try InputFile(partPath).size } catch { throw .cannotStore(error) }
  }
}
