/// The rows of an array, its parts along the first dimension, read as they are asked for: an npy file may be larger than
/// memory. One that is gzipped, or in Fortran order, is brought into memory first.
///
///     let rows = try NumpyRows(path: "features.npy")
///     let third = try rows.floats(at: 2)       // as many as the product of rows.shape without its first size
package struct NumpyRows: Sendable {
  /// The most bytes that a gzipped file may unpack to by default: 16 GiB.
  package static let unpackedLimit = 1 << 34

  /// The name used in errors.
  package let file: String
  /// The name in an npz file; nil for an npy file.
  package let name: String?
  /// The type of the numbers in the file.
  package let dtype: NumpyArray.Dtype
  /// The dimensions, one at least; the first is that of the rows.
  package let shape: [Int]
  /// Bytes of the array that are held in memory.
  package let bytesInMemory: Int

  private let source: ByteSource
  private let dataStart: Int

  /// Opens an npy file, gzipped or not; throws what is wrong with it, or `scalar` for a single number.
  package init(path: String, limit: Int = unpackedLimit) throws(NumpyError) {
    let source: ByteSource
    do throws(FileError) {
      let opened = try InputFile(path)
      let start: [UInt8] = try opened.read(at: 0, count: min(2, opened.size))
      source = Gzip.isGzip(start) ? .memory(try opened.readAll()) : .disk(opened)
    } catch { throw .file(error) }
    guard case .memory(let packed) = source else {
      try self.init(source, file: path, name: nil)
      return
    }
    let bytes: [UInt8]
    do throws(GzipError) {
      bytes = try Gzip.decompress(packed, file: path, limit: limit)
    } catch { throw .gzip(error) }
    try self.init(.memory(bytes), file: path, name: nil)
  }

  init(_ source: ByteSource, file: String, name: String?) throws(NumpyError) {
    let layout = try NumpyArray.Layout(of: source, file: file, name: name)
    guard !layout.shape.isEmpty else { throw .noRows(file: file, array: name) }
    (self.file, self.name, shape) = (file, name, layout.shape)
    guard layout.isFortranOrder, layout.shape.count > 1 else {
      (self.source, dtype, dataStart) = (source, layout.dtype, layout.dataStart)
      if case .memory(let bytes) = source { bytesInMemory = bytes.count } else { bytesInMemory = 0 }
      return
    }
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try source.read(at: 0, count: source.size)
    } catch { throw .file(error) }
    let ordered = NumpyArray(
      shape: shape, floats: try NumpyArray(data: bytes, file: file, name: name).floats())
    self.source = .memory(ordered.bytes)
    (dtype, dataStart, bytesInMemory) = (ordered.dtype, ordered.dataStart, ordered.bytes.count)
  }

  /// How many rows there are.
  package var count: Int { shape[0] }

  /// The numbers of a row as Float, row-major; throws `doesNotFit`, or that the file can't be read. Another row than there
  /// are is a precondition.
  package func floats(at row: Int) throws(NumpyError) -> [Float] {
    let one = Array(shape.dropFirst())
    let size = one.reduce(dtype.size, *)
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try source.read(at: dataStart + row * size, count: size)
    } catch { throw .file(error) }
    return try NumpyArray(file: file, name: name, dtype: dtype, shape: one, bytes: bytes).floats()
  }
}
