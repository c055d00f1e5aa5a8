import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A file being written: every call writes all its bytes or throws.
public final class OutputFile {
  /// The name used in errors: the file that the user asked for.
  public let path: String
  /// How many bytes were written, and their checksum.
  package private(set) var written = 0, checksum = CRC32()
  private var descriptor: Int32
  private var lockKind: FileLock.Kind?

  /// Takes over an open descriptor; closed by `close()` or at the latest with the object.
  package init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Opens `path` with the flags of open(2), mode 0666 less the user's mask; throws `cannotCreate`.
  package convenience init(opening path: String, flags: Int32) throws(FileError) {
    let fault = WriteFault.code(.create, path)
    let opened = fault == 0 ? unsafe open(path, flags | O_CLOEXEC, 0o666) : -1
    guard opened >= 0 else {
      throw .cannotCreate(file: path, reason: systemReason(fault == 0 ? errno : fault))
    }
    self.init(descriptor: opened, path: path)
  }

  deinit {
    unlock()
    if descriptor >= 0 { _ = Self.closeDescriptor(descriptor) }
  }

  /// Appends raw bytes; throws `cannotWrite`.
  public func write(bytes: UnsafeRawBufferPointer) throws(FileError) {
    let fault = WriteFault.code(.write, path)
    let end = fault == 0 ? bytes.count : bytes.count / 2
    var done = 0
    while done < end {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<end])
      let count = unsafe Self.writeOnce(descriptor, rest)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw .cannotWrite(file: path, reason: count < 0 ? systemReason(errno) : "nothing was written")
      }
      done += count
    }
    guard fault == 0 else { throw .cannotWrite(file: path, reason: systemReason(fault)) }
    written += bytes.count
    unsafe checksum.update(bytes: bytes)
  }

  /// Appends the bytes of an array of plain numbers in the machine's order (little-endian); throws `cannotWrite`.
  public func write<Value: BitwiseCopyable>(_ values: [Value]) throws(FileError) {
    var failure: FileError?
    unsafe values.withUnsafeBytes { (bytes) in
      do throws(FileError) { unsafe try write(bytes: bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Appends data; throws `cannotWrite`.
  public func write(_ data: Data) throws(FileError) {
    var failure: FileError?
    unsafe data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
      do throws(FileError) { unsafe try write(bytes: bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Appends text as UTF-8; throws `cannotWrite`.
  public func write(_ text: String) throws(FileError) { try write(Array(text.utf8)) }

  /// Leaves `count` bytes at the file's beginning for what is known at the end alone; throws `cannotWrite`.
  func reserve(_ count: Int) throws(FileError) {
    require(written == 0, "OutputFile: expected an empty file, found \(written) bytes")
    try write([UInt8](repeating: 0x20, count: count))
    checksum = CRC32()
  }

  /// Writes the bytes at the file's beginning, which `reserve` left as many of; throws `cannotWrite`.
  func fillReserved(_ bytes: [UInt8]) throws(FileError) {
    let fault = WriteFault.code(.write, path)
    guard fault == 0 else { throw .cannotWrite(file: path, reason: systemReason(fault)) }
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes[done...].withUnsafeBytes { (rest) in
        unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw .cannotWrite(file: path, reason: count < 0 ? systemReason(errno) : "nothing was written")
      }
      done += count
    }
    var all = CRC32()
    all.update(bytes)
    all.append(checksum, count: written - bytes.count)
    checksum = all
  }

  /// Waits until the bytes are on the disk; throws `cannotWrite`.
  package func sync() throws(FileError) {
    let fault = WriteFault.code(.sync, path)
    guard fault == 0 else { throw .cannotWrite(file: path, reason: systemReason(fault)) }
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
      throw .cannotWrite(file: path, reason: systemReason(errno))
    }
  }

  /// Cuts or extends the file to `size` bytes; throws `cannotWrite`.
  package func truncate(to size: Int) throws(FileError) {
    let fault = WriteFault.code(.truncate, path)
    guard fault == 0, ftruncate(descriptor, off_t(size)) == 0 else {
      throw .cannotWrite(file: path, reason: systemReason(fault == 0 ? errno : fault))
    }
  }

  /// Asks for the file's lock, which is kept until the file is closed.
  package func lock() -> FileLock.Answer {
    let (kind, answer) = FileLock.ask(descriptor, path)
    lockKind = kind
    return answer
  }

  /// Gives the lock back. Closing alone would leave it with a child process that another thread has just started,
  /// until that has become its own program.
  private func unlock() {
    if let lockKind { FileLock.release(descriptor, lockKind) }
    lockKind = nil
  }

  /// Closes the file; throws `cannotWrite` when the system reports a late failure.
  package func close() throws(FileError) {
    guard descriptor >= 0 else { return }
    unlock()
    let code = Self.closeDescriptor(descriptor)
    descriptor = -1
    if code != 0 { throw .cannotWrite(file: path, reason: systemReason(code)) }
  }

  private static func closeDescriptor(_ descriptor: Int32) -> Int32 {
    #if canImport(Darwin)
      Darwin.close(descriptor) == 0 ? 0 : errno
    #elseif canImport(Musl)
      Musl.close(descriptor) == 0 ? 0 : errno
    #else
      Glibc.close(descriptor) == 0 ? 0 : errno
    #endif
  }

  private static func writeOnce(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Darwin)
      unsafe Darwin.write(descriptor, bytes.baseAddress, min(bytes.count, 1 << 30))
    #elseif canImport(Musl)
      unsafe Musl.write(descriptor, bytes.baseAddress, min(bytes.count, 1 << 30))
    #else
      unsafe Glibc.write(descriptor, bytes.baseAddress, min(bytes.count, 1 << 30))
    #endif
  }
}
