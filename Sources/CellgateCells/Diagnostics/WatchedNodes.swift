import CellgateTensor

/// What of a cell's graph is observed: its gates and its memory products; see ``CellObservation``.
struct WatchedNodes: Sendable {
  /// Sigmoids that a state depends on.
  let gates: [(name: String, node: NodeID)]
  /// Products that read a memory, and their weights.
  let memories: [(name: String, node: NodeID, weights: Block)]

  init(_ cell: Cell) {
    let graph = cell.graph
    let needed = Self.reachable(graph, from: cell.next)
    let names = Dictionary(cell.names.map { ($0.node, $0.name) }) { first, _ in first }
    var gates: [(name: String, node: NodeID)] = []
    for id in needed where graph[id].operation == .sigmoid {
      gates.append((names[id] ?? Self.label(of: id, cell) ?? "", id))
    }
    // A gate without a name, or with another's, is known by its place.
    let used = gates.map(\.name)
    for index in gates.indices
    where used[index].isEmpty || used.firstIndex(of: used[index]) != index {
      gates[index].name = "gate\(index + 1)"
    }

    let reads = Self.memories(cell)
    var products: [(gate: String?, node: NodeID, weights: Block)] = []
    for id in needed {
      let node = graph[id]
      let weights: Block
      switch node.operation {
      case .product(let block) where reads.contains(node.operands[0]),
        .transposedProduct(let block) where reads.contains(node.operands[0]):
        weights = block
      case .multiply:
        guard let block = Self.peephole(node, graph, memories: reads) else { continue }
        weights = block
      default: continue
      }
      let fed = Self.fed(by: id, cell, needed).compactMap { gate in gates.first { $0.node == gate }?.name }
      products.append((fed.count == 1 ? fed[0] : nil, id, weights))
    }
    self.gates = gates
    memories = products.map { product in
      let isOnly = products.count { $0.gate == product.gate } == 1
      return (isOnly ? product.gate ?? "" : "", product.node, product.weights)
    }.map { name, node, weights in
      let parameter = cell.parameters[weights.parameter], gate = parameter.gates[weights.gate]
      return (name.isEmpty ? parameter.name + (gate.isEmpty ? "" : "." + gate) : name, node, weights)
    }
  }

  /// Nodes that the states at t depend on, in order.
  private static func reachable(_ graph: Graph, from roots: [NodeID]) -> [NodeID] {
    var found: Set<NodeID> = []
    var stack = roots
    while let id = stack.popLast() {
      if found.insert(id).inserted { stack += graph[id].operands }
    }
    return found.sorted()
  }

  /// The nodes that depend on memories alone, elementwise: states at t−1 and t but the output's, or tanh(c).
  private static func memories(_ cell: Cell) -> Set<NodeID> {
    var memories: Set<NodeID> = []
    for (id, node) in cell.graph.nodes.enumerated() {
      if id == cell.next[0] || id == cell.proposed[0] || node.operation == .state(0) { continue }
      let isMemory =
        switch node.operation {
        case .state(let state): state > 0
        case .input, .product, .transposedProduct, .noise, .vector, .constant, .sigmoid: false
        default:
          node.operands.contains(where: memories.contains)
            && node.operands.allSatisfy { memories.contains($0) || isWeight(cell.graph[$0]) }
        }
      if isMemory || cell.next.dropFirst().contains(id) || cell.proposed.dropFirst().contains(id) {
        memories.insert(id)
      }
    }
    return memories
  }

  private static func isWeight(_ node: Graph.Node) -> Bool {
    switch node.operation {
    case .vector, .constant: true
    default: false
    }
  }

  /// The vector that multiplies a memory.
  private static func peephole(_ node: Graph.Node, _ graph: Graph, memories: Set<NodeID>) -> Block? {
    for (weight, operand) in [(0, 1), (1, 0)] where memories.contains(node.operands[operand]) {
      if case .vector(let block) = graph[node.operands[weight]].operation { return block }
    }
    return nil
  }

  /// The gates that a node reaches elementwise within the step.
  private static func fed(by id: NodeID, _ cell: Cell, _ needed: [NodeID]) -> [NodeID] {
    var reached: Set<NodeID> = [id]
    var gates: [NodeID] = []
    for later in needed where later > id && cell.graph[later].operands.contains(where: reached.contains) {
      if cell.graph[later].operation == .sigmoid {
        gates.append(later)
      } else if cell.graph[later].operation.matrix != nil {
        continue
      } else if !cell.next.contains(later), !cell.proposed.contains(later) {
        reached.insert(later)
      }
    }
    return gates
  }

  /// The gate of the parameters that a sigmoid reads within the step, if they are all of one.
  private static func label(of id: NodeID, _ cell: Cell) -> String? {
    var labels: Set<String> = []
    var stack = cell.graph[id].operands
    while let next = stack.popLast() {
      switch cell.graph[next].operation {
      case .product(let block), .transposedProduct(let block), .vector(let block):
        labels.insert(cell.parameters[block.parameter].gates[block.gate])
      case .sigmoid: break
      default:
        if !cell.next.contains(next), !cell.proposed.contains(next) { stack += cell.graph[next].operands }
      }
    }
    labels.remove("")
    return labels.count == 1 ? labels.first : nil
  }
}
