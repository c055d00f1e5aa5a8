extension Cell {
  /// This cell with dropout of what it reads of its last output: a state more, the last one, holds a mask of the output's
  /// size, which multiplies the output at t−1 wherever a matrix product reads it, by itself or in an expression. The mask
  /// stays as it is from step to step (Gal and Ghahramani 2016, https://arxiv.org/abs/1512.05287; Keras'
  /// `recurrent_dropout`). The parameters are this cell's; what reads the state without a product is not dropped.
  package func droppingRecurrence() -> Cell {
    var derived = Graph()
    /// The derived node of each node, outside and inside the operand of a product.
    var plain = [NodeID?](repeating: nil, count: graph.nodes.count)
    var masked = plain
    let mask = derived.add(.state(states.count), size: stateSizes[0])
    for (id, node) in graph.nodes.enumerated() {
      let size = graph.sizes[id]
      if node.operation.matrix != nil {
        let product = derived.add(node.operation, node.operands.compactMap { masked[$0] }, size: size)
        (plain[id], masked[id]) = (product, product)
        continue
      }
      let own = derived.add(node.operation, node.operands.compactMap { plain[$0] }, size: size)
      plain[id] = own
      if case .state(0) = node.operation {
        masked[id] = derived.add(.multiply, [own, mask], size: size)
      } else {
        masked[id] = derived.add(node.operation, node.operands.compactMap { masked[$0] }, size: size)
      }
    }
    let (pruned, place) = derived.pruned(to: (next + proposed).compactMap { plain[$0] } + [mask])
    func id(_ node: NodeID?) -> NodeID? { node.flatMap { place[$0] } }
    return Cell(
      deriving: self, name: name + " with recurrent dropout", states: states + ["dropout"],
      stateSizes: stateSizes + [stateSizes[0]], graph: pruned,
      next: (next.map { plain[$0] } + [mask]).compactMap(id),
      proposed: (proposed.map { plain[$0] } + [mask]).compactMap(id),
      names: names.compactMap { name, node in (id(plain[node]) ?? id(masked[node])).map { (name, $0) } },
      noises: noises)
  }
}

extension Graph {
  /// The graph without the nodes that these don't depend on, and each node's place in it.
  fileprivate func pruned(to roots: [NodeID]) -> (graph: Graph, place: [NodeID: NodeID]) {
    var (needed, stack): (Set<NodeID>, [NodeID]) = ([], roots)
    while let id = stack.popLast() {
      if needed.insert(id).inserted { stack += self[id].operands }
    }
    var (graph, place): (Graph, [NodeID: NodeID]) = (Graph(), [:])
    for (id, node) in nodes.enumerated() where needed.contains(id) {
      place[id] = graph.add(node.operation, node.operands.compactMap { place[$0] }, size: sizes[id])
    }
    return (graph, place)
  }
}
