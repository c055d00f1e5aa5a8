import CellgateBasics

/// What is wrong with an IDX file.
public enum IDXError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is gzip, but damaged.
  case gzip(GzipError)
  /// None of the names exists.
  case missing(tried: [String])
  /// The magic is not that of unsigned bytes in one to eight dimensions, or in the `rank` asked for.
  case wrongMagic(file: String, expected: String, found: String)
  /// A dimension is zero, or the sizes multiply to more than `limit` bytes.
  case absurdDimensions(file: String, dimensions: [Int], limit: Int)
  /// The file ends before its header or its last value.
  case truncated(file: String, expected: Int, found: Int)
  /// Bytes follow the last value.
  case trailingBytes(file: String, expected: Int, found: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .gzip(let error): error.description
    case .missing(let tried): "\(tried.joined(separator: ", nor ")): no such file"
    case .wrongMagic(let file, let expected, let found):
      "\(file): not an IDX file of unsigned bytes: expected magic \(expected), found \(found)"
    case .absurdDimensions(let file, let dimensions, let limit):
      "\(file): dimensions \(dimensions): expected from 1 to \(limit) bytes"
    case .truncated(let file, let expected, let found):
      "\(file): expected \(expected) bytes, found \(found); the file is truncated"
    case .trailingBytes(let file, let expected, let found):
      "\(file): expected \(expected) bytes, found \(found)"
    }
  }
}

/// An IDX file of unsigned bytes, as of MNIST: a magic, big-endian dimensions, and the values, row-major.
///
///     let images = try IDX.load("mnist/train-images-idx3-ubyte.gz", rank: 3)   // dimensions [60000, 28, 28]
///
/// Source: https://yann.lecun.com/exdb/mnist/, "The IDX file format".
public struct IDX: Equatable, Sendable {
  /// The most bytes of values accepted by default: 1 GiB.
  public static let defaultLimit = 1 << 30

  /// The sizes, the rightmost changing fastest.
  public let dimensions: [Int]
  /// The values; their count is the product of the dimensions.
  public let bytes: [UInt8]

  /// Loads a file, gzipped or not by its first bytes, whatever its name; `rank` is the count of
  /// dimensions that it must have. Throws what is wrong first.
  public static func load(
    _ path: String, rank: Int? = nil, limit: Int = defaultLimit
  ) throws(IDXError) -> IDX {
    var content: [UInt8]
    do throws(FileError) { content = try InputFile(path).readAll() } catch { throw .file(error) }
    if Gzip.isGzip(content) {
      do throws(GzipError) {
        content = try Gzip.decompress(content, file: path, limit: limit + 4 + 4 * 8)
      } catch { throw .gzip(error) }
    }
    return try parse(content, file: path, rank: rank, limit: limit)
  }

  /// Loads `name` or else `name.gz` in `folder`; throws `missing` with both paths when there is neither.
  public static func load(
    named name: String, in folder: String, rank: Int? = nil, limit: Int = defaultLimit
  ) throws(IDXError) -> IDX {
    let paths = [name, name + ".gz"].map { folder + "/" + $0 }
    for path in paths where FileManager.default.fileExists(atPath: path) {
      return try load(path, rank: rank, limit: limit)
    }
    throw .missing(tried: paths)
  }

  /// Reads the decompressed bytes of a file; `file` is its name in errors.
  public static func parse(
    _ content: [UInt8], file: String, rank: Int? = nil, limit: Int = defaultLimit
  ) throws(IDXError) -> IDX {
    guard content.count >= 4 else { throw .truncated(file: file, expected: 4, found: content.count) }
    let found = Int(content[3])
    let isRank = rank.map { $0 == found } ?? (1...8).contains(found)
    guard content[0] == 0, content[1] == 0, content[2] == 8, isRank else {
      throw .wrongMagic(
        file: file, expected: rank.map { "0000080\($0)" } ?? "00000801 to 00000808",
        found: content[..<4].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
    let headerSize = 4 + 4 * found
    guard content.count >= headerSize else {
      throw .truncated(file: file, expected: headerSize, found: content.count)
    }
    let dimensions = (0..<found).map { axis in
      content[(4 + 4 * axis)..<(8 + 4 * axis)].reduce(0) { $0 << 8 | Int($1) }
    }
    var count = 1
    for dimension in dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard !overflow, product > 0, product <= limit else {
        throw .absurdDimensions(file: file, dimensions: dimensions, limit: limit)
      }
      count = product
    }
    guard content.count >= headerSize + count else {
      throw .truncated(file: file, expected: headerSize + count, found: content.count)
    }
    guard content.count == headerSize + count else {
      throw .trailingBytes(file: file, expected: headerSize + count, found: content.count)
    }
    return IDX(dimensions: dimensions, bytes: Array(content[headerSize...]))
  }
}
