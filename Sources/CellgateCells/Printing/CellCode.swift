import CellgateBasics

/// A cell's equations in a programming language: formulas in the letters of the cell, every value after those that it is
/// made of.
struct CellCode {
  /// What differs between languages.
  struct Language {
    /// A function of operands that are written.
    var function: (NodeOperation, [String]) -> String
    /// A product: the matrix and what it reads.
    var product: (_ matrix: String, _ operand: String, _ size: CellDimension) -> String
    /// A product with the matrix' transpose: the size of what it reads, and of the result.
    var transposedProduct:
      (_ matrix: String, _ operand: String, _ size: CellDimension, _ result: CellDimension) -> String
    /// How tightly a product holds together.
    var productPrecedence: Notation.Precedence
    /// A number.
    var constant: (Double) -> String
    /// One unit of a value of all units, by its name.
    var unit: (String) -> String
    /// A single number, by its name.
    var scalar: (String) -> String
    /// A reduction of a value of a size.
    var reduction: (Reduction, _ operand: String, _ size: CellDimension) -> String
    /// Names that mean something.
    var reserved: Set<String>
  }

  let cell: Cell
  let language: Language
  /// The input's name.
  let input: String
  /// The states' names at t−1 and at t.
  let before: [String], after: [String]
  /// Values with a name, in an order in which they can be computed.
  private(set) var statements: [(name: String, node: NodeID)] = []
  private var labels: [NodeID: String] = [:]
  private let blocks: [Block: String]
  /// The values with a name that are arrays of all units, where a language computes others unit by unit; nil for all.
  var arrays: Set<NodeID>?

  /// The code of a cell; `named` are values that must have a name, whatever their formulas look like.
  init(_ cell: Cell, _ language: Language, taken: Set<String> = [], named: Set<NodeID> = []) {
    self.cell = cell
    self.language = language
    var names = CodeNames(taken: language.reserved.union(taken))
    let inputName = names.new(cell.symbols.input)
    input = inputName
    before = cell.states.map { names.new($0) }
    var blocks: [Block: String] = [:]
    for (index, definition) in cell.parameters.enumerated() {
      for gate in definition.gates.indices {
        let block = Block(parameter: index, gate: gate)
        blocks[block] = names.new(cell.symbols[block])
      }
    }
    self.blocks = blocks
    var labels: [NodeID: String] = [:]
    for (name, node) in cell.names where labels[node] == nil && !cell.graph.isLeaf(node) {
      // A value that is a state's new one is called by the state.
      if !cell.next.contains(node) { labels[node] = names.new(name) }
    }
    var after: [String] = []
    for (state, node) in zip(cell.states, cell.next) {
      let name = names.new(state + "_next")
      after.append(name)
      if labels[node] == nil, !cell.graph.isLeaf(node) { labels[node] = name }
    }
    self.after = after
    var count = 0
    let known = Set(labels.keys).union(named)
    let long = EquationPrinter.abbreviations(cell, labelled: known, repeatsProducts: false)
    for node in (long + named.filter { labels[$0] == nil }).sorted() {
      count += 1
      labels[node] = names.new("m\(count)")
    }
    self.labels = labels
    let needed = Self.needed(cell)
    statements = labels.keys.filter(needed.contains).sorted().map { (labels[$0] ?? "", $0) }
  }

  /// The nodes that the states' new values depend on.
  private static func needed(_ cell: Cell) -> Set<NodeID> {
    var found: Set<NodeID> = [], stack = cell.next
    while let id = stack.popLast() {
      if found.insert(id).inserted { stack += cell.graph[id].operands }
    }
    return found
  }

  /// What a gate's matrix or vector is called.
  func name(of block: Block) -> String { blocks[block] ?? "" }

  /// The name of a value that has one.
  func label(of node: NodeID) -> String? { labels[node] }

  /// The values with a name that the formula of a value reads.
  func reads(_ node: NodeID) -> Set<NodeID> {
    var found: Set<NodeID> = [], seen: Set<NodeID> = [], stack = cell.graph[node].operands
    while let id = stack.popLast() {
      guard seen.insert(id).inserted else { continue }
      if labels[id] != nil { found.insert(id) } else { stack += cell.graph[id].operands }
    }
    return found
  }

  /// The formula of a value, down to values with a name.
  func formula(_ node: NodeID) -> String { formula(node, isRoot: true, inside: .sum) }

  /// A state's new value: its name, or its formula where it is no value of its own.
  func next(_ state: Int) -> String { formula(cell.next[state], isRoot: false, inside: .sum) }

  private func formula(_ id: NodeID, isRoot: Bool, inside: Notation.Precedence) -> String {
    if !isRoot, let label = labels[id] {
      return arrays?.contains(id) ?? true ? language.unit(label) : label
    }
    let (text, own) = formulaAndPrecedence(id)
    return own >= inside ? text : "(\(text))"
  }

  /// What a product reads: a value of all units, by its name or formula.
  private func whole(_ id: NodeID) -> String {
    if let label = labels[id] { return label }
    switch cell.graph[id].operation {
    case .input: return input
    case .state(let state): return before[state]
    case .vector(let block): return name(of: block)
    default: return formula(id, isRoot: false, inside: .atom)
    }
  }

  private func formulaAndPrecedence(_ id: NodeID) -> (String, Notation.Precedence) {
    let node = cell.graph[id]
    func of(_ index: Int, _ inside: Notation.Precedence) -> String {
      formula(node.operands[index], isRoot: false, inside: inside)
    }
    switch node.operation {
    case .input: return (language.unit(input), .atom)
    case .state(let state): return (language.unit(before[state]), .atom)
    case .vector(let block):
      let isScalar = cell.parameters[block.parameter].isScalar
      return (isScalar ? language.scalar(name(of: block)) : language.unit(name(of: block)), .atom)
    case .constant(let value): return (language.constant(value), value.sign == .minus ? .sum : .atom)
    case .product(let block):
      let operand = node.operands[0]
      return (
        language.product(name(of: block), whole(operand), cell.graph.sizes[operand] ?? .hidden),
        language.productPrecedence
      )
    case .transposedProduct(let block):
      let operand = node.operands[0]
      return (
        language.transposedProduct(
          name(of: block), whole(operand), cell.graph.size(of: operand), cell.graph.size(of: id)),
        language.productPrecedence
      )
    case .reduction(let kind):
      let operand = node.operands[0]
      return (language.reduction(kind, whole(operand), cell.graph.size(of: operand)), .atom)
    case .negate:
      return ("-" + of(0, .application), .sum)
    case .add, .subtract, .multiply, .divide:
      let sign = Notation.sign(of: node.operation)
      let text =
        switch node.operation {
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        default: "/"
        }
      let right: Notation.Precedence = sign?.precedence == .sum ? .product : .application
      return ("\(of(0, sign?.precedence ?? .atom)) \(text) \(of(1, right))", sign?.precedence ?? .atom)
    default:
      return (language.function(node.operation, node.operands.indices.map { of($0, .sum) }), .atom)
    }
  }
}

/// Names in a program: plain ones, each once.
struct CodeNames {
  private var taken: Set<String>

  init(taken: Set<String>) { self.taken = taken }

  /// A name for a symbol: its Latin letters, digits and lines; Greek letters by their names.
  mutating func new(_ symbol: String) -> String {
    var name = ""
    for scalar in symbol.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_": name.unicodeScalars.append(scalar)
      case "₀"..."₉": name += "\(scalar.value - 0x2080)"
      case Notation.prime: name += "_prime"
      default: name += Self.greek[scalar] ?? "u\(String(scalar.value, radix: 16))"
      }
    }
    if name.first?.isNumber ?? true { name = "v" + name }
    var free = name, number = 2
    while taken.contains(free) {
      free = "\(name)_\(number)"
      number += 1
    }
    taken.insert(free)
    return free
  }

  private static let greek: [Unicode.Scalar: String] = [
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda_", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma",
    "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega",
  ]
}
