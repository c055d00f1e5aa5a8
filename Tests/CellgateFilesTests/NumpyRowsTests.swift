import CellgateTestSupport
import Testing

@testable import CellgateFiles

@Suite("Rows of npy files")
struct NumpyRowsTests {
  @Test("Rows of a file, a gzipped one and a compressed archive are those of the whole array")
  func rows() throws {
    let scratch = try Scratch()
    let numbers = (0..<60).map { Float($0) / 4 }
    let array = NumpyArray(shape: [5, 3, 4], floats: numbers)
    let plain = try scratch.write(Array(array.encode()), as: "a.npy")
    let packed = try scratch.write(Gzip.compress(Array(array.encode())), as: "a.npy.gz")
    var sources = [try NumpyRows(path: plain), try NumpyRows(path: packed)]
    for isCompressed in [false, true] {
      var writer = NumpyArchive.Writer(isCompressed: isCompressed)
      writer.add("first", shape: [1], floats: [7])
      writer.add("x", array)
      try writer.write(to: scratch.file("a\(isCompressed).npz"))
      sources.append(try NumpyArchive(path: scratch.file("a\(isCompressed).npz")).rows("x"))
    }
    for rows in sources {
      #expect(rows.shape == [5, 3, 4] && rows.count == 5)
      for row in [4, 0, 2] { #expect(try rows.floats(at: row) == Array(numbers[row * 12..<row * 12 + 12])) }
    }
    #expect(sources.map { $0.bytesInMemory > 0 } == [false, true, false, true])
  }

  @Test("Quantised and half numbers, and Fortran order, give their values")
  func kinds() throws {
    func file(_ descr: String, _ order: String, _ shape: String, _ data: [UInt8]) -> [UInt8] {
      var header = "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': \(shape), }"
      header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
      let count = header.utf8.count
      return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(count & 255), UInt8(count >> 8)] + Array(header.utf8)
        + data
    }
    let scratch = try Scratch()
    let bytes = try NumpyRows(
      path: scratch.write(file("|u1", "False", "(2, 2)", [1, 2, 255, 0]), as: "u.npy"))
    #expect(try bytes.floats(at: 1) == [255, 0])
    let signed = try NumpyRows(path: scratch.write(file("|i1", "False", "(2, 1)", [0xFF, 3]), as: "i.npy"))
    #expect(try signed.floats(at: 0) == [-1])
    let half = try NumpyRows(
      path: scratch.write(file("<f2", "False", "(1, 2)", [0, 0x3C, 0, 0xC0]), as: "h.npy"))
    #expect(try half.floats(at: 0) == [1, -2])
    let columns = try NumpyRows(
      path: scratch.write(file("|u1", "True", "(2, 2)", [1, 2, 3, 4]), as: "f.npy"))
    #expect(try columns.floats(at: 0) == [1, 3] && columns.floats(at: 1) == [2, 4])
    let scalar = try scratch.write(file("|u1", "False", "()", [1]), as: "s.npy")
    #expect(throws: NumpyError.noRows(file: scalar, array: nil)) { try NumpyRows(path: scalar) }
  }
}
