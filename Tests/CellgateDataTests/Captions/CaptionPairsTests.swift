import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("Captions beside their references")
struct CaptionPairsTests {
  private let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private func file(_ text: String, _ name: String) throws -> String {
    try scratch.write(Array(text.utf8), as: name)
  }

  @Test("Files with ids are brought together by them, texts by their lines")
  func pairs() throws {
    let references = try file(
      #"[{"image_id":1,"caption":"a"},{"image_id":2,"caption":"b"},{"image_id":1,"caption":"c"}]"#, "r.json")
    let candidates = try file(
      "{\"image_id\":2,\"caption\":\"x\"}\n{\"image_id\":1,\"caption\":\"y\"}", "c.jsonl")
    let pairs = try CaptionPairs(candidates: candidates, references: [references])
    #expect(
      pairs.ids == ["1", "2"] && pairs.candidates == ["y", "x"] && pairs.references == [["a", "c"], ["b"]])
    let lines = try CaptionPairs(
      candidates: try file("x\n\n", "c.txt"),
      references: [try file("a\nb\n", "r1.txt"), try file("\nc\n", "r2.txt")])
    #expect(lines.candidates == ["x", ""] && lines.references == [["a", ""], ["b", "c"]])
  }

  @Test("Candidates without references are named, or left out on request; so are ids twice")
  func mistakes() throws {
    let two = try file(#"[{"image_id":1,"caption":"a"},{"image_id":2,"caption":"b"}]"#, "two.json")
    let other = try file(#"[{"image_id":2,"caption":"a"},{"image_id":3,"caption":"b"}]"#, "other.json")
    let one = try file(#"[{"image_id":2,"caption":"a"}]"#, "one.json")
    let twice = try file(#"[{"image_id":1,"caption":"a"},{"image_id":1,"caption":"b"}]"#, "twice.json")
    let text = try file("a\n", "a.txt")
    func error(_ candidates: String, _ references: [String]) throws -> CaptionDataError {
      try #require(
        #expect(throws: CaptionDataError.self) {
          try CaptionPairs(candidates: candidates, references: references)
        })
    }
    #expect(try error(other, [two]) == .noReferences(candidates: other, references: two, ids: ["3"]))
    #expect(try CaptionPairs(candidates: one, references: [two]).references == [["b"]])
    #expect(try error(twice, [two]) == .duplicatePicture(file: twice, id: "1"))
    #expect(try error(text, [two]).description.contains("a text with a caption a line"))
    #expect(try error(two, [two, one]).description.contains("as there are several files"))
    #expect(try error(text, [try file("a\nb\n", "b.txt")]).description.contains("expected 2 lines"))
    #expect(try error(try file("[]", "e.json"), [two]).description.contains("expected captions, found none"))
    let common = try CaptionPairs(candidates: other, references: [two], onlyCommon: true)
    #expect(common.ids == ["2"] && common.candidates == ["a"] && common.references == [["b"]])
  }

  @Test("A part of Karpathy's data sets can be scored alone")
  func part() throws {
    let references = try file(
      #"{"images":[{"filename":"a","split":"val","sentences":[{"raw":"x"}]},{"filename":"b","split":"test","sentences":[{"raw":"y"}]}]}"#,
      "k.json")
    let candidates = try file(#"[{"image_id":"b","caption":"z"}]"#, "c.json")
    #expect(try CaptionPairs(candidates: candidates, references: [references], split: .test).ids == ["b"])
    #expect(throws: CaptionDataError.emptySplit(file: references, split: "train")) {
      try CaptionPairs(candidates: candidates, references: [references], split: .train)
    }
  }
}
