import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("MATLAB files")
struct MATLABFileTests {
  private func compressed(_ array: [UInt8], _ made: MATLABBytes = MATLABBytes()) -> [UInt8] {
    let bytes = Gzip.deflated(array, windowBits: 15)
    return made.word(15, 4) + made.word(bytes.count, 4) + bytes
  }

  private func failure(_ bytes: [UInt8], limit: Int = MATLABFile.defaultLimit) throws -> String {
    try #require(throws: MATLABError.self) { try MATLABFile(bytes: bytes, file: "f.mat", limit: limit) }
      .description
  }

  @Test(
    "Matrices and cell arrays are read, compressed or not, of either order of bytes",
    arguments: [false, true])
  func reads(isBigEndian: Bool) throws {
    var made = MATLABBytes()
    made.isBigEndian = isBigEndian
    let variables = [
      made.bytes("b", [2, 3], [1, 2, 3, 4, 5, 6]), made.doubles("d", [1, 2], [0.5, -2]),
      made.cells("c", [made.bytes("", [1, 1], [7]), made.element(14, [])]), made.text("t", "hello"),
    ]
    for bytes in [
      made.header + variables.joined(), made.header + variables.flatMap { compressed($0, made) },
    ] {
      let file = try MATLABFile(bytes: bytes, file: "f.mat")
      #expect(file.variables.map(\.name) == ["b", "d", "c", "t"])
      guard case .matrix(let b) = file["b"], case .matrix(let d) = file["d"], case .cells(let c) = file["c"]
      else {
        Issue.record("expected two matrices and a cell array, found \(file.variables)")
        return
      }
      #expect(b.dimensions == [2, 3] && b[0, 0] == 1 && b[1, 0] == 2 && b[0, 2] == 5)
      #expect(d[0, 0] == 0.5 && d[0, 1] == -2)
      #expect(c.map(\.kind) == ["numbers [1, 1]", "numbers [0, 0]"])
      #expect(file["t"] == .other("char array") && file["x"] == nil)
    }
  }

  @Test("Small elements, which stand in their tag, are read")
  func small() throws {
    let made = MATLABBytes()
    func small(_ type: Int, _ bytes: [UInt8]) -> [UInt8] {
      made.word(bytes.count << 16 | type, 4) + bytes + [UInt8](repeating: 0, count: 4 - bytes.count)
    }
    let array = made.element(
      14,
      made.element(6, made.word(9, 4) + made.word(0, 4)) + made.element(5, made.word(1, 4) + made.word(2, 4))
        + small(1, Array("x".utf8)) + small(2, [8, 9]))
    guard case .matrix(let x) = try MATLABFile(bytes: made.header + array, file: "f")["x"] else {
      Issue.record("expected a matrix")
      return
    }
    #expect(x[0, 0] == 8 && x[0, 1] == 9)
  }

  @Test("Other versions and other files are named")
  func versions() throws {
    let made = MATLABBytes()
    #expect(try failure([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A]).contains("version 7.3, which is HDF5"))
    var new = made.header
    new[125] = 2
    #expect(try failure(new).contains("version 7.3, which is HDF5"))
    #expect(
      try failure(made.word(0, 4) + made.word(1, 4) + made.word(1, 4) + made.word(0, 8)).contains("version 4")
    )
    #expect(
      try failure(Array("id,name\n".utf8)).contains(
        "expected a MATLAB file of version 5, found 8 other bytes"))
    #expect(try failure([]).contains("found 0 other bytes"))
  }

  @Test("What is cut off, damaged or lies is one line")
  func errors() throws {
    let made = MATLABBytes()
    let good = made.header + made.bytes("b", [2, 3], [1, 2, 3, 4, 5, 6])
    #expect(try failure(Array(good.dropLast(9))).contains("the file is cut off"))
    #expect(
      try failure(good + [1, 2, 3]).contains("variable 2: expected the 8 bytes of an element, found 3"))
    #expect(
      try failure(made.header + made.bytes("b", [2, 1 << 30], [1])).contains(
        "'b': expected 2147483648 numbers of 1 bytes, found 1 bytes"))
    #expect(
      try failure(made.header + made.bytes("b", [-1, 2], [1])).contains(
        "variable 1: expected sizes of an array, found [-1]"))
    #expect(
      try failure(made.header + made.cells("c", [made.element(9, [])])).contains(
        "'c', cell 1: expected an array"))
    var deep = made.bytes("", [1, 1], [1])
    for _ in 0..<20 { deep = made.cells("", [deep]) }
    #expect(try failure(made.header + deep).contains("at most 16 cell arrays inside one another"))
    var packed = made.header + compressed(made.bytes("b", [100, 100], [UInt8](repeating: 1, count: 10_000)))
    #expect(try failure(packed, limit: 5000) == "f.mat: decompresses to more than 5000 bytes")
    packed[140] ^= 0xFF
    #expect(try failure(packed).contains("variable 1: damaged zlib data"))
  }

  @Test("Mutations of good files are read or refused, and crash nothing")
  func fuzz() throws {
    let made = MATLABBytes()
    let array = made.cells(
      "c",
      [made.bytes("", [3, 4], [UInt8](repeating: 1, count: 12)), made.doubles("", [2, 2], [1, 2, 3, 4])])
    let plain = made.header + array + made.text("t", "text")
    let packed = made.header + compressed(array)
    let rounds = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"].flatMap(Int.init) ?? 2000
    var mutations = Mutations(seed: 3)
    var refused = 0
    for round in 0..<rounds {
      do {
        _ = try MATLABFile(
          bytes: mutations.mutated(round % 2 == 0 ? plain : packed), file: "f", limit: 1 << 20)
      } catch { refused += 1 }
    }
    #expect(refused > rounds / 4 && refused < rounds)
  }
}
