import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Rows, parts and tokens of classify")
struct SequenceDataTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func task(_ file: String, _ options: [String: OptionValue]) throws -> ClassifyTask {
    var settings = ClassifyTask.defaults
    settings.taskOptions.merge(options) { $1 }
    settings.cell = "lstm"
    return try ClassifyTask(
      settings: try ClassifyTask.prepared(settings, data: .file(file)), data: .unspecified)
  }

  private func table(_ lines: [String], as name: String = "a.csv") throws -> String {
    try scratch.write(Array((lines.joined(separator: "\n") + "\n").utf8), as: name)
  }

  @Test("Rows of one group are all in one part, of about the shares that are asked for")
  func groups() {
    let rows = (0..<200).map { index in
      var row = SequenceRows.Row(id: "\(index)", line: index, label: index % 3 == 0 ? "a" : "b")
      row.splitGroup = "\(index % 25)"
      return row
    }
    let parts = PartChoice(validation: 20, test: 20).parts(of: rows)
    let groups = [parts.training, parts.validation, parts.test].map { Set($0.compactMap(\.splitGroup)) }
    #expect(groups[0].isDisjoint(with: groups[1]) && groups[0].isDisjoint(with: groups[2]))
    #expect(groups[1].isDisjoint(with: groups[2]))
    #expect(groups.map(\.count) == [15, 5, 5])
    #expect(Set((parts.training + parts.validation + parts.test).map(\.id)).count == 200)
  }

  @Test("Parts follow each other in time, and equal times stay together")
  func times() throws {
    let file = try table(
      ["text,y,day"]
        + (0..<40).map { "word\($0 % 7) \($0),\($0 % 2),\(1 + (39 - $0) / 4).3.2024" })
    let found = try task(file, ["text": "text", "label": "y", "split-time": "day", "least-count": 1])
    func days(_ rows: [SequenceRows.Row]) -> Set<Int> { Set(rows.compactMap(\.splitTime)) }
    let parts = try SequenceParts(found.settings, file, .classes, model: nil)
    // Shares of 15 percent are 6 rows; of the day that a part would begin in the middle of it takes all.
    #expect(days(parts.test) == [8, 9] && days(parts.validation) == [6, 7])
    #expect(days(parts.training) == [0, 1, 2, 3, 4, 5])
  }

  @Test("Missing numbers are the line between neighbours, the last one, or the mean beside a mark")
  func missing() throws {
    let numbers: [Float] = [.nan, 2, .nan, 6, .nan]
    #expect(MissingNumbers.interpolate.filled(numbers, width: 1) == [2, 2, 4, 6, 6])
    #expect(MissingNumbers.last.filled(numbers, width: 1).dropFirst() == [2, 2, 6, 6])
    #expect(MissingNumbers.last.filled(numbers, width: 1)[0].isNaN)
    let lines = (0..<8).flatMap { group in
      (0..<3).map { "\(group),\($0),\($0 == 1 ? "" : "\(group + $0)"),\(group % 2)" }
    }
    let file = try table(["id,t,x,y"] + lines)
    let options: [String: OptionValue] = [
      "features": ["x"], "label": "y", "group": "id", "time": "t", "missing": "mask", "noise": 0,
    ]
    let found = try task(file, options)
    #expect(found.batches.encoder.input == .numbers(width: 2))
    let example = found.batches.training[0]
    #expect(example.values[1] == 1 && example.values[5] == 1)
    #expect(Array(example.values[2..<4]) == [0, 0])
    let noise = try #require(found.batches.encoder.noise(1))
    var stream = RandomStream(seed: 1, name: "test")
    let changed = noise(example, &stream)
    let marks = stride(from: 1, to: changed.values.count, by: 2).map { changed.values[$0] }
    #expect(marks.allSatisfy { $0 == 0 || $0 == 1 })
  }

  @Test("Times between steps are one more number, also where a sequence comes piece by piece")
  func gaps() throws {
    let file = try table(
      ["id,t,x,y"]
        + (0..<8).flatMap { group in
          ["00:00:00", "00:00:10", "00:01:00"].map { "\(group),2024-01-01 \($0),\(group),\(group % 2)" }
        })
    let found = try task(
      file, ["features": ["x"], "label": "y", "group": "id", "time": "t", "gaps": "yes", "noise": 0])
    let scaler = try #require(found.batches.encoder.preprocessing.inputScaler)
    #expect(scaler.means.count == 2 && abs(scaler.means[1] - 20) < 1e-4)
    let source = try #require(found.batches.encoder.preprocessing.rows)
    let whole = try SequenceRows(file, source: source, labels: nil).rows
    #expect(whole[0].numbers == [0, 0, 0, 10, 0, 50])
    var groups = OpenGroup(column: "id", features: 1)
    var rows: [SequenceRows.Row] = []
    let lines = try TextLines.read(file)
    for line in lines.dropFirst() {
      let piece = try DataTable(try table([lines[0], line], as: "piece.csv"))
      rows += try groups.closed(by: try SequenceRows(piece, source: source, labels: nil).rows, in: piece)
    }
    #expect(rows.map(\.numbers) == whole.dropLast().map(\.numbers))
  }

  @Test("Words are those of a list, of the training part and of vectors, at either end, with or without case")
  func words() throws {
    let file = try table(
      ["text,y"] + (0..<40).map { "\"Good old words number \($0 % 4) and Rare\($0) end\",\($0 % 2)" })
    let list = try table(["good", "end"], as: "words.txt")
    let given = try task(file, ["text": "text", "label": "y", "vocabulary": .text(list), "length": 2])
    #expect(given.batches.encoder.words == ["good", "end"])
    #expect(given.batches.encoder.tokens(of: "Good old end") == ["old", "end"])
    #expect(given.batches.encoder(.init(id: "", line: 1, text: "Good old end")).values == [1, 3])
    let start = try task(
      file, ["text": "text", "label": "y", "truncate": "end", "lowercase": "no", "length": 2])
    #expect(start.batches.encoder.tokens(of: "Good old end") == ["Good", "old"])
    #expect(start.batches.encoder.words.contains("Good") && !start.batches.encoder.words.contains("good"))
    let vectors = try table(["rare1 1 2", "old 3 4", "rare39 5 6", "never 7 8"], as: "vectors.txt")
    let known = try task(
      file,
      ["text": "text", "label": "y", "vectors": .text(vectors), "embedding": 2, "least-count": 30])
    let words = known.batches.encoder.words
    #expect(words.contains("old") && !words.contains("never"))
    let place = try #require(words.firstIndex(of: "old"))
    let table = try #require(known.makeModel(cell: .lstm)["embedding"] as? Embedding).weight.value
    #expect(table[place + 2].scalars == [3, 4])
  }

  @Test("Pieces are learned from the training part, and a model's file has them")
  func pieces() throws {
    let file = try table(["text,y"] + (0..<40).map { "\"reading and writing \($0)\",\($0 % 2)" })
    let found = try task(file, ["text": "text", "label": "y", "unit": "pieces", "pieces": 270])
    let encoder = found.batches.encoder
    #expect(encoder.input == .words(count: 272))
    #expect(encoder.tokens(of: "Reading").joined() == "reading")
    #expect(encoder.tokens(of: "reading").count < 7)
    let again = try #require(SequenceEncoder(try Preprocessing(metadata: found.modelMetadata)))
    let row = SequenceRows.Row(id: "", line: 1, text: "reading 日本")
    #expect(again(row).values == encoder(row).values)
  }

  @Test("What doesn't fit is refused in one line")
  func refused() throws {
    func problems(_ options: [String: OptionValue]) -> [String] {
      var settings = ClassifyTask.defaults
      settings.taskOptions.merge(options) { $1 }
      return SequenceSettings.problems(settings).map { "\($0)" }
    }
    let texts: [String: OptionValue] = ["text": "text", "label": "y"]
    #expect(problems(texts).isEmpty)
    for (more, name) in [
      (["split-time": "t", "split-group": "g"], "split-time"), (["gaps": "yes"], "gaps"),
      (["vectors": "v", "unit": "characters"], "vectors"),
      (["vocabulary": "v", "unit": "pieces"], "vocabulary"),
    ] as [([String: OptionValue], String)] {
      let found = problems(texts.merging(more) { $1 })
      #expect(found.count == 1 && found[0].contains(name), "\(found)")
    }
    let file = try table(
      ["text,y,g", "a b,0,1", "a c,1,"] + (0..<20).map { "a \($0),\($0 % 2),\($0)" })
    #expect {
      try task(file, ["text": "text", "label": "y", "split-group": "g"])
    } throws: {
      "\($0)".contains("line 3, column 'g': expected what the row belongs to")
    }
    let empty = try table([], as: "none.txt")
    #expect {
      try task(file, ["text": "text", "label": "y", "vocabulary": .text(empty)])
    } throws: {
      "\($0)".contains("none.txt: expected a word a line")
    }
  }
}
