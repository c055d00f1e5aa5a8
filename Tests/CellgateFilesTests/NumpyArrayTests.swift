import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("NumPy arrays")
struct NumpyArrayTests {
  /// An npy file by its header's fields.
  static func npy(
    _ descr: String, _ shape: String, _ data: [UInt8], fortran: Bool = false, version: UInt8 = 1
  ) -> [UInt8] {
    let order = fortran ? "True" : "False"
    return npy(
      header: "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': \(shape), }\n", data,
      version: version)
  }

  /// An npy file by its header's text.
  static func npy(header: String, _ data: [UInt8] = [], version: UInt8 = 1) -> [UInt8] {
    let text = Array(header.utf8)
    let length = version == 1 ? littleEndian(UInt16(text.count)) : littleEndian(UInt32(text.count))
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + data
  }

  /// By `numpy.save` of `np.array([[1, -2, np.inf], [.5, -0., 1e-45]], '<f4')`.
  static let saved = """
    k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAg\
    ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAAwAAAgH8AAAA/AAAAgAEA\
    AAA=
    """

  @Test("A file of numpy.save is read bit for bit, and written byte for byte")
  func readsSaved() throws {
    let bytes = try ZipArchiveTests.decode(Self.saved)
    let values: [Float] = [1, -2, .infinity, 0.5, -0.0, .leastNonzeroMagnitude]
    let array = try NumpyArray(data: bytes, file: "f")
    #expect(array.shape == [2, 3])
    #expect(array.count == 6)
    #expect(array.dtype.description == "<f4")
    #expect(!array.isFortranOrder)
    #expect(try array.floats().map(\.bitPattern) == values.map(\.bitPattern))
    #expect(Array(array.encode()) == bytes)
    #expect(Array(NumpyArray(shape: [2, 3], floats: values).encode()) == bytes)
    let scratch = try Scratch()
    try NumpyArray(shape: [2, 3], floats: values).write(to: scratch.file("a.npy"))
    #expect(scratch.read("a.npy") == bytes)
    #expect(try NumpyArray(path: scratch.file("a.npy")).floats() == values)
  }

  /// CRC-32 of the files that NumPy 2.4.6 writes, `zlib.crc32` of `numpy.save(…, numpy.zeros(shape, dtype))` for <f4, <f8
  /// and <i8. The header of fifteen dimensions would end at a multiple of 64 without a space.
  private static let zeros: [(shape: [Int], checksums: [String])] = [
    ([], ["207ae956", "818a30a1", "6635b13a"]),
    ([0], ["fc69dbcd", "735b4836", "c86795c0"]),
    ([1], ["feb28327", "75011b3b", "92be9aa0"]),
    ([3], ["189bf6a9", "bcf9e32e", "065fd61b"]),
    ([2, 3], ["1826b378", "45987f7c", "2e94efc0"]),
    ([0, 4], ["6c3ba4ca", "e3093731", "5835eac7"]),
    ([12, 1, 5], ["ab63e1e2", "53ca00ad", "0459c28d"]),
    ([1] + [Int](repeating: 1, count: 11), ["9b4e0037", "43bad21b", "a4055380"]),
    ([1] + [Int](repeating: 1, count: 13), ["0ad6f59e", "fe46966f", "19f917f4"]),
    ([1] + [Int](repeating: 1, count: 14), ["0ee36726", "816f135f", "24a12703"]),
    ([2] + [Int](repeating: 1, count: 63), ["a8da7d0e", "accfdfbf", "31e1d48b"]),
    ([123456], ["19e532e2", "4afb17d9", "35258923"]),
  ]

  @Test("Zeros of many shapes are written byte for byte as NumPy writes them", arguments: zeros.indices)
  func writesZeros(index: Int) {
    let (shape, checksums) = Self.zeros[index]
    let count = shape.reduce(1, *)
    let arrays = [
      NumpyArray(shape: shape, floats: [Float](repeating: 0, count: count)),
      NumpyArray(shape: shape, doubles: [Double](repeating: 0, count: count)),
      NumpyArray(shape: shape, int64s: [Int64](repeating: 0, count: count)),
    ]
    let found = arrays.map { array in
      var checksum = CRC32()
      checksum.update(Array(array.encode()))
      return checksum.description
    }
    #expect(found == checksums)
    #expect(arrays.allSatisfy { $0.dataStart % 64 == 0 })
  }

  @Test("What was made gives its own numbers", arguments: [[], [6], [2, 3], [1, 6, 1]])
  func made(shape: [Int]) throws {
    let count = shape.reduce(1, *)
    let (doubles, int64s) = ((0..<count).map { Double($0) / 3 }, (0..<count).map { Int64.max - Int64($0) })
    let floats = doubles.map(Float.init)
    #expect(try NumpyArray(shape: shape, floats: floats).floats() == floats)
    #expect(try NumpyArray(shape: shape, floats: floats).doubles() == floats.map(Double.init))
    #expect(try NumpyArray(shape: shape, doubles: doubles).doubles() == doubles)
    #expect(try NumpyArray(shape: shape, doubles: doubles).floats() == floats)
    #expect(try NumpyArray(shape: shape, int64s: int64s).int64s() == int64s)
    #expect(NumpyArray(shape: shape, int64s: int64s).shape == shape)
  }

  /// Each type, with bytes that are read otherwise in the other order, and their numbers.
  private static let types: [(String, [UInt8], [Double])] = [
    ("b1", [0, 1, 1], [0, 1, 1]),
    ("i1", [0, 127, 128], [0, 127, -128]),
    ("u1", [0, 127, 255], [0, 127, 255]),
    ("i2", [1, 0, 0xFF, 0x7F, 0xFE, 0xFF], [1, 32767, -2]),
    ("u2", [1, 0, 0xFF, 0x7F, 0xFE, 0xFF], [1, 32767, 65534]),
    ("i4", [1, 2, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x80], [513, -2, -2_147_483_648]),
    ("u4", [1, 2, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x80], [513, 4_294_967_294, 2_147_483_648]),
    ("i8", [1, 2, 0, 0, 0, 0, 0, 0] + [0xFE] + [UInt8](repeating: 0xFF, count: 7), [513, -2]),
    ("u8", [1, 2, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0x40], [513, 0x1p62]),
    // 1.5, −2⁻²⁴ (the smallest), −65504 (the largest), −∞, 2⁻¹⁴ (the smallest normal one), −0.
    (
      "f2", [0, 0x3E, 1, 0x80, 0xFF, 0xFB, 0, 0xFC, 0, 4, 0, 0x80],
      [1.5, -0x1p-24, -65504, -.infinity, 0x1p-14, -0.0]
    ),
    ("f4", [0, 0, 0xC0, 0x3F, 0, 0, 0x80, 0xFF, 1, 0, 0, 0], [1.5, -.infinity, 0x1p-149]),
    ("f8", [0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 1, 0, 0, 0, 0, 0, 0, 0], [1.5, 0x1p-1074]),
  ]

  @Test("Numbers of each type are read in both byte orders", arguments: types.map(\.0))
  func readsTypes(name: String) throws {
    let (_, bytes, expected) = try #require(Self.types.first { $0.0 == name })
    let size = try #require(name.last?.wholeNumberValue)
    let swapped = stride(from: 0, to: bytes.count, by: size).flatMap { bytes[$0..<$0 + size].reversed() }
    let shape = "(\(expected.count),)"
    for (order, data) in size == 1
      ? [("|", bytes), ("<", bytes), (">", bytes)] : [("<", bytes), (">", swapped)]
    {
      for version: UInt8 in 1...3 {
        let array = try NumpyArray(data: Self.npy(order + name, shape, data, version: version), file: "f")
        #expect(array.shape == [expected.count])
        #expect(array.dtype.description == (size == 1 ? "|" : order) + name)
        #expect(try array.doubles().map(\.bitPattern) == expected.map(\.bitPattern))
        if expected.allSatisfy({ $0 == $0.rounded() && abs($0) < 0x1p63 }) {
          #expect(try array.int64s().map(Double.init) == expected.map { $0 + 0 })
        }
      }
    }
  }

  @Test("A NaN is one in every real type")
  func nan() throws {
    for (name, data) in [
      ("<f2", [1, 0x7E]), ("<f4", [0, 0, 0xC0, 0x7F]), ("<f8", [0, 0, 0, 0, 0, 0, 0xF8, 0x7F]),
    ] {
      let array = try NumpyArray(data: Self.npy(name, "()", data.map { UInt8($0) }), file: "f")
      #expect(try array.floats()[0].isNaN)
      #expect(try array.doubles()[0].isNaN)
    }
  }

  @Test("All numbers of 16 bits are those of the format's definition")
  func halves() throws {
    let bits = Array(UInt16.min ... .max)
    let array = try NumpyArray(
      data: Self.npy("<f2", "(65536,)", bits.flatMap { littleEndian($0) }), file: "f")
    let floats = try array.floats()
    let isEqual = zip(bits, floats).allSatisfy { (bits, float) in
      let (sign, exponent, fraction) = (
        bits >> 15 == 0 ? 1.0 : -1.0, Int(bits >> 10 & 31), Double(bits & 1023)
      )
      if exponent == 31 { return fraction == 0 ? float == Float(sign) * .infinity : float.isNaN }
      let power = Double(sign: .plus, exponent: max(exponent, 1) - 15, significand: 1)
      return Double(float) == sign * power * ((exponent == 0 ? 0 : 1) + fraction / 1024)
        && float.sign == (bits >> 15 == 0 ? .plus : .minus)
    }
    #expect(isEqual)
  }

  @Test("Fortran order is turned into row-major order")
  func fortran() throws {
    func int64s(_ shape: String, _ data: [UInt8]) throws -> [Int64] {
      try NumpyArray(data: Self.npy("|u1", shape, data, fortran: true), file: "f").int64s()
    }
    #expect(try int64s("(2, 3)", [0, 1, 2, 3, 4, 5]) == [0, 2, 4, 1, 3, 5])
    #expect(try int64s("(3,)", [5, 6, 7]) == [5, 6, 7])
    #expect(try int64s("()", [5]) == [5])
    #expect(try int64s("(3, 0)", []) == [])
    let shape = [2, 3, 4, 5]
    var expected: [Int64] = []
    for a in 0..<2 {
      for b in 0..<3 {
        for c in 0..<4 { for d in 0..<5 { expected.append(Int64(a + 2 * b + 6 * c + 24 * d)) } }
      }
    }
    #expect(try int64s("(2, 3, 4, 5)", (0..<UInt8(shape.reduce(1, *))).map { $0 }) == expected)
  }

  @Test("Shapes without numbers are read, whatever their other dimensions")
  func empty() throws {
    for (shape, expected) in [("(0,)", [0]), ("(3, 0)", [3, 0]), ("(0, 1099511627776)", [0, 1 << 40])] {
      let array = try NumpyArray(data: Self.npy("<f4", shape, []), file: "f")
      #expect(array.shape == expected)
      #expect(array.count == 0)
      #expect(try array.floats() == [])
    }
  }

  @Test(
    "Headers of other writers are read: other quotes, orders and spaces, Python 2's numbers, no spare space")
  func headers() throws {
    for header in [
      "{'descr':'<i2','fortran_order':False,'shape':(2,1)}",
      "  {\"shape\" : ( 2 , 1 , ) ,\n\t\"descr\" : \"<i2\" , \"fortran_order\" : False }  \n",
      "{'descr': '<i2', 'fortran_order': False, 'shape': (2L, 1L), }",
    ] {
      let array = try NumpyArray(data: Self.npy(header: header, [1, 0, 2, 0]), file: "f")
      #expect(array.shape == [2, 1])
      #expect(try array.int64s() == [1, 2])
    }
  }

  private static func array(_ descr: String, _ data: [UInt8]) throws -> NumpyArray {
    try NumpyArray(data: npy(descr, "(\(data.count / descr.last!.wholeNumberValue!),)", data), file: "f")
  }

  private static func misfit(_ index: Int, _ expected: String, _ found: String) -> NumpyError {
    .doesNotFit(file: "f", array: nil, index: [index], expected: expected, found: found)
  }

  @Test("A number that doesn't fit the type asked for is an error with its index")
  func misfits() throws {
    let (float, double) = ("one that Float holds", "one that Double holds")
    let whole = "a whole number that Int64 holds"
    let odd = littleEndian(Int64(16_777_216)) + littleEndian(Int64(16_777_217))
    #expect(throws: Self.misfit(1, float, "16777217")) { try Self.array("<i8", odd).floats() }
    #expect(try Self.array("<i8", odd).doubles() == [16_777_216, 16_777_217])
    let long = littleEndian(Int64(1) << 53 + 1)
    #expect(throws: Self.misfit(0, double, "9007199254740993")) { try Self.array("<i8", long).doubles() }
    let most = littleEndian(UInt64.max)
    #expect(throws: Self.misfit(0, whole, "18446744073709551615")) { try Self.array("<u8", most).int64s() }
    #expect(throws: Self.misfit(0, double, "18446744073709551615")) { try Self.array("<u8", most).doubles() }
    let large = NumpyArray(shape: [2], doubles: [.infinity, 1e39])
    #expect(
      throws: NumpyError.doesNotFit(file: "array", array: nil, index: [1], expected: float, found: "1e+39")
    ) { try large.floats() }
    #expect(try NumpyArray(shape: [1], doubles: [0.1]).floats() == [0.1])
    for (number, text) in [(0.5, "0.5"), (.nan, "nan"), (0x1p63, "9.223372036854776e+18")] {
      #expect(throws: Self.misfit(0, whole, text)) {
        try Self.array("<f8", littleEndian(number.bitPattern)).int64s()
      }
    }
    #expect(throws: Self.misfit(1, "a Boolean of 0 or 1", "2")) { try Self.array("|b1", [1, 2]).int64s() }
  }

  @Test("The index of a number that doesn't fit is that of its array, in either order")
  func misfitIndex() throws {
    let data: [UInt8] = [0, 0, 0, 0, 2, 0]
    for (fortran, index) in [(false, [1, 1]), (true, [0, 2])] {
      let array = try NumpyArray(
        data: Self.npy("|b1", "(2, 3)", data, fortran: fortran), file: "f", name: "x")
      #expect(
        throws: NumpyError.doesNotFit(
          file: "f", array: "x", index: index, expected: "a Boolean of 0 or 1", found: "2")
      ) { try array.floats() }
    }
  }
}
