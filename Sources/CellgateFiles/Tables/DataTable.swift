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
  /// Rows of the file before the first one: 0 but of a later piece.
  public private(set) var firstRow = 0
  /// Whether the columns are known.
  private var hasBegun = false

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

  /// Reads a file, or standard input as "-", piece by piece: `body` is given a table of the rows that came, which have their lines
  /// and places in the whole. So files larger than memory are read, and rows of another program as it writes them. A first row that
  /// has all of `names` is the header. Throws ``TableError``, and what `body` throws.
  public static func read(
    _ path: String, options: Options = Options(), naming names: [String] = [],
    inPieces body: (DataTable) throws -> Void
  ) throws {
    let source = try TableBytes(path)
    let sample = try source.beginning()
    var table = DataTable(unread: path == StandardInput.name ? "standard input" : path, options: options)
    if sample.first(where: { !$0.isSpace }) == UInt8(ascii: "{") {
      try table.readJSONPieces(source, body)
    } else {
      let form = DelimitedForm(
        sample, file: path,
        options: DelimitedForm.options(naming: names, in: sample, file: path, options) ?? options)
      table.options = form.options
      var parser = form.parser(file: table.file)
      var failure: (any Error)?
      try source.forEachPiece { piece throws(TableError) in
        guard try parser.read(piece, { row throws(TableError) in try table.take(row, form) }) else {
          return false
        }
        do { try table.give(to: body) } catch { failure = error }
        return failure == nil
      }
      if let failure { throw failure }
      try parser.end { row throws(TableError) in try table.take(row, form) }
      try table.give(to: body)
    }
    if table.firstRow == 0 {
      throw TableError.noRows(file: table.file, found: table.columns.isEmpty ? "nothing" : "a header alone")
    }
  }

  /// A table without rows.
  private init(unread file: String, options: Options) { (self.file, self.options) = (file, options) }

  /// Gives the rows away and goes on without them.
  private mutating func give(to body: (DataTable) throws -> Void) rethrows {
    guard rows > 0 else { return }
    try body(self)
    firstRow += rows
    lines = []
    for index in columns.indices { columns[index] = columns[index].emptied }
  }

  /// Whole lines of JSON, piece by piece.
  private mutating func readJSONPieces(
    _ source: TableBytes, _ body: (DataTable) throws -> Void
  ) throws {
    var rest: [UInt8] = []
    var failure: (any Error)?
    try source.forEachPiece { piece throws(TableError) in
      rest += piece
      guard let end = rest.lastIndex(of: 0x0A) else { return true }
      try take(JSONReader(data: Array(rest[...end]), file: file))
      rest.removeSubrange(...end)
      do { try give(to: body) } catch { failure = error }
      return failure == nil
    }
    if let failure { throw failure }
    try take(JSONReader(data: rest, file: file))
    try give(to: body)
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
    try source.forEachPiece { piece throws(TableError) in
      try parser.read(piece) { row throws(TableError) in try take(row, form) }
    }
    try parser.end { row throws(TableError) in try take(row, form) }
  }

  /// Takes a row of the file, the first one as the columns' names where it is a header.
  private mutating func take(_ row: DelimitedParser.Row, _ form: DelimitedForm) throws(TableError) -> Bool {
    if String(validating: row.bytes, as: UTF8.self) == nil {
      throw .notText(
        file: file, line: row.line,
        reason: "other bytes; convert it, such as with: iconv -f WINDOWS-1252 -t UTF-8")
    }
    if !hasBegun {
      hasBegun = true
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

  private mutating func begin(_ names: [String], hasDecimalComma: Bool) throws(TableError) {
    var known: Set<String> = []
    for (index, name) in names.enumerated() {
      let name = name.isEmpty ? "\(index + 1)" : name
      guard known.insert(name).inserted else { throw .sameName(file: file, name: name) }
      columns.append(TableColumn(name: name, hasDecimalComma: hasDecimalComma))
    }
  }

  private mutating func readJSON() throws(TableError) {
    let reader: JSONReader
    do throws(JSONError) { reader = try JSONReader(path: file) } catch { throw .json(error) }
    try take(reader)
  }

  /// Objects of numbers, texts, true, false and null; a key that some lack is missing there.
  private mutating func take(_ objects: JSONReader) throws(TableError) {
    var reader = objects
    var places: [String: Int] = [:]
    for (place, column) in columns.enumerated() { places[column.name] = place }
    do throws(JSONError) {
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
        lines.append(firstRow + rows + 1)
        for index in columns.indices where columns[index].count < rows { columns[index].append([]) }
      }
    } catch { throw .json(error) }
  }
}

extension UInt8 {
  /// Space, tab, line feed, carriage return, or a byte of the byte-order mark.
  fileprivate var isSpace: Bool { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains(self) }
}
