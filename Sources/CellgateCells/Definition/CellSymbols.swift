/// What the input and the parameters of a cell are called in its equations.
///
/// A parameter's symbol has a star for the gate: with "W_*x" gate i's matrix is W_ix, the matrix of gate i that
/// reads x. A definition in Swift names its parameters only as files do, `weight_ih`; the symbol is then made
/// from what the matrix reads, or from the vector's name.
struct CellSymbols: Sendable {
  /// The input's symbol: x unless that name is taken.
  let input: String
  /// Each parameter's symbol, with the star.
  let parameters: [String]

  private let symbols: [Block: String]

  init(
    _ builder: CellBuilder, parameters: [ParameterDefinition], graph: Graph, next: [NodeID],
    names: [(name: String, node: NodeID)]
  ) {
    var taken = Set(builder.states + Array(builder.named.keys))
    let input = builder.inputSymbol ?? Self.free("x", taken)
    taken.insert(input)
    let given = builder.parameters.map(\.symbol)
    for (definition, symbol) in zip(parameters, given) {
      if let symbol { taken.formUnion(Self.symbols(symbol, definition.gates)) }
    }
    var labels: [NodeID: String] = [:]
    for (id, node) in graph.nodes.enumerated() {
      switch node.operation {
      case .input: labels[id] = input
      case .state(let state): labels[id] = builder.states[state]
      default: break
      }
    }
    for (state, node) in next.enumerated().reversed() { labels[node] = builder.states[state] }
    for (name, node) in names.reversed() { labels[node] = name }
    var chosen: [String] = []
    for (index, definition) in parameters.enumerated() {
      if let symbol = given[index] {
        chosen.append(symbol)
        continue
      }
      let operands = Self.operands(of: index, graph, labels: labels)
      let candidates = Self.candidates(definition, operands: operands)
      func isFree(_ symbol: String) -> Bool {
        taken.isDisjoint(with: Self.symbols(symbol, definition.gates))
      }
      var symbol = candidates.first(where: isFree) ?? candidates[0]
      while !isFree(symbol) { symbol += String(Notation.prime) }
      taken.formUnion(Self.symbols(symbol, definition.gates))
      chosen.append(symbol)
    }
    self.input = input
    self.parameters = chosen
    var symbols: [Block: String] = [:]
    for (index, definition) in parameters.enumerated() {
      for (gate, symbol) in Self.symbols(chosen[index], definition.gates).enumerated() {
        symbols[Block(parameter: index, gate: gate)] = symbol
      }
    }
    self.symbols = symbols
  }

  /// What one gate's matrix or vector is called.
  subscript(block: Block) -> String { symbols[block] ?? "" }

  /// The symbol of each gate: the gate's name in the place of the star.
  static func symbols(_ symbol: String, _ gates: [String]) -> [String] {
    gates.map { symbol.replacing("*", with: $0, maxReplacements: 1) }
  }

  /// Symbols to choose from, the best first.
  private static func candidates(_ definition: ParameterDefinition, operands: [String]) -> [String] {
    let star = definition.gates == [""] ? "" : "*"
    func subscripted(_ letter: String, _ index: String) -> String {
      let letter = letter.replacing("*", with: "")
      return index.isEmpty ? (letter.isEmpty ? "p" : letter) : letter + "_" + index
    }
    if definition.columns != nil {
      let reads = operands.count == 1 ? ["W_" + star + operands[0].replacing("*", with: "")] : []
      return reads + ["W", "U", "V", definition.name].map { subscripted($0, star) }
    }
    let parts = definition.name.split(separator: "_").map(String.init)
    let word = parts.first == "weight" ? parts.last ?? "w" : parts.first ?? definition.name
    let letter = subscripted(definition.isScalar ? word : String(word.prefix(1)), star)
    return [letter, letter + String(Notation.prime), subscripted(definition.name, star)]
  }

  /// The names that a matrix's gates read, without repetition.
  private static func operands(
    of parameter: Int, _ graph: Graph, labels: [NodeID: String]
  ) -> [String] {
    /// The name of the last value, state or input in a formula.
    func name(inside node: NodeID) -> String {
      var node = node
      while labels[node] == nil, let last = graph[node].operands.last { node = last }
      return labels[node] ?? ""
    }
    var found: [String] = []
    for node in graph.nodes {
      if let (block, _) = node.operation.matrix, block.parameter == parameter {
        let operand = name(inside: node.operands[0])
        if !found.contains(operand) { found.append(operand) }
      }
    }
    return found
  }

  private static func free(_ name: String, _ taken: Set<String>) -> String {
    var name = name
    while taken.contains(name) { name += "_" }
    return name
  }
}
