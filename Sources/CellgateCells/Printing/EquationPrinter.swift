import CellgateBasics
import CellgateTensor

/// How equations are written.
public enum EquationStyle: Sendable {
  /// iₜ = σ(W_ix xₜ + W_ih hₜ₋₁ + b_i), for a terminal and for `.cell` files.
  case unicode
  /// i_t = \sigma\left(W_{ix} x_t + …\right), for a paper.
  case latex
}

extension Cell {
  /// The cell's equations, one a line, printed from the graph that runs: named values and the states' new
  /// values in the order in which they were written. With `onGrid` as they are on a ``CellGrid``, where products are
  /// convolutions: iₜ = σ(W_ix * xₜ + …).
  public func equations(_ style: EquationStyle = .unicode, onGrid: Bool = false) -> [String] {
    EquationPrinter(cell: self, style: style, onGrid: onGrid).equations()
  }

  /// The equations as a LaTeX `aligned` environment.
  public var latex: String { latex(onGrid: false) }

  /// As `latex`, on a ``CellGrid`` where `onGrid` says so.
  public func latex(onGrid: Bool) -> String {
    let lines = equations(.latex, onGrid: onGrid).map {
      $0.replacing(" = ", with: " &= ", maxReplacements: 1)
    }
    return "\\begin{aligned}\n  " + lines.joined(separator: " \\\\\n  ") + "\n\\end{aligned}"
  }
}

/// Writes the nodes of a cell's graph as formulas.
///
/// A formula is written out down to values with a name. Where a value without a name would make lines long,
/// deep or repeat itself at length, it becomes an abbreviation with a line of its own, `let m1 = …`.
struct EquationPrinter {
  let cell: Cell
  let style: EquationStyle
  /// Whether products are convolutions.
  let onGrid: Bool
  /// Nodes with a name of their own: named values, states at t, and abbreviations.
  private var labels: [NodeID: String] = [:]
  /// The equation that says what a node is, where several have the same value.
  private var owners: [NodeID: CellBuilder.Equation] = [:]
  private var abbreviated: Set<NodeID> = []

  /// An unnamed value that is read twice is written out twice up to this many operations.
  private static let mostRepeated = 2
  /// The most operations of an equation, and how deep they nest.
  private static let mostOperations = 400, deepest = 30

  init(cell: Cell, style: EquationStyle, onGrid: Bool = false) {
    self.cell = cell
    self.onGrid = onGrid
    self.style = style
    for equation in cell.equationOrder {
      let node = root(of: equation)
      if cell.graph.isLeaf(node) || owners[node] != nil { continue }
      owners[node] = equation
      labels[node] = label(of: equation)
    }
    abbreviate()
  }

  func equations() -> [String] {
    var lines: [String] = []
    var written: Set<NodeID> = []
    for equation in cell.equationOrder {
      let node = root(of: equation)
      let isOwner = owners[node] == equation || cell.graph.isLeaf(node)
      if isOwner {
        for part in abbreviations(inside: node, except: written) {
          written.insert(part)
          let start = style == .unicode ? "let " : ""
          lines.append("\(start)\(labels[part] ?? "") = \(formula(part, isRoot: true))")
        }
      }
      lines.append("\(label(of: equation)) = \(formula(node, isRoot: isOwner))")
    }
    return lines
  }

  /// What a matrix or vector is called: W_ix is gate i's matrix that reads x.
  func symbol(_ block: Block) -> String {
    let symbol = cell.symbols[block]
    guard style == .latex else { return Notation.written(symbol: symbol) }
    guard let line = symbol.firstIndex(of: "_"), line != symbol.startIndex else { return latex(symbol) }
    return "\(latex(String(symbol[..<line])))_{\(Self.escaped(String(symbol[symbol.index(after: line)...])))}"
  }

  /// What a matrix' transpose is called, W_ixᵀ: in backticks where that is something else's name.
  private func transposed(_ block: Block) -> String {
    if style == .latex { return symbol(block) + "^{\\top}" }
    let plain = symbol(block) + String(Notation.transpose)
    return names.contains(plain) ? "`\(cell.symbols[block])`\(Notation.transpose)" : plain
  }

  /// A value's name, or its formula.
  func name(_ node: NodeID) -> String { labels[node] ?? formula(node) }

  /// A value's name, or its formula in parentheses if it needs them.
  func atom(_ node: NodeID) -> String { formula(node, inside: .atom) }

  /// A state's name at t, or at t−1.
  func state(_ index: Int, before: Bool) -> String { indexed(cell.states[index], before: before) }

  // MARK: Names

  private func root(of equation: CellBuilder.Equation) -> NodeID {
    switch equation {
    case .value(let index): cell.names[index].node
    case .state(let index): cell.next[index]
    }
  }

  private func label(of equation: CellBuilder.Equation) -> String {
    switch equation {
    case .value(let index): indexed(cell.names[index].name)
    case .state(let index): state(index, before: false)
    }
  }

  private func indexed(_ name: String, before: Bool = false) -> String {
    switch style {
    case .unicode: Notation.written(name) + (before ? Notation.before : Notation.now)
    case .latex: "\(latex(name))_{\(before ? "t-1" : "t")}"
    }
  }

  private func latex(_ name: String) -> String {
    name.count > 1 ? "\\mathrm{\(Self.escaped(name))}" : Self.escaped(name)
  }

  private static func escaped(_ name: String) -> String {
    name.map { "_#$%&{}".contains($0) ? "\\\($0)" : String($0) }.joined()
  }

  /// All names that equations know.
  private var names: Set<String> {
    var names = Set(cell.states + cell.names.map(\.name) + [cell.symbols.input])
    for (index, definition) in cell.parameters.enumerated() {
      names.formUnion(CellSymbols.symbols(cell.symbols.parameters[index], definition.gates))
    }
    return names
  }

  // MARK: Abbreviations

  private mutating func abbreviate() {
    let taken = names
    var count = 0
    for id in Self.abbreviations(cell, labelled: Set(labels.keys)) {
      repeat { count += 1 } while taken.contains("m\(count)")
      labels[id] = style == .latex ? "m_{\(count)}" : "m\(count)"
      abbreviated.insert(id)
    }
  }

  /// Values without a name that make formulas long, deep or repetitive where they are written out, in the order of the graph;
  /// where `repeatsProducts` is false those of products that are read twice, too.
  static func abbreviations(
    _ cell: Cell, labelled: Set<NodeID>, repeatsProducts: Bool = true
  ) -> [NodeID] {
    let graph = cell.graph
    let readers = graph.uses(upTo: graph.nodes.count)
    var labelled = labelled
    var found: [NodeID] = []
    // Operations of each formula as it is written, and how deep they nest; operands come before their nodes.
    var sizes: [Int] = [], depths: [Int] = []
    for (id, node) in graph.nodes.enumerated() {
      var size = 1, depth = 0
      let isInfix = Notation.sign(of: node.operation) != nil
      for (index, operand) in node.operands.enumerated() {
        let isWritten = !labelled.contains(operand)
        size += isWritten ? sizes[operand] : 0
        depth = max(depth, (isWritten ? depths[operand] : 0) + (isInfix && index == 0 ? 0 : 1))
      }
      if graph.isLeaf(id) { (size, depth) = (0, 0) }
      sizes.append(size)
      depths.append(depth)
      let isProduct = node.operation.matrix != nil && !repeatsProducts
      let isRepeated = readers[id] > 1 && (size > Self.mostRepeated || isProduct)
      guard !labelled.contains(id), isRepeated || size > Self.mostOperations || depth >= Self.deepest else {
        continue
      }
      labelled.insert(id)
      found.append(id)
    }
    return found
  }

  /// The abbreviations in a formula that have no line yet, each after those in its own formula.
  private func abbreviations(inside root: NodeID, except written: Set<NodeID>) -> [NodeID] {
    var found: Set<NodeID> = [], seen: Set<NodeID> = [root]
    var stack = cell.graph[root].operands
    while let id = stack.popLast() {
      guard seen.insert(id).inserted else { continue }
      if abbreviated.contains(id) {
        if written.contains(id) { continue }
        found.insert(id)
      } else if labels[id] != nil {
        continue
      }
      stack += cell.graph[id].operands
    }
    return found.sorted()
  }

  // MARK: Formulas

  private func formula(
    _ node: NodeID, isRoot: Bool = false, inside: Notation.Precedence = .sum
  ) -> String {
    if !isRoot, let label = labels[node] { return label }
    let (text, own) = formulaAndPrecedence(cell.graph[node])
    if own >= inside { return text }
    return style == .latex ? "\\left(\(text)\\right)" : "(\(text))"
  }

  private func formulaAndPrecedence(_ node: Graph.Node) -> (String, Notation.Precedence) {
    let operands = node.operands
    func of(_ index: Int, _ inside: Notation.Precedence) -> String {
      formula(operands[index], inside: inside)
    }
    if let function = Notation.function(of: node.operation) {
      let arguments = operands.indices.map { of($0, .sum) }.joined(separator: ", ")
      if style == .unicode { return ("\(function.name)(\(arguments))", .atom) }
      let (open, close) = function.brackets
      return ("\(function.latex)\(open)\(arguments)\(close)", .atom)
    }
    if let sign = Notation.sign(of: node.operation) {
      if style == .latex, node.operation == .divide {
        return ("\\frac{\(of(0, .sum))}{\(of(1, .sum))}", .atom)
      }
      let text = style == .latex ? sign.latex : String(sign.sign)
      return ("\(of(0, sign.precedence)) \(text) \(of(1, sign.right))", sign.precedence)
    }
    let minus = style == .latex ? "-" : String(Notation.minus)
    switch node.operation {
    case .input: return (indexed(cell.symbols.input), .atom)
    case .state(let index): return (state(index, before: true), .atom)
    case .noise(let noise): return (indexed("z\(noise + 1)"), .atom)
    case .product(let block):
      let sign = onGrid ? style == .latex ? " \\ast" : " *" : ""
      return ("\(symbol(block))\(sign) \(of(0, .atom))", .application)
    case .transposedProduct(let block):
      let sign = onGrid ? style == .latex ? " \\ast" : " *" : ""
      return ("\(transposed(block))\(sign) \(of(0, .atom))", .application)
    case .vector(let block): return (symbol(block), .atom)
    case .constant(let value):
      let text = Notation.written(value)
      let isNegative = value.sign == .minus
      return (style == .latex ? text.replacing("−", with: "-") : text, isNegative ? .sum : .atom)
    case .negate:
      // −1 is a number; what else begins with one is put in parentheses.
      let inner = of(0, .product)
      let isNumber = inner.first?.isNumber == true
      return (minus + (isNumber ? "(\(inner))" : inner), .sum)
    default: fail("EquationPrinter: expected an operation of a cell's own graph, found \(node.operation)")
    }
  }
}
