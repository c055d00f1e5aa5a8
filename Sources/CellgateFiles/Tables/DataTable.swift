/// A table of the user's own with typed columns: CSV, TSV and their like, or JSON Lines, gzipped or not.
///
///     let table = try DataTable("reviews.csv")
///     let texts = try table.column("review")
///     texts[0]                                       // "A good film", or nil
///     try table.column("age").numbers                // [31, nan, …], or nil of texts
///
/// The file is read in pieces; a million rows take seconds. Rows must have the same number of fields.
public struct DataTable: Sendable {
  /// How a file is read; what is nil is recognised.
  public struct Options: Sendable, Equatable {
    /// What stands between fields: "," and so on, one ASCII character.
    public var delimiter: Character?
    /// Whether the first row has the columns' names.
    public var hasHeader: Bool?
    /// Whether a field may stand in quotes.
    public var hasQuotes: Bool?

    /// All is recognised.
    public init(delimiter: Character? = nil, hasHeader: Bool? = nil, hasQuotes: Bool? = nil) {
      (self.delimiter, self.hasHeader, self.hasQuotes) = (delimiter, hasHeader, hasQuotes)
    }
  }

  /// The path, as in errors.
  public let file: String
  /// The columns in their order, each with a value a row.
  public private(set) var columns: [TableColumn] = []
  /// The line on which each row begins, from 1.
  public private(set) var lines: [Int] = []
  /// How the file was read, with all recognised; of JSON Lines as it was given.
  public private(set) var options: Options

  /// How many rows there are.
  public var rows: Int { lines.count }

  /// Reads a file. The delimiter is the one of comma, semicolon, tab and bar that cuts the first lines into the same number of
  /// fields; the first row is a header unless a number or a missing value, or something that another row repeats, or a long text
  /// stands in it. JSON Lines are files that begin with an object. Throws ``TableError``.
  public init(_ path: String, options: Options = Options()) throws(TableError) {
    (file, self.options) = (path, options)
    let source: TableBytes
    source = try TableBytes(path)
    let sample = try source.beginning()
    if sample.first(where: { !$0.isSpace }) == UInt8(ascii: "{") {
      try readJSON()
    } else {
      let form = DelimitedForm(sample, file: path, options: options)
      self.options = form.options
      try readDelimited(source, form)
    }
    guard rows > 0 else {
      throw .noRows(file: path, found: columns.isEmpty ? "nothing" : "a header alone")
    }
  }

  /// The column of a name, or where there is no header of a place from 1 on; throws `noColumn`.
  public func column(_ name: String) throws(TableError) -> TableColumn {
    guard let column = columns.first(where: { $0.name == name }) else {
      throw .noColumn(file: file, name: name, known: columns.map(\.name))
    }
    return column
  }

  /// The numbers of a column, NaN where one is missing; throws `noColumn`, or `value` with the first value that is none.
  public func numbers(_ name: String) throws(TableError) -> [Double] {
    let column = try column(name)
    if let numbers = column.numbers { return numbers }
    let row = column.firstText ?? 0
    throw .value(
      file: file, line: lines[row], column: name, expected: "a number", found: column[row] ?? "")
  }

  private mutating func readDelimited(_ source: TableBytes, _ form: DelimitedForm) throws(TableError) {
    var parser = form.parser(file: file)
    var isStart = true
    func take(_ row: DelimitedParser.Row) throws(TableError) -> Bool {
      if String(validating: row.bytes, as: UTF8.self) == nil {
        throw .notText(
          file: file, line: row.line,
          reason: "other bytes; convert it, such as with: iconv -f WINDOWS-1252 -t UTF-8")
      }
      if isStart {
        isStart = false
        let names = row.ends.indices.map { form.hasHeader ? row.text($0) : "\($0 + 1)" }
        try begin(names, hasDecimalComma: form.delimiter != UInt8(ascii: ","))
        if form.hasHeader { return true }
      }
      guard row.ends.count == columns.count else {
        throw .fieldCount(file: file, line: row.line, expected: columns.count, found: row.ends.count)
      }
      for index in columns.indices { columns[index].append(row.field(index)) }
      lines.append(row.line)
      return true
    }
    try source.forEachPiece { piece throws(TableError) in try parser.read(piece, take) }
    try parser.end(take)
  }

  private mutating func begin(_ names: [String], hasDecimalComma: Bool) throws(TableError) {
    var known: Set<String> = []
    for (index, name) in names.enumerated() {
      let name = name.isEmpty ? "\(index + 1)" : name
      guard known.insert(name).inserted else { throw .sameName(file: file, name: name) }
      columns.append(TableColumn(name: name, hasDecimalComma: hasDecimalComma))
    }
  }

  /// Objects of numbers, texts, true, false and null; a key that some lack is missing there.
  private mutating func readJSON() throws(TableError) {
    var places: [String: Int] = [:]
    do throws(JSONError) {
      var reader = try JSONReader(path: file)
      while try reader.nextValue() {
        try reader.beginObject()
        while let key = try reader.nextKey() {
          let place: Int
          if let known = places[key] {
            place = known
          } else {
            place = columns.count
            places[key] = place
            var column = TableColumn(name: key, hasDecimalComma: false)
            for _ in 0..<rows { column.append([]) }
            columns.append(column)
          }
          guard columns[place].count == rows else {
            throw reader.error(expected: "a key once in an object", found: "'\(quotedName(key))' again")
          }
          switch try reader.kind() {
          case .string: columns[place].append(Array(try reader.string().utf8)[...])
          case .number: columns[place].append(Array(try reader.numberText().utf8)[...])
          case .bool: columns[place].append(Array("\(try reader.bool())".utf8)[...])
          case .null:
            try reader.skip()
            columns[place].append([])
          case let kind: throw reader.error(expected: "a number or a string", found: kind.rawValue)
          }
        }
        lines.append(rows + 1)
        for index in columns.indices where columns[index].count < rows { columns[index].append([]) }
      }
    } catch { throw .json(error) }
  }
}

extension UInt8 {
  /// Space, tab, line feed, carriage return, or a byte of the byte-order mark.
  fileprivate var isSpace: Bool { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains(self) }
}
