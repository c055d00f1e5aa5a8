import CellgateData
import CellgateFiles
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Penn Treebank characters")
struct PTBCharacterTaskTests {
  private static let dataFolder = ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? ""

  private static let words = " no it was n't <unk> \n N points\n"
  private static let characters =
    "n o _ i t _ w a s _ n ' t _ < u n k >\nN _ p o i n t s\n"
  private static let stream = "no_it_was_n't_<unk>\nN_points\n"

  @Test("Words and characters give the same stream, gzipped or not; characters come first")
  func levels() throws {
    let scratch = try Scratch()
    let folder = scratch.path + "/ptb"
    func load() throws -> String {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: try PTBFiles.characters("train", in: folder).text)
      return String(text)
    }
    try scratch.write(Gzip.compress(Array(Self.words.utf8)), as: "ptb/ptb.train.txt.gz")
    #expect(try load() == Self.stream)
    try scratch.write(Array(Self.words.utf8), as: "ptb/ptb.train.txt")
    #expect(try load() == Self.stream)
    try scratch.write(Gzip.compress(Array("x _ y\n".utf8)), as: "ptb/ptb.char.train.txt.gz")
    #expect(try load() == "x_y\n")
    try scratch.write(Array(Self.characters.utf8), as: "ptb/ptb.char.train.txt")
    #expect(try load() == Self.stream)
  }

  @Test("A last line without an end has one all the same, and empty lines are lines")
  func lines() {
    func stream(_ text: String) -> [Unicode.Scalar] {
      PTBFiles.stream(Array(text.unicodeScalars), between: "_")
    }
    #expect(stream("a b\n\nc") == Array("a_b\n\nc\n".unicodeScalars))
    #expect(stream("a\r\n") == Array("a\n".unicodeScalars) && stream("").isEmpty)
  }

  private func task(_ parts: [String], length: Int = 2, batch: Int = 2) throws -> PTBCharacterTask {
    let scratch = try Scratch()
    for (name, text) in zip(["train", "valid", "test"], parts) {
      try scratch.write(Array(text.utf8), as: "ptb/ptb.\(name).txt")
    }
    var settings = PTBCharacterTask.defaults
    settings.taskOptions["length"] = .whole(length)
    settings.batch = batch
    return try PTBCharacterTask(settings: settings, data: .set(.ptb, directory: scratch.path))
  }

  @Test("Missing files, short ones and unknown characters are named")
  func wrong() throws {
    let error = #expect(throws: TaskDataError.self) { try self.task(["a b c\n"]) }
    #expect(
      error?.description.contains("ptb.valid.txt.gz: no such file; get it with: cellgate data fetch ptb")
        == true)
    let long = #expect(throws: TaskDataError.self) { try self.task(["a b\n", "a\n", "a b\n"]) }
    #expect(
      long?.description.contains("training part: expected 6 characters or more for one update, found 4")
        == true)
    let short = #expect(throws: TaskDataError.self) { try self.task(["a b c d\n", "a\n", "a b\n"]) }
    #expect(short?.description.contains("valid.txt: validation part: expected 3 characters") == true)
    let unknown = #expect(throws: TaskDataError.self) { try self.task(["a b c d\n", "a b\n", "a b z\n"]) }
    #expect(
      unknown?.description.contains("test.txt: character 4: expected one of the training data, found 'z'")
        == true)
    #expect(try task(["a b c d\n", "a b\n", "a b\n"]).vocabulary.count == 6)
  }

  @Test("Other data are scored with the model's symbols, and a character that it has none for is named")
  func scoring() throws {
    let scratch = try Scratch()
    let parts = ["a b c d e\n", "a b d\n", "b a d d\n"]
    for (name, text) in zip(["train", "valid", "test"], parts) {
      try scratch.write(Array(text.utf8), as: "ptb/ptb.\(name).txt")
    }
    var settings = PTBCharacterTask.defaults
    settings.taskOptions["length"] = 2
    settings.batch = 2
    func scored(_ symbols: String, _ split: Split? = nil) throws -> PTBCharacterTask {
      try PTBCharacterTask(
        scoring: settings, data: .set(.ptb, directory: scratch.path),
        metadata: Vocabulary(of: symbols.unicodeScalars).metadata, split: split)
    }
    let own = try PTBCharacterTask(settings: settings, data: .set(.ptb, directory: scratch.path))
    #expect(try scored("\n_abcde").baseline.value == own.baseline.value)
    let other = try scored("\n_abdx")
    #expect(other.vocabulary.symbols == Array("\n_abdx".unicodeScalars))
    #expect(abs(other.baseline.value - log2(6)) < 1e-12)
    let error = #expect(throws: TaskDataError.self) { try scored("\n_bd") }
    #expect(
      error
        == .unknownToModel(file: scratch.path + "/ptb/ptb.test.txt", character: "a", place: 2))
    #expect(throws: TaskDataError.self) { try scored("\n_bd", .validation) }
    #expect(error?.description.contains("the model doesn't know 'a' and has no symbol") == true)
  }

  @Test("A second direction is refused")
  func bidirectional() {
    var settings = PTBCharacterTask.defaults
    settings.bidirectional = true
    #expect(settings.problems(tasks: Tasks.all).map(\.option) == ["bidirectional"])
  }

  @Test(
    "The real files have the literature's counts, and words give the stream of the characters",
    .enabled(if: !dataFolder.isEmpty, "set CELLGATE_DATA to the data directory"),
    arguments: [("train", 5_017_482), ("valid", 393_042), ("test", 442_423)])
  func real(part: String, count: Int) throws {
    let folder = Self.dataFolder + "/ptb"
    let words = try TextFile(folder + "/ptb.\(part).txt.gz").scalars
    let stream = PTBFiles.stream(Array(words), between: "_")
    #expect(stream.count == count)
    if part == "train" { #expect(Vocabulary(of: stream).count == PTBCharacterTask.symbols) }
    let characters = try TextFile(folder + "/ptb.char.\(part).txt.gz").scalars
    let isEqual = PTBFiles.stream(Array(characters), between: nil) == stream
    #expect(isEqual)
  }
}
