/// The variables of a MATLAB file of version 5 (`.mat`, as `save -v6` and `save -v7` write it): matrices of real numbers and
/// cell arrays of them, compressed or not.
///
///     let file = try MATLABFile("JSB_Chorales.mat")
///     if case .cells(let rolls) = file["traindata"] { print(rolls.count) }
///
/// Source: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf, "MAT-File Level 5".
public struct MATLABFile: Sendable {
  /// The most bytes that a file may decompress to by default: 1 GiB.
  public static let defaultLimit = 1 << 30

  /// A variable's value.
  public indirect enum Value: Sendable, Equatable {
    /// Real numbers.
    case matrix(Matrix)
    /// A cell array's values, columns first.
    case cells([Value])
    /// What is not read, by MATLAB's word for it: "struct".
    case other(String)

    /// MATLAB's word for it, or what it is.
    public var kind: String {
      switch self {
      case .matrix(let matrix): "numbers \(matrix.dimensions)"
      case .cells(let cells): "a cell array of \(cells.count)"
      case .other(let kind): "a \(kind)"
      }
    }
  }

  /// Real numbers in rows and columns.
  public struct Matrix: Sendable, Equatable {
    /// The sizes, two or more.
    public let dimensions: [Int]
    let numbers: Numbers

    /// Bytes stay bytes: piano-rolls have many.
    enum Numbers: Sendable, Equatable { case bytes([UInt8]), doubles([Double]) }

    /// The first size.
    public var rows: Int { dimensions.first ?? 0 }
    /// The product of the other sizes.
    public var columns: Int { dimensions.dropFirst().reduce(1, *) }

    /// The number in a row and a column, each from 0 on.
    public subscript(row: Int, column: Int) -> Double {
      switch numbers {
      case .bytes(let bytes): Double(bytes[column * rows + row])
      case .doubles(let doubles): doubles[column * rows + row]
      }
    }
  }

  /// The variables in the order of the file.
  public let variables: [(name: String, value: Value)]

  /// Reads a file, which may decompress to `limit` bytes at most; throws what is wrong first.
  public init(_ path: String, limit: Int = defaultLimit) throws(MATLABError) {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(path).readAll() } catch { throw .file(error) }
    try self.init(bytes: bytes, file: path, limit: limit)
  }

  /// Reads the bytes of a file; `file` is its name in errors.
  public init(bytes: [UInt8], file: String, limit: Int = defaultLimit) throws(MATLABError) {
    if bytes.starts(with: [0x89, 0x48, 0x44, 0x46]) {
      throw .version(file: file, found: "version 7.3, which is HDF5")
    }
    // Version 4 has no text: it begins with a small number, or a large one whose first bytes are 0.
    if bytes.count >= 20, bytes[..<4].contains(0), bytes[2...3] == [0, 0] || bytes[0...1] == [0, 0] {
      throw .version(file: file, found: "version 4, or another file")
    }
    guard bytes.count >= 128, !bytes[..<4].contains(0) else {
      throw .notMATLAB(file: file, bytes: bytes.count)
    }
    let isBigEndian: Bool
    switch (bytes[126], bytes[127]) {
    case (0x49, 0x4D): isBigEndian = false
    case (0x4D, 0x49): isBigEndian = true
    default: throw .notMATLAB(file: file, bytes: bytes.count)
    }
    let version = isBigEndian ? bytes[124] : bytes[125]
    guard version == 1 else {
      throw .version(file: file, found: version == 2 ? "version 7.3, which is HDF5" : "version \(version)")
    }
    variables = try MATLABReader(file: file, bytes: bytes, isBigEndian: isBigEndian).variables(limit: limit)
  }

  /// The value of the variable of a name; nil where there is none.
  public subscript(name: String) -> Value? { variables.first { $0.name == name }?.value }
}
