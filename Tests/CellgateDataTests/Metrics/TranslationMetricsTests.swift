import Foundation
import Testing

@testable import CellgateData

@Suite("Metrics of translations")
struct TranslationMetricsTests {
  /// Made texts with what sacreBLEU 2.6.0 says of them; see TranslationScores/generate.py.
  private struct Case: Decodable {
    struct Scores: Decodable {
      var tokenizer: String
      var lowercase: Bool
      var bleu: Double
      var precisions: [Double]
      var brevity_penalty: Double
      var lengths: [Int]
      var chrf: Double
      var signature: String
      var chrf_signature: String
    }
    var name: String
    var candidates: [String]
    var references: [[String]]
    var scores: [Scores]
  }

  @Test("Scores and signatures are sacreBLEU's, with both tokenizers, with capital letters and without")
  func known() throws {
    let file = try #require(
      Bundle.module.url(forResource: "scores", withExtension: "json", subdirectory: "TranslationScores"))
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    #expect(cases.count == 8)
    for own in cases {
      for expected in own.scores {
        let tokenizer = try #require(TranslationTokenizer(rawValue: expected.tokenizer))
        let found = TranslationMetrics(
          candidates: own.candidates, references: own.references, tokenizer: tokenizer,
          isLowercased: expected.lowercase)
        let name = Comment(rawValue: "\(own.name), \(expected.tokenizer), \(expected.lowercase)")
        // The same sums in another order.
        #expect(abs(found.bleu - expected.bleu) < 1e-9, name)
        #expect(abs(found.chrF - expected.chrf) < 1e-9, name)
        #expect(abs(found.brevityPenalty - expected.brevity_penalty) < 1e-12, name)
        for (one, other) in zip(found.precisions, expected.precisions) {
          #expect(abs(one - other) < 1e-9, name)
        }
        #expect([found.candidateLength, found.referenceLength] == expected.lengths, name)
        #expect(found.signature == expected.signature && found.chrFSignature == expected.chrf_signature)
      }
    }
  }

  @Test("Without sentences all scores are 0, and a different number of references is said")
  func few() {
    let none = TranslationMetrics(candidates: [], references: [])
    #expect(none.bleu == 0 && none.chrF == 0)
    let varied = TranslationMetrics(candidates: ["a", "b"], references: [["a"], ["b", "c"]])
    #expect(varied.signature.hasPrefix("nrefs:var|"))
  }

  @Test("The sum over sentences doesn't depend on their order")
  func order() {
    let candidates = ["the cat sat on the mat", "two dogs run", "", "a b c d e f"]
    let references = [["the cat is on the mat"], ["two dogs are running", "dogs run"], ["x"], ["a b c d e"]]
    let found = TranslationMetrics(candidates: candidates, references: references)
    let other = TranslationMetrics(candidates: candidates.reversed(), references: references.reversed())
    #expect(found == other && found.bleu > 0 && found.bleu < 100)
  }
}
