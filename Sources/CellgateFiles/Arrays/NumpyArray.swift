import CellgateBasics

/// An array as NumPy saves it: a shape and numbers of one type.
///
///     let array = try NumpyArray(path: "weights.npy")
///     let weights = try array.floats()          // row-major, as many as the product of array.shape
///     try NumpyArray(shape: [2, 3], doubles: [1, 2, 3, 4, 5, 6]).write(to: "x.npy")
///
/// Versions 1.0, 2.0 and 3.0 of the format are read, whole numbers, reals and Booleans in either byte order, in C or
/// Fortran order. The header is a Python dictionary; it is scanned by its grammar and never evaluated, and objects,
/// records and strings are refused. What is written is what NumPy writes, version 1.0, byte for byte.
///
/// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
public struct NumpyArray: Sendable {
  /// The longest header accepted, in bytes.
  public static let headerLimit = 1 << 20
  /// The most dimensions accepted, as in NumPy.
  public static let rankLimit = 64

  /// The name used in errors.
  public let file: String
  /// The name in an npz file; nil for an npy file.
  public let name: String?
  /// The type of the numbers in the file.
  public let dtype: Dtype
  /// Whether the leftmost dimension changes fastest in the file. The numbers are given with the rightmost doing so.
  public let isFortranOrder: Bool
  /// The dimensions; empty for a single number.
  public let shape: [Int]
  /// How many numbers there are: the product of the shape.
  public let count: Int

  /// The file's bytes, and where the numbers begin.
  let bytes: [UInt8]
  let dataStart: Int

  /// An F4 array, little-endian; the product of `shape` must be the count of values.
  public init(shape: [Int], floats: [Float]) { self.init(Dtype(.real, 4), shape, floats) }

  /// An F8 array, little-endian; the product of `shape` must be the count of values.
  public init(shape: [Int], doubles: [Double]) { self.init(Dtype(.real, 8), shape, doubles) }

  /// An I8 array (64 bits), little-endian; the product of `shape` must be the count of values.
  public init(shape: [Int], int64s: [Int64]) { self.init(Dtype(.signed, 8), shape, int64s) }

  private init<Value: BitwiseCopyable>(_ dtype: Dtype, _ shape: [Int], _ values: [Value]) {
    Self.requireShape(shape, count: values.count)
    let header = Self.header(dtype, shape)
    (file, name, self.dtype, isFortranOrder) = ("array", nil, dtype, false)
    (self.shape, count, dataStart) = (shape, values.count, header.count)
    bytes = unsafe values.withUnsafeBytes { (data) in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(header.count + data.count)
      bytes += header
      unsafe bytes.append(contentsOf: data)
      return bytes
    }
  }

  /// Ends the program unless a shape has `count` numbers.
  static func requireShape(_ shape: [Int], count: Int) {
    require(
      shape.count <= rankLimit, "NumpyArray: expected at most \(rankLimit) dimensions, found \(shape.count)")
    let expected = shape.reduce(1) {
      require($1 >= 0, "NumpyArray: expected sizes of 0 or more, found shape \(shape)")
      return $0 * $1
    }
    require(
      expected == count, "NumpyArray: expected \(expected) numbers for shape \(shape), found \(count)")
  }

  /// The magic, the version 1.0, the length of the dictionary, and the dictionary.
  private static func header(_ dtype: Dtype, _ shape: [Int]) -> [UInt8] {
    let sizes = shape.map(String.init)
    let tuple = sizes.count == 1 ? "\(sizes[0])," : sizes.joined(separator: ", ")
    var text = "{'descr': '\(dtype)', 'fortran_order': False, 'shape': (\(tuple)), }"
    // NumPy leaves room for a first dimension of 21 digits, so that an array can grow in its file.
    if let first = sizes.first { text += String(repeating: " ", count: max(0, 21 - first.count)) }
    let start = magic.count + 4
    // The numbers begin at a multiple of 64; NumPy adds 64 spaces to a header that would end there without any.
    text += String(repeating: " ", count: 64 - (start + text.utf8.count + 1) % 64) + "\n"
    return magic + [1, 0] + littleEndian(UInt16(text.utf8.count)) + Array(text.utf8)
  }

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The file's bytes.
  public func encode() -> Data { Data(bytes) }

  /// Writes an npy file whole or not at all; throws `cannotCreate` or `cannotWrite`.
  public func write(to path: String) throws(FileError) {
    try AtomicFile.write(to: path) { file throws(FileError) in try file.write(bytes) }
  }
}

extension NumpyArray {
  /// The type of an array's numbers.
  public struct Dtype: Hashable, Sendable, CustomStringConvertible {
    /// What a number is.
    public enum Kind: Hashable, Sendable {
      case bool
      case signed
      case unsigned
      case real
    }

    /// What a number is.
    public let kind: Kind
    /// The bytes of a number: 1, 2, 4 or 8.
    public let size: Int
    /// Whether the highest byte of a number stands first.
    public let isBigEndian: Bool

    package init(_ kind: Kind, _ size: Int, isBigEndian: Bool = false) {
      (self.kind, self.size, self.isBigEndian) = (kind, size, isBigEndian)
    }

    /// NumPy's text for the type, such as "<f4"; nil for one that is not read.
    init?(_ text: String) {
      guard let letter = text.dropFirst().first, let kind = Self.letters[letter], text.utf8.count == 3,
        let size = text.last?.wholeNumberValue, Self.sizes[kind]?.contains(size) == true
      else { return nil }
      switch text.first {
      case "<": self.init(kind, size)
      case ">": self.init(kind, size, isBigEndian: size > 1)
      case "|" where size == 1: self.init(kind, size)
      default: return nil
      }
    }

    private static let letters: [Character: Kind] = ["b": .bool, "i": .signed, "u": .unsigned, "f": .real]
    private static let sizes: [Kind: Set<Int>] = [
      .bool: [1], .signed: [1, 2, 4, 8], .unsigned: [1, 2, 4, 8], .real: [2, 4, 8],
    ]

    /// NumPy's text: the byte order, the kind's letter and the size, such as "<f4".
    public var description: String {
      let letter: Character
      switch kind {
      case .bool: letter = "b"
      case .signed: letter = "i"
      case .unsigned: letter = "u"
      case .real: letter = "f"
      }
      return "\(size == 1 ? "|" : isBigEndian ? ">" : "<")\(letter)\(size)"
    }
  }
}
