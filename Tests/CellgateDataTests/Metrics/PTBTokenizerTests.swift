import CellgateFiles
import Foundation
import Testing

@testable import CellgateData

@Suite("The Penn Treebank's tokens")
struct PTBTokenizerTests {
  @Test("Odd texts give the tokens that pycocoevalcap gives", arguments: OddTexts.all)
  func odd(_ text: String, _ tokens: String) {
    #expect(Array(PTBTokenizer().tokenize(text).unicodeScalars) == Array(tokens.unicodeScalars))
  }

  @Test("A letter with a period ends a sentence when the next caption begins one")
  func nextCaption() {
    let tokenizer = PTBTokenizer()
    #expect(tokenizer.tokenize("Vitamin K.") == "vitamin k.")
    #expect(tokenizer.tokenize(["Vitamin K.", "The dog"]) == ["vitamin k", "the dog"])
    #expect(tokenizer.tokenize(["Vitamin K.", "", " ", "A dog"])[0] == "vitamin k")
    #expect(tokenizer.tokenize(["Vitamin K.", "Dogs", "The dog"])[0] == "vitamin k.")
    #expect(tokenizer.tokenize(["No.", "5 dogs"]) == ["no.", "5 dogs"])
  }

  @Test("Captions of no words and of very many are tokenised; line breaks count as spaces")
  func lengths() {
    let tokenizer = PTBTokenizer()
    #expect(tokenizer.tokenize("") == "" && tokenizer.tokenize(" \t\u{A0} ...") == "")
    #expect(
      tokenizer.tokens("one\ntwo\r\nthree\u{2028}four\u{B}five") == ["one", "two", "three", "four", "five"])
    let long = String(repeating: "Dogs' 1 1/2 ", count: 10_000)
    #expect(tokenizer.tokens(long).count == 30_000)
  }

  @Test("A text of any characters ends, and every token is in lower case without a space at its ends")
  func random() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let length = Int.random(in: 0..<40, using: &generator)
      var text = String.UnicodeScalarView()
      for _ in 0..<length {
        let most: UInt32 = Bool.random(using: &generator) ? 0x7F : 0x1_FFFF
        if let scalar = Unicode.Scalar(UInt32.random(in: 0...most, using: &generator)) { text.append(scalar) }
      }
      for token in PTBTokenizer.all(String(text)) {
        #expect(!token.isEmpty && token == PTBScanner.lowercased(token), "\(Array(text))")
      }
    }
  }

  @Test(
    "Known tokens are given", .enabled(if: CaptionData.isThere, "set CELLGATE_DATA to the data directory"))
  func known() throws {
    let pairs = try #require(try CaptionData.json("caption_metrics/ptb_tokens.json.gz") as? [[String]])
    #expect(pairs.count == 334)
    let tokens = PTBTokenizer().tokenize(pairs.map { $0[0] })
    for (pair, own) in zip(pairs, tokens) { #expect(own == pair[1]) }
  }
}

/// Files of the data directory.
enum CaptionData {
  static let folder = ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? ""
  static var isThere: Bool { FileManager.default.fileExists(atPath: folder + "/caption_metrics") }
  /// The user's copy of METEOR.
  static let meteor = ProcessInfo.processInfo.environment["CELLGATE_METEOR"] ?? ""

  static func json(_ name: String) throws -> Any {
    let path = folder + "/" + name
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    if Gzip.isGzip(bytes) { bytes = try Gzip.decompress(bytes, file: path, limit: 1 << 28) }
    return try JSONSerialization.jsonObject(with: Data(bytes))
  }
}
