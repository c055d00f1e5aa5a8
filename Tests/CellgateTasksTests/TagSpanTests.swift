import Testing

@testable import CellgateTasks

@Suite("Spans of tags")
struct TagSpanTests {
  private func spans(_ tags: String) -> [String] {
    TagSpan.spans(tags.split(separator: " ").map(String.init)).map {
      "\($0.type) \($0.tokens.lowerBound)-\($0.tokens.upperBound - 1)"
    }
  }

  /// By hand from the rules of seqeval's default mode.
  @Test(
    "Spans are those of seqeval's default mode",
    arguments: [
      ("O O", []),
      ("B-PER I-PER O B-LOC", ["PER 0-1", "LOC 3-3"]),
      // Each B begins a span.
      ("B-PER B-PER I-PER", ["PER 0-0", "PER 1-2"]),
      // An I after O, or of another type, begins one.
      ("O I-PER I-PER O", ["PER 1-2"]),
      ("I-PER I-LOC I-LOC", ["PER 0-0", "LOC 1-2"]),
      ("B-PER I-LOC", ["PER 0-0", "LOC 1-1"]),
      // BIOES: E ends a span, S is one.
      ("B-PER I-PER E-PER S-LOC O", ["PER 0-2", "LOC 3-3"]),
      ("S-LOC S-LOC", ["LOC 0-0", "LOC 1-1"]),
      ("B-PER E-PER I-PER", ["PER 0-1", "PER 2-2"]),
      ("O E-PER E-PER", ["PER 1-1", "PER 2-2"]),
      ("S-PER I-PER", ["PER 0-0", "PER 1-1"]),
      ("B-PER S-PER O", ["PER 0-0", "PER 1-1"]),
      // BILOU.
      ("B-ORG I-ORG L-ORG U-ORG", ["ORG 0-2", "ORG 3-3"]),
      // Without a prefix a run of one tag.
      ("PER PER O LOC PER", ["PER 0-1", "LOC 3-3", "PER 4-4"]),
      // Types may have hyphens, and may be missing.
      ("B-creative-work I-creative-work", ["creative-work 0-1"]),
      ("B I O B", ["_ 0-1", "_ 3-3"]),
    ] as [(String, [String])])
  func rules(tags: String, expected: [String]) {
    #expect(spans(tags) == expected)
  }

  @Test("Tags mean spans where one is O, or all have prefixes")
  func sets() {
    #expect(TagSpan.areSpans(["B-PER", "I-PER", "O"]))
    #expect(TagSpan.areSpans(["PER", "O"]))
    #expect(TagSpan.areSpans(["B-NP", "I-NP", "B-VP"]))
    #expect(!TagSpan.areSpans(["NOUN", "VERB", "X"]))
    #expect(!TagSpan.areSpans(["NN", "NN-S", "B-1"]))
    #expect(!TagSpan.areSpans([]))
  }

  @Test("Precision, recall and F1 are of whole spans, all together and of each type")
  func scores() {
    let scores = TagScores(
      expected: [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-PER"]],
      found: [["B-PER", "I-PER", "O", "B-PER"], ["B-LOC", "B-PER"]])
    #expect(scores.accuracy == 4.0 / 6 && scores.tokens == 6)
    // Of 3 spans 2 were found, and 4 were found in all.
    #expect(scores.spans == .init(right: 2, found: 4, expected: 3))
    #expect(scores.spans.precision == 0.5 && scores.spans.recall == 2.0 / 3)
    #expect(scores.spans.f1 == 4.0 / 7)
    #expect(scores.types["PER"] == .init(right: 2, found: 3, expected: 2))
    #expect(scores.types["LOC"] == .init(right: 0, found: 1, expected: 1))
    let none = TagScores(expected: [["O"]], found: [["O"]])
    #expect(none.spans.f1 == 0 && none.spans.precision == 0 && none.accuracy == 1)
    // An end that differs makes another span.
    let shorter = TagScores(expected: [["B-PER", "I-PER"]], found: [["B-PER", "O"]])
    #expect(shorter.spans.right == 0 && shorter.accuracy == 0.5)
  }
}
