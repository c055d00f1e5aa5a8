import CellgateBasics
import CellgateFiles

extension PictureFeatures {
  /// What a file or folder of features has.
  struct Opened {
    var source: Source
    var count: Int
    var names: [String]?
    var width: Int
    var hasRegions: Bool
    var regions: Int?
    var bytesInMemory = 0
  }

  static func numpy<Value>(_ body: () throws(NumpyError) -> Value) throws(CaptionDataError) -> Value {
    do throws(NumpyError) { return try body() } catch { throw .numpy(error) }
  }

  private static func safetensors<Value>(
    _ body: () throws(SafetensorsError) -> Value
  ) throws(CaptionDataError) -> Value {
    do throws(SafetensorsError) { return try body() } catch { throw .safetensors(error) }
  }

  /// The shapes that a picture's features have.
  private static let shapes = "[D], [R, D] or [height, width, D] for a picture"

  /// Whether a picture's array has regions.
  static func hasRegions(_ shape: [Int]) -> Bool { shape.count > 1 }

  static func open(_ path: String, named: Bool) throws(CaptionDataError) -> Opened {
    if Paths.isFolder(path) { return try openFolder(path) }
    let start: [UInt8]
    do throws(FileError) {
      let file = try InputFile(path)
      start = try file.read(at: 0, count: min(file.size, 6)) as [UInt8]
    } catch { throw .files(error) }
    if start.starts(with: Array("PK".utf8)) { return try openArchive(path, named: named) }
    if start == [0x93] + Array("NUMPY".utf8) || Gzip.isGzip(start) {
      return try openRows(try numpy { () throws(NumpyError) in try NumpyRows(path: path) })
    }
    return try openSafetensors(path, named: named)
  }

  /// An array with a row for each picture.
  private static func openRows(_ rows: NumpyRows) throws(CaptionDataError) -> Opened {
    guard (2...4).contains(rows.shape.count), rows.shape.dropFirst().allSatisfy({ $0 > 0 }) else {
      throw .featureShape(
        file: rows.file, name: rows.name, expected: "[N, D], [N, R, D] or [N, height, width, D]",
        found: rows.shape)
    }
    let one = Array(rows.shape.dropFirst())
    return Opened(
      source: .rows(rows), count: rows.count, width: one[one.count - 1], hasRegions: hasRegions(one),
      regions: hasRegions(one) ? one.dropLast().reduce(1, *) : nil, bytesInMemory: rows.bytesInMemory)
  }

  /// One array with a row for each picture, or an array for each picture.
  private static func openArchive(_ path: String, named: Bool) throws(CaptionDataError) -> Opened {
    let archive = try numpy { () throws(NumpyError) in try NumpyArchive(path: path) }
    if archive.names.count == 1, let only = archive.names.first {
      let rows = try numpy { () throws(NumpyError) in try archive.rows(only) }
      if named || rows.shape.count > 1 { return try openRows(rows) }
    }
    var arrays: [NumpyArray] = []
    for name in archive.names {
      arrays.append(try numpy { () throws(NumpyError) in try archive.array(name) })
    }
    var opened = try opened(
      .archive(arrays), file: path, zip(archive.names, arrays).map { (name: $0, shape: $1.shape) })
    opened.bytesInMemory = arrays.reduce(0) { $0 + $1.count * $1.dtype.size }
    return opened
  }

  /// A tensor for each picture.
  private static func openSafetensors(_ path: String, named: Bool) throws(CaptionDataError) -> Opened {
    let file = try safetensors { () throws(SafetensorsError) in try Safetensors(path: path) }
    guard !named else {
      throw .featureType(
        file: path, name: nil, expected: "an npy file, as there is a list of names",
        found: "a safetensors file")
    }
    return try opened(
      .safetensors(file, file.tensors), file: path, file.tensors.map { (name: $0.name, shape: $0.shape) })
  }

  /// A file for each picture, its name the file's without its ending.
  private static func openFolder(_ path: String) throws(CaptionDataError) -> Opened {
    let all: [String]
    do {
      all = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch { throw .files(.cannotOpen(file: path, reason: "the folder can't be read")) }
    let files = all.filter { $0.hasSuffix(".npy") || $0.hasSuffix(".npz") }.sorted()
    guard let first = files.first else { throw .empty(file: path, what: "files named PICTURE.npy or .npz") }
    let folder = path.hasSuffix("/") ? path : path + "/"
    let array = try array(folder + first)
    var opened = try opened(.folder(files.map { folder + $0 }), file: folder + first, [(first, array.shape)])
    opened.count = files.count
    opened.names = files.map(CaptionSet.withoutEnding)
    opened.regions = nil
    return opened
  }

  /// What arrays of pictures have in common; throws where they don't.
  private static func opened(
    _ source: Source, file: String, _ entries: [(name: String, shape: [Int])]
  ) throws(CaptionDataError) -> Opened {
    guard let first = entries.first else { throw .empty(file: file, what: "features of pictures") }
    let hasRegions = hasRegions(first.shape)
    let width = first.shape.last ?? 0
    var regions: Int? = first.shape.dropLast().reduce(1, *)
    for entry in entries {
      guard (1...3).contains(entry.shape.count), entry.shape.allSatisfy({ $0 > 0 }) else {
        throw .featureShape(file: file, name: entry.name, expected: shapes, found: entry.shape)
      }
      guard Self.hasRegions(entry.shape) == hasRegions else {
        throw .featureShape(
          file: file, name: entry.name,
          expected: hasRegions ? "regions, [R, \(width)]" : "one vector, [\(width)]",
          found: entry.shape)
      }
      guard entry.shape.last == width else {
        throw .featureWidth(file: file, name: entry.name, expected: width, found: entry.shape.last ?? 0)
      }
      if entry.shape.dropLast().reduce(1, *) != regions { regions = nil }
    }
    return Opened(
      source: source, count: entries.count, names: entries.map(\.name), width: width, hasRegions: hasRegions,
      regions: hasRegions ? regions : nil)
  }

  // MARK: Parts

  /// The array of a picture's file: of an npz file `feat` or `z`, or its only one.
  static func array(_ path: String) throws(CaptionDataError) -> NumpyArray {
    try numpy { () throws(NumpyError) in
      guard path.hasSuffix(".npz") else { return try NumpyArray(path: path) }
      let archive = try NumpyArchive(path: path)
      let name = ["feat", "z"].first { archive.names.contains($0) }
      return try archive.array(name ?? (archive.names.count == 1 ? archive.names[0] : "feat"))
    }
  }

  /// The lines of a list of names.
  static func lines(of path: String) throws(CaptionDataError) -> [String] {
    do throws(TaskDataError) { return try TextLines.read(path) } catch { throw .text(error) }
  }

  /// The numbers of a file that quantised features are multiplied by.
  static func scale(_ path: String, width: Int) throws(CaptionDataError) -> [Float] {
    let array = try numpy { () throws(NumpyError) in try NumpyArray(path: path) }
    guard array.count == width || array.count == 1 else {
      throw .featureShape(
        file: path, name: nil, expected: "a number for each of \(width) channels, or one for all",
        found: array.shape)
    }
    return try numpy { () throws(NumpyError) in try array.floats() }
  }

  /// The numbers of a tensor of any type that features have.
  static func floats(
    _ file: Safetensors, _ info: Safetensors.TensorInfo
  ) throws(CaptionDataError) -> [Float] {
    let bytes = try safetensors { () throws(SafetensorsError) in try file.bytes(info.name) }
    if info.dtype == .bf16 {
      return stride(from: 0, to: bytes.count, by: 2).map {
        Float(bitPattern: UInt32(bytes[$0]) << 16 | UInt32(bytes[$0 + 1]) << 24)
      }
    }
    guard let dtype = numpyTypes[info.dtype] else {
      throw .featureType(
        file: file.file, name: info.name, expected: "whole numbers or reals of 8 to 64 bits",
        found: info.dtype.rawValue)
    }
    let array = NumpyArray(file: file.file, name: info.name, dtype: dtype, shape: info.shape, bytes: bytes)
    return try numpy { () throws(NumpyError) in try array.floats() }
  }

  private static let numpyTypes: [Safetensors.Dtype: NumpyArray.Dtype] = [
    .f16: .init(.real, 2), .f32: .init(.real, 4), .f64: .init(.real, 8), .i8: .init(.signed, 1),
    .i16: .init(.signed, 2), .i32: .init(.signed, 4), .i64: .init(.signed, 8), .u8: .init(.unsigned, 1),
    .u16: .init(.unsigned, 2), .u32: .init(.unsigned, 4), .u64: .init(.unsigned, 8),
  ]
}
