import CellgateBasics
import CellgateTensor

/// Turns a builder's expressions into a graph, and finds the mistakes.
struct Flattening {
  private let builder: CellBuilder
  private var done: [ObjectIdentifier: NodeID] = [:]
  private var sizes: [Dimension] = []
  private var columns: [Dimension?]
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
        name: parameter.name, gates: parameter.gates, columns: parameter.isMatrix ? columns[index] : nil,
        start: parameter.start)
    }
  }

  mutating func run() throws(CellError) {
    let cell = builder.cell
    if builder.states.isEmpty { throw .noState(cell: cell) }
    for equation in builder.equations { _ = try flatten(equation.value) }
    for (index, state) in builder.states.enumerated() {
      guard let value = builder.next[index] else { throw .stateNeverAssigned(cell: cell, state: state) }
      let id = try flatten(value)
      if sizes[id] != .hidden {
        throw .sizeMismatch(
          cell: cell, node: "next value of state '\(state)'", expected: "hidden size H", found: "input size I"
        )
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
  private mutating func flatten(_ root: Expression.Node) throws(CellError) -> NodeID {
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
        try check(operation, ids)
        let id = graph.add(operation, ids)
        if id == sizes.count { sizes.append(operation == .input ? .input : .hidden) }
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
  private func parts(of node: Expression.Node) throws(CellError) -> [Expression.Node] {
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

  private func link(of node: Expression.Node) -> Link? {
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

  private mutating func check(_ operation: Operation, _ operands: [NodeID]) throws(CellError) {
    let cell = builder.cell
    switch operation {
    case .product(let block), .vector(let block):
      guard block.parameter < builder.parameters.count,
        block.gate < builder.parameters[block.parameter].gates.count
      else { throw .foreignExpression(cell: cell, node: "parameter \(block.parameter)") }
      used.insert(block)
      guard let operand = operands.first else { return }
      if isConstant(operand) {
        throw .sizeMismatch(
          cell: cell, node: "operand of '\(builder.parameters[block.parameter].name)'",
          expected: "the input, a state or a value", found: "a constant")
      }
      let size = sizes[operand]
      if let known = columns[block.parameter], known != size {
        throw .sizeMismatch(
          cell: cell, node: "parameter '\(builder.parameters[block.parameter].name)'",
          expected: "an operand of \(known.rawValue) size as in its other gates",
          found: "one of \(size.rawValue) size")
      }
      columns[block.parameter] = size
    case .state(let index):
      if index >= builder.states.count { throw .foreignExpression(cell: cell, node: "state \(index)") }
    case .constant(let value):
      if !Float(value).isFinite { throw .badConstant(cell: cell, value: value) }
    case .input: break
    case .reduction(let kind):
      try checkIsHidden(operands, of: kind.rawValue)
      if isConstant(operands[0]) {
        throw .sizeMismatch(
          cell: cell, node: "operand of \(kind.rawValue)", expected: "a state or a value", found: "a constant"
        )
      }
    default: try checkIsHidden(operands, of: "\(operation)")
    }
  }

  private func isConstant(_ id: NodeID) -> Bool {
    if case .constant = graph[id].operation { return true }
    return false
  }

  private func checkIsHidden(_ operands: [NodeID], of name: String) throws(CellError) {
    for operand in operands where sizes[operand] == .input {
      throw .sizeMismatch(
        cell: builder.cell, node: "an operand of \(name)", expected: "hidden size H",
        found: "the input, which only a matrix can read")
    }
  }
}
