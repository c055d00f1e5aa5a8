import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Safetensors under attack")
struct SafetensorsErrorTests {
  private static func file(_ header: String, data: Int = 0) -> [UInt8] {
    file(Array(header.utf8), data: data)
  }

  private static func file(_ header: [UInt8], data: Int = 0) -> [UInt8] {
    length(UInt64(header.count)) + header + [UInt8](repeating: 0, count: data)
  }

  private static func length(_ count: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * UInt64($0))) }
  }

  private static func entry(_ name: String, _ shape: String, _ offsets: String, dtype: String = "F32")
    -> String
  {
    #""\#(name)":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  private static func one(_ shape: String, _ offsets: String, dtype: String = "F32") -> String {
    "{" + entry("x", shape, offsets, dtype: dtype) + "}"
  }

  private static func pair(_ first: String, _ second: String) -> String {
    "{" + entry("a", "[1]", first) + "," + entry("b", "[1]", second) + "}"
  }

  private static let attacks: [(String, [UInt8], SafetensorsError)] = [
    ("empty file", [], .tooShort(file: "f", bytes: 0)),
    ("seven bytes", [1, 2, 3, 4, 5, 6, 7], .tooShort(file: "f", bytes: 7)),
    (
      "header length of 2⁶⁴−1", [UInt8](repeating: 0xFF, count: 8) + [0x7B, 0x7D],
      .headerTooLarge(file: "f", bytes: .max, limit: 100_000_000)
    ),
    (
      "header one byte over the limit", length(100_000_001),
      .headerTooLarge(file: "f", bytes: 100_000_001, limit: 100_000_000)
    ),
    (
      "header past the end", length(100) + [0x7B, 0x7D], .headerTruncated(file: "f", expected: 100, found: 2)
    ),
    ("invalid UTF-8", file([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x7D]), .notUTF8(file: "f")),
    ("surrogate in UTF-8", file([0x7B, 0x22, 0xED, 0xA0, 0x80, 0x22, 0x7D]), .notUTF8(file: "f")),
    (
      "empty header", file(""),
      .malformedHeader(file: "f", byte: 0, expected: "'{'", found: "the header's end")
    ),
    (
      "leading space", file(" {}"), .malformedHeader(file: "f", byte: 0, expected: "'{'", found: "' '")
    ),
    ("an array", file("[]"), .malformedHeader(file: "f", byte: 0, expected: "'{'", found: "'['")),
    (
      "unclosed object", file("{"),
      .malformedHeader(file: "f", byte: 1, expected: "'\"'", found: "the header's end")
    ),
    (
      "trailing comma", file("{" + entry("x", "[1]", "[0,4]") + ",}", data: 4),
      .malformedHeader(file: "f", byte: 54, expected: "'\"'", found: "'}'")
    ),
    (
      "raw newline in a name", file("{\"a\n\":1}"),
      .malformedHeader(file: "f", byte: 3, expected: "a character of a string", found: "byte 10")
    ),
    (
      "unknown escape", file(#"{"\q":1}"#),
      .malformedHeader(file: "f", byte: 3, expected: "an escape", found: "'q'")
    ),
    (
      "lone surrogate", file(#"{"\ud800":1}"#),
      .malformedHeader(file: "f", byte: 8, expected: "a surrogate pair", found: "'\"'")
    ),
    (
      "entry is a number", file(#"{"x":1}"#),
      .malformedHeader(file: "f", byte: 5, expected: "'{'", found: "'1'")
    ),
    ("junk after the brace", file("{}x"), .trailingHeaderBytes(file: "f", byte: 2)),
    ("NUL after the brace", file("{} \0"), .trailingHeaderBytes(file: "f", byte: 3)),
    (
      "array bomb", file("{\"x\":{\"shape\":" + String(repeating: "[", count: 1_000_000)),
      .unexpectedNesting(file: "f", tensor: "x", byte: 15)
    ),
    (
      "object bomb", file("{" + String(repeating: "\"x\":{", count: 100_000)),
      .unknownKey(file: "f", tensor: "x", key: "x")
    ),
    (
      "dtype is an object", file(#"{"x":{"dtype":{"a":1}}}"#),
      .unexpectedNesting(file: "f", tensor: "x", byte: 14)
    ),
    (
      "one name twice",
      file("{" + entry("x", "[1]", "[0,4]") + "," + entry("x", "[1]", "[4,8]") + "}", data: 8),
      .duplicateTensor(file: "f", tensor: "x")
    ),
    (
      "one name twice, once escaped",
      file("{" + entry("x", "[1]", "[0,4]") + "," + entry("\\u0078", "[1]", "[4,8]") + "}", data: 8),
      .duplicateTensor(file: "f", tensor: "x")
    ),
    (
      "two metadata", file(#"{"__metadata__":{},"__metadata__":{}}"#),
      .duplicateTensor(file: "f", tensor: "__metadata__")
    ),
    (
      "one key twice", file(#"{"x":{"dtype":"F32","dtype":"F64"}}"#),
      .duplicateKey(file: "f", tensor: "x", key: "dtype")
    ),
    (
      "one metadata key twice", file(#"{"__metadata__":{"a":"1","a":"2"}}"#),
      .duplicateKey(file: "f", tensor: "__metadata__", key: "a")
    ),
    ("metadata number", file(#"{"__metadata__":{"a":1}}"#), .metadataNotString(file: "f", key: "a")),
    ("metadata object", file(#"{"__metadata__":{"a":{}}}"#), .metadataNotString(file: "f", key: "a")),
    (
      "metadata is a string", file(#"{"__metadata__":"a"}"#),
      .malformedHeader(
        file: "f", byte: 16, expected: "an object of strings under __metadata__", found: "'\"'")
    ),
    ("no dtype", file(#"{"x":{"shape":[],"data_offsets":[0,0]}}"#), missing("dtype")),
    ("no shape", file(#"{"x":{"dtype":"F32","data_offsets":[0,0]}}"#), missing("shape")),
    ("no offsets", file(#"{"x":{"dtype":"F32","shape":[]}}"#), missing("data_offsets")),
    ("unknown key", file(#"{"x":{"dtyp":"F32"}}"#), .unknownKey(file: "f", tensor: "x", key: "dtyp")),
    ("negative dimension", file(one("[-1]", "[0,4]"), data: 4), number("shape", "-1")),
    ("fractional dimension", file(one("[1.0]", "[0,4]"), data: 4), number("shape", "1.0")),
    ("exponent", file(one("[1e0]", "[0,4]"), data: 4), number("shape", "1e0")),
    ("leading zero", file(one("[01]", "[0,4]"), data: 4), number("shape", "01")),
    (
      "dimension of 2⁶³", file(one("[9223372036854775808]", "[0,4]"), data: 4),
      number("shape", "9223372036854775808")
    ),
    ("negative offset", file(one("[1]", "[-4,0]"), data: 4), number("data_offsets", "-4")),
    (
      "offset of forty digits", file(one("[1]", "[0," + String(repeating: "9", count: 40) + "]"), data: 4),
      number("data_offsets", String(repeating: "9", count: 40))
    ),
    ("one offset", file(one("[1]", "[4]"), data: 4), .offsetCount(file: "f", tensor: "x", found: 1)),
    ("three offsets", file(one("[1]", "[0,4,8]"), data: 8), .offsetCount(file: "f", tensor: "x", found: 3)),
    (
      "four bits left over", file(one("[3]", "[0,2]", dtype: "F4"), data: 2),
      .partialByte(file: "f", tensor: "x", bytes: 1, bits: 4)
    ),
    (
      "bits beyond all bytes", file(one("[9223372036854775807]", "[0,4]", dtype: "C64"), data: 4),
      .shapeOverflow(file: "f", tensor: "x", shape: [.max])
    ),
    (
      "bytes too few for a dtype of six bits", file(one("[4]", "[0,4]", dtype: "F6_E2M3"), data: 4),
      .sizeMismatch(file: "f", tensor: "x", expected: 3, found: 4)
    ),
    (
      "bytes of no number of an unknown dtype", file(one("[0]", "[0,4]", dtype: "F33"), data: 4),
      .sizeMismatch(file: "f", tensor: "x", expected: 0, found: 4)
    ),
    (
      "unknown dtype past the end", file(one("[1]", "[0,8]", dtype: "F33"), data: 4),
      .outOfBounds(file: "f", tensor: "x", end: 8, available: 4)
    ),
    (
      "unknown dtype of a shape that overflows",
      file(one("[4294967296,4294967296]", "[0,4]", dtype: "F33"), data: 4),
      .shapeOverflow(file: "f", tensor: "x", shape: [1 << 32, 1 << 32])
    ),
    (
      "shape that overflows to zero", file(one("[4294967296,4294967296]", "[0,0]")),
      .shapeOverflow(file: "f", tensor: "x", shape: [1 << 32, 1 << 32])
    ),
    (
      "offsets reversed", file(one("[1]", "[4,0]"), data: 4),
      .reversedOffsets(file: "f", tensor: "x", begin: 4, end: 0)
    ),
    (
      "truncated data", file(one("[2]", "[0,8]"), data: 7),
      .outOfBounds(file: "f", tensor: "x", end: 8, available: 7)
    ),
    (
      "offset near 2⁶³", file(one("[1]", "[9223372036854775803,9223372036854775807]"), data: 4),
      .outOfBounds(file: "f", tensor: "x", end: .max, available: 4)
    ),
    (
      "bytes too few for the shape", file(one("[2]", "[0,4]"), data: 4),
      .sizeMismatch(file: "f", tensor: "x", expected: 8, found: 4)
    ),
    (
      "bytes too many for the dtype", file(one("[2]", "[0,8]", dtype: "F16"), data: 8),
      .sizeMismatch(file: "f", tensor: "x", expected: 4, found: 8)
    ),
    (
      "same bytes twice", file(pair("[0,4]", "[0,4]"), data: 4),
      .overlap(file: "f", tensor: "b", previous: "a")
    ),
    ("overlap", file(pair("[0,4]", "[2,6]"), data: 6), .overlap(file: "f", tensor: "b", previous: "a")),
    (
      "hole between tensors", file(pair("[0,4]", "[5,9]"), data: 9),
      .gap(file: "f", tensor: "b", expected: 4, found: 5)
    ),
    (
      "hole before the first", file(one("[1]", "[4,8]"), data: 8),
      .gap(file: "f", tensor: "x", expected: 0, found: 4)
    ),
    ("trailing junk", file(one("[1]", "[0,4]"), data: 5), .trailingBytes(file: "f", count: 1)),
    ("data without tensors", file("{}", data: 3), .trailingBytes(file: "f", count: 3)),
  ]

  private static func missing(_ key: String) -> SafetensorsError {
    .missingKey(file: "f", tensor: "x", key: key)
  }

  private static func number(_ key: String, _ found: String) -> SafetensorsError {
    .invalidNumber(file: "f", tensor: "x", key: key, found: found)
  }

  @Test("Each attack is refused with its own error, from memory and from disk", arguments: attacks.map(\.0))
  func refuses(name: String) throws {
    let (_, bytes, expected) = try #require(Self.attacks.first { $0.0 == name })
    #expect(throws: expected) { try Safetensors(data: bytes, file: "f") }
    #expect(!expected.description.contains("\n"))
    #expect(expected.description.hasPrefix("f: "))
    let scratch = try Scratch()
    let path = try scratch.write(bytes, as: "f")
    #expect(throws: SafetensorsError.self) { try Safetensors(path: path) }
  }

  @Test(
    "What the format allows is accepted: space, padding, escapes, any header order, tensors without bytes")
  func accepts() throws {
    let header =
      "{ \"b\\u00e9\\ud83d\\ude00\" : { \"shape\" : [ 1 ] ,\n\t\"data_offsets\":[4,8],\"dtype\":\"F32\"},"
      + Self.entry("a", "[1]", "[0,4]") + "," + Self.entry("none", "[0]", "[4,4]")
      + ",\"__metadata__\":{}}   "
    let file = try Safetensors(data: Self.file(header, data: 8), file: "f")
    #expect(file.tensors.map(\.name) == ["a", "none", "bé😀"])
    #expect(try Safetensors(data: Self.file("{}"), file: "f").tensors.isEmpty)
  }

  @Test("A hostile name cannot break the one-line message")
  func oneLine() {
    let name = "a\nb\u{1B}[31m\u{2028}" + String(repeating: "x", count: 10_000)
    let text = SafetensorsError.missingTensor(file: "f", tensor: name).description
    #expect(!text.contains { $0.isNewline || $0 == "\u{1B}" })
    #expect(text.count < 250)
  }

  @Test("Random mutations of a valid file load or throw, and never crash", arguments: 0..<8)
  func fuzz(seed: Int) throws {
    let valid = Array(SafetensorsTests.small().encode())
    let headerEnd = 8 + Int(valid[0]) + Int(valid[1]) << 8
    let tokens = ["{", "}", "[", "]", "\"", ",", ":", "-", "9", "0", "\\u", "\\", " ", "1e9", "\u{7F}"]
    var random = SplitMix(state: UInt64(seed))
    var loaded = 0
    for _ in 0..<1000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<min(headerEnd, bytes.count), using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = .random(in: 0...255, using: &random)
        case 2: bytes.remove(at: place)
        case 3: bytes.replaceSubrange(place..<place, with: Array(tokens.randomElement(using: &random)!.utf8))
        case 4: bytes = Array(bytes[..<Int.random(in: 1...bytes.count, using: &random)])
        default:
          let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
          bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
        }
        if bytes.count < 9 { break }
        // Half of the files get a header length that fits again, so that the scanner is reached.
        if Bool.random(using: &random) {
          let length = bytes.count - 8 - (valid.count - headerEnd)
          if length > 0 { bytes.replaceSubrange(0..<8, with: Self.length(UInt64(length))) }
        }
      }
      guard let file = try? Safetensors(data: bytes, file: "f") else { continue }
      loaded += 1
      for tensor in file.tensors {
        #expect(try file.bytes(tensor.name).count == tensor.bytes.count)
        guard let bits = tensor.dtype.bits else { continue }
        #expect(tensor.shape.reduce(bits, *) == 8 * tensor.bytes.count)
      }
    }
    #expect(loaded < 1000)
  }
}
