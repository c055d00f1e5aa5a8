import CellgateBasics
import CellgateTensor

/// Turns a builder's expressions into a graph, and finds the mistakes.
struct Flattening {
  private let builder: CellBuilder
  private var done: [ObjectIdentifier: NodeID] = [:]
  private var columns: [CellDimension?]
  private var used: Set<Block> = []

  private(set) var graph = Graph()
  private(set) var next: [NodeID] = []
  private(set) var names: [(name: String, node: NodeID)] = []

  init(_ builder: CellBuilder) {
    self.builder = builder
    columns = Array(repeating: nil, count: builder.parameters.count)
  }

  var parameters: [ParameterDefinition] {
    builder.parameters.enumerated().map { index, parameter in
      ParameterDefinition(
        name: parameter.name, gates: parameter.gates, rows: parameter.rows,
        columns: parameter.isMatrix ? columns[index] : nil, isScalar: parameter.isScalar,
        start: parameter.start, isFixed: parameter.isFixed)
    }
  }

  mutating func run() throws(CellError) {
    let cell = builder.cell
    if builder.states.isEmpty { throw .noState(cell: cell) }
    for equation in builder.equations { _ = try flatten(equation.value) }
    for (index, state) in builder.states.enumerated() {
      guard let value = builder.next[index] else { throw .stateNeverAssigned(cell: cell, state: state) }
      let id = try flatten(value)
      let expected = builder.stateSizes[index], found = graph.sizes[id] ?? expected
      if found != expected {
        throw .sizeMismatch(
          cell: cell, node: "next value of state '\(state)'", expected: expected.text, found: found.text)
      }
      next.append(id)
    }
    let needed = reachable()
    for name in builder.nameOrder {
      guard let node = builder.named[name], let id = done[ObjectIdentifier(node)], needed.contains(id) else {
        throw .neverUsed(cell: cell, name: name)
      }
      names.append((name, id))
    }
    for (index, parameter) in builder.parameters.enumerated() {
      for (gate, gateName) in parameter.gates.enumerated()
      where !used.contains(Block(parameter: index, gate: gate)) {
        let suffix = gateName.isEmpty ? "" : ".\(gateName)"
        throw .neverUsed(cell: cell, name: parameter.name + suffix)
      }
    }
    if !graph.nodes.contains(where: { $0.operation == .input }) { throw .ignoresInput(cell: cell) }
  }

  /// Nodes that a state at t depends on.
  private func reachable() -> Set<NodeID> {
    var found: Set<NodeID> = []
    var stack = next
    while let id = stack.popLast() {
      if found.insert(id).inserted { stack += graph[id].operands }
    }
    return found
  }

  /// The node of an expression, after those that it is made of; a loop, as equations may depend on each other
  /// in chains of any length.
  private mutating func flatten(_ root: CellExpression.Node) throws(CellError) -> NodeID {
    var stack = [root]
    // The values that are being flattened, outermost first.
    var open: [Link] = []
    var entered: Set<ObjectIdentifier> = []
    while let node = stack.last {
      builder.culprit = node
      let parts = try parts(of: node)
      if let link = link(of: node), entered.insert(ObjectIdentifier(node)).inserted { open.append(link) }
      if let part = parts.first(where: { done[ObjectIdentifier($0)] == nil }) {
        if let link = link(of: part), let start = open.firstIndex(of: link) {
          throw .cycle(cell: builder.cell, path: (open[start...] + [link]).map(name))
        }
        stack.append(part)
        continue
      }
      let ids = parts.compactMap { done[ObjectIdentifier($0)] }
      if case .operation(let operation, _) = node.content {
        let id = graph.add(operation, ids, size: try size(of: operation, ids))
        if id >= Cell.mostNodes {
          throw .tooLarge(cell: builder.cell, nodes: id + 1, most: Cell.mostNodes)
        }
        done[ObjectIdentifier(node)] = id
      } else {
        done[ObjectIdentifier(node)] = ids[0]
        if link(of: node) != nil { open.removeLast() }
      }
      stack.removeLast()
    }
    guard let id = done[ObjectIdentifier(root)] else {
      fail("Flattening: expected an expression with a node, found \(root)")
    }
    return id
  }

  /// The expressions that must be flattened before `node` is.
  private func parts(of node: CellExpression.Node) throws(CellError) -> [CellExpression.Node] {
    switch node.content {
    case .operation(_, let operands): return operands
    case .named(_, let value): return [value]
    case .reference(let name):
      guard let target = builder.named[name] else {
        throw .undefinedValue(cell: builder.cell, name: name)
      }
      return [target]
    case .next(let state):
      guard state < builder.states.count else {
        throw .foreignExpression(cell: builder.cell, node: "state \(state)")
      }
      guard let target = builder.next[state] else {
        throw .stateNeverAssigned(cell: builder.cell, state: builder.states[state])
      }
      return [target]
    case .unknownGate(let parameter, let gate):
      throw .unknownGate(cell: builder.cell, parameter: parameter, gate: gate)
    }
  }

  /// A step of a cycle: a named value, or a state at t.
  private enum Link: Equatable { case value(String), state(Int) }

  private func link(of node: CellExpression.Node) -> Link? {
    switch node.content {
    case .named(let name, _): .value(name)
    case .next(let state): .state(state)
    default: nil
    }
  }

  private func name(_ link: Link) -> String {
    switch link {
    case .value(let name): name
    case .state(let state): builder.states[state] + "ₜ"
    }
  }

  /// The size of a node's value, nil for constants, and the mistakes in its operands.
  private mutating func size(of operation: NodeOperation, _ operands: [NodeID]) throws(CellError)
    -> CellDimension?
  {
    let cell = builder.cell
    func constant(_ node: String, _ expected: String) -> CellError {
      .sizeMismatch(cell: cell, node: "operand of \(node)", expected: expected, found: "a constant")
    }
    switch operation {
    case .product(let block), .transposedProduct(let block), .vector(let block):
      guard block.parameter < builder.parameters.count,
        block.gate < builder.parameters[block.parameter].gates.count
      else { throw .foreignExpression(cell: cell, node: "parameter \(block.parameter)") }
      used.insert(block)
      let parameter = builder.parameters[block.parameter]
      guard let operand = operands.first else { return parameter.rows }
      if case .transposedProduct = operation {
        return try columns(ofTransposed: block, times: operand)
      }
      guard let size = graph.sizes[operand] else {
        throw constant("'\(parameter.name)'", "the input, a state or a value")
      }
      // The same for every sequence and step, so another vector of parameters would do.
      if case .vector = graph[operand].operation {
        throw .sizeMismatch(
          cell: cell, node: "operand of '\(parameter.name)'", expected: "the input, a state or a value",
          found: "a vector of parameters")
      }
      if let known = columns[block.parameter], known != size {
        throw .sizeMismatch(
          cell: cell, node: "parameter '\(parameter.name)'",
          expected: "an operand of \(known.rawValue) size as in its other gates",
          found: "one of \(size.rawValue) size")
      }
      columns[block.parameter] = size
      return parameter.rows
    case .state(let index):
      if index >= builder.states.count { throw .foreignExpression(cell: cell, node: "state \(index)") }
      return builder.stateSizes[index]
    case .constant(let value):
      if !Float(value).isFinite { throw .badConstant(cell: cell, value: value) }
      return nil
    case .input: return .input
    case .reduction(let kind):
      guard let size = try commonSize(operands, of: kind.rawValue) else {
        throw constant(kind.rawValue, "a state or a value")
      }
      if case .vector(let block) = graph[operands[0]].operation,
        builder.parameters[block.parameter].isScalar
      {
        throw .sizeMismatch(
          cell: cell, node: "operand of \(kind.rawValue)", expected: "a state or a value", found: "a scalar")
      }
      return size
    default: return try commonSize(operands, of: "\(operation)")
    }
  }

  /// The size of a transposed matrix times a value: the matrix' columns, H where no other product says what they are.
  private mutating func columns(
    ofTransposed block: Block, times operand: NodeID
  ) throws(CellError) -> CellDimension {
    let parameter = builder.parameters[block.parameter]
    func mismatch(_ expected: String, _ found: String) -> CellError {
      .sizeMismatch(
        cell: builder.cell, node: "operand of the transpose of '\(parameter.name)'", expected: expected,
        found: found)
    }
    guard let size = graph.sizes[operand] else { throw mismatch("a state or a value", "a constant") }
    if case .vector = graph[operand].operation {
      throw mismatch("a state or a value", "a vector of parameters")
    }
    if size != parameter.rows { throw mismatch(parameter.rows.text, size.text) }
    let result = columns[block.parameter] ?? .hidden
    if result == .input {
      throw .sizeMismatch(
        cell: builder.cell, node: "the transpose of '\(parameter.name)'",
        expected: "a matrix that multiplies states or values", found: "one of the input")
    }
    columns[block.parameter] = result
    return result
  }

  /// The size of values that are combined elementwise; nil if all are constants.
  private func commonSize(_ operands: [NodeID], of name: String) throws(CellError) -> CellDimension? {
    var common: CellDimension?
    for operand in operands {
      guard let size = graph.sizes[operand] else { continue }
      if size == .input || size != common ?? size {
        throw .sizeMismatch(
          cell: builder.cell, node: "an operand of \(name)", expected: (common ?? .hidden).text,
          found: size == .input ? "the input, which only a matrix can read" : size.text)
      }
      common = size
    }
    return common
  }
}
