import CellgateFiles

/// Reads a cell's text: declarations, then equations, by recursive descent. Whatever the bytes are, it ends with
/// a cell or with the place of a mistake; the limits below bound its time, memory and depth.
///
/// A first pass over the lines declares everything; a second reads the right sides of the equations, which may
/// name what stands further below.
struct CellTextReader {
  /// The most bytes and lines of a text, operations of an equation, and parentheses inside one another.
  static let mostBytes = 1 << 18, mostLines = 10_000, mostOperations = 1024, mostNesting = 100

  /// What a name stands for.
  enum Meaning {
    case input
    case state(Int)
    case value(String)
    case matrix(Block), vector(Block)
  }

  /// A place in the text.
  struct Position { var line: Int, scalar: Int }

  let file: String?
  let lines: [[Unicode.Scalar]]
  /// Where the next token is looked for.
  var position = Position(line: 0, scalar: 0)
  /// The token that was read last, and where it begins.
  var token = CellToken.end
  var start = Position(line: 0, scalar: 0)

  var builder = CellBuilder(cell: "")
  var summary = "", source = ""
  var meanings: [String: Meaning] = ["x": .input]
  /// Where everything that the builder may complain about was declared.
  var declared: [String: Position] = [:]
  /// Where each expression was written.
  var places: [ObjectIdentifier: Position] = [:]
  /// Values that equations name.
  var referenced: Set<String> = []
  var depth = 0, operationCount = 0

  /// The cell that the bytes describe.
  static func cell(_ bytes: [UInt8], file: String?) throws(CellTextError) -> Cell {
    if bytes.count > mostBytes { throw tooLarge(bytes: bytes.count, file: file) }
    var reader = try CellTextReader(bytes, file: file)
    return try reader.read()
  }

  static func tooLarge(bytes: Int, file: String?) -> CellTextError {
    .mistake(
      .tooLarge(found: "\(bytes) bytes", most: "\(mostBytes)"),
      at: .init(file: file, line: 1, scalars: [], at: 0))
  }

  private init(_ bytes: [UInt8], file: String?) throws(CellTextError) {
    self.file = file
    var bytes = bytes[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    var lines: [[Unicode.Scalar]] = [[]]
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var followsReturn = false
    decoding: while true {
      switch decoder.decode(&iterator) {
      case .emptyInput: break decoding
      case .error:
        let line = lines.count, scalars = lines[line - 1]
        throw .mistake(.notUTF8, at: .init(file: file, line: line, scalars: scalars, at: scalars.count))
      case .scalarValue(let scalar):
        // A line ends with LF, CR LF or CR.
        if scalar == "\r" || (scalar == "\n" && !followsReturn) {
          lines.append([])
        } else if scalar != "\n" {
          lines[lines.count - 1].append(scalar)
        }
        followsReturn = scalar == "\r"
      }
    }
    if lines.count > Self.mostLines {
      throw .mistake(
        .tooLarge(found: "\(lines.count) lines", most: "\(Self.mostLines)"),
        at: .init(file: file, line: Self.mostLines + 1, scalars: lines[Self.mostLines], at: 0))
    }
    self.lines = lines
  }

  private mutating func read() throws(CellTextError) -> Cell {
    try readHeader()
    let header = start
    var equations: [(left: LeftSide, right: Position)] = []
    for line in position.line + 1..<max(position.line + 1, lines.count) {
      position = Position(line: line, scalar: 0)
      if isBlank() { continue }
      if let left = try readLeftSide() {
        equations.append((left, position))
      } else {
        try readDeclaration()
      }
    }
    try readEquations(equations)
    do throws(CellError) {
      return try Cell(builder, summary: summary, source: source)
    } catch {
      throw mistake(.cell(error), at: place(of: error) ?? header)
    }
  }

  // MARK: Mistakes

  /// The error for a mistake at a place, by itself that of the token read last.
  func mistake(_ mistake: CellTextError.Mistake, at position: Position? = nil) -> CellTextError {
    let position = position ?? start
    let place = CellTextError.Place(
      file: file, line: position.line + 1, scalars: lines[position.line], at: position.scalar)
    return .mistake(mistake, at: place)
  }

  /// The error for a token other than what was expected.
  func expected(_ expected: String) -> CellTextError {
    mistake(.unexpected(found: token.description, expected: expected))
  }

  /// The error for a name that means nothing. It may be meant to be a rare one, but these are not listed.
  func unknown(_ name: String, among known: [String], rarely rare: [String] = []) -> CellTextError {
    let nearest = name.utf8.count <= 100 ? nearestNames(to: name, among: (known + rare).sorted()) : []
    return mistake(.unknownName(name, nearest: nearest, known: nearest.isEmpty ? known.sorted() : []))
  }

  /// Throws what the builder has found wrong with the declaration that was just made.
  func checkBuilder(at position: Position) throws(CellTextError) {
    guard let error = builder.firstError else { return }
    if case .duplicateName(_, let name) = error { throw mistake(.duplicateName(name), at: position) }
    throw mistake(.cell(error), at: position)
  }

  /// Where the cause of a whole cell's mistake stands.
  private func place(of error: CellError) -> Position? {
    switch error {
    case .stateNeverAssigned(_, let name), .neverUsed(_, let name): declared[name]
    case .cycle(_, let path): path.first.flatMap { declared[$0] }
    case .sizeMismatch, .badConstant:
      builder.culprit.flatMap { places[ObjectIdentifier($0)] }
    default: nil
    }
  }
}
