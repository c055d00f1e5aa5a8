import CellgateBasics
import CellgateCells
import CellgateData
import CellgateExchange
import CellgateFiles
import CellgateMemory
import CellgateNN
import CellgateTasks
import CellgateTraining

/// What reads bytes from outside.
struct Reader {
  enum Read {
    /// From memory.
    case bytes(([UInt8]) throws -> Void)
    /// From a file of this path.
    case file((String) throws -> Void)
  }

  let name: String
  let read: Read
}

/// The readers by name. A new one is a line here and small files to begin with in `Seeds`.
enum Readers {
  /// The largest content that a compressed input may have here.
  private static let limit = 1 << 26

  static var all: [Reader] {
    [
      Reader(name: "safetensors", read: .bytes(safetensors)),
      Reader(name: "npy", read: .bytes(npy)),
      Reader(name: "npz", read: .bytes(npz)),
      Reader(name: "zip", read: .bytes(zip)),
      Reader(name: "gzip", read: .bytes { _ = try Gzip.decompress($0, file: "input", limit: limit) }),
      Reader(name: "idx", read: .bytes { _ = try IDX.parse($0, file: "input") }),
      Reader(name: "json", read: .bytes { _ = try JSONTree(data: $0, file: "input") }),
      Reader(name: "hdf5", read: .bytes(hdf5)),
      Reader(name: "mat", read: .bytes { _ = try MATLABFile(bytes: $0, file: "input", limit: limit) }),
      Reader(name: "midi", read: .bytes { _ = try MIDIFile(bytes: $0, file: "input") }),
      Reader(name: "png", read: .bytes { _ = try RGBPicture($0, file: "input") }),
      Reader(name: "wav", read: .file { _ = try WAVFile($0) }),
      Reader(name: "y4m", read: .file(y4m)),
      Reader(name: "table", read: .file { path in try DataTable.read(path) { _ in } }),
      Reader(name: "cell", read: .bytes(cell)),
      Reader(name: "abc", read: .bytes { _ = try ABCTune(String(decoding: $0, as: UTF8.self)) }),
      Reader(name: "captions", read: .file { _ = try CaptionSet($0) }),
      Reader(name: "import", read: .file(foreign)),
      Reader(name: "model", read: .file { _ = try Model.load($0, trustingWeights: true) }),
      Reader(name: "config", read: .file { _ = try TrainingSettings(contentsOf: $0) }),
      Reader(name: "initialization", read: .file { _ = try Recurrent.Initialization(contentsOf: $0) }),
      Reader(name: "vectors", read: .file { _ = try VectorIndex($0) }),
    ]
  }

  private static func safetensors(_ bytes: [UInt8]) throws {
    let file = try Safetensors(data: bytes, file: "input")
    try? file.verifyChecksum()
    for tensor in file.tensors {
      _ = try? file.floats(tensor.name)
      _ = try? file.int64s(tensor.name)
    }
  }

  private static func npy(_ bytes: [UInt8]) throws {
    let array = try NumpyArray(data: bytes, file: "input")
    _ = try? array.floats()
    _ = try? array.int64s()
  }

  private static func npz(_ bytes: [UInt8]) throws {
    let archive = try NumpyArchive(data: bytes, file: "input", limit: limit)
    for name in archive.names { _ = try? archive.array(name).floats() }
  }

  private static func zip(_ bytes: [UInt8]) throws {
    let archive = try ZipArchive(data: bytes, file: "input", limit: limit)
    for entry in archive.entries { _ = try? archive.bytes(of: entry, acceptsNoChecksum: true) }
  }

  private static func hdf5(_ bytes: [UInt8]) throws {
    let file = try HDF5File(data: bytes, file: "input")
    for (_, dataset) in try file.root.datasets() {
      _ = try? dataset.floats()
      _ = try? dataset.int64s()
    }
  }

  private static func y4m(_ path: String) throws {
    let file = try Y4MFile(path)
    for frame in 0..<file.count { _ = try file.frame(frame) }
  }

  /// A cell that is read has equations, a plan and a text that is read again as the same cell.
  private static func cell(_ bytes: [UInt8]) throws {
    let cell = try Cell(text: String(decoding: bytes, as: UTF8.self))
    _ = (cell.equations(), cell.latex, cell.pyTorch, cell.c)
    let again = try Cell(text: cell.text)
    require(again.text == cell.text, "expected the text of \(cell.name) to be read as the same cell")
  }

  private static func foreign(_ path: String) throws {
    let imported = try ModelImporter.read(path)
    if imported.description != nil { _ = try imported.makeModel() }
  }
}
