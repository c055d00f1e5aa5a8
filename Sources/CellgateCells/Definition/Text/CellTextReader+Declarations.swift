extension CellTextReader {
  /// The words that begin a declaration, and what an error suggests.
  static let keywords = [
    "source", "input", "state", "states", "matrix", "matrices", "vector", "vectors", "scalar", "scalars",
    "fixed", "let",
  ]
  /// Words that mean something of their own after "start", so that a gate of such a name is put in backticks.
  private static let startWords = ["at", "chrono", "orthogonal", "xavier", "zero", "start", "starts"]

  static func written(gate: String) -> String { Notation.written(gate, reserved: startWords) }

  /// A symbol with its star as it is written.
  static func written(symbol: String) -> String {
    let letters = symbol.replacing("*", with: "", maxReplacements: 1)
    let isPlain = Notation.written(symbol: letters) == letters && !symbol.hasPrefix("*")
    return isPlain ? symbol : "`\(symbol)`"
  }

  /// The first line that isn't blank: `cell NAME: SUMMARY`.
  mutating func readHeader() throws(CellTextError) {
    while isBlank(), position.line + 1 < lines.count {
      position = Position(line: position.line + 1, scalar: 0)
    }
    try advance()
    guard token == .name("cell", .none, isQuoted: false) else { throw expected("'cell NAME: SUMMARY'") }
    skipSpaces()
    let place = position
    var name = readScalars { !$0.properties.isWhitespace }
    if name.hasPrefix("#") { name = "" }
    if name.hasSuffix(":") {
      name.removeLast()
    } else {
      skipSpaces()
      if scalar() == ":" { position.scalar += 1 }
    }
    if name.isEmpty {
      throw mistake(.unexpected(found: "no name", expected: "'cell NAME: SUMMARY'"), at: place)
    }
    builder = CellBuilder(cell: try unescaped(Array(name.unicodeScalars), at: place))
    summary = try readField()
    start = place
  }

  /// A declaration's line, after its blanks.
  mutating func readDeclaration() throws(CellTextError) {
    try advance()
    guard case .name(let word, .none, isQuoted: false) = token else {
      throw expected("a declaration or an equation")
    }
    switch word {
    case "source":
      if !source.isEmpty { throw mistake(.duplicateName("source")) }
      source = try readField()
    case "input": try readInput()
    case "state", "states": try readStates()
    case "fixed":
      try advance()
      guard case .name(let kind, .none, isQuoted: false) = token,
        try readParameter(of: kind, isFixed: true)
      else { throw expected("'matrix', 'vector' or 'scalar', or several of them") }
    case "cell": throw mistake(.unexpected(found: "a second cell", expected: "one cell a file"))
    default: if try !readParameter(of: word) { throw unknownWord(word) }
    }
  }

  /// A parameter's declaration after the word that says of what kind it is; false for another word.
  private mutating func readParameter(of kind: String, isFixed: Bool = false) throws(CellTextError) -> Bool {
    switch kind {
    case "matrix", "matrices": try readParameter(isMatrix: true, isScalar: false, isFixed: isFixed)
    case "vector", "vectors": try readParameter(isMatrix: false, isScalar: false, isFixed: isFixed)
    case "scalar", "scalars": try readParameter(isMatrix: false, isScalar: true, isFixed: isFixed)
    default: return false
    }
    return true
  }

  private func unknownWord(_ word: String) -> CellTextError {
    let error = unknown(word, among: Self.keywords)
    if case .mistake(.unknownName(_, let nearest, _), _) = error, !nearest.isEmpty { return error }
    return expected("a declaration (\(Self.keywords.joined(separator: ", "))) or an equation with '='")
  }

  private mutating func readInput() throws(CellTextError) {
    if builder.inputSymbol != nil { throw mistake(.duplicateName("input")) }
    let name = try readName("the input's name")
    // Before the input has a name of its own, x stands for it.
    meanings["x"] = nil
    try give(name, .input, at: start)
    builder.inputSymbol = name
    try readEnd()
  }

  private mutating func readStates() throws(CellTextError) {
    repeat {
      let name = try readName("a state's name"), place = start
      try advance()
      _ = builder.state(name, size: try readSize(after: "size"))
      try checkBuilder(at: place)
      try give(name, .state(builder.states.count - 1), at: place)
      declared[name] = place
    } while token == .sign(",")
    if token != .end { throw expected("',' or the end of the line") }
  }

  /// H, or the size whose letter follows this word; reads on to the token after it.
  private mutating func readSize(after word: String) throws(CellTextError) -> CellDimension {
    guard token == .name(word, .none, isQuoted: false) else { return .hidden }
    let letter = try readName("the size H or P")
    guard let size = Notation.sizes[letter] else { throw unknown(letter, among: Array(Notation.sizes.keys)) }
    try advance()
    return size
  }

  /// `matrices W_*x = weight_ih (i, f, g, o) rows P start orthogonal`, from the symbol on.
  private mutating func readParameter(
    isMatrix: Bool, isScalar: Bool, isFixed: Bool
  ) throws(CellTextError) {
    skipSpaces()
    let place = position
    var symbol = try readSymbol()
    try advance()
    var name = symbol
    var namePlace = place
    let hasName = token == .sign("=")
    if hasName {
      name = try readName("the parameter's name in files, such as weight_ih")
      namePlace = start
      try advance()
    }
    var gates = [""], gatePlaces: [Position] = []
    if token == .sign("(") {
      gates = []
      repeat {
        gates.append(try readName("a gate's name"))
        gatePlaces.append(start)
        try advance()
      } while token == .sign(",")
      if token != .sign(")") { throw expected("',' or ')'") }
      try advance()
    }
    let stars = symbol.count { $0 == "*" }
    if gates == [""], stars > 0 {
      throw mistake(.unexpected(found: "'*' in a symbol", expected: "gates in parentheses for it"), at: place)
    }
    if gates != [""] {
      if !hasName {
        throw mistake(
          .unexpected(
            found: "no name", expected: "'\(symbol) = NAME (\(gates[0]), …)' with a name for files"),
          at: place)
      }
      if stars == 0 { symbol += "_*" }
    }
    let rows = try readSize(after: isMatrix ? "rows" : "size")
    let start = try readStart(gates: gates, isMatrix: isMatrix)
    if token != .end { throw expected("'start' or the end of the line") }

    let block = builder.declare(
      name, gates: gates, isMatrix: isMatrix, isScalar: isScalar, rows: rows, start: start, isFixed: isFixed,
      symbol: symbol)
    try checkBuilder(at: namePlace)
    declared[name] = namePlace
    for (index, symbol) in CellSymbols.symbols(symbol, gates).enumerated() {
      let block = Block(parameter: block.parameter, gate: index)
      try give(symbol, isMatrix ? .matrix(block) : .vector(block), at: place)
      if gates != [""] { declared["\(name).\(gates[index])"] = gatePlaces[index] }
    }
  }

  /// A parameter's symbol: a name with a star for the gate, and primes.
  private mutating func readSymbol() throws(CellTextError) -> String {
    if scalar() == "`" { return try readQuoted() }
    guard let first = scalar(), Notation.startsName(first) else {
      try advance()
      throw expected("a symbol such as W or W_*x")
    }
    let symbol = readScalars { Notation.continuesName($0) || $0 == "*" }
    return symbol + String(repeating: Notation.prime.description, count: readPrimes())
  }

  /// What a parameter's values start from; the token is "start" or the line's end.
  private mutating func readStart(
    gates: [String], isMatrix: Bool
  ) throws(CellTextError) -> ParameterDefinition.Start {
    let standard: ParameterDefinition.Start =
      isMatrix ? .xavier : .perGate(Array(repeating: .zero, count: gates.count))
    guard case .name("start", .none, isQuoted: false) = normalized(token) else { return standard }
    try advance()
    if case .name(let word, .none, isQuoted: false) = token, isMatrix {
      let named: [String: ParameterDefinition.Start] = [
        "xavier": .xavier, "orthogonal": .orthogonal, "zero": .zero,
      ]
      if let start = named[word] {
        try advance()
        return start
      }
    }
    if token == .name("at", .none, isQuoted: false) {
      let bias = try readBias()
      return .perGate(Array(repeating: bias, count: gates.count))
    }
    var biases = Array(repeating: GateBias.zero, count: gates.count)
    var seen: Set<String> = []
    while true {
      guard case .name(let gate, .none, let isQuoted) = token, gates != [""] else {
        throw expected(isMatrix ? "'at', 'orthogonal', 'xavier' or 'zero'" : "'at'")
      }
      guard let index = gates.firstIndex(of: gate) else {
        if !isQuoted, Self.startWords.contains(gate) { throw expected("one of the gates or 'at'") }
        throw unknown(gate, among: gates)
      }
      if !seen.insert(gate).inserted { throw mistake(.duplicateName(gate)) }
      try advance()
      guard token == .name("at", .none, isQuoted: false) else { throw expected("'at'") }
      biases[index] = try readBias()
      if token != .sign(",") { return .perGate(biases) }
      try advance()
    }
  }

  private func normalized(_ token: CellToken) -> CellToken {
    token == .name("starts", .none, isQuoted: false) ? .name("start", .none, isQuoted: false) : token
  }

  /// `1 chrono +` or `1 to 5`, after "at"; reads one token more.
  private mutating func readBias() throws(CellTextError) -> GateBias {
    var bias = GateBias(try readNumber())
    if token == .name("to", .none, isQuoted: false) { bias.last = try readNumber() }
    guard token == .name("chrono", .none, isQuoted: false) else { return bias }
    try advance()
    guard token == .sign("+") || token == .sign(Notation.minus) else { throw expected("'+' or '−'") }
    let sign = token == .sign("+") ? 1 : -1
    bias.chronoSign = sign
    try advance()
    if case .number(let factor) = token {
      guard let whole = Int(exactly: factor), whole > 0 else { throw expected("a whole number") }
      bias.chronoSign = sign * whole
      try advance()
    }
    return bias
  }

  /// A number that follows, with a sign or without; reads one token more.
  private mutating func readNumber() throws(CellTextError) -> Double {
    try advance()
    let isNegative = token == .sign(Notation.minus)
    if isNegative { try advance() }
    guard case .number(let value) = token else { throw expected("a number") }
    try advance()
    return isNegative ? -value : value
  }

  // MARK: Words

  /// The next token, which must be a name without a mark.
  mutating func readName(_ what: String) throws(CellTextError) -> String {
    try advance()
    guard case .name(let name, .none, _) = token else { throw expected(what) }
    return name
  }

  mutating func readEnd() throws(CellTextError) {
    try advance()
    if token != .end { throw expected("the end of the line") }
  }

  /// Gives a name a meaning in equations.
  mutating func give(_ name: String, _ meaning: Meaning, at place: Position) throws(CellTextError) {
    if case .input = meanings[name], builder.inputSymbol == nil {
      throw mistake(
        .unexpected(found: "'x', which is the input", expected: "another name, or 'input NAME' above"),
        at: place)
    }
    if meanings[name] != nil { throw mistake(.duplicateName(name), at: place) }
    meanings[name] = meaning
  }

  /// The rest of the line without spaces around it and without its comment.
  private mutating func readField() throws(CellTextError) -> String {
    skipSpaces()
    let place = position
    var scalars = lines[place.line][place.scalar...]
    if let comment = scalars.indices.first(where: { index in
      scalars[index] == "#" && (index == 0 || lines[place.line][index - 1].properties.isWhitespace)
    }) {
      scalars = scalars[..<comment]
    }
    while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
    position.scalar = lines[place.line].count
    return try unescaped(Array(scalars), at: place)
  }

  /// The text that a field with its backslashes stands for.
  private func unescaped(_ scalars: [Unicode.Scalar], at place: Position) throws(CellTextError) -> String {
    var view = String.UnicodeScalarView()
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "\\" else {
        view.append(scalars[index])
        index += 1
        continue
      }
      let next = index + 1 < scalars.count ? scalars[index + 1] : nil
      if let next, next == "\\" || next == "#" {
        view.append(next)
        index += 2
        continue
      }
      let digits = scalars.dropFirst(index + 3).prefix { $0 != "}" }
      let isLong = next == "u" && index + 2 < scalars.count && scalars[index + 2] == "{"
      let value =
        isLong && digits.endIndex < scalars.count && digits.count <= 6
        ? UInt32(String(String.UnicodeScalarView(digits)), radix: 16).flatMap(Unicode.Scalar.init) : nil
      guard let value else {
        throw mistake(
          .unexpected(found: "a lone '\\'", expected: "'\\\\', '\\#' or '\\u{…}'"),
          at: Position(line: place.line, scalar: place.scalar + index))
      }
      view.append(value)
      index = digits.endIndex + 1
    }
    return String(view)
  }
}
