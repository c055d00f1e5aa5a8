import CellgateBasics
import CellgateData
import CellgateFiles

/// A question about a text, with its answer where that is known.
public struct Question: Sendable, Equatable {
  /// The sentences of the text, in their order.
  public var context: [String]
  /// The question.
  public var question: String
  /// The answer; nil for none.
  public var answer: String?
  /// The places in `context` of the sentences that the answer comes from, in the order in which they lead to it; empty where the
  /// file names none.
  public var supporting: [Int] = []
  /// Its name in the file; nil for none.
  public var id: String?
  /// Which text of the file it is about: questions about one text follow each other.
  public var story = 0
  /// Its line in the file, from 1 on.
  public var line = 1

  /// A question about sentences.
  public init(context: [String], question: String, answer: String? = nil) {
    (self.context, self.question, self.answer) = (context, question, answer)
  }
}

/// The questions of a file: stories in bAbI's form (Weston et al. 2015, https://arxiv.org/abs/1502.05698), or JSON Lines.
///
/// In bAbI's form each line has its number within a story, which begins anew with 1; a question has a tab after it, then the answer, and
/// perhaps a tab and the numbers of the sentences that it comes from. A line of JSON is an object with `context`, a text or a list of
/// sentences, `question`, and perhaps `answer`, `supporting`, the places from 0 on of sentences in the list, and `id`.
struct QuestionFile {
  private(set) var questions: [Question] = []

  /// Reads a file, gzipped or not. `needsAnswers` asks for an answer to every question. Throws what is wrong with it.
  init(_ file: String, needsAnswers: Bool) throws(TaskDataError) {
    let lines = try TextLines.read(file)
    let first = lines.first { !$0.allSatisfy(\.isWhitespace) } ?? ""
    let isJSON = first.utf8.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "{")
    var story = Story()
    for (place, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
      do throws(Mistake) {
        if line.utf8.contains(0) {
          throw Mistake("expected text, found a byte 0: a file of another kind")
        }
        var question = isJSON ? try Self.parsed(line) : try story.read(line)
        question?.line = place + 1
        if let question { try add(question, needsAnswers, hasStories: !isJSON) }
      } catch { throw .unfit(file: file, reason: "line \(place + 1): \(error.reason)") }
    }
    if questions.isEmpty {
      throw .unfit(
        file: file,
        reason: "expected questions, as bAbI's stories or JSON Lines, found none in \(lines.count) lines")
    }
  }

  private mutating func add(_ question: Question, _ needsAnswer: Bool, hasStories: Bool) throws(Mistake) {
    var own = question
    if needsAnswer, own.answer == nil { throw Mistake("expected an answer, found none") }
    if !hasStories, let last = questions.last {
      own.story = last.story + (last.context == own.context ? 0 : 1)
    }
    questions.append(own)
  }

  /// What is wrong with a line.
  private struct Mistake: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  // MARK: bAbI

  /// The sentences of a story so far.
  private struct Story {
    private var number = -1
    private var last = 0
    private var sentences: [String] = []
    /// The place of the sentence of each line's number.
    private var places: [Int: Int] = [:]

    /// Takes a line; a question gives itself.
    mutating func read(_ line: String) throws(Mistake) -> Question? {
      let space = line.firstIndex(of: " ") ?? line.endIndex
      guard let own = Int(line[..<space]), own > 0, space < line.endIndex else {
        throw Mistake(
          "expected a line's number within its story and a sentence, found '\(quotedName(line))'")
      }
      if own == 1 {
        (sentences, places) = ([], [:])
        number += 1
      } else if own <= last || number < 0 {
        throw Mistake("expected line \(number < 0 ? 1 : last + 1) of a story, or 1, found \(own)")
      }
      last = own
      let fields = line[line.index(after: space)...].split(separator: "\t", omittingEmptySubsequences: false)
        .map { String($0).trimmed }
      guard fields.count > 1 else {
        places[own] = sentences.count
        sentences.append(fields[0])
        return nil
      }
      var question = Question(
        context: sentences, question: fields[0], answer: fields[1].isEmpty ? nil : fields[1])
      question.story = number
      for field in (fields.count > 2 ? fields[2] : "").split(separator: " ") {
        guard let line = Int(field), let place = places[line] else {
          throw Mistake(
            "expected the number of a sentence before the question, found '\(quotedName(String(field)))'")
        }
        question.supporting.append(place)
      }
      return question
    }
  }

  // MARK: JSON

  private static func parsed(_ line: String) throws(Mistake) -> Question {
    let tree: JSONTree
    do throws(JSONError) { tree = try JSONTree(data: Array(line.utf8), file: "") } catch {
      throw Mistake("expected an object of JSON, found another text")
    }
    guard tree.object != nil else { throw Mistake("expected an object of JSON") }
    func text(_ key: String) throws(Mistake) -> String? {
      guard let value = tree[key], !value.isNull else { return nil }
      guard let text = value.string ?? (value.number == nil ? nil : value.text) else {
        throw Mistake("'\(key)': expected a text")
      }
      return text.trimmed
    }
    guard let asked = try text("question"), !asked.isEmpty else {
      throw Mistake("'question': expected a text, found none")
    }
    var context: [String] = []
    if let list = tree["context"]?.array {
      for sentence in list {
        guard let text = sentence.string else { throw Mistake("'context': expected sentences, each a text") }
        context.append(text)
      }
    } else if let whole = try text("context") {
      context = sentences(of: whole)
    } else {
      throw Mistake("'context': expected a text or a list of sentences, found none")
    }
    let answer = try text("answer")
    var question = Question(
      context: context, question: asked, answer: answer?.isEmpty == true ? nil : answer)
    question.id = try text("id")
    for value in tree["supporting"]?.array ?? [] {
      guard let place = value.integer, context.indices.contains(place) else {
        throw Mistake("'supporting': expected places of 0 to \(context.count - 1), found \(value.text)")
      }
      question.supporting.append(place)
    }
    return question
  }

  /// The sentences of a text: they end with a newline, or with '.', '!' or '?' before a space.
  static func sentences(of text: String) -> [String] {
    var (sentences, sentence): ([String], String) = ([], "")
    func finish(_ sentence: inout String) {
      let own = sentence.trimmed
      if !own.isEmpty { sentences.append(own) }
      sentence = ""
    }
    var isEnded = false
    for character in text {
      if character.isNewline || isEnded && character.isWhitespace { finish(&sentence) }
      isEnded = ".!?。！？".contains(character)
      sentence.append(character)
      if "。！？".contains(character) { finish(&sentence) }
    }
    finish(&sentence)
    return sentences
  }
}
