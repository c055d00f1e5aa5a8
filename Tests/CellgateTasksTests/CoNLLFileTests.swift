import CellgateData
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks

@Suite("CoNLL files")
struct CoNLLFileTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func read(
    _ text: String, _ columns: [String]? = nil, needsTags: Bool = true
  ) throws -> CoNLLFile {
    let file = try scratch.write(Array(text.utf8), as: "a.conll")
    return try CoNLLFile(file, columns: try #require(TokenColumns(columns)), needsTags: needsTags)
  }

  private func failure(
    _ text: String, _ columns: [String]? = nil, needsTags: Bool = true
  ) throws -> String {
    try #require(throws: TaskDataError.self) { try read(text, columns, needsTags: needsTags) }.description
  }

  @Test("Tabs and spaces, blank lines of any kind, document marks and carriage returns")
  func forms() throws {
    let tabs = try read("\u{FEFF}New York\tB-LOC\r\nis\tO\r\n\t\r\n#big\tO\r\n")
    #expect(tabs.sentences.map(\.tokens) == [["New York", "is"], ["#big"]])
    #expect(tabs.sentences.map { $0.tags } == [["B-LOC", "O"], ["O"]])
    let spaces = try read("-DOCSTART- -X- O\n\nAda NNP  B-PER\n\n \nruns VBZ O")
    #expect(spaces.sentences.map(\.tokens) == [["Ada"], ["runs"]])
    #expect(spaces.sentences.map { $0.tags } == [["B-PER"], ["O"]])
    #expect(spaces.sentences[1].lines == [5])
    let marked = try read("# id 1\n# O\nAda B-PER\n# 1 2 3\nruns O\n")
    #expect(marked.sentences.map(\.tokens) == [["#", "Ada", "runs"]])
  }

  @Test("CoNLL-U: comments, multiword ranges and empty nodes are no tokens, and columns have names")
  func universal() throws {
    func line(_ id: String, _ form: String, _ tag: String) -> String {
      "\(id)\t\(form)\t_\t\(tag)\tX\(tag)\t_\t_\t_\t_\t_\n"
    }
    let text =
      "# text = don't\n" + line("1-2", "don't", "_") + line("1", "do", "AUX") + line("2", "n't", "PART")
      + line("2.1", "go", "VERB") + "\n" + line("1", "#", "SYM")
    let file = try read(text)
    #expect(file.isUniversal)
    #expect(file.sentences.map(\.tokens) == [["do", "n't"], ["#"]])
    #expect(file.sentences.map { $0.tags } == [["AUX", "PART"], ["SYM"]])
    #expect(try read(text, ["form", "xpos"]).sentences[0].tags == ["XAUX", "XPART"])
    #expect(try read(text, ["token", "tag"]).sentences[0].tags == ["AUX", "PART"])
    let added = file.adding([["A", "B"], ["C"]], other: "_").split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(added[0] == "# text = don't")
    #expect(
      added.map { $0.split(separator: "\t").last ?? "" } == [
        "# text = don't", "_", "A", "B", "_", "", "C", "",
      ])
    #expect(try failure(line("1", "a", "X") + line("one", "b", "X")).contains("line 2: expected a number"))
    #expect(try failure(line("1", "a", "_")).contains("line 1: expected a tag in column 4, found none"))
  }

  @Test("Columns are the first and the last, or those that are named")
  func columns() throws {
    let text = "Ada NNP B-PER\nruns VBZ O\n"
    #expect(try read(text).sentences[0].tags == ["B-PER", "O"])
    #expect(try read(text, ["token", "tag", "_"]).sentences[0].tags == ["NNP", "VBZ"])
    #expect(try read(text, ["1", "2"]).sentences[0].tags == ["NNP", "VBZ"])
    #expect(try read(text, ["3", "2"]).sentences[0].tokens == ["B-PER", "O"])
    #expect(
      TokenColumns(["token"]) == nil && TokenColumns(["a", "b"]) == nil && TokenColumns(["1", "1"]) == nil)
    #expect(TokenColumns(["0", "1"]) == nil && TokenColumns(["token", "tag", "tag"]) == nil)
    #expect(try failure(text, ["1", "5"]).contains("line 1: expected a tag in column 5, found none"))
    #expect(try failure(text, ["7", "2"]).contains("expected a token in column 7, found 3 columns"))
    #expect(try failure(text, ["form", "upos"]).contains("expected CoNLL-U"))
    // Tokens alone, whatever the columns of training were.
    let tokens = try read("Ada\nruns\n", ["2", "3"], needsTags: false)
    #expect(tokens.sentences[0].tokens == ["Ada", "runs"] && tokens.sentences[0].tags == [nil, nil])
    #expect(tokens.adding([["X", "Y"]], other: "_") == "Ada\tX\nruns\tY\n")
  }

  @Test("One more column is added to the lines of tokens, and all else stays")
  func adding() throws {
    let text = "# a comment of words\r\nAda NNP\r\nruns VBZ \r\n\r\n\r\n-DOCSTART- X\r\nOslo NNP"
    let file = try read(text, needsTags: false)
    #expect(
      file.adding([["P", "Q"], ["R"]], other: "O")
        == "# a comment of words\r\nAda NNP P\r\nruns VBZ Q\r\n\r\n\r\n-DOCSTART- X O\r\nOslo NNP R\n")
  }

  @Test("What is wrong is one line that names the file and the line")
  func errors() throws {
    #expect(
      try failure("a\tX\nb\n").contains("a.conll: line 2: expected 2 columns as in the lines before, found 1")
    )
    #expect(try failure("a X\nb Y Z\n").contains("line 2: expected 2 columns"))
    #expect(try failure("").contains("expected sentences, a token a line, found none"))
    #expect(try failure("\n\n \n").contains("expected sentences"))
    #expect(try failure("-DOCSTART- O\n").contains("expected sentences"))
    #expect(try failure("a\nb\n").contains("line 1: expected a tag in column 2, found none"))
    #expect(try failure("a\tO\nb\u{0}\tO\n").contains("line 2: expected text, found a byte 0"))
    #expect(try failure("\tO\n").contains("line 1: expected a token in column 1"))
    let binary = try scratch.write([0x61, 0x09, 0xFF, 0xFE, 0x0A], as: "b.conll")
    let error = #expect(throws: TaskDataError.self) {
      try CoNLLFile(binary, columns: try #require(TokenColumns(nil)), needsTags: true)
    }
    #expect(error?.description.contains("expected UTF-8 text") == true)
  }

  @Test("Any bytes give sentences, or an error in one line")
  func fuzz() throws {
    let rounds = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 1000
    let texts = [
      "-DOCSTART- O\n\nAda\tB-PER\r\nsails\tO\n\n#\tO\n",
      "# a\n1-2\ta\t_\tX\t_\t_\t_\t_\t_\t_\n1\ta\t_\tX\t_\t_\t_\t_\t_\t_\n",
      "Ada NNP B-PER\nsails VBZ O\n",
    ].map { Array($0.utf8) }
    let columns = [nil, ["1", "2"], ["token", "tag", "_"]].compactMap(TokenColumns.init)
    var mutations = Mutations(seed: 16)
    var (sizes, errors): ([(written: Int, tokens: Int)], [String]) = ([], [])
    for round in 0..<rounds {
      let file = try scratch.write(mutations.mutated(texts[round % 3]), as: "fuzz.conll")
      let chosen = columns[mutations.below(3)]
      do throws(TaskDataError) {
        let read = try CoNLLFile(file, columns: chosen, needsTags: round % 2 == 0)
        let tags = read.sentences.map { $0.tokens.map { _ in "T" } }
        sizes.append((read.adding(tags, other: "_").utf8.count, read.sentences.joinedCount))
      } catch { errors.append(error.description) }
    }
    #expect(sizes.allSatisfy { $0.written >= 2 * $0.tokens })
    #expect(!errors.contains { $0.contains("\n") })
  }
}

extension [CoNLLFile.Sentence] {
  fileprivate var joinedCount: Int { reduce(0) { $0 + $1.tokens.count } }
}
