import CellgateFiles
import CellgateTestSupport
import Testing

@testable import CellgateData

@Suite("METEOR")
struct MeteorTests {
  /// A copy of METEOR with lists of a few words of our own.
  private func folder() throws -> Scratch {
    let scratch = try Scratch()
    var archive = ZipArchive.Writer()
    func add(_ name: String, _ text: String) {
      archive.add(name, bytes: Array(text.utf8), isCompressed: true)
    }
    add("function/english.words", "the\na\nis\non\nof\n's\n")
    add("nonbreaking/english.prefixes", "# comment\n\nMr\nNo #NUMERIC_ONLY#\n")
    add("synonym/english.synsets", "car\n1 2\nautomobile\n2\nbig\n7\nlarge\n7 8\nmouse\n9\nrodent\n9\n")
    add("synonym/english.exceptions", "mouse\nmice\n")
    try archive.write(to: scratch.file("meteor-1.5.jar"))
    let table = "0.5\nin front of\nbefore\n0.1\nhouse\nhome\n"
    try scratch.write(Gzip.compress(Array(table.utf8)), as: "data/paraphrase-en.gz")
    return scratch
  }

  private func statistics(_ candidate: String, _ references: [String]) throws -> MeteorStatistics {
    let scratch = try folder()
    let meteor = try Meteor(folder: scratch.path)
    return try meteor.statistics([candidate], references: [references])[0]
  }

  @Test("An equal text has score 1, another one 0")
  func ends() throws {
    #expect(try statistics("the big dog", ["the big dog"]).score == 1)
    #expect(try statistics("the big dog", ["one small cat"]).score == 0)
    #expect(try statistics("", ["dog"]).score == 0 && statistics("dog", [""]).score == 0)
    #expect(try statistics("", [""]).score == 0)
  }

  @Test("The formula, by hand: one content word of two and one function word of one match in one chunk")
  func formula() throws {
    let statistics = try statistics("the dog runs", ["the dog sleeps"])
    let share = (0.75 * 1 + 0.25 * 1) / (0.75 * 2 + 0.25)
    // P and R are equal, so that F is both; 1 chunk of 2 words.
    #expect(abs(statistics.score - share * (1 - 0.6 * 0.870_550_563_296_124_1)) < 1e-12)
  }

  @Test(
    "Each module finds its matches, and counts them with its weight",
    arguments: [
      ("dogs", "dog", 1, 0.6), ("car", "automobile", 2, 0.8), ("mice", "rodent", 2, 0.8),
      ("cars", "automobile", 2, 0.8), ("house", "home", 3, 0.6), ("home", "house", 3, 0.6),
      ("in front of", "before", 3, 0.6),
    ])
  func modules(_ candidate: String, _ reference: String, _ module: Int, _ weight: Double) throws {
    let statistics = try statistics(candidate, [reference])
    #expect(
      statistics.candidateContentMatches[module] + statistics.candidateFunctionMatches[module]
        == candidate.split(separator: " ").count)
    #expect(abs(statistics.score - weight) < 1e-12)
  }

  @Test("The best of several references counts, and a set's score is that of the sums")
  func several() throws {
    let scratch = try folder()
    let meteor = try Meteor(folder: scratch.path)
    let scores = try meteor.score(
      ["the big dog", "a car"], references: [["no word", "the large dog", "the"], ["an automobile runs"]])
    let first = try statistics("the big dog", ["the large dog"])
    let second = try statistics("a car", ["an automobile runs"])
    #expect(scores.pictures == [first.score, second.score])
    var sum = MeteorStatistics()
    sum.add(first)
    sum.add(second)
    // The first candidate is matched as a whole: its chunk has no part in the sum.
    #expect(first.chunks == 1 && second.chunks == 1 && sum.chunks == 1)
    #expect(scores.overall == sum.score)
  }

  @Test(
    "Texts are split as METEOR's -norm does",
    arguments: [
      ("a man 's dog", "a man ' s dog"), ("ca n't stop", "ca n 't stop"),
      ("the u.s. at 5 p.m.", "the us at 5 pm"),
      ("x-ray 20-year-old", "x ray 20 year old"), ("Mr. X", "mr. x"), ("No. 5", "no. 5"),
      ("no. Five", "no . five"),
      ("end.", "end ."), ("end. here", "end. here"), ("1,000 a,b 3.14", "1,000 a , b 3.14"),
      ("a...b -- c", "a ... b - c"), ("``x'' “y” ‘z’", "\" x \" \" y \" ' z '"), ("5:30 50%", "5 : 30 50 %"),
      ("5's s'5 a'b'c", "5 's s ' 5 a 'b'c"), ("中文 é-é", "中 文 é é"), ("", ""), (".a. ph.d.", "a phd"),
    ])
  func normalizer(_ text: String, _ words: String) throws {
    let normalizer = MeteorNormalizer(prefixes: "Mr\nNo #NUMERIC_ONLY#".split(separator: "\n"))
    #expect(normalizer.words(text).joined(separator: " ") == words)
  }

  @Test("A match that makes a chunk more is left out when it counts nothing and there are two ways for it")
  func chunks() {
    func match(_ candidate: Int, _ reference: Int, _ module: MeteorModule) -> MeteorMatch {
      .init(candidate: candidate..<candidate + 1, reference: reference..<reference + 1, module: module)
    }
    func choice(_ matches: [MeteorMatch]) -> [MeteorMatch] {
      MeteorAligner.align(matches, candidateCount: 4, referenceCount: 4)
    }
    #expect(choice([match(0, 0, .stem)]) == [match(0, 0, .stem)])
    #expect(choice([match(0, 0, .stem), match(0, 0, .synonym)]).isEmpty)
    #expect(choice([match(0, 0, .exact), match(0, 1, .exact)]).count == 1)
    let both = [match(0, 0, .exact), match(1, 1, .stem), match(1, 1, .synonym)]
    #expect(choice(both) == Array(both[..<2]))
    #expect(choice([]).isEmpty)
  }

  @Test("Words are matched once, and as many as can be")
  func once() {
    for seed in 0..<200 {
      var matches: [MeteorMatch] = []
      for i in 0..<6 {
        for j in 0..<6 where (i * 31 + j * 17 + seed * 7) % 5 == 0 {
          matches.append(.init(candidate: i..<i + 1, reference: j..<j + 1, module: .exact))
        }
      }
      let choice = MeteorAligner.align(matches, candidateCount: 6, referenceCount: 6)
      #expect(
        Set(choice.map(\.candidate)).count == choice.count
          && Set(choice.map(\.reference)).count == choice.count)
      #expect(choice.isEmpty == matches.isEmpty)
    }
  }

  @Test("Captions of 10,000 words are aligned within a window")
  func long() throws {
    let text = (0..<10_000).map { $0 % 2 == 0 ? "dog" : "w\($0 % 50)" }.joined(separator: " ")
    #expect(try statistics(text, [text]).score > 0.9)
    #expect(try statistics(text, ["dog"]).candidateMatched == 1)
  }

  @Test("What is missing or damaged is named")
  func errors() throws {
    let scratch = try Scratch()
    let missing = #expect(throws: MeteorError.self) { try Meteor(folder: scratch.path) }
    #expect(try #require(missing).description.contains("meteor-1.5.jar: no such file"))
    var archive = ZipArchive.Writer()
    archive.add("function/english.words", bytes: Array("the".utf8), isCompressed: false)
    try archive.write(to: scratch.file("meteor-1.5.jar"))
    let list = #expect(throws: MeteorError.self) { try Meteor(folder: scratch.path) }
    #expect(try #require(list).description.contains("english.prefixes"))
    let whole = try folder()
    try whole.write([0x1F, 0x8B, 8, 0, 0], as: "data/paraphrase-en.gz")
    let meteor = try Meteor(folder: whole.path)
    let cut = #expect(throws: MeteorError.self) { try meteor.score(["a"], references: [["a"]]) }
    #expect(try #require(cut).description.contains("paraphrase-en.gz"))
  }
}
