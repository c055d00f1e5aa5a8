import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A file's bytes as memory: the system reads them from the disk when they are looked at, and forgets them when it needs the room.
///
/// The file must not be cut while it is mapped; whoever replaces it renames another over it.
@safe package final class MappedFile: @unchecked Sendable {
  /// The path as the user gave it.
  package let path: String
  /// All bytes.
  package let bytes: UnsafeRawBufferPointer

  /// Maps a regular file; throws `missing`, `cannotOpen` or `cannotRead`.
  package init(_ path: String) throws(FileError) {
    let file = try InputFile(path)
    self.path = path
    guard file.size > 0 else {
      unsafe bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    unsafe bytes = UnsafeRawBufferPointer(start: try file.map(), count: file.size)
  }

  deinit {
    if let base = unsafe bytes.baseAddress {
      unsafe munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
  }
}
