import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Reading JSON a value at a time")
struct JSONReaderTests {
  private func reader(_ text: String) -> JSONReader { JSONReader(data: Array(text.utf8), file: "a.json") }

  /// A value as text again, read by the reader.
  private func again(_ reader: inout JSONReader) throws(JSONError) -> String {
    switch try reader.kind() {
    case .object:
      var parts: [String] = []
      try reader.beginObject()
      while let key = try reader.nextKey() { parts.append("\(key)=\(try again(&reader))") }
      return "{" + parts.joined(separator: ",") + "}"
    case .array:
      var parts: [String] = []
      try reader.beginArray()
      while try reader.nextElement() { parts.append(try again(&reader)) }
      return "[" + parts.joined(separator: ",") + "]"
    case .string: return try reader.string()
    case .number: return try reader.numberText()
    case .bool, .null:
      try reader.skip()
      return "w"
    }
  }

  @Test("Values are read in their order, whatever the white space")
  func values() throws {
    var own = reader(" {\"a\" : [1, -2.5e3 ,\n[], {}],\t\"b\":{\"c\":\"d\"}, \"e\":true,\"f\":null}\r\n")
    #expect(try again(&own) == "{a=[1,-2.5e3,[],{}],b={c=d},e=w,f=w}")
    try own.end()
    var numbers = reader("[0, 12, 1e2, -0.5]")
    try numbers.beginArray()
    var found: [Double] = []
    while try numbers.nextElement() { found.append(try numbers.number()) }
    #expect(found == [0, 12, 100, -0.5])
  }

  @Test(
    "Escapes are read as Foundation does",
    arguments: [#""a\"b\\c\/d\b\f\n\r\t""#, #""\u00e9\u4e2d\ud83d\ude00""#, "\"é中😀\"", "\"\""])
  func escapes(_ text: String) throws {
    var own = reader(text)
    let expected =
      try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? String
    #expect(try own.string() == expected)
  }

  @Test("Half of a pair reads as the replacement character, and what follows stays")
  func surrogates() throws {
    var own = reader(#"["\ud83dx", "\ude00", "\ud83d\n", "\ud83d\ud83d\ude00"]"#)
    #expect(try again(&own) == "[\u{FFFD}x,\u{FFFD},\u{FFFD}\n,\u{FFFD}😀]")
  }

  @Test("A file of several pieces, gzipped or not, is read as one, and JSON Lines value by value")
  func files() throws {
    let scratch = try Scratch()
    let strings = (0..<40_000).map { "string number \($0) é" }
    let data = Array(try JSONSerialization.data(withJSONObject: strings))
    for bytes in [data, Gzip.compress(data), [0xEF, 0xBB, 0xBF] + data] {
      var own = try JSONReader(path: try scratch.write(bytes, as: "a.json"))
      var read: [String] = []
      try own.beginArray()
      while try own.nextElement() { read.append(try own.string()) }
      try own.end()
      #expect(read == strings)
    }
    var lines = reader("{\"a\":1}\n\n{\"a\":2}\n")
    var count = 0
    while try lines.nextValue() {
      try lines.skip()
      count += 1
    }
    #expect(count == 2)
  }

  @Test(
    "Mistakes are reported with their place",
    arguments: [
      ("{\"a\":[1,2", "ends too early, at byte 9, a[1]"), ("[1 2]", "byte 3, [0]: expected ',' or ']'"),
      ("{\"a\":1,}", "expected another member after ','"), ("{1:2}", "expected a key"),
      ("{\"a\" 1}", "expected ':'"),
      ("[01]", "expected a number, found '01'"), ("[1.]", "expected a number"), ("[tru]", "found 'tru'"),
      ("[NaN]", "expected a value, found 'N'"), ("[\"\u{1}\"]", "without control characters"),
      ("[\"\\x\"]", "expected an escape"),
      ("[\"\\u12g4\"]", "four hexadecimal digits"), ("[\"abc", "ends too early"), ("", "ends too early"),
      ("[1]x", "expected the end of the file, found 'x'"),
      ("{\"a\":{\"b\":[[],[0,x]]}}", "a.b[1][1]: expected a value"),
    ])
  func mistakes(_ text: String, _ part: String) throws {
    let error = #expect(throws: JSONError.self) {
      var own = reader(text)
      try own.skip()
      try own.end()
    }
    #expect(try #require(error).description.contains(part), "\(error?.description ?? "")")
  }

  @Test("Other bytes than UTF-8, deep nesting and a file that is cut off anywhere are errors")
  func attacks() throws {
    let bad = #expect(throws: JSONError.self) {
      var own = JSONReader(data: [0x22, 0xFF, 0x22], file: "a.json")
      _ = try own.string()
    }
    #expect(try #require(bad).description.contains("UTF-8"))
    let deep = #expect(throws: JSONError.self) {
      var own = reader(String(repeating: "[", count: 1_000_000))
      try own.skip()
    }
    #expect(deep == .tooDeep(file: "a.json", offset: 512, limit: 512))
    let text = "{\"images\":[{\"id\":1,\"x\":\"é\\u00e9\"},{\"id\":-2.5e1}],\"ok\":[true,null]}"
    for count in 0..<text.utf8.count {
      #expect(throws: JSONError.self) {
        var own = JSONReader(data: Array(text.utf8.prefix(count)), file: "a.json")
        try own.skip()
        try own.end()
      }
    }
  }

  @Test(
    "Texts that are no JSON are known by their beginning",
    arguments: [
      ("{\"a\":1}", true), (" [ {", true), ("[]", true), ("[man] walks", false), ("{x}", false),
      ("a dog", false), ("", false),
    ])
  func start(_ text: String, _ isJSON: Bool) throws {
    var own = reader(text)
    #expect(try own.startsAsJSON() == isJSON)
  }
}
