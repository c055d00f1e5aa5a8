import Testing

@testable import CellgateFiles

@Suite("Texts of errors")
struct ErrorTextTests {
  private static let hostile = [
    "", "plain", "two\nlines", "\u{1B}[31mred", "\u{2028}\u{2029}\u{85}\u{202E}\u{0}",
    String(repeating: "x", count: 100_000), String(repeating: "\n", count: 5000),
    String(repeating: "💾", count: 5000), String(repeating: "\u{200B}", count: 5000),
  ]

  private static func isOneLine(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy {
      ![.control, .format, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
    }
  }

  @Test("A name from outside is escaped and cut", arguments: hostile)
  func names(name: String) {
    let quoted = quotedName(name)
    #expect(Self.isOneLine(quoted))
    #expect(quoted.utf8.count <= 243)
    #expect(quotedName("a\nb") == "a\\u{a}b")
    #expect(quotedName(String(repeating: "y", count: 121)) == String(repeating: "y", count: 120) + "…")
  }

  @Test("Every error is one line of less than a kilobyte, whatever its file is called", arguments: hostile)
  func lines(name: String) {
    let errors: [any Error & CustomStringConvertible] = [
      FileError.missing(file: name), CSVError.wrongHeader(file: name, expected: name, found: name),
      GzipError.corrupt(file: name, reason: name), IDXError.missing(tried: [name, name]),
      SafetensorsError.unknownKey(file: name, tensor: name, key: name),
    ]
    for error in errors {
      #expect(Self.isOneLine(error.description))
      #expect(error.description.utf8.count < 1000)
    }
  }

  @Test("Of a message that is too long the beginning and the end stay")
  func long() {
    let line = oneLine("begin " + String(repeating: "é", count: 3000) + " end")
    #expect(line.hasPrefix("begin é") && line.hasSuffix("é end") && line.contains("…"))
    #expect(oneLine(line) == line)
    #expect(oneLine("short: é\n") == "short: é\\u{a}")
  }

  @Test("Of many messages the first are said, and how many more there are")
  func many() {
    #expect(joined(["a"]) == "a")
    #expect(joined(["a", "b", "c"]) == "a; b; c")
    #expect(joined(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more")
  }
}
