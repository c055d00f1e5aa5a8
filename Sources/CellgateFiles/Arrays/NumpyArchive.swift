import CellgateBasics

/// An npz file: named arrays, as `numpy.savez` and `numpy.savez_compressed` write them.
///
///     let archive = try NumpyArchive(path: "weights.npz")
///     let weights = try archive.array("weight_ih_l0", shape: [512, 28]).floats()
///
/// It is a zip file whose entries are npy files. Opening reads its list of entries only, each access one array. Entries
/// whose name does not end in `.npy` are no arrays and are left out, as NumPy gives them no array either.
///
/// Source: https://numpy.org/doc/stable/reference/generated/numpy.savez.html
public struct NumpyArchive: Sendable {
  /// The names of the arrays, in the order of the file.
  public let names: [String]
  private let archive: ZipArchive
  private let index: [String: ZipArchive.Entry]

  /// The name used in errors.
  public var file: String { archive.file }

  /// Opens a file; throws what is wrong with it as a zip file, or that it has no array.
  ///
  /// The compressed arrays may have at most `limit` bytes together.
  public init(path: String, limit: Int = ZipArchive.defaultLimit) throws(NumpyError) {
    let archive: ZipArchive
    do throws(ZipError) { archive = try ZipArchive(path: path, limit: limit) } catch { throw .zip(error) }
    try self.init(archive)
  }

  /// Reads a file that lies in memory; `file` is its name in errors.
  public init(data: [UInt8], file: String, limit: Int = ZipArchive.defaultLimit) throws(NumpyError) {
    let archive: ZipArchive
    do throws(ZipError) {
      archive = try ZipArchive(data: data, file: file, limit: limit)
    } catch { throw .zip(error) }
    try self.init(archive)
  }

  private init(_ archive: ZipArchive) throws(NumpyError) {
    let suffix = Array(Self.suffix.utf8)
    var (names, index): ([String], [String: ZipArchive.Entry]) = ([], [:])
    for entry in archive.entries where entry.nameBytes.suffix(suffix.count).elementsEqual(suffix) {
      guard let full = entry.name else { throw .nameNotUTF8(file: archive.file, array: entry.shownName) }
      let name = String(decoding: full.utf8.dropLast(suffix.count), as: UTF8.self)
      // Other bytes may be the same text, as é with its accent by itself.
      guard index.updateValue(entry, forKey: name) == nil else {
        throw .duplicateArray(file: archive.file, array: name)
      }
      names.append(name)
    }
    guard !names.isEmpty || archive.entries.isEmpty else { throw .noArrays(file: archive.file) }
    (self.archive, self.names, self.index) = (archive, names, index)
  }

  /// What follows an array's name in the zip file.
  fileprivate static let suffix = ".npy"

  /// Reads an array, which must be there and, when `shape` is given, have it; throws `missingArray`, `wrongShape`, or
  /// what is wrong with its bytes.
  public func array(_ name: String, shape: [Int]? = nil) throws(NumpyError) -> NumpyArray {
    guard let entry = index[name] else { throw .missingArray(file: file, array: name) }
    let bytes: [UInt8]
    do throws(ZipError) { bytes = try archive.bytes(of: entry) } catch { throw .zip(error) }
    let array = try NumpyArray(data: bytes, file: file, name: name)
    if let shape, shape != array.shape {
      throw .wrongShape(file: file, array: name, expected: shape, found: array.shape)
    }
    return array
  }

  /// The rows of an array, which are read from the disk as they are asked for where the file has them as they are, without
  /// comparing their checksum, and from memory where they are compressed; throws as `array` does.
  package func rows(_ name: String) throws(NumpyError) -> NumpyRows {
    guard let entry = index[name] else { throw .missingArray(file: file, array: name) }
    let source: ByteSource
    do throws(ZipError) { source = try archive.source(of: entry) } catch { throw .zip(error) }
    return try NumpyRows(source, file: file, name: name)
  }
}

extension NumpyArchive {
  /// Collects arrays in the order given and writes them as an npz file.
  ///
  ///     var writer = NumpyArchive.Writer()
  ///     writer.add("weight_ih_l0", shape: [512, 28], floats: weights)
  ///     try writer.write(to: "weights.npz")
  ///
  /// The same arrays in the same order give the same bytes. Bad shapes and names are preconditions, as in
  /// `ZipArchive.Writer`.
  public struct Writer: Sendable {
    private let isCompressed: Bool
    private var archive = ZipArchive.Writer()

    /// A file without arrays; those that are added are stored or else compressed.
    public init(isCompressed: Bool = false) { self.isCompressed = isCompressed }

    /// Adds an F4 array; the product of `shape` must be the count of values and the name unused.
    public mutating func add(_ name: String, shape: [Int], floats: [Float]) {
      add(name, shape, floats.count) { NumpyArray(shape: shape, floats: floats).bytes }
    }

    /// Adds an F8 array; the product of `shape` must be the count of values and the name unused.
    public mutating func add(_ name: String, shape: [Int], doubles: [Double]) {
      add(name, shape, doubles.count) { NumpyArray(shape: shape, doubles: doubles).bytes }
    }

    /// Adds an I8 array (64 bits); the product of `shape` must be the count of values and the name unused.
    public mutating func add(_ name: String, shape: [Int], int64s: [Int64]) {
      add(name, shape, int64s.count) { NumpyArray(shape: shape, int64s: int64s).bytes }
    }

    /// Adds an array as it is, of any type; the name must be unused.
    public mutating func add(_ name: String, _ array: NumpyArray) {
      add(name, array.shape, array.count) { array.bytes }
    }

    /// An array's bytes are made when they are written, so that not all numbers are in memory twice.
    private mutating func add(
      _ name: String, _ shape: [Int], _ count: Int, _ content: @escaping @Sendable () -> [UInt8]
    ) {
      NumpyArray.requireShape(shape, count: count)
      archive.add(name + NumpyArchive.suffix, isCompressed: isCompressed, content)
    }

    /// The file's bytes.
    public func encode() -> Data { archive.encode() }

    /// Writes the file whole or not at all; throws `cannotCreate` or `cannotWrite`.
    public func write(to path: String) throws(FileError) { try archive.write(to: path) }
  }
}
