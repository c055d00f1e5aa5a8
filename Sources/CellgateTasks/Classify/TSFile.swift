import CellgateBasics
import CellgateData
import CellgateFiles

/// A file of series in the form of the UEA archive: after `@data` a line a series, its dimensions between colons, its class or number
/// last.
struct TSFile {
  private let file: String
  private let lines: [(number: Int, text: Substring)]
  private let hasLabel: Bool

  /// Whether a file is of this form by its name.
  static func isOne(_ file: String) -> Bool { file.hasSuffix(".ts") || file.hasSuffix(".ts.gz") }

  /// Reads a file; throws what is wrong with it.
  init(_ file: String) throws(TaskDataError) {
    let text = String(try TextFile(file).text)
    var (data, hasLabel, isData): ([(Int, Substring)], Bool, Bool) = ([], true, false)
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let line = Substring(bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("%") { continue }
      if isData {
        data.append((index + 1, line))
      } else {
        let words = line.lowercased().split(separator: " ")
        if let first = words.first, ["@classlabel", "@targetlabel"].contains(first), words.count > 1 {
          hasLabel = words[1] == "true"
        }
        isData = words.first?.trimmed == "@data"
      }
    }
    guard !data.isEmpty else {
      throw .unfit(
        file: file, reason: isData ? "expected series after @data, found none" : "expected @data, found none")
    }
    (self.file, self.lines, self.hasLabel) = (file, data, hasLabel)
  }

  /// The series, step by step, with their labels, and how many dimensions they have; throws the first line that is none.
  func rows() throws(TaskDataError) -> (rows: [SequenceRows.Row], dimensions: Int) {
    var rows: [SequenceRows.Row] = []
    var width: Int?
    for (number, line) in lines {
      var fields = line.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      let label = hasLabel ? fields.popLast().map { Substring($0).trimmed } : nil
      if fields.isEmpty || width ?? fields.count != fields.count {
        throw .unfit(
          file: file,
          reason:
            "line \(number): expected \(width.map { "\($0) dimensions" } ?? "dimensions with colons between"), found \(fields.count)"
        )
      }
      width = fields.count
      var columns: [[Float]] = []
      for (dimension, field) in fields.enumerated() {
        columns.append(try values(field, place: "line \(number), dimension \(dimension + 1)"))
      }
      let steps = columns.map(\.count).max() ?? 0
      // A dimension that ends before the others is missing from there on.
      let numbers = (0..<steps).flatMap { step in columns.map { step < $0.count ? $0[step] : .nan } }
      rows.append(
        .init(
          id: "\(rows.count + 1)", line: number, numbers: numbers, label: label?.isEmpty == true ? nil : label
        ))
    }
    return (rows, width ?? 0)
  }

  private func values(_ field: Substring.UTF8View, place: String) throws(TaskDataError) -> [Float] {
    var values: [Float] = []
    for bytes in field.split(separator: UInt8(ascii: ",")) {
      let text = Substring(bytes).trimmed
      guard let value = text == "?" ? .nan : Float(text), !value.isInfinite else {
        throw .unfit(
          file: file, reason: "\(place): expected numbers with commas between, found '\(quotedName(text))'")
      }
      values.append(value)
    }
    return values
  }
}
