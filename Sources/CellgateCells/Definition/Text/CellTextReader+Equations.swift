extension CellTextReader {
  /// What an equation gives a value to.
  struct LeftSide {
    enum Kind { case named, abbreviation }
    var name: String
    var mark: CellToken.Mark
    var kind: Kind
    var isQuoted: Bool
    var place: Position
  }

  /// The left side of an equation and its sign, or nil, at the same position, where the line is a declaration.
  mutating func readLeftSide() throws(CellTextError) -> LeftSide? {
    let beginning = position
    try advance()
    guard case .name(var name, var mark, let isQuoted) = token else {
      throw expected("a declaration or an equation")
    }
    var left = LeftSide(name: name, mark: mark, kind: .named, isQuoted: isQuoted, place: start)
    let isPlainWord = !isQuoted && mark == .none
    let second = position
    // Whatever follows a declaration's word, a symbol say, is no business of this function.
    if isPlainWord, !followsEqualsSign() {
      guard name == "let" else {
        position = beginning
        return nil
      }
      position = second
      try advance()
      guard case .name(let abbreviation, let itsMark, let isQuoted) = token else { throw expected("a name") }
      (name, mark) = (abbreviation, itsMark)
      left = LeftSide(name: name, mark: mark, kind: .abbreviation, isQuoted: isQuoted, place: start)
    }
    try advance()
    guard token == .sign("=") else { throw expected("'='") }
    return left
  }

  private mutating func followsEqualsSign() -> Bool {
    skipSpaces()
    return scalar() == "="
  }

  /// Gives all left sides their meaning, then reads the right sides in order.
  mutating func readEquations(_ equations: [(left: LeftSide, right: Position)]) throws(CellTextError) {
    var equations = equations
    for index in equations.indices {
      let left = equations[index].left
      (equations[index].left.name, equations[index].left.mark) = subscripted(
        left.name, left.mark, left.isQuoted)
      try declare(equations[index].left)
    }
    var isSet: Set<Int> = []
    for (left, right) in equations {
      position = right
      (depth, operationCount) = (0, 0)
      try advance()
      let value = try readSum()
      if token != .end { throw unexpectedOperand() ?? expected("an operator or the end of the line") }
      if left.kind == .abbreviation {
        builder.abbreviate(left.name, value)
      } else if case .state(let index)? = meanings[left.name] {
        if !isSet.insert(index).inserted {
          throw mistake(
            .cell(.assignedTwice(cell: builder.cell, state: left.name)), at: left.place)
        }
        builder.next(CellExpression(.state(index)), value)
      } else {
        _ = builder.define(left.name, value)
      }
      try checkBuilder(at: left.place)
    }
    for (left, _) in equations where left.kind == .abbreviation && !referenced.contains(left.name) {
      throw mistake(.cell(.neverUsed(cell: builder.cell, name: left.name)), at: left.place)
    }
  }

  /// A name that ends with `_t`, as in h_t, and that nothing else has, is that name at t.
  private func subscripted(
    _ name: String, _ mark: CellToken.Mark, _ isQuoted: Bool
  ) -> (name: String, mark: CellToken.Mark) {
    guard !isQuoted, mark == .none, name.hasSuffix("_t"), name.count > 2, meanings[name] == nil else {
      return (name, mark)
    }
    return (String(name.dropLast(2)), .now)
  }

  /// Gives a left side its meaning.
  private mutating func declare(_ left: LeftSide) throws(CellTextError) {
    let spelled = CellToken.name(left.name, left.mark, isQuoted: false).description
    func refused(_ found: String, _ expected: String) -> CellTextError {
      mistake(.unexpected(found: found, expected: expected), at: left.place)
    }
    switch meanings[left.name] {
    case .state where left.kind == .named:
      guard left.mark == .now || left.mark == .primes(1) else {
        let name = Notation.written(left.name)
        throw refused("\(spelled), the state at t−1", "its new value, \(name)\(Notation.now) or \(name)'")
      }
      declared[left.name + Notation.now] = left.place
      return
    case .input: throw refused("\(spelled), the input", "a state or a new name")
    case .matrix, .vector: throw refused("\(spelled), a parameter", "a state or a new name")
    case .state, .value: throw mistake(.duplicateName(left.name), at: left.place)
    case nil: break
    }
    guard left.mark == .none || left.mark == .now else {
      throw refused("\(spelled)", "a state, as only states have values at t−1 and t, or a name alone")
    }
    if Notation.function(named: left.name) != nil, !left.isQuoted {
      throw refused("\(spelled), a function", "a state or a new name")
    }
    try give(left.name, .value(left.name), at: left.place)
    declared[left.name] = left.place
  }

  // MARK: Formulas

  /// a + b − c.
  private mutating func readSum() throws(CellTextError) -> CellExpression {
    try nest()
    defer { depth -= 1 }
    return try readOperators(.sum)
  }

  /// Operands between operators of one precedence, from left to right.
  private mutating func readOperators(_ precedence: Notation.Precedence) throws(CellTextError)
    -> CellExpression
  {
    var left = try readOperand(of: precedence)
    while case .sign(let scalar) = token, let sign = Notation.sign(scalar), sign.precedence == precedence {
      let place = start
      try advance()
      left = try node(sign.operation, left, try readOperand(of: precedence), at: place)
    }
    return left
  }

  /// An operand of a sum is a product, perhaps negated; that of a product an application.
  private mutating func readOperand(of precedence: Notation.Precedence) throws(CellTextError)
    -> CellExpression
  {
    guard token == .sign(Notation.minus) else {
      return precedence == .sum ? try readOperators(.product) : try readApplication()
    }
    let place = start
    try nest()
    defer { depth -= 1 }
    try advance()
    if case .number(let value) = token {
      // −1 is a number, and may begin a product.
      token = .number(-value)
      return precedence == .sum ? try readOperators(.product) : try readApplication()
    }
    return try node(.negate, try readOperand(of: precedence), at: place)
  }

  /// A value to a constant power, if there is one.
  private mutating func readApplication() throws(CellTextError) -> CellExpression {
    var base = try readAtom()
    while token == .sign(Notation.power) {
      let place = start
      try advance()
      let isNegative = token == .sign(Notation.minus)
      if isNegative { try advance() }
      guard case .number(let exponent) = token, exponent != 0 else {
        throw expected("a number other than 0 as the power")
      }
      operationCount += 16
      base = note(base.raised(to: isNegative ? -exponent : exponent), place)
      try advance()
    }
    return base
  }

  /// A number, a value, a function's value, parentheses, or a matrix and its operand.
  private mutating func readAtom() throws(CellTextError) -> CellExpression {
    let place = start
    switch token {
    case .number(let value):
      try advance()
      return try node(.constant(value), at: place)
    case .sign("("):
      try advance()
      let value = try readSum()
      guard token == .sign(")") else { throw unexpectedOperand() ?? expected("an operator or ')'") }
      try advance()
      return value
    case .name(let name, let mark, let isQuoted):
      if !isQuoted, mark == .none, let function = Notation.function(named: name) {
        return try readCall(of: function, name)
      }
      let (base, itsMark) = subscripted(name, mark, isQuoted)
      return meanings[base] == nil ? try readValue(name, mark) : try readValue(base, itsMark)
    default: throw expected("a value")
    }
  }

  private mutating func readCall(of function: Notation.Function, _ name: String) throws(CellTextError)
    -> CellExpression
  {
    let place = start
    try advance()
    guard token == .sign("(") else { throw expected("'(' after \(name)") }
    var operands: [CellExpression] = []
    repeat {
      try advance()
      operands.append(try readSum())
      if token == .sign(","), operands.count == function.operandCount { throw expected("')'") }
    } while token == .sign(",")
    if token == .sign(")"), operands.count < function.operandCount { throw expected("',' and an operand") }
    guard token == .sign(")") else { throw unexpectedOperand() ?? expected("an operator or ')'") }
    try advance()
    return try node(function.operation, operands, at: place)
  }

  /// What a name with its mark stands for.
  private mutating func readValue(_ name: String, _ mark: CellToken.Mark) throws(CellTextError)
    -> CellExpression
  {
    let place = start
    var (name, mark) = (name, mark)
    if case .primes(let count) = mark {
      let whole = name + String(repeating: Notation.prime.description, count: min(count, 100))
      if meanings[whole] != nil { (name, mark) = (whole, .none) }
    }
    // Wᵀ, unless that is a name of its own.
    var isTransposed = false
    if meanings[name] == nil, mark == .none, name.unicodeScalars.last == Notation.transpose {
      let base = String(name.unicodeScalars.dropLast())
      if case .matrix = meanings[base] { (name, isTransposed) = (base, true) }
    }
    guard let meaning = meanings[name] else {
      skipSpaces()
      let isCall = scalar() == "("
      throw isCall
        ? unknown(name, among: Notation.functionNames)
        : unknown(name, among: Array(meanings.keys), rarely: Notation.functionNames)
    }
    func refused(_ what: String) -> CellTextError {
      mistake(
        .unexpected(
          found: CellToken.name(name, mark, isQuoted: false).description,
          expected: "'\(quoted(name))' alone, as \(what)"), at: place)
    }
    func quoted(_ name: String) -> String { Notation.written(symbol: name) }
    switch meaning {
    case .input:
      guard mark == .none || mark == .now else { throw refused("only states have another time's value") }
      try advance()
      return try node(.input, at: place)
    case .state(let index):
      switch mark {
      case .none, .before:
        try advance()
        return try node(.state(index), at: place)
      case .now, .primes(1):
        try advance()
        return note(CellExpression(.next(index)), place)
      case .earlier(let steps):
        try advance()
        let value = builder.earlier(CellExpression(.state(index)), by: steps)
        try checkBuilder(at: place)
        return note(value, place)
      case .primes:
        throw mistake(
          .unexpected(found: token.description, expected: "'\(quoted(name))' with one prime"), at: place)
      }
    case .value(let name):
      guard mark == .none || mark == .now else { throw refused("only states have another time's value") }
      try advance()
      referenced.insert(name)
      return note(CellExpression(.reference(name)), place)
    case .vector(let block):
      guard mark == .none else { throw refused("a parameter is the same at all times") }
      try advance()
      return try node(.vector(block), at: place)
    case .matrix(let block):
      guard mark == .none else { throw refused("a parameter is the same at all times") }
      if !isTransposed { isTransposed = try readTranspose() }
      try advance()
      return try readOperand(
        of: isTransposed ? .transposedProduct(block) : .product(block), quoted(name), at: place)
    }
  }

  /// ᵀ or ^T after a matrix.
  private mutating func readTranspose() throws(CellTextError) -> Bool {
    if scalar() == Notation.transpose {
      position.scalar += 1
      return true
    }
    let after = position
    skipSpaces()
    guard scalar() == Notation.power else {
      position = after
      return false
    }
    try advance()
    try advance()
    guard token == .name("T", .none, isQuoted: false) else {
      throw expected("'T', the transpose of the matrix")
    }
    return true
  }

  /// The operand of a matrix: a value, a call, parentheses, or another matrix's application.
  private mutating func readOperand(
    of product: NodeOperation, _ symbol: String, at place: Position
  ) throws(CellTextError) -> CellExpression {
    if case .sign(let scalar) = token, scalar != "(" {
      throw expected("what the matrix \(symbol) multiplies, without a sign, as in '\(symbol) x'")
    }
    if token == .end { throw expected("what the matrix \(symbol) multiplies, as in '\(symbol) x'") }
    try nest()
    defer { depth -= 1 }
    return try node(product, try readApplication(), at: place)
  }

  /// The error for a value that follows another without an operator.
  private func unexpectedOperand() -> CellTextError? {
    switch token {
    case .name, .number, .sign("("): expected("an operator; '⊙' or '*' multiplies elementwise")
    default: nil
    }
  }

  // MARK: Nodes

  private mutating func nest() throws(CellTextError) {
    depth += 1
    if depth > Self.mostNesting {
      throw mistake(.tooLarge(found: "\(depth) levels of nesting", most: "\(Self.mostNesting)"))
    }
  }

  private mutating func node(
    _ operation: NodeOperation, _ operands: CellExpression..., at place: Position
  ) throws(CellTextError) -> CellExpression {
    try node(operation, operands, at: place)
  }

  private mutating func node(
    _ operation: NodeOperation, _ operands: [CellExpression], at place: Position
  ) throws(CellTextError) -> CellExpression {
    operationCount += 1
    if operationCount > Self.mostOperations {
      throw mistake(
        .tooLarge(found: "more than \(Self.mostOperations) operations", most: "\(Self.mostOperations)"))
    }
    return note(CellExpression(.operation(operation, operands.map(\.node))), place)
  }

  /// Remembers where an expression was written.
  private mutating func note(_ expression: CellExpression, _ place: Position) -> CellExpression {
    places[ObjectIdentifier(expression.node)] = place
    return expression
  }
}
