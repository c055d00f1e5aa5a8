import CellgateFiles
import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("Vectors of words")
struct WordVectorsTests {
  private func vectors(_ text: String, _ words: Set<String>, gzip: Bool = false) throws -> WordVectors {
    let scratch = try Scratch()
    try scratch.write(gzip ? Gzip.compress(Array(text.utf8)) : Array(text.utf8), as: "v.txt")
    return try WordVectors(contentsOf: scratch.file("v.txt"), words: words)
  }

  @Test("GloVe's and word2vec's forms are read, of the words that are asked for", arguments: [false, true])
  func forms(gzip: Bool) throws {
    let glove = "the 1 -2.5 3e-1\n. . . 4 5 6\nking 7 8 9\nking 0 0 0"
    let found = try vectors(glove, ["The", "king", ". . .", "queen"], gzip: gzip)
    #expect(found.size == 3 && found.count == 3)
    #expect(found["The"] == [1, -2.5, 0.3] && found["the"] == [1, -2.5, 0.3] && found["king"] == [7, 8, 9])
    #expect(found[". . ."] == [4, 5, 6] && found["queen"] == nil)
    let word2vec = "2 3\r\nthe 1 2 3 \r\nKing 4 5 6 \r\n"
    let other = try vectors(word2vec, ["King", "the"], gzip: gzip)
    #expect(other["King"] == [4, 5, 6] && other["the"] == [1, 2, 3])
  }

  @Test(
    "What is wrong is named with its line",
    arguments: [
      ("the 1 2\nking 3\n", "line 2: expected a word and 2 numbers, found 1 after the first word"),
      ("2 3\nking 3 4\n", "line 2: expected a word and 3 numbers, found 2 after the first word"),
      ("the 1 2\nking 3 x\n", "line 2: expected 2 numbers after the word, found 'x'"),
      ("king nan 1\n", "line 1: expected 2 numbers after the word, found 'nan'"),
      ("king\n", "line 1: expected a word and its numbers, found 0 after the first word"),
      ("2 99999999\n", "line 1: expected 1 to 65536 numbers for each word, found 99999999"),
      ("", "expected a line with a word and its numbers, found none"),
      ("2 3\n", "expected a line with a word and its numbers, found none"),
    ])
  func wrong(text: String, reason: String) throws {
    let error = #expect(throws: TaskDataError.self) { try vectors(text, ["king"]) }
    #expect(error?.description.hasSuffix(": " + reason) == true, "\(error?.description ?? "")")
  }
}
