import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateData

@Suite("Pairs of sentences")
struct SentencePairsTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func write(_ text: String, _ name: String) throws -> String {
    try scratch.write(Array(text.utf8), as: name)
    return scratch.file(name)
  }

  @Test("Two texts are pairs line by line, one text with tabs too")
  func reads() throws {
    let (one, other) = (try write("a b\n\nc\r\n", "a.txt"), try write("A B\nX\nC", "b.txt"))
    let pairs = try SentencePairs(source: one, target: other)
    #expect(pairs.source == ["a b", "", "c"] && pairs.target == ["A B", "X", "C"] && pairs.count == 3)
    let table = try SentencePairs(try write("a b\tA B\tsomeone\n\tX\nc\tC\n", "c.tsv"))
    #expect(table == pairs)
    #expect(pairs.part([2, 0]).source == ["c", "a b"])
  }

  @Test("What is wrong is one line that names the file, the line and what was found")
  func mistakes() throws {
    func reason(_ body: () throws -> SentencePairs) -> String {
      do {
        _ = try body()
        return ""
      } catch { return "\(error)" }
    }
    let (two, three) = (try write("a\nb\n", "two.txt"), try write("a\nb\nc\n", "three.txt"))
    #expect(
      reason { try SentencePairs(source: two, target: three) }
        == "\(three): expected as many lines as \(two), 2, found 3")
    #expect(reason { try SentencePairs(try write("a\tA\nb\n", "c.tsv")) }.contains("c.tsv: line 2: expected"))
    #expect(reason { try SentencePairs(source: "absent.de", target: two) }.contains("absent.de"))
    try scratch.write([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B], as: "cut.gz")
    #expect(reason { try SentencePairs(source: scratch.file("cut.gz"), target: two) }.contains("cut.gz"))
    try scratch.write([0x61, 0xFF, 0x62], as: "bytes.txt")
    #expect(reason { try SentencePairs(source: scratch.file("bytes.txt"), target: two) }.contains("byte 1"))
  }
}
