import CellgateBasics

/// A picture of 8-bit red, green and blue numbers, [height, width, 3] with the rows from top to bottom.
///
/// ```swift
/// let picture = try RGBPicture(contentsOf: "cat.jpg")
/// picture.bytes[(10 * picture.width + 20) * 3]      // red of row 10, column 20
/// ```
public struct RGBPicture: Sendable, Equatable {
  /// Pixels of a row, and rows.
  public let width: Int, height: Int
  /// Red, green and blue of each pixel, row by row.
  public let bytes: [UInt8]

  /// The most pixels that a file's picture may have; files that claim more are refused before memory is taken for them.
  public static let mostPixels = 100_000_000
  /// The most bytes that a picture's file may have.
  public static let mostBytes = 1 << 30

  /// A picture of these numbers, of which there are 3 · width · height.
  public init(width: Int, height: Int, bytes: [UInt8]) {
    require(
      width > 0 && height > 0 && bytes.count == 3 * width * height,
      "RGBPicture: expected 3 · \(width) · \(height) bytes, found \(bytes.count)")
    (self.width, self.height, self.bytes) = (width, height, bytes)
  }

  /// Reads a JPEG or PNG file; which of them it is, its first bytes say. Throws what is wrong with it.
  ///
  /// As Pillow's `convert("RGB")` makes of it: grey numbers stand for all three colours, palettes are looked up, opacity is
  /// left out, of 16-bit numbers the upper 8 bits count, and CMYK becomes RGB without a colour profile. The orientation that
  /// cameras note is left out, too.
  public init(contentsOf path: String) throws(PictureError) {
    try self.init(try Self.read(path), file: path)
  }

  private static func read(_ path: String) throws(PictureError) -> [UInt8] {
    let size: Int
    do throws(FileError) {
      let file = try InputFile(path)
      size = file.size
      if size <= mostBytes { return try file.readAll() }
    } catch { throw .file(error) }
    throw .tooManyBytes(file: path, bytes: size, limit: mostBytes)
  }

  /// Reads a JPEG or PNG file that lies in memory; `file` is its name in errors.
  public init(_ bytes: [UInt8], file: String) throws(PictureError) {
    if bytes.starts(with: PNGPicture.signature) {
      self = try PNGPicture.decode(bytes, file: file)
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = try JPEGPicture.decode(bytes, file: file)
    } else {
      throw .unknownKind(file: file, found: Self.kind(of: bytes))
    }
  }

  /// Throws if a file's picture has no pixels or more than are accepted.
  static func check(width: Int, height: Int, file: String) throws(PictureError) {
    guard width > 0, height > 0 else {
      throw .damaged(
        file: file, reason: "expected a width and height of 1 or more, found \(width) by \(height)")
    }
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, pixels <= mostPixels else {
      throw .tooLarge(file: file, width: width, height: height, limit: mostPixels)
    }
  }

  /// What the first bytes of a file that isn't read look like.
  private static func kind(of bytes: [UInt8]) -> String {
    func starts(_ text: String) -> Bool { bytes.starts(with: Array(text.utf8)) }
    if bytes.isEmpty { return "an empty file" }
    if starts("GIF8") { return "a GIF picture" }
    if starts("BM") { return "a BMP picture" }
    if starts("II*\0") || starts("MM\0*") { return "a TIFF picture" }
    if starts("RIFF"), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) { return "a WebP picture" }
    if bytes.dropFirst(4).starts(with: Array("ftyp".utf8)) { return "a HEIF, AVIF or MP4 file" }
    let digits = bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "a file that begins with the bytes " + digits.joined(separator: " ")
  }
}
