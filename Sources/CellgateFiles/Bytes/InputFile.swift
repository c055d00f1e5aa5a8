import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A regular file opened for reading at any offset; safe to share between threads (`pread` moves no cursor).
package final class InputFile: Sendable {
  /// The path as the user gave it.
  package let path: String
  /// Bytes in the file when it was opened.
  package let size: Int
  private let descriptor: Int32

  /// Opens a regular file; throws `missing` or `cannotOpen`.
  package init(_ path: String) throws(FileError) {
    // A FIFO would block in open() and a device has no size, so look before opening.
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      let code = errno
      throw code == ENOENT || code == ENOTDIR
        ? .missing(file: path) : .cannotOpen(file: path, reason: systemReason(code))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw .cannotOpen(file: path, reason: isFolder ? "is a folder" : "is not a regular file")
    }
    let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { throw .cannotOpen(file: path, reason: systemReason(errno)) }
    self.path = path
    descriptor = opened
    size = Int(status.st_size)
  }

  deinit { _ = close(descriptor) }

  /// Fills `buffer` from byte `offset` on; throws `cannotRead` when the file ends before.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError) {
    var done = 0
    while done < buffer.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = unsafe pread(descriptor, rest.baseAddress, min(rest.count, 1 << 30), off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .cannotRead(file: path, reason: systemReason(errno)) }
      guard count > 0 else { throw .cannotRead(file: path, reason: "the file ends at byte \(offset + done)") }
      done += count
    }
  }

  /// `count` values of a plain number type from byte `offset` on, read straight into the array.
  package func read<Value: BitwiseCopyable>(
    at offset: Int, count: Int, as type: Value.Type = Value.self
  ) throws(FileError) -> [Value] {
    var failure: FileError?
    let values = unsafe [Value](unsafeUninitializedCapacity: count) { buffer, filled in
      // The capacity may be more than was asked for.
      let part = unsafe UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      do throws(FileError) {
        unsafe try read(at: offset, into: part)
        filled = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return values
  }

  /// Asks the system to read from the disk and not from memory; systems that can't be asked ignore it.
  package func forgetCache() {
    #if os(Linux)
      _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    #endif
  }

  /// The file's bytes as memory, which the caller unmaps; throws `cannotRead`.
  func map() throws(FileError) -> UnsafeMutableRawPointer {
    let base = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else {
      throw .cannotRead(file: path, reason: systemReason(errno))
    }
    return unsafe base
  }

  /// The whole file.
  package func readAll() throws(FileError) -> [UInt8] { try read(at: 0, count: size) }
}
