import CellgateData
import CellgateTestSupport
import Testing

@Suite("Tunes in ABC notation")
struct ABCTuneTests {
  private let head = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:D\n"

  private func failure(_ text: String) throws -> String {
    try #require(throws: ABCError.self) { try ABCTune(text) }.description
  }

  @Test("Notes, rests, chords, tuplets, broken rhythms and grace notes make bars of the meter")
  func bars() throws {
    let bars = [
      "ABcd efga", "A2B2 c2d2", "^A,,4 _b'4", "z4 x4", "[CEG]4 [C2E2]2", "(3ABc d2 e2 f2", "A>B c<d e>>f g2",
      "{ga}A8", "\"Am\"A4 !trill!~B4", "A/2B/2 c// d3/4 e5 f", "(ABc)-c d4", "A3/2B/ c2 d4", "(6ABcABc d6",
      "(5:4:5ABcde d4", "Z",
    ]
    for bar in bars {
      let tune = try ABCTune(head + "A8|" + bar + "|A8|]\n")
      #expect(tune.bars.count == 3 && abs(tune.bars[1].duration - 1) < 1e-9, "\(bar): \(tune.bars)")
    }
    let tune = try ABCTune(head + "[CEG]4 z4|\n")
    #expect(tune.notes == 1 && tune.header.map(\.letter) == ["X", "T", "M", "L", "K"])
    #expect(tune.header[1].value == "A tune")
  }

  @Test("An upbeat, its complement, repeats, endings and changes of the meter are right")
  func parts() throws {
    let bodies = [
      "A2|B8|c6:|\nd2|e8|f6|]", "|:A8:|:B8:|", "|:A8|1 B8:|2 c8||", "A8|[M:3/4]A6|B6|]",
      "A8|\nM:6/8\nABc def|]",
      "A4:|:B4|A8|", "A8|B8", "|: A8 |[1 B8 :|[2 c8 |]", "A8 | % a remark & signs\nw: la la\nB8 |]",
    ]
    for body in bodies { #expect(throws: Never.self, "\(body)") { try ABCTune(head + body + "\n") } }
    #expect(try ABCTune("X:2\nK:C\nABC|DEFG|\n").bars.map(\.meter) == [nil, nil])
    // Without L: the note is a sixteenth where the meter is shorter than 3/4.
    #expect(try ABCTune("X:2\nM:2/4\nK:C\nABcdefga|ABcdefga|\n").bars[0].duration == 0.5)
    #expect(try ABCTune("X:2\nM:C\nK:C\nABcdefga|ABcdefga|\n").bars[0].duration == 1)
  }

  @Test("What is wrong is named with its line")
  func errors() throws {
    #expect(try failure("") == "line 1: expected X: first, found nothing")
    #expect(try failure("T:x\nX:1\nK:C\nABC\n") == "line 1: expected X: and a number first, found T:")
    #expect(
      try failure("X:1\nT:x\nABC|\n")
        == "line 3: expected a field of the header, K: being the last, found music")
    #expect(try failure("X:1\nM:4/4\n") == "line 2: expected K: at the end of the header, found none")
    #expect(try failure(head) == "line 5: expected notes, found none")
    #expect(try failure(head + "z8|z8|]\n").contains("expected notes, found none"))
    #expect(try failure(head + "A8|B7|c8|]\n") == "line 6: bar 2: expected one bar of the meter, found 0.875")
    #expect(
      try failure(head + "A8|\nB9|c8|]\n")
        == "line 7: bar 2: expected at most one bar of the meter, found 1.125")
    #expect(try failure(head + "A8|B4?4|\n") == "line 6: expected ABC notation, found '?'")
    #expect(try failure(head + "A8|^|\n").contains("expected a note after an accidental"))
    #expect(try failure(head + "\"Am A8|\n").contains("expected \" after a chord's name"))
    #expect(try failure(head + "[CE|\n").contains("expected ] after ["))
  }

  @Test("The tunes of a book are counted")
  func book() {
    let good = head + "A8|B8|]\n"
    let check = ABCTune.check("left out\n" + good + "\n" + head + "A9|]\n" + good)
    #expect(check.tunes == 3 && check.valid == 2)
    #expect(
      check.firstError
        == ABCError(line: 6, reason: "bar 1: expected at most one bar of the meter, found 1.125"))
    #expect(ABCTune.texts(in: "no tune\n").isEmpty)
  }

  @Test("No text crashes the reader")
  func fuzz() {
    var random = SplitMix(state: 9)
    let signs = Array("ABCdefgz|:[](){}<>^_='\",/0123456789!+~ \nMLKX%")
    for _ in 0..<2000 {
      let text = head + String((0..<40).map { _ in signs[Int(random.next() % UInt64(signs.count))] })
      _ = try? ABCTune(text)
    }
  }
}
