import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("NumPy archives")
struct NumpyArchiveTests {
  /// A folder of model files as other tools write them, good and broken ones.
  private static let models = ProcessInfo.processInfo.environment["CELLGATE_MODELS"] ?? ""

  /// By NumPy 2.4.6: `numpy.savez(…, w=np.arange(3, dtype='<f4'), n=np.array(7))`.
  static let saved = """
    UEsDBC0AAAAAAAAAIQC2jIZT//////////8FABQAdy5ucHkBABAAjAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzog\
    JzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAg\
    ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAgD8AAABAUEsDBC0AAAAAAAAAIQAjuPBs//////////8FABQA\
    bi5ucHkBABAAiAAAAAAAAACIAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxpOCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2Us\
    ICdzaGFwZSc6ICgpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg\
    ICAKBwAAAAAAAABQSwECLQMtAAAAAAAAACEAtoyGU4wAAACMAAAABQAAAAAAAAAAAAAAgAEAAAAAdy5ucHlQSwECLQMtAAAAAAAA\
    ACEAI7jwbIgAAACIAAAABQAAAAAAAAAAAAAAgAHDAAAAbi5ucHlQSwUGAAAAAAIAAgBmAAAAggEAAAAA
    """

  /// The same by `numpy.savez_compressed`.
  static let compressed = """
    UEsDBC0AAAAIAAAAIQC2jIZT//////////8FABQAdy5ucHkBABAAjAAAAAAAAABLAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6l\
    oG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GMGiwBxIOAFBLAwQtAAAACAAAACEAI7jwbP//\
    ////////BQAUAG4ubnB5AQAQAIgAAAAAAAAARgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SS\
    ChJ3S8wpTgWKF2ckFqQC+RqaOgq1ChQBLnYGCAAAUEsBAi0DLQAAAAgAAAAhALaMhlNLAAAAjAAAAAUAAAAAAAAAAAAAAIABAAAA\
    AHcubnB5UEsBAi0DLQAAAAgAAAAhACO48GxGAAAAiAAAAAUAAAAAAAAAAAAAAIABggAAAG4ubnB5UEsFBgAAAAACAAIAZgAAAP8A\
    AAAAAA==
    """

  @Test("Files of numpy.savez and numpy.savez_compressed are read", arguments: [saved, compressed])
  func numpy(base64: String) throws {
    let archive = try NumpyArchive(data: ZipArchiveTests.decode(base64), file: "f")
    #expect(archive.file == "f")
    #expect(archive.names == ["w", "n"])
    #expect(try archive.array("w").floats() == [0, 1, 2])
    #expect(try archive.array("n", shape: []).int64s() == [7])
  }

  private static func small(isCompressed: Bool = false) -> NumpyArchive.Writer {
    var writer = NumpyArchive.Writer(isCompressed: isCompressed)
    writer.add("w", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    writer.add("é", shape: [0, 7], doubles: [])
    writer.add("n.npy", shape: [], int64s: [.min])
    writer.add("d", NumpyArray(shape: [1], doubles: [.pi]))
    return writer
  }

  @Test("What was written is read back, from memory and from disk", arguments: [false, true])
  func roundTrip(isCompressed: Bool) throws {
    let scratch = try Scratch()
    let path = scratch.file("a.npz")
    try Self.small(isCompressed: isCompressed).write(to: path)
    let encoded = Array(Self.small(isCompressed: isCompressed).encode())
    #expect(scratch.read("a.npz") == encoded)
    for archive in [try NumpyArchive(path: path), try NumpyArchive(data: encoded, file: "f")] {
      #expect(archive.names == ["w", "é", "n.npy", "d"])
      #expect(try archive.array("w", shape: [2, 3]).floats() == [1, 2, 3, 4, 5, 6])
      #expect(try archive.array("é").shape == [0, 7])
      #expect(try archive.array("n.npy").int64s() == [.min])
      #expect(try archive.array("d").doubles() == [.pi])
    }
  }

  private static func file(_ entries: [(String, [UInt8])]) -> [UInt8] {
    var writer = ZipArchive.Writer()
    for (name, bytes) in entries { writer.add(name, bytes: bytes) }
    return Array(writer.encode())
  }

  @Test("Entries that are no arrays are left out; a file of nothing else is none")
  func others() throws {
    let number = NumpyArrayTests.npy("|u1", "()", [7])
    let archive = try NumpyArchive(data: Self.file([("readme.txt", [1]), ("../x.npy", number)]), file: "f")
    #expect(archive.names == ["../x"])
    #expect(try archive.array("../x").int64s() == [7])
    #expect(throws: NumpyError.noArrays(file: "f")) {
      try NumpyArchive(data: Self.file([("readme.txt", [1])]), file: "f")
    }
    #expect(try NumpyArchive(data: Self.file([]), file: "f").names.isEmpty)
  }

  @Test("Wrong names, shapes, arrays and archives are errors that name the file and the array")
  func errors() throws {
    let number = NumpyArrayTests.npy("|u1", "()", [7])
    let bytes = Self.file([("x.npy", number), ("y.npy", [1])])
    let archive = try NumpyArchive(data: bytes, file: "f")
    #expect(throws: NumpyError.missingArray(file: "f", array: "z")) { try archive.array("z") }
    #expect(throws: NumpyError.wrongShape(file: "f", array: "x", expected: [1], found: [])) {
      try archive.array("x", shape: [1])
    }
    #expect(throws: NumpyError.notNpy(file: "f", array: "y", bytes: 1)) { try archive.array("y") }
    #expect(NumpyError.missingArray(file: "f", array: "z").description == "f: array 'z': not in the file")
    let equal = Self.file([("\u{E9}.npy", number), ("e\u{301}.npy", number)])
    #expect(throws: NumpyError.duplicateArray(file: "f", array: "é")) {
      try NumpyArchive(data: equal, file: "f")
    }
    #expect(throws: NumpyError.zip(.notZip(file: "f", bytes: 1))) { try NumpyArchive(data: [0], file: "f") }
    var unknown = Self.file([("x.npy", number)])
    for place in unknown.indices.dropLast(4) where unknown[place..<place + 5].elementsEqual("x.npy".utf8) {
      unknown[place] = 0xFF
    }
    #expect(throws: NumpyError.nameNotUTF8(file: "f", array: "\u{FFFD}.npy")) {
      try NumpyArchive(data: unknown, file: "f")
    }
    let absent = try Scratch().file("absent.npz")
    #expect(throws: NumpyError.zip(.file(.missing(file: absent)))) { try NumpyArchive(path: absent) }
    let compressed = Array(Self.small(isCompressed: true).encode())
    let error = #expect(throws: NumpyError.self) { try NumpyArchive(data: compressed, file: "f", limit: 100) }
    #expect(
      error?.description
        == "f: entry 'w.npy': the compressed entries up to here claim 152 bytes, at most 100 are accepted")
  }

  @Test("Random mutations of valid files are read or throw, and never crash", arguments: [saved, compressed])
  func fuzz(base64: String) throws {
    var random = SplitMix(state: 11)
    let valid = try ZipArchiveTests.decode(base64)
    for _ in 0..<1000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      guard let archive = try? NumpyArchive(data: bytes, file: "f") else { continue }
      for name in archive.names {
        guard let array = try? archive.array(name), let values = try? array.doubles() else { continue }
        #expect(values.count == array.count)
      }
    }
  }

  @Test(
    "The archives of other tools hold the same weights, stored, compressed, transposed, big-endian and in Double",
    .enabled(if: !models.isEmpty, "set CELLGATE_MODELS to a folder of model files"))
  func foreign() throws {
    let folder = Self.models + "/npz/lstm_variants/"
    let plain = try NumpyArchive(path: folder + "plain.npz")
    #expect(plain.names.count == 8)
    for other in ["compressed", "fortran", "bigendian", "float64", "npy_v2", "with_vocab"] {
      let archive = try NumpyArchive(path: folder + other + ".npz")
      #expect(archive.names.prefix(8) == plain.names[...])
      for name in plain.names {
        let expected = try plain.array(name)
        #expect(try archive.array(name, shape: expected.shape).floats() == expected.floats())
      }
    }
    let mixed = try NumpyArchive(path: folder + "with_vocab.npz")
    for name in ["vocab", "raw"] { #expect(throws: NumpyError.self) { try mixed.array(name) } }
    #expect(try mixed.array("step", shape: []).int64s().count == 1)
  }

  @Test(
    "Broken archives are refused",
    .enabled(if: !models.isEmpty, "set CELLGATE_MODELS to a folder of model files"))
  func broken() throws {
    let folder = Self.models + "/broken/npz/"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".npz") }
    #expect(files.count >= 11)
    for file in files + ["../hostile_pickle/object_array.npz"] {
      let read = {
        let archive = try NumpyArchive(path: folder + file)
        for name in archive.names { _ = try archive.array(name).floats() }
      }
      // A name such as ../x is a name.
      if file == "path_name.npz" {
        try read()
      } else {
        #expect(throws: NumpyError.self, "\(file)") { try read() }
      }
    }
  }
}
