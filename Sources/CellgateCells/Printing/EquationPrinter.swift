/// How equations are written.
public enum EquationStyle: Sendable {
  /// iₜ = σ(W_ix xₜ + W_ih hₜ₋₁ + b_i), for a terminal.
  case unicode
  /// i_t = \sigma\left(W_{ix} x_t + …\right), for a paper.
  case latex
}

extension Cell {
  /// The cell's equations, one a line, printed from the graph that runs: named values and the states' new
  /// values in the order in which they are computed.
  public func equations(_ style: EquationStyle = .unicode) -> [String] {
    EquationPrinter(cell: self, style: style).equations()
  }

  /// The equations as a LaTeX `aligned` environment.
  public var latex: String {
    let lines = equations(.latex).map { $0.replacing(" = ", with: " &= ", maxReplacements: 1) }
    return "\\begin{aligned}\n  " + lines.joined(separator: " \\\\\n  ") + "\n\\end{aligned}"
  }
}

/// Writes the nodes of a cell's graph as formulas.
struct EquationPrinter {
  let cell: Cell
  let style: EquationStyle
  /// Nodes with a name of their own: named values, and states at t.
  private let labels: [NodeID: String]
  private let symbols: [Block: String]

  init(cell: Cell, style: EquationStyle) {
    self.cell = cell
    self.style = style
    var labels: [NodeID: String] = [:]
    for (name, node) in cell.names { labels[node] = Self.indexed(name, "t", style) }
    for (state, node) in cell.next.enumerated() where labels[node] == nil {
      if case .state = cell.graph[node].operation { continue }
      labels[node] = Self.indexed(cell.states[state], "t", style)
    }
    self.labels = labels
    symbols = Self.symbols(cell, style)
  }

  func equations() -> [String] {
    var lines: [(NodeID, String)] = []
    for (node, label) in labels { lines.append((node, "\(label) = \(formula(node, isRoot: true))")) }
    lines.sort { $0.0 < $1.0 }
    var result = lines.map(\.1)
    for (state, node) in cell.next.enumerated() {
      let label = Self.indexed(cell.states[state], "t", style)
      if labels[node] != label { result.append("\(label) = \(labels[node] ?? formula(node))") }
    }
    return result
  }

  /// What a matrix or vector is called: W_ix is gate i's matrix that reads x.
  func symbol(_ block: Block) -> String { symbols[block] ?? cell.parameters[block.parameter].name }

  /// A value's name, or its formula.
  func name(_ node: NodeID) -> String { labels[node] ?? formula(node) }

  /// A value's name, or its formula in parentheses if it needs them.
  func atom(_ node: NodeID) -> String { formula(node, inside: .atom) }

  /// A state's name at t, or at t−1.
  func state(_ index: Int, before: Bool) -> String {
    Self.indexed(cell.states[index], before ? "t-1" : "t", style)
  }

  private static func indexed(_ name: String, _ index: String, _ style: EquationStyle) -> String {
    switch style {
    case .unicode: name + (index == "t" ? "ₜ" : "ₜ₋₁")
    case .latex: (name.count > 1 ? "\\mathrm{\(name)}" : name) + "_{\(index)}"
    }
  }

  private static func symbols(_ cell: Cell, _ style: EquationStyle) -> [Block: String] {
    func subscripted(_ letter: String, _ index: String) -> String {
      if index.isEmpty { return letter }
      return style == .latex ? "\(letter)_{\(index)}" : "\(letter)_\(index)"
    }
    var symbols: [Block: String] = [:]
    var taken: Set<String> = []
    for node in cell.graph.nodes {
      switch node.operation {
      case .product(let block) where symbols[block] == nil:
        let parameter = cell.parameters[block.parameter]
        let operand: String
        switch cell.graph[node.operands[0]].operation {
        case .input: operand = "x"
        case .state(let state): operand = cell.states[state]
        default:
          operand = nameInside(node.operands[0], of: cell)
        }
        var symbol = subscripted("W", parameter.gates[block.gate] + operand)
        if taken.contains(symbol) { symbol = subscripted(parameter.name, parameter.gates[block.gate]) }
        taken.insert(symbol)
        symbols[block] = symbol
      case .vector(let block) where symbols[block] == nil:
        let parameter = cell.parameters[block.parameter], gate = parameter.gates[block.gate]
        let parts = parameter.name.split(separator: "_").map(String.init)
        let letter = parts[0] == "weight" ? String(parts.last?.prefix(1) ?? "w") : String(parts[0].prefix(1))
        var symbol = subscripted(letter, gate)
        if taken.contains(symbol) { symbol = subscripted(letter, gate + "′") }
        taken.insert(symbol)
        symbols[block] = symbol
      default: break
      }
    }
    return symbols
  }

  /// The name of the first value, state or input in a formula.
  private static func nameInside(_ node: NodeID, of cell: Cell) -> String {
    if let named = cell.names.first(where: { $0.node == node }) { return named.name }
    if let state = cell.next.firstIndex(of: node) { return cell.states[state] }
    switch cell.graph[node].operation {
    case .input: return "x"
    case .state(let index): return cell.states[index]
    default: return cell.graph[node].operands.last.map { nameInside($0, of: cell) } ?? ""
    }
  }

  private enum Precedence: Int { case sum, product, atom }

  private func formula(_ node: NodeID, isRoot: Bool = false, inside: Precedence = .sum) -> String {
    if !isRoot, let label = labels[node] { return label }
    let (text, own) = formulaAndPrecedence(cell.graph[node])
    if own.rawValue >= inside.rawValue { return text }
    return style == .latex ? "\\left(\(text)\\right)" : "(\(text))"
  }

  private func formulaAndPrecedence(_ node: Graph.Node) -> (String, Precedence) {
    let operands = node.operands
    func of(_ index: Int, _ inside: Precedence) -> String { formula(operands[index], inside: inside) }
    func call(_ unicode: String, _ latex: String) -> (String, Precedence) {
      let list = operands.indices.map { of($0, .sum) }.joined(separator: ", ")
      return style == .latex ? ("\(latex)\\left(\(list)\\right)", .atom) : ("\(unicode)(\(list))", .atom)
    }
    let times = style == .latex ? "\\odot" : "⊙", minus = style == .latex ? "-" : "−"
    switch node.operation {
    case .input: return (Self.indexed("x", "t", style), .atom)
    case .state(let index): return (state(index, before: true), .atom)
    case .product(let block): return ("\(symbol(block)) \(of(0, .atom))", .product)
    case .vector(let block): return (symbol(block), .atom)
    case .constant(let value): return (Int(exactly: value).map(String.init) ?? String(value), .atom)
    case .add: return ("\(of(0, .sum)) + \(of(1, .sum))", .sum)
    case .subtract: return ("\(of(0, .sum)) \(minus) \(of(1, .product))", .sum)
    case .multiply: return ("\(of(0, .product)) \(times) \(of(1, .product))", .product)
    case .divide:
      if style == .latex { return ("\\frac{\(of(0, .sum))}{\(of(1, .sum))}", .atom) }
      return ("\(of(0, .product)) ÷ \(of(1, .atom))", .product)
    case .negate: return (minus + of(0, .product), .sum)
    case .reduction(let kind): return call(kind.rawValue, "\\mathrm{\(kind.rawValue)}")
    case .sigmoid: return call("σ", "\\sigma")
    case .tanh: return call("tanh", "\\tanh")
    case .relu: return call("relu", "\\mathrm{relu}")
    case .softplus: return call("softplus", "\\mathrm{softplus}")
    case .exp: return call("exp", "\\exp")
    case .logarithm: return call("log", "\\log")
    case .squareRoot: return style == .latex ? ("\\sqrt{\(of(0, .sum))}", .atom) : call("sqrt", "")
    case .absolute:
      return style == .latex ? ("\\left|\(of(0, .sum))\\right|", .atom) : call("abs", "")
    case .minimum: return call("min", "\\min")
    case .maximum: return call("max", "\\max")
    case .sigmoidGradient, .tanhGradient, .reluGradient, .absoluteGradient, .greaterGradient, .arriving,
      .outputGradient, .transposed,
      .accumulator:
      preconditionFailure("\(node.operation) in a cell's own graph")
    }
  }
}
