import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// How a row says which of several labels it has: all of them in one cell with a character between, or a column for each with 1
/// or 0.
enum LabelSets {
  /// Those that are looked for, in this order.
  private static let usual = [";", "|", ","]

  /// What stands between the labels of some cells: the first usual one that one of them has; nil where none has any.
  static func separator(of cells: some Sequence<String>) -> String? {
    usual.first { separator in cells.contains { $0.contains(separator) } }
  }

  /// The usual ones in words.
  static let usualText = "';', '|' or ','"

  /// The labels of a cell, without the spaces around them, each once.
  static func labels(_ cell: String, separator: String) -> [String] {
    var labels: [String] = []
    for part in cell.split(separator: separator) {
      let label = part.trimmed
      if !label.isEmpty, !labels.contains(label) { labels.append(label) }
    }
    return labels
  }

  /// Whether a cell says that a row has the column's label; nil for neither.
  static func isSet(_ cell: String) -> Bool? {
    switch cell.trimmed.lowercased() {
    case "1", "1.0", "true": true
    case "0", "0.0", "false": false
    default: nil
    }
  }
}

extension ClassifyOptions {
  /// The columns of the labels of a row that may have several; none of files without columns.
  static func labelNames(_ settings: TrainingSettings) -> [String] {
    settings.list(labels)?.compactMap(\.text) ?? settings.text(label).map { [$0] } ?? []
  }
}
