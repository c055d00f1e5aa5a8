/// The delimiter, the header and the quotes of a text, recognised by its beginning where they aren't given.
struct DelimitedForm {
  let delimiter: UInt8
  let hasHeader: Bool
  let hasQuotes: Bool

  /// All of it.
  var options: DataTable.Options {
    .init(delimiter: Character(Unicode.Scalar(delimiter)), hasHeader: hasHeader, hasQuotes: hasQuotes)
  }

  /// Rows that are looked at.
  private static let sampleRows = 100

  init(_ sample: [UInt8], file: String, options: DataTable.Options) {
    let stem = file.hasSuffix(".gz") ? String(file.dropLast(3)) : file
    let usual: UInt8 = stem.lowercased().hasSuffix(".tsv") ? 0x09 : 0x2C
    func rows(_ delimiter: UInt8, _ hasQuotes: Bool) -> [[String]]? {
      var rows: [[String]] = []
      var parser = DelimitedParser(file: file, delimiter: delimiter, hasQuotes: hasQuotes)
      do throws(TableError) {
        if try parser.read(
          sample[...],
          { row in
            rows.append(row.ends.indices.map(row.text))
            return rows.count < Self.sampleRows
          })
        {
          // Only the whole rows count, unless the sample is a whole file of one row.
          if rows.isEmpty {
            try parser.end { row in
              rows.append(row.ends.indices.map(row.text))
              return true
            }
          }
        }
      } catch { return rows.count < 2 ? nil : rows }
      return rows
    }
    func score(_ delimiter: UInt8) -> Int {
      guard let rows = rows(delimiter, options.hasQuotes ?? true) ?? rows(delimiter, false),
        let first = rows.first
      else { return 0 }
      let isEven = rows.allSatisfy { $0.count == first.count }
      return first.count < 2 ? 0 : (isEven ? 1 << 32 : 0) + first.count
    }
    if let given = options.delimiter?.asciiValue {
      delimiter = given
    } else {
      let candidates = [usual] + [0x2C, 0x09, 0x3B, 0x7C].filter { $0 != usual }
      let scores = candidates.map(score)
      let best = scores.max() ?? 0
      delimiter = best == 0 || scores[0] >= 1 << 32 ? usual : candidates[scores.firstIndex(of: best) ?? 0]
    }
    // Texts between tabs begin with quotes of their own more often than they stand in them.
    hasQuotes =
      options.hasQuotes ?? (delimiter != 0x09 || Self.hasQuotedFields(sample, delimiter))
    let found = rows(delimiter, hasQuotes) ?? []
    hasHeader = options.hasHeader ?? Self.looksLikeHeader(found)
  }

  /// The options with which the first row has all of these names; nil where there is no such delimiter, or no name.
  static func options(
    naming names: [String], in sample: [UInt8], file: String, _ options: DataTable.Options
  ) -> DataTable.Options? {
    guard !names.isEmpty else { return nil }
    for delimiter: UInt8 in [0x2C, 0x09, 0x3B, 0x7C]
    where options.delimiter?.asciiValue ?? delimiter == delimiter {
      var parser = DelimitedParser(file: file, delimiter: delimiter, hasQuotes: true)
      var found: [String] = []
      do throws(TableError) {
        let goesOn = try parser.read(sample[...]) { row in
          found = row.ends.indices.map(row.text)
          return false
        }
        if goesOn {
          try parser.end { row in
            found = row.ends.indices.map(row.text)
            return false
          }
        }
      } catch { continue }
      guard Set(names).isSubset(of: found) else { continue }
      var known = options
      (known.delimiter, known.hasHeader) = (Character(Unicode.Scalar(delimiter)), true)
      return known
    }
    return nil
  }

  /// A parser of this form.
  func parser(file: String) -> DelimitedParser {
    DelimitedParser(file: file, delimiter: delimiter, hasQuotes: hasQuotes)
  }

  /// Whether the first field that begins with a quote ends with one before a delimiter or a line's end.
  private static func hasQuotedFields(_ sample: [UInt8], _ delimiter: UInt8) -> Bool {
    var isStart = true
    var place = 0
    while place < sample.count {
      let byte = sample[place]
      if isStart, byte == 0x22 {
        var end = place + 1
        while end < sample.count, sample[end] != delimiter, sample[end] != 0x0A { end += 1 }
        let last = end > 0 && sample[end - 1] == 0x0D ? end - 2 : end - 1
        return last > place && sample[last] == 0x22
      }
      isStart = byte == delimiter || byte == 0x0A
      place += 1
    }
    return false
  }

  private static func looksLikeHeader(_ rows: [[String]]) -> Bool {
    guard let first = rows.first else { return false }
    for (index, name) in first.enumerated() {
      let bytes = Array(name.utf8)[...]
      // The name of an index that was saved with a table is empty.
      if index > 0 || !name.isEmpty {
        if TableColumn.isMissing(bytes) { return false }
        if TableColumn.number(bytes, hasDecimalComma: true) != nil { return false }
      }
      if bytes.count > 64 { return false }
      if rows.dropFirst().contains(where: { $0.count > index && $0[index] == name && !name.isEmpty }) {
        return false
      }
    }
    return true
  }
}
