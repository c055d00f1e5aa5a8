import CellgateFiles

/// Why a cell's text can't be read.
public enum CellTextError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file is missing or can't be read.
  case file(FileError)
  /// The text is wrong at this place.
  case mistake(Mistake, at: Place)

  /// What is wrong.
  public enum Mistake: Equatable, Sendable {
    /// Bytes that are no UTF-8.
    case notUTF8
    /// More than a cell may have: "65 bytes", "at most 64".
    case tooLarge(found: String, most: String)
    /// Something else was expected here.
    case unexpected(found: String, expected: String)
    /// A name that stands for nothing; known ones like it, or else all that could stand there.
    case unknownName(String, nearest: [String], known: [String])
    /// A name that already stands for something.
    case duplicateName(String)
    /// The cell is read, and wrong: a state that is never assigned, a cycle, sizes that don't fit, ….
    case cell(CellError)
  }

  /// Where it is wrong.
  public struct Place: Equatable, Sendable {
    /// The file as it was named; nil for a text from elsewhere.
    public var file: String?
    /// From 1.
    public var line: Int
    /// In characters, from 1.
    public var column: Int
    /// The line, without control characters and cut to what stands near the column.
    public var text: String
    /// Characters of `text` before the place.
    var indent: Int
  }

  /// One line: file, line and column, what was expected and what was found.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .mistake(let mistake, let place): oneLine("\(place): \(mistake)")
    }
  }

  /// The line of the text and, below it, a caret under the place; nil where there is none.
  public var excerpt: String? {
    guard case .mistake(_, let place) = self, !place.text.isEmpty else { return nil }
    return "\(place.text)\n\(String(repeating: " ", count: place.indent))^"
  }
}

extension CellTextError.Place: CustomStringConvertible {
  /// "my.cell:3:7", or "line 3, column 7".
  public var description: String {
    file.map { "\(quotedName($0)):\(line):\(column)" } ?? "line \(line), column \(column)"
  }

  /// The place at a scalar of a line.
  init(file: String?, line: Int, scalars: [Unicode.Scalar], at position: Int) {
    func characters(_ scalars: some Sequence<Unicode.Scalar>) -> [Character] {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars)
      return Array(String(view))
    }
    self.file = file
    self.line = line
    let before = characters(scalars.prefix(position))
    column = before.count + 1
    // At most 60 characters on either side; a control character would move the caret.
    let shown = before.suffix(60)
    let rest = characters(scalars.dropFirst(position).prefix(240)).prefix(60)
    let isCut = (front: before.count > 60, back: position + rest.count < scalars.count && rest.count == 60)
    let text = (shown + rest).map { character -> Character in
      let isPlain = character.unicodeScalars.allSatisfy { scalar in
        ![.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
      }
      return isPlain ? character : " "
    }
    self.text = (isCut.front ? "…" : "") + String(text) + (isCut.back ? "…" : "")
    indent = shown.count + (isCut.front ? 1 : 0)
  }
}

extension CellTextError.Mistake: CustomStringConvertible {
  /// What was expected and what was found.
  public var description: String {
    switch self {
    case .notUTF8: "expected UTF-8 text, found other bytes"
    case .tooLarge(let found, let most): "\(found); expected at most \(most)"
    case .unexpected(let found, let expected): "expected \(expected), found \(found)"
    case .unknownName(let name, let nearest, let known):
      "unknown name '\(quotedName(name))'; "
        + (nearest.isEmpty
          ? "known: \(Self.list(known))"
          : "did you mean \(nearest.map { quotedName($0) }.joined(separator: " or "))?")
    case .duplicateName(let name): "the name '\(quotedName(name))' is used twice"
    case .cell(let error): error.mistake
    }
  }
  /// At most twenty names.
  private static func list(_ names: [String]) -> String {
    names.prefix(20).map { quotedName($0) }.joined(separator: ", ") + (names.count > 20 ? ", …" : "")
  }
}
