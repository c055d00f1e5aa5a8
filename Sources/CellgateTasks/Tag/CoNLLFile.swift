import CellgateBasics
import CellgateData
import CellgateFiles

/// The sentences of a CoNLL file: a token a line with its columns, blank lines between sentences.
///
/// Columns are separated by tabs, or by spaces where the first line of tokens has no tab. Files of ten columns that begin with a
/// number are CoNLL-U: comments, multiword ranges such as `1-2` and empty nodes such as `1.1` are no tokens. In other files a line
/// that begins with `#` and has another number of columns than the others is a comment. `-DOCSTART-` lines are no tokens.
struct CoNLLFile {
  /// A sentence's tokens.
  struct Sentence {
    /// The words.
    var tokens: [String] = []
    /// Of each token its tag; nil where the file has none.
    var tags: [String?] = []
    /// Of each token its line, from 0 on.
    var lines: [Int] = []
  }

  let file: String
  private(set) var sentences: [Sentence] = []
  /// All lines, without what ends them but for a carriage return.
  let lines: [Substring]
  /// Lines that have columns and are no tokens.
  private(set) var others: [Int] = []
  /// Whether it is CoNLL-U.
  let isUniversal: Bool
  private let separator: String

  /// The tag of a word that has none in CoNLL-U.
  static let none = "_"

  /// Reads a file, gzipped or not. `needsTags` asks for a tag of every token. Throws what is wrong with it.
  init(_ file: String, columns: TokenColumns, needsTags: Bool) throws(TaskDataError) {
    self.file = file
    let text = String(try TextFile(file).text)
    var lines = text.split(separator: "\n" as Unicode.Scalar)
    if lines.last?.isEmpty == true { lines.removeLast() }
    self.lines = lines
    func unfit(_ line: Int, _ reason: String) -> TaskDataError {
      .unfit(file: file, reason: "line \(line + 1): \(reason)")
    }
    let contents = lines.map(Self.trimmed)
    guard
      let first = contents.first(where: { !$0.isEmpty && !$0.utf8.starts(with: "#".utf8) })
        ?? contents.first(where: { !$0.isEmpty })
    else { throw .unfit(file: file, reason: "expected sentences, a token a line, found none") }
    let isTabbed = first.utf8.contains(0x09)
    let head = Self.fields(first, isTabbed)
    separator = isTabbed || head.count == 1 ? "\t" : " "
    isUniversal = isTabbed && head.count == 10 && Self.isNumber(head[0])
    let places: (token: Int, tag: Int)
    do throws(TokenColumns.ColumnsError) {
      places = try columns.places(of: head.count, isUniversal: isUniversal)
    } catch { throw .unfit(file: file, reason: error.reason) }

    var sentence = Sentence()
    for (number, line) in contents.enumerated() {
      if line.isEmpty {
        finish(&sentence)
        continue
      }
      if line.utf8.contains(0) {
        throw unfit(number, "expected text, found a byte 0: a file of another kind")
      }
      let isMarked = line.utf8.starts(with: "#".utf8)
      if isMarked, isUniversal { continue }
      let fields = Self.fields(line, isTabbed)
      if isMarked, fields.count != head.count { continue }
      guard fields.count == head.count else {
        throw unfit(
          number, "expected \(head.count) columns as in the lines before, found \(fields.count)")
      }
      if isUniversal, !fields[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
        guard Self.isNumber(fields[0]) else {
          throw unfit(number, "expected a number, 1-2 or 1.1, found '\(quotedName(String(fields[0])))'")
        }
        others.append(number)
        continue
      }
      let token = String(fields[places.token])
      if token == "-DOCSTART-" {
        others.append(number)
        finish(&sentence)
        continue
      }
      guard !token.isEmpty else { throw unfit(number, "expected a token in column \(places.token + 1)") }
      var tag = places.tag < fields.count ? String(fields[places.tag]) : nil
      if tag?.isEmpty == true || (isUniversal && tag == Self.none) { tag = nil }
      if needsTags, tag == nil {
        throw unfit(number, "expected a tag in column \(places.tag + 1), found none")
      }
      sentence.tokens.append(token)
      sentence.tags.append(tag)
      sentence.lines.append(number)
    }
    finish(&sentence)
    guard !sentences.isEmpty else {
      throw .unfit(file: file, reason: "expected sentences, a token a line, found none")
    }
  }

  private mutating func finish(_ sentence: inout Sentence) {
    if !sentence.tokens.isEmpty { sentences.append(sentence) }
    sentence = Sentence()
  }

  /// A line without spaces, tabs and carriage returns at its end.
  private static func trimmed(_ line: Substring) -> Substring {
    var bytes = line.utf8
    while let last = bytes.last, last == 0x20 || last == 0x09 || last == 0x0D { bytes.removeLast() }
    return Substring(bytes)
  }

  private static func fields(_ line: Substring, _ isTabbed: Bool) -> [Substring] {
    let fields =
      isTabbed
      ? line.utf8.split(separator: 0x09, omittingEmptySubsequences: false)
      : line.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 })
    return fields.map(Substring.init)
  }

  /// Whether a field is the number of a word of CoNLL-U: 1, 1-2 or 1.1.
  private static func isNumber(_ field: Substring) -> Bool {
    let parts = field.utf8.split(omittingEmptySubsequences: false) { $0 == 0x2D || $0 == 0x2E }
    return parts.count <= 2
      && parts.allSatisfy { part in !part.isEmpty && part.allSatisfy { (0x30...0x39).contains($0) } }
  }

  /// The file with one more column: the tag of each token of each sentence, and `other` on lines that are no tokens.
  func adding(_ tags: [[String]], other: String) -> String {
    var added: [Int: String] = [:]
    for line in others { added[line] = other }
    for (sentence, own) in zip(sentences, tags) {
      for (line, tag) in zip(sentence.lines, own) { added[line] = tag }
    }
    var text = ""
    for (number, line) in lines.enumerated() {
      if let tag = added[number] {
        text += Self.trimmed(line)
        text += separator + tag
        text += line.utf8.last == 0x0D ? "\r\n" : "\n"
      } else {
        text += line
        text += "\n"
      }
    }
    return text
  }
}

extension String {
  /// The lines of a text, the last one of a text that ends with a separator empty.
  fileprivate func split(separator: Unicode.Scalar) -> [Substring] {
    utf8.split(separator: UInt8(ascii: separator), omittingEmptySubsequences: false).map(Substring.init)
  }
}
