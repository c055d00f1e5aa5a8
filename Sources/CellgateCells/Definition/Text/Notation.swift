/// How operations are written in equations. The printer and the reader of cells share these tables: an
/// operation with a line here is printed, read, and suggested where a name is misspelt.
enum Notation {
  /// f(a), or f(a, b).
  struct Function: Sendable {
    /// What the printer writes.
    let name: String
    /// What is read besides.
    var aliases: [String] = []
    /// Its name in LaTeX, and what stands around the operands there.
    let latex: String
    var brackets = (open: "\\left(", close: "\\right)")
    let operation: NodeOperation
    var operandCount = 1
  }

  /// The functions: elementwise, and of all units.
  static let functions: [Function] = [
    Function(name: "σ", aliases: ["sigmoid"], latex: "\\sigma", operation: .sigmoid),
    Function(name: "tanh", latex: "\\tanh", operation: .tanh),
    Function(name: "relu", aliases: ["ReLU"], latex: "\\mathrm{relu}", operation: .relu),
    Function(name: "softplus", latex: "\\mathrm{softplus}", operation: .softplus),
    Function(name: "exp", latex: "\\exp", operation: .exp),
    Function(name: "log", aliases: ["ln"], latex: "\\log", operation: .logarithm),
    Function(name: "sqrt", latex: "\\sqrt", brackets: ("{", "}"), operation: .squareRoot),
    Function(name: "abs", latex: "", brackets: ("\\left|", "\\right|"), operation: .absolute),
    Function(name: "min", latex: "\\min", operation: .minimum, operandCount: 2),
    Function(name: "max", latex: "\\max", operation: .maximum, operandCount: 2),
    Function(name: "mean", latex: "\\mathrm{mean}", operation: .reduction(.mean)),
    Function(name: "variance", latex: "\\mathrm{variance}", operation: .reduction(.variance)),
  ]

  /// How tightly a formula holds together; what stands inside something tighter needs parentheses.
  enum Precedence: Int, Comparable {
    case sum, product
    /// A matrix and its operand.
    case application
    case atom

    static func < (left: Precedence, right: Precedence) -> Bool { left.rawValue < right.rawValue }
  }

  /// a + b; operators of one precedence are taken from left to right.
  struct Operator: Sendable {
    /// What the printer writes.
    let sign: Unicode.Scalar
    /// What is read besides.
    let aliases: [Unicode.Scalar]
    let latex: String
    let operation: NodeOperation
    let precedence: Precedence
    /// What the right operand may be without parentheses.
    let right: Precedence
  }

  /// The elementwise operators. A minus before one operand negates it.
  static let operators: [Operator] = [
    Operator(sign: "+", aliases: [], latex: "+", operation: .add, precedence: .sum, right: .product),
    Operator(
      sign: minus, aliases: ["-"], latex: "-", operation: .subtract, precedence: .sum, right: .product),
    Operator(
      sign: "⊙", aliases: ["*", "·", "×"], latex: "\\odot", operation: .multiply, precedence: .product,
      right: .application),
    Operator(sign: "÷", aliases: ["/"], latex: "/", operation: .divide, precedence: .product, right: .atom),
  ]

  /// The sizes that states, vectors and the rows of matrices may have; H is not written.
  static let sizes: [String: CellDimension] = ["H": .hidden, "P": .projection]

  /// What a declaration says of its size after this word; empty for H.
  static func written(_ size: CellDimension, after word: String) -> String {
    guard size != .hidden, let letter = sizes.first(where: { $0.value == size })?.key else { return "" }
    return " \(word) \(letter)"
  }

  static let minus: Unicode.Scalar = "−"
  /// Before a constant power.
  static let power: Unicode.Scalar = "^"
  /// After a matrix: its transpose.
  static let transpose: Unicode.Scalar = "ᵀ"

  /// After a name: the value at t, or that of a state at t−1.
  static let now = "ₜ", before = "ₜ₋₁"
  /// A name's mark for the value at t−`steps`.
  static func earlier(_ steps: Int) -> String {
    "ₜ₋" + String(String.UnicodeScalarView("\(steps)".unicodeScalars.compactMap { subscripted($0) }))
  }
  /// A digit below the line, ₀ to ₉, and the digit that it stands for.
  private static func subscripted(_ digit: Unicode.Scalar) -> Unicode.Scalar? {
    Unicode.Scalar(digit.value + 0x2050)
  }
  static func digit(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    ("₀"..."₉").contains(scalar) ? Unicode.Scalar(scalar.value - 0x2050) : nil
  }
  /// After a state's name: its new value. A symbol may end with primes too.
  static let prime: Unicode.Scalar = "′"
  static let primeAliases: [Unicode.Scalar] = ["'", "’"]

  private static let functionsByName: [String: Function] = Dictionary(
    uniqueKeysWithValues: functions.flatMap { function in
      ([function.name] + function.aliases).map { ($0, function) }
    })
  private static let functionsByOperation: [NodeOperation: Function] = Dictionary(
    uniqueKeysWithValues: functions.map { ($0.operation, $0) })
  private static let operatorsBySign: [Unicode.Scalar: Operator] = Dictionary(
    uniqueKeysWithValues: operators.flatMap { entry in ([entry.sign] + entry.aliases).map { ($0, entry) } })
  private static let operatorsByOperation: [NodeOperation: Operator] = Dictionary(
    uniqueKeysWithValues: operators.map { ($0.operation, $0) })

  /// The function of this name or alias.
  static func function(named name: String) -> Function? { functionsByName[name] }
  /// The function that computes this.
  static func function(of operation: NodeOperation) -> Function? { functionsByOperation[operation] }
  /// The operator of this sign or alias.
  static func sign(_ scalar: Unicode.Scalar) -> Operator? { operatorsBySign[scalar] }
  /// The operator that computes this.
  static func sign(of operation: NodeOperation) -> Operator? { operatorsByOperation[operation] }
  /// All names and aliases of functions.
  static var functionNames: [String] { functions.flatMap { [$0.name] + $0.aliases } }

  // MARK: Names

  /// Whether a name can begin with this.
  static func startsName(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || (scalar.properties.isXIDStart && scalar != "ₜ")
  }

  /// Whether a name can go on with this: letters, digits, `_`, and digits below the line.
  static func continuesName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "ₜ", "·": false
    case "₀"..."₉": true
    default: scalar.properties.isXIDContinue
    }
  }

  /// Whether a name stands by itself, without backticks.
  static func isPlain(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, startsName(first) else { return false }
    return name.unicodeScalars.allSatisfy(continuesName) && function(named: name) == nil
  }

  /// A name as it is written: in backticks unless it is plain. `reserved` names mean something else where it
  /// stands.
  static func written(_ name: String, reserved: [String] = []) -> String {
    isPlain(name) && !reserved.contains(name) ? name : "`\(name)`"
  }

  /// A parameter's symbol as it is written; it may end with primes.
  static func written(symbol: String) -> String {
    var letters = symbol.unicodeScalars[...]
    while letters.last == prime { letters.removeLast() }
    return isPlain(String(letters)) ? symbol : "`\(symbol)`"
  }

  /// A number that reads back as the same Double; negative ones begin with a minus.
  static func written(_ number: Double) -> String {
    let magnitude = number.magnitude
    let digits = Int(exactly: magnitude).map(String.init) ?? String(magnitude)
    return number.sign == .minus ? "\(minus)\(digits)" : digits
  }
}
