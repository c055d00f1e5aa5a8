import CellgateBasics
import CellgateFiles

/// How far the fetching of one file is.
public struct FetchProgress: Sendable, Equatable {
  /// The file being fetched.
  public let file: DataFile
  /// Bytes on the disk, those of an earlier, interrupted fetch included.
  public let received: Int
  /// Bytes of the whole file.
  public let total: Int
}

extension DataSet {
  /// Downloads the files that are not whole yet, with the user's program `curl`, and gives those that it downloaded.
  ///
  /// A file grows as `NAME.part`, which a later fetch resumes, and is renamed into place only when its checksum
  /// is right; so a wrong file is only ever replaced by the right one. Mirrors are tried in turn, `mirrors`
  /// instead of the set's own when given. `progress` is called after each piece; `warn` at most once, with a line that
  /// says so when the file system has no locks and nothing keeps another fetch away. Throws `cannotStore`, `inUse`,
  /// `noCurl` where that program is needed and isn't there, or `downloadFailed` when no mirror has the file.
  @discardableResult
  public func fetch(
    into directory: DataDirectory, mirrors: [String]? = nil,
    progress: @escaping @Sendable (FetchProgress) -> Void = { _ in }, warn: (String) -> Void = { _ in }
  ) throws(DataError) -> [DataFile] {
    var fetched: [DataFile] = []
    var hasWarned = false
    for file in files {
      let path = directory.path(of: file)
      if Self.check(file, at: path).isWhole {
        progress(FetchProgress(file: file, received: file.bytes, total: file.bytes))
        continue
      }
      do throws(FileError) { try Paths.makeFolder(AtomicFile.folder(of: path)) } catch {
        throw .cannotStore(error)
      }
      try Fetch(file: file, target: path, mirrors: mirrors ?? self.mirrors, progress: progress).run { line in
        if !hasWarned { warn(line) }
        hasWarned = true
      }
      fetched.append(file)
    }
    return fetched
  }
}
