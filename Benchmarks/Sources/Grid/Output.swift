import Foundation

/// Results as JSON, keys in snake case, or as Markdown.
enum Output {
  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// A table whose first column is text and whose others are numbers.
  static func table(_ head: [String], _ rows: [[String]]) -> String {
    let rule = head.indices.map { $0 == 0 ? "---" : "--:" }
    return ([head, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
  }

  static func number(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

  /// A whole line at once, so that a reader at the other end of a pipe sees it.
  static func line(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}

extension [Double] {
  var median: Double {
    let sorted = sorted()
    let middle = count / 2
    return count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
