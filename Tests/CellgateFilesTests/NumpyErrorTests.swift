import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("NumPy arrays under attack")
struct NumpyErrorTests {
  private static func npy(
    _ descr: String, _ shape: String, _ count: Int = 0, version: UInt8 = 1
  ) -> [UInt8] {
    NumpyArrayTests.npy(descr, shape, [UInt8](repeating: 0, count: count), version: version)
  }

  private static func header(_ text: String) -> [UInt8] { NumpyArrayTests.npy(header: text) }

  private static func malformed(_ byte: Int, _ expected: String, _ found: String) -> NumpyError {
    .malformedHeader(file: "f", array: "x", byte: byte, expected: expected, found: found)
  }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  private static let attacks: [(String, [UInt8], NumpyError)] = [
    ("empty", [], .notNpy(file: "f", array: "x", bytes: 0)),
    ("another magic", Array("\u{93}NUMPX".utf8) + [1, 0], .notNpy(file: "f", array: "x", bytes: 9)),
    ("magic alone", magic + [1], .notNpy(file: "f", array: "x", bytes: 7)),
    ("version 9.0", magic + [9, 0], .unsupportedVersion(file: "f", array: "x", found: "9.0")),
    ("version 0.0", magic + [0, 0], .unsupportedVersion(file: "f", array: "x", found: "0.0")),
    ("version 1.1", magic + [1, 1], .unsupportedVersion(file: "f", array: "x", found: "1.1")),
    ("no length", magic + [1, 0, 9], .headerTruncated(file: "f", array: "x", expected: 10, found: 9)),
    (
      "no long length", magic + [2, 0, 9, 9, 9],
      .headerTruncated(file: "f", array: "x", expected: 12, found: 11)
    ),
    (
      "header past the end", magic + [1, 0, 0xFF, 0xFF, 0x7B],
      .headerTruncated(file: "f", array: "x", expected: 65535, found: 1)
    ),
    (
      "header of 4 GiB", magic + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF],
      .headerTooLarge(file: "f", array: "x", bytes: 4_294_967_295, limit: 1 << 20)
    ),
    ("no header", header(""), malformed(0, "'{'", "the header's end")),
    ("a list", header("[]"), malformed(0, "'{'", "'['")),
    ("no end", header("{"), malformed(1, "a string", "the header's end")),
    ("a key without a value", header("{'descr'"), malformed(8, "':'", "the header's end")),
    (
      "a string without an end", header("{'descr"),
      malformed(7, "a character of a string", "the header's end")
    ),
    ("an escape", header(#"{'a\x62"#), malformed(3, "a character of a string", #"'\'"#)),
    ("a line break in a string", header("{'a\n'"), malformed(3, "a character of a string", "byte 10")),
    ("no comma", header("{'shape': () 'descr'"), malformed(13, "',' or '}'", "'''")),
    ("a comma alone", header("{,}"), malformed(1, "a string", "','")),
    (
      "a call", header("{'descr': __import__('os').system('true')}"), malformed(10, "a string", "'_'")
    ),
    (
      "an operation on the shape", header("{'shape': (2**3,)"), malformed(12, "',' or ')'", "'*'")
    ),
    ("a number as the order", header("{'fortran_order': 0"), malformed(18, "True or False", "'0'")),
    ("a number as the shape", header("{'shape': 3"), malformed(10, "'('", "'3'")),
    ("a number in parentheses", header("{'shape': (3)"), malformed(12, "','", "')'")),
    ("a nested shape", header("{'shape': ((3,),)"), malformed(11, "an integer", "'('")),
    ("no end of the shape", header("{'shape': (3,"), malformed(13, "an integer", "the header's end")),
    ("two commas", header("{'shape': (3,,)"), malformed(13, "an integer", "','")),
    ("a real size", header("{'shape': (3.0,)"), malformed(12, "',' or ')'", "'.'")),
    (
      "text after the dictionary", header("{'descr': '<f4', 'fortran_order': False, 'shape': ()} + {}"),
      malformed(54, "only spaces after '}'", "'+'")
    ),
    (
      "parentheses bomb", header("{'shape': " + String(repeating: "(", count: 60_000)),
      malformed(11, "an integer", "'('")
    ),
    (
      "one key twice", header("{'shape': (), 'shape': ()"), .duplicateKey(file: "f", array: "x", key: "shape")
    ),
    ("another key", header("{'dtype': 1"), .unknownKey(file: "f", array: "x", key: "dtype")),
    ("no descr", header("{'fortran_order': True, 'shape': ()}"), missing("descr")),
    ("no order", header("{'descr': '<f4', 'shape': ()}"), missing("fortran_order")),
    ("no shape", header("{'fortran_order': True, 'descr': '<f4'}"), missing("shape")),
    ("nothing in it", header("{}"), missing("descr")),
    ("negative size", npy("<f4", "(-2, -3)", 24), .invalidNumber(file: "f", array: "x", found: "-2")),
    ("leading zero", npy("<f4", "(01,)", 4), .invalidNumber(file: "f", array: "x", found: "01")),
    (
      "size of 2⁶³", npy("<f4", "(9223372036854775808,)", 4),
      .invalidNumber(file: "f", array: "x", found: "9223372036854775808")
    ),
    (
      "65 dimensions", npy("<f4", "(" + String(repeating: "1, ", count: 65) + ")", 4),
      .tooManyDimensions(file: "f", array: "x", limit: 64)
    ),
    (
      "2⁸⁰ numbers", npy("<f4", "(1099511627776, 1099511627776)", 4),
      .shapeOverflow(file: "f", array: "x", shape: [1 << 40, 1 << 40])
    ),
    (
      "2⁶² numbers of 8 bytes", npy("<f8", "(4611686018427387904,)", 8),
      .shapeOverflow(file: "f", array: "x", shape: [1 << 62])
    ),
    (
      "2⁸⁰ numbers times none", npy("<f4", "(1099511627776, 0, 1099511627776)"),
      .shapeOverflow(file: "f", array: "x", shape: [1 << 40, 0, 1 << 40])
    ),
    (
      "2⁶⁰ bytes that are not there", npy("|u1", "(1152921504606846976,)", 4),
      .sizeMismatch(file: "f", array: "x", expected: 1 << 60, found: 4)
    ),
    ("a byte less", npy("<f4", "(2,)", 7), .sizeMismatch(file: "f", array: "x", expected: 8, found: 7)),
    ("a byte more", npy("<f4", "()", 5), .sizeMismatch(file: "f", array: "x", expected: 4, found: 5)),
    (
      "a byte of nothing", npy("<f4", "(0, 4)", 1),
      .sizeMismatch(file: "f", array: "x", expected: 0, found: 1)
    ),
    (
      "a record", header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"),
      dtype("a record")
    ),
  ]

  private static func missing(_ key: String) -> NumpyError { .missingKey(file: "f", array: "x", key: key) }

  private static func dtype(_ found: String) -> NumpyError {
    .unsupportedDtype(file: "f", array: "x", found: found)
  }

  @Test("Each attack is refused with its own error, with and without a name", arguments: attacks.map(\.0))
  func refuses(name: String) throws {
    let (_, bytes, expected) = try #require(Self.attacks.first { $0.0 == name })
    #expect(throws: expected) { try NumpyArray(data: bytes, file: "f", name: "x") }
    #expect(!expected.description.contains("\n"))
    #expect(expected.description.hasPrefix("f: array 'x': "))
    let path = try Scratch.init().write(bytes, as: "f.npy")
    let error = #expect(throws: NumpyError.self) { try NumpyArray(path: path) }
    #expect(error?.description.hasPrefix(path + ": ") == true)
    #expect(error?.description.contains("array '") == false)
  }

  @Test(
    "Types other than numbers of the known sizes are refused",
    arguments: [
      "|O", "<U2", "|S2", "|V4", "<c8", "<M8", "<m8[s]", "<f16", "<f1", "<i3", "<b2", "<u0", "|f4", "=f4",
      "f4",
      "<f", "<f44", "<F4", "<f4 ", "", "<", "<f４", "<é4", "float32",
    ])
  func dtypes(descr: String) {
    #expect(throws: Self.dtype(descr)) {
      try NumpyArray(data: Self.npy(descr, "(1,)", 4), file: "f", name: "x")
    }
  }

  @Test("A missing file is an error that names it")
  func missingFile() throws {
    let absent = try Scratch().file("absent.npy")
    #expect(throws: NumpyError.file(.missing(file: absent))) { try NumpyArray(path: absent) }
  }

  @Test("Random mutations of valid files are read or throw, and never crash", arguments: 0..<4)
  func fuzz(seed: Int) throws {
    let tokens = [
      "{", "}", "[", "]", "(", ")", "'", "\"", ",", ":", "-", "9", "0", "\\", " ", "L", "<f8", "|b1", "True",
    ]
    var random = SplitMix(state: UInt64(seed))
    let files = [
      try ZipArchiveTests.decode(NumpyArrayTests.saved),
      NumpyArrayTests.npy(">i2", "(2, 3)", Array(0..<12), fortran: true, version: 2),
      NumpyArrayTests.npy("|b1", "(0, 3)", [], version: 3),
    ]
    var loaded = 0
    for _ in 0..<1500 {
      var bytes = files.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = .random(in: 0...255, using: &random)
        case 2: bytes.remove(at: place)
        case 3:
          // In place of as many bytes, so that the length still fits.
          let token = Array(tokens.randomElement(using: &random)!.utf8)
          bytes.replaceSubrange(place..<min(bytes.count, place + token.count), with: token)
        default: bytes = Array(bytes[...place])
        }
        if bytes.isEmpty { break }
      }
      guard let array = try? NumpyArray(data: bytes, file: "f") else { continue }
      loaded += 1
      #expect(array.shape.contains(0) ? array.count == 0 : array.shape.reduce(1, *) == array.count)
      for count in [
        try? array.floats().count, try? array.doubles().count, try? array.int64s().count,
      ] where count != nil {
        #expect(count == array.count)
      }
    }
    #expect((1..<1500).contains(loaded))
  }
}
