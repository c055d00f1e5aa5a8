import CellgateBasics
import CellgateCharts

/// Numbers, sizes and times as people read them.
enum Text {
  /// "67,072".
  static func count(_ value: Int) -> String { NumberText.count(value) }

  /// A metric's name as people read it: "character error rate".
  static func metric(_ name: String) -> String { name.replacing("_", with: " ") }

  /// A median to the nearest whole number.
  static func count(_ value: Double) -> String { NumberText.count(value) }

  /// Four significant digits or so: "0.01234", "1,234", "2.1e-05".
  static func number(_ value: Double, digits: Int = 4) -> String { NumberText.number(value, digits: digits) }

  /// A setting as it is typed: "1", "0.5".
  static func short(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
  }

  /// A number in the decimal places given: "12.30".
  static func fixed(_ value: Double, _ places: Int) -> String { NumberText.fixed(value, places) }

  /// "1.5 GB", powers of 1000.
  static func bytes(_ value: Double) -> String { NumberText.bytes(value) }

  /// "0:42", "12:05" or "1:02:05".
  static func duration(_ seconds: Double) -> String { NumberText.duration(seconds) }

  /// "1 seed", "3 seeds".
  static func plural(_ value: Int, _ word: String) -> String { NumberText.plural(value, word) }

  /// "a, b and c".
  static func list(_ words: [String], _ last: String = "and") -> String { NumberText.list(words, last) }

  /// How many columns a terminal gives to the text: escape sequences and combining marks take none.
  static func width(_ text: String) -> Int {
    var width = 0
    var isEscape = false
    for scalar in text.unicodeScalars {
      if isEscape {
        if scalar == "m" || scalar == "K" { isEscape = false }
      } else if scalar == "\u{1B}" {
        isEscape = true
      } else {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: break
        default: width += 1
        }
      }
    }
    return width
  }

  /// The text cut to so many columns, with an ellipsis; the text bears no escape sequences.
  static func truncated(_ text: String, to columns: Int) -> String {
    guard width(text) > columns else { return text }
    var result = ""
    for character in text {
      if width(result) + 1 >= columns { break }
      result.append(character)
    }
    return result + "…"
  }

  /// The text filled up with spaces to so many columns.
  static func padded(_ text: String, to columns: Int, alignRight: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, columns - width(text)))
    return alignRight ? space + text : text + space
  }

  /// Words broken into lines of at most so many columns.
  static func wrapped(_ text: String, to columns: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, width(line) + 1 + width(String(word)) > columns {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }

  /// A word that a shell reads as itself.
  static func shellWord(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: "-_./=:,+@%".utf8.contains(byte)
      }
    }
    if plain, !text.isEmpty { return text }
    return "'" + text.replacing("'", with: "'\\''") + "'"
  }
}
