import Foundation
import Testing

@testable import CellgateData

@Suite("Metrics of captions")
struct CaptionMetricsTests {
  private static let references = [
    ["A red kite flies over the harbour.", "A kite is flying, high above some boats!"],
    ["Two cats sleep on the sofa.", "Two cats are asleep on a sofa"], ["The old clock doesn't work."], [""],
    ["A sailor's hat", "a hat of a sailor", "hats"],
  ]
  private static let candidates = [
    "a red kite is flying over the boats", "two cats sleep on the sofa", "", "", "hat",
  ]

  private func isClose(_ found: [Double], _ expected: [Double]) -> Bool {
    // The same sums in another order: a few roundings of numbers up to 10.
    zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-12 } && found.count == expected.count
  }

  @Test("Scores are pycocoevalcap's, empty captions among them")
  func known() throws {
    let metrics = try CaptionMetrics(candidates: Self.candidates, references: Self.references)
    #expect(
      isClose(
        metrics.overall.bleu, [0.6703200459462635, 0.6119156831826805, 0.532033373036368, 0.4410953964035528])
    )
    let bleu = [
      [0.9999999997500004, 0.8451542545096824, 0.6197980940738467, 8.307018472056667e-05],
      [0.9999999996666668, 0.9999999996500001, 0.999999999627778, 0.9999999995958335], [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0.999999998000002, 0.0009999999985000015, 9.999999986666685e-05, 3.162277656215536e-05],
    ]
    for (scores, expected) in zip(metrics.pictures, bleu) { #expect(isClose(scores.bleu, expected)) }
    #expect(isClose(metrics.pictures.map(\.rougeL), [0.6747787610619468, 1, 0, 1, 0.3609467455621302]))
    #expect(isClose([metrics.overall.rougeL], [0.6071451013248154]))
    #expect(
      isClose(
        metrics.pictures.map(\.cider), [2.828549422783977, 6.109025398923025, 0, 0, 0.7793642175784866]))
    #expect(isClose([metrics.overall.cider], [1.9433878078570976]))
    #expect(metrics.overall.meteor == nil && metrics.overall.named.map(\.name) == CaptionScores.names)
  }

  @Test("Of a single picture CIDEr is 0, and of none all scores are")
  func few() throws {
    let one = try CaptionMetrics(candidates: ["a dog"], references: [["a dog"]])
    #expect(one.overall.cider == 0 && one.overall.ciderPlain == 0 && one.overall.bleu[0] > 0.999)
    let none = try CaptionMetrics(candidates: [], references: [])
    #expect(none.overall.bleu == [0, 0, 0, 0] && none.overall.rougeL == 0 && none.pictures.isEmpty)
  }

  @Test("A caption that is one of its references has CIDEr 10 where no n-gram is in all pictures")
  func perfect() {
    let words: [[[Int32]]] = [[[1, 2, 3, 4, 5]], [[6, 7, 8, 9]], [[10, 11, 12, 13, 14, 15]]]
    for kind in [CIDEr.Kind.d, .plain] {
      let cider = CIDEr(documents: words, kind: kind)
      for references in words {
        #expect(abs(cider.score(references[0], references: references) - 10) < 1e-12)
      }
      #expect(cider.score([99], references: words[0]) == 0 && cider.score([], references: words[0]) == 0)
    }
  }

  @Test("CIDEr-D punishes repetition and another length, plain CIDEr only as far as the direction goes")
  func penalty() {
    let words: [[[Int32]]] = [[[1, 2, 3, 4]], [[5, 6, 7, 8]], [[9, 10, 11, 12]]]
    let (d, plain) = (CIDEr(documents: words), CIDEr(documents: words, kind: .plain))
    let repeated: [Int32] = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
    // Unigrams alone match, and in both have the reference's direction: 10/4 from them without the penalties.
    #expect(d.score(repeated, references: words[0]) < 0.25 * plain.score(repeated, references: words[0]))
    #expect(plain.score(repeated, references: words[0]) >= 2.5)
  }

  @Test("The longest common subsequence is symmetric and that of a brute-force search")
  func subsequence() {
    func slow(_ first: ArraySlice<Int32>, _ second: ArraySlice<Int32>) -> Int {
      guard let a = first.first, let b = second.first else { return 0 }
      if a == b { return 1 + slow(first.dropFirst(), second.dropFirst()) }
      return max(slow(first.dropFirst(), second), slow(first, second.dropFirst()))
    }
    for seed in 0..<60 {
      let first = (0..<(seed % 7)).map { Int32(($0 * 7 + seed) % 3) }
      let second = (0..<(seed % 8)).map { Int32(($0 * 5 + seed / 2) % 3) }
      let length = RougeL.longestCommonSubsequence(first, second)
      #expect(length == slow(first[...], second[...]))
      #expect(length == RougeL.longestCommonSubsequence(second, first))
    }
  }

  @Test("ROUGE-L sees single spaces, BLEU and CIDEr runs of white space, as pycocoevalcap does")
  func spaces() throws {
    let metrics = try CaptionMetrics(
      candidates: ["a\u{A0}b  c", "d"], references: [["a b c"], ["d"]], areTokenized: true)
    #expect(metrics.pictures[0].bleu[2] > 0.999)
    // Of "a\u{A0}b", "" and "c" only c is one of a, b and c.
    #expect(abs(metrics.pictures[0].rougeL - 1.0 / 3) < 1e-12)
  }

  @Test("Captions of 10,000 words are scored")
  func long() throws {
    let text = (0..<10_000).map { "w\($0 % 977)" }.joined(separator: " ")
    let metrics = try CaptionMetrics(candidates: [text, "b"], references: [[text], ["b"]])
    #expect(metrics.pictures[0].rougeL > 0.999 && metrics.pictures[0].cider > 5)
  }

  // MARK: Known answers

  private struct Known {
    var candidates: [String] = [], references: [[String]] = [], pictures: [[Double]] = []
    var expected: [String: Double]

    init(_ name: String) throws {
      let file = try #require(try CaptionData.json("caption_metrics/\(name).json.gz") as? [String: Any])
      expected = try #require(file["expected"] as? [String: Double])
      let own = try #require(file["candidates"] as? [String: Any])
      let all = try #require(file["references"] as? [String: [String]])
      let scores = try #require(file["per_picture"] as? [String: [Double]])
      for id in all.keys.sorted(by: { (Int($0) ?? 0, $0) < (Int($1) ?? 0, $1) }) {
        candidates.append(try #require(own[id] as? String ?? (own[id] as? [String])?.first))
        references.append(all[id] ?? [])
        pictures.append(scores[id] ?? [])
      }
    }
  }

  @Test(
    "Known answers with the Penn Treebank's tokens agree to 1e-12, each picture's too",
    .enabled(if: CaptionData.isThere, "set CELLGATE_DATA to the data directory"),
    arguments: ["ptb_flickr8k_test_human", "ptb_flickr8k_test_shuffled", "ptb_tricky"])
  func answers(_ name: String) throws {
    let known = try Known(name)
    let metrics = try CaptionMetrics(candidates: known.candidates, references: known.references)
    for (name, value) in metrics.overall.named where value != nil && name != "CIDEr_plain" {
      #expect(abs((value ?? 0) - (known.expected[name] ?? .nan)) < 1e-12, "\(name)")
    }
    for (scores, expected) in zip(metrics.pictures, known.pictures) {
      #expect(
        isClose(scores.bleu + [scores.rougeL, scores.cider], Array(expected[..<4]) + Array(expected[5...])))
    }
  }

  @Test(
    "Known METEORs agree to 1e-6 for 97 % of pictures, and to 4e-4 over a set: of equal alignments METEOR may choose another",
    .enabled(
      if: CaptionData.isThere && !CaptionData.meteor.isEmpty,
      "set CELLGATE_DATA to the data directory and CELLGATE_METEOR to the folder 'meteor' of pycocoevalcap"),
    arguments: ["ptb_flickr8k_test_human", "ptb_flickr8k_test_shuffled", "ptb_tricky"])
  func meteor(_ name: String) throws {
    let known = try Known(name)
    let metrics = try CaptionMetrics(
      candidates: known.candidates, references: known.references,
      meteor: try Meteor(folder: CaptionData.meteor))
    let tolerance = name == "ptb_tricky" ? 1e-12 : 4e-4
    #expect(abs((metrics.overall.meteor ?? 0) - (known.expected["METEOR"] ?? .nan)) < tolerance)
    let different = zip(metrics.pictures, known.pictures).filter { abs(($0.meteor ?? 0) - $1[4]) > 1e-6 }
    #expect(Double(different.count) < 0.03 * Double(known.pictures.count), "\(different.count)")
  }

  @Test(
    "Known answers of tokens split on spaces agree to 1e-12",
    .enabled(if: CaptionData.isThere, "set CELLGATE_DATA to the data directory"))
  func tokenized() throws {
    let file = try #require(try CaptionData.json("caption_metrics/metrics_expected.json") as? [String: Any])
    func expected(_ name: String) throws -> [String: Double] {
      try #require((file[name] as? [String: Any])?["computed"] as? [String: Double])
    }
    func check(_ name: String, _ candidates: [String], _ references: [[String]]) throws {
      let metrics = try CaptionMetrics(candidates: candidates, references: references, areTokenized: true)
      let known = try expected(name)
      for (score, value) in metrics.overall.named {
        guard let value, let other = known[score] else { continue }
        #expect(abs(value - other) < 1e-12, "\(name) \(score)")
      }
    }
    func words(_ text: String) -> String {
      var text = String(
        text.lowercased().unicodeScalars.map {
          "abcdefghijklmnopqrstuvwxyz0123456789' ".contains(Character($0)) ? Character($0) : " "
        })
      text = text.replacingOccurrences(of: " '", with: " ")
      return text.split(separator: " ").joined(separator: " ")
    }
    let example = try #require(file["nlg_eval_example"] as? [String: Any])
    let (refs, hyps) = (
      example["refs"] as? [String: [String]] ?? [:], example["hyps"] as? [String: [String]] ?? [:]
    )
    try check("nlg_eval_example", ["0", "1"].map { hyps[$0]?[0] ?? "" }, ["0", "1"].map { refs[$0] ?? [] })

    let set = try CaptionSet(
      CaptionData.folder + "/flickr8k/Flickr8k.token.txt.gz",
      splits: ["train", "dev", "test"].map { CaptionData.folder + "/flickr8k/Flickr_8k.\($0)Images.txt.gz" })
    let test = try set.usable(.test).map { set.pictures[$0].captions.map(words) }
    try check("flickr8k_test_human", test.map { $0[4] }, test.map { Array($0[..<4]) })
    try check(
      "flickr8k_test_constant_caption", test.map { _ in "a dog is running through the grass" },
      test.map { Array($0[..<4]) })
  }
}
