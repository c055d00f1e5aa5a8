/// A parameter whose matrices multiply a state at t−1 in every gate, and nothing else.
package struct StateMap: Equatable, Sendable {
  /// The parameter, by its number.
  package let parameter: Int
  /// The state that it multiplies.
  package let state: Int
}

extension Cell {
  /// This cell for a single step whose products with the states before it are given, and the parameters that make these.
  ///
  /// The cell has states more, the last ones: of each parameter, in this order, the product of each gate. They stay as they
  /// are, as a single step makes no use of them after it. Nothing else changes, but that the parameters are read no more.
  package func takingStateProducts() -> (cell: Cell, maps: [StateMap]) {
    let maps = stateMaps
    if maps.isEmpty { return (self, []) }
    var (states, sizes) = (states, stateSizes)
    var given: [Block: NodeOperation] = [:]
    for map in maps {
      let definition = parameters[map.parameter]
      for gate in definition.gates.indices {
        given[Block(parameter: map.parameter, gate: gate)] = .state(states.count)
        states.append("\(definition.name) \(gate)")
        sizes.append(definition.rows)
      }
    }
    var derived = Graph()
    var places: [NodeID] = []
    for (id, node) in graph.nodes.enumerated() {
      if let (block, _) = node.operation.matrix, let state = given[block] {
        places.append(derived.add(state, size: graph.sizes[id]))
      } else {
        places.append(derived.add(node.operation, node.operands.map { places[$0] }, size: graph.sizes[id]))
      }
    }
    let more = (self.states.count..<states.count).map { derived.add(.state($0), size: sizes[$0]) }
    let cell = Cell(
      deriving: self, name: name + " with products of states", states: states, stateSizes: sizes,
      graph: derived, next: next.map { places[$0] } + more, proposed: proposed.map { places[$0] } + more,
      names: names.map { ($0.name, places[$0.node]) }, noises: noises)
    return (cell, maps)
  }

  private var stateMaps: [StateMap] {
    var (readers, others): ([Block: Set<Int>], Set<Int>) = ([:], [])
    for node in graph.nodes {
      guard let (block, isTransposed) = node.operation.matrix else { continue }
      if !isTransposed, case .state(let state) = graph[node.operands[0]].operation {
        readers[block, default: []].insert(state)
      } else {
        others.insert(block.parameter)
      }
    }
    return parameters.indices.compactMap { index in
      let blocks = parameters[index].gates.indices.map { readers[Block(parameter: index, gate: $0)] ?? [] }
      guard !others.contains(index), let state = blocks.first?.first,
        blocks.allSatisfy({ $0 == [state] })
      else { return nil }
      return StateMap(parameter: index, state: state)
    }
  }
}
