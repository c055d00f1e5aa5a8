import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Reads JPEG files by the TurboJPEG interface of libjpeg-turbo, which is opened when the first one is read.
///
/// Source: https://libjpeg-turbo.org/Documentation/Documentation
package enum JPEGPicture {
  /// Whether the library is on this machine; if not, why.
  package static var library: Result<Void, PictureError> {
    switch TurboJPEG.shared {
    case .success: .success(())
    case .failure(let reason): .failure(.noJPEGLibrary(file: "JPEG", reason: reason.text))
    }
  }

  static func decode(
    _ bytes: [UInt8], file: String, library: Result<TurboJPEG, TurboJPEG.Missing> = TurboJPEG.shared
  ) throws(PictureError) -> RGBPicture {
    switch library {
    case .failure(let missing): throw .noJPEGLibrary(file: file, reason: missing.text)
    case .success(let library): return try library.decode(bytes, file: file)
    }
  }

  /// Red, green and blue of cyan, magenta, yellow and black as Adobe's programs store them: 255 for no ink. As Pillow
  /// computes them.
  static func rgb(cmyk: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(cmyk.count / 4 * 3)
    for pixel in stride(from: 0, to: cmyk.count - 3, by: 4) {
      let light = Int(cmyk[pixel + 3])
      for ink in 0..<3 {
        let product = (255 - Int(cmyk[pixel + ink])) * light + 128
        result.append(UInt8(max(0, light - (product + product >> 8) >> 8)))
      }
    }
    return result
  }
}

/// The functions of the library.
@safe struct TurboJPEG: @unchecked Sendable {
  /// Why the library can't be used.
  struct Missing: Error { let text: String }

  private typealias Handle = UnsafeMutableRawPointer
  private typealias Start = @convention(c) () -> UnsafeMutableRawPointer?
  private typealias End = @convention(c) (UnsafeMutableRawPointer?) -> Int32
  private typealias ReadHeader =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, CUnsignedLong, UnsafeMutablePointer<Int32>?,
      UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Int32>?
    ) -> Int32
  private typealias Decompress =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, CUnsignedLong, UnsafeMutablePointer<UInt8>?, Int32,
      Int32,
      Int32, Int32, Int32
    ) -> Int32
  private typealias Message = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutablePointer<CChar>?
  private typealias Code = @convention(c) (UnsafeMutableRawPointer?) -> Int32

  private let start: Start
  private let end: End
  private let readHeader: ReadHeader
  private let decompress: Decompress
  private let message: Message
  private let code: Code

  /// The environment variable that names another file of the library.
  static let variable = "CELLGATE_TURBOJPEG"

  static let shared: Result<TurboJPEG, Missing> = {
    if let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty { return load([path]) }
    #if canImport(Darwin)
      return load([
        "libturbojpeg.0.dylib", "libturbojpeg.dylib", "/opt/homebrew/lib/libturbojpeg.dylib",
        "/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib",
        "/usr/local/opt/jpeg-turbo/lib/libturbojpeg.dylib",
      ])
    #else
      return load(["libturbojpeg.so.0", "libturbojpeg.so"])
    #endif
  }()

  /// The first library of these names that is there.
  static func load(_ names: [String]) -> Result<TurboJPEG, Missing> {
    var reason = "no name was given"
    for name in names {
      guard let library = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
        if reason.isEmpty || name == names[0] {
          reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "\(name) can't be opened"
        }
        continue
      }
      if let functions = unsafe TurboJPEG(library) { return .success(functions) }
      reason = "\(name) lacks a function of version 2.0 or later"
    }
    return .failure(Missing(text: reason))
  }

  private init?(_ library: UnsafeMutableRawPointer) {
    guard let start = unsafe dlsym(library, "tjInitDecompress"), let end = unsafe dlsym(library, "tjDestroy"),
      let readHeader = unsafe dlsym(library, "tjDecompressHeader3"),
      let decompress = unsafe dlsym(library, "tjDecompress2"),
      let message = unsafe dlsym(library, "tjGetErrorStr2"),
      let code = unsafe dlsym(library, "tjGetErrorCode")
    else { return nil }
    unsafe self.start = unsafeBitCast(start, to: Start.self)
    unsafe self.end = unsafeBitCast(end, to: End.self)
    unsafe self.readHeader = unsafeBitCast(readHeader, to: ReadHeader.self)
    unsafe self.decompress = unsafeBitCast(decompress, to: Decompress.self)
    unsafe self.message = unsafeBitCast(message, to: Message.self)
    unsafe self.code = unsafeBitCast(code, to: Code.self)
  }

  /// Numbers of the interface: pixels of red, green and blue, or of four inks; colour spaces of four inks.
  private static let (rgb, cmyk) = (Int32(0), Int32(11))
  private static let inkSpaces: [Int32] = [3, 4]
  /// The accurate transform, which is the library's default for decompression too, and a limit of the scans of hostile files.
  private static let flags: Int32 = 4096 | 32768

  func decode(_ bytes: [UInt8], file: String) throws(PictureError) -> RGBPicture {
    guard let handle = unsafe start() else { throw .noJPEGLibrary(file: file, reason: "it does not start") }
    defer { _ = unsafe end(handle) }
    var (width, height, sampling, space) = (Int32(0), Int32(0), Int32(0), Int32(0))
    let status = unsafe bytes.withUnsafeBufferPointer { (bytes) in
      unsafe readHeader(
        handle, bytes.baseAddress, CUnsignedLong(bytes.count), &width, &height, &sampling, &space)
    }
    guard unsafe status == 0 || isHarmless(handle) else {
      throw .damaged(file: file, reason: unsafe text(handle))
    }
    try RGBPicture.check(width: Int(width), height: Int(height), file: file)
    let isInk = Self.inkSpaces.contains(space)
    let count = Int(width) * Int(height) * (isInk ? 4 : 3)
    var outcome: Int32 = 0
    let pixels = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      unsafe buffer.initialize(repeating: 0)
      outcome = unsafe bytes.withUnsafeBufferPointer { (bytes) in
        unsafe decompress(
          handle, bytes.baseAddress, CUnsignedLong(bytes.count), buffer.baseAddress, width, 0, height,
          isInk ? Self.cmyk : Self.rgb, Self.flags)
      }
      filled = count
    }
    guard unsafe outcome == 0 || isHarmless(handle) else {
      throw .damaged(file: file, reason: unsafe text(handle))
    }
    return RGBPicture(
      width: Int(width), height: Int(height), bytes: isInk ? JPEGPicture.rgb(cmyk: pixels) : pixels)
  }

  /// Whether the library warns of bytes that change no pixel.
  private func isHarmless(_ handle: UnsafeMutableRawPointer) -> Bool {
    let isWarning = unsafe code(handle) == 0
    return unsafe isWarning && text(handle).contains("extraneous")
  }

  private func text(_ handle: UnsafeMutableRawPointer) -> String {
    let words = unsafe message(handle).map { unsafe String(cString: $0) } ?? ""
    return words.isEmpty ? "the library gives no reason" : words
  }
}
