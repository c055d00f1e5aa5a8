import CellgateBasics

/// A sum of matrix products and biases: Σ W v + Σ b. The fast execution keeps the sum in registers from
/// the first product to the last.
struct Accumulator: Sendable {
  struct Term: Sendable {
    var block: Block
    /// Whether it is the matrix' transpose.
    var isTransposed: Bool
    /// The forward node that the matrix reads.
    var operand: NodeID
    /// The forward node of the product.
    var product: NodeID
  }
  var terms: [Term]
  var biases: [Block]
}

/// A cell's graph with products and biases gathered into accumulators, and its gradient in the same terms.
struct Lowering: Sendable {
  private(set) var graph = Graph()
  private(set) var accumulators: [Accumulator] = []
  /// The lowered node of each original node; nil inside an accumulator.
  private(set) var lowered: [NodeID?]

  private let original: Graph
  private let forwardCount: Int
  private let uses: [Int]

  init(gradient: GradientGraph, next: [NodeID]) {
    original = gradient.graph
    forwardCount = gradient.forwardCount
    var uses = original.uses(upTo: gradient.forwardCount)
    for node in next { uses[node] += 1 }
    self.uses = uses
    lowered = Array(repeating: nil, count: original.nodes.count)

    var insideSum = Set<NodeID>()
    for id in (0..<forwardCount).reversed() where isAdd(id) {
      for operand in original[id].operands where uses[operand] == 1 && isAdd(operand) {
        insideSum.insert(operand)
      }
    }
    // Terms of a sum that an accumulator takes in.
    var absorbed = Set<NodeID>()
    for id in 0..<forwardCount where isAdd(id) && !insideSum.contains(id) {
      let terms = sumTerms(id).filter { uses[$0] == 1 }
      if terms.contains(where: isProduct) {
        absorbed.formUnion(terms.filter { isProduct($0) || isVector($0) })
      }
    }
    for id in 0..<forwardCount where !insideSum.contains(id) && !absorbed.contains(id) {
      lowered[id] = lower(id, absorbed: absorbed)
    }
    for id in forwardCount..<original.nodes.count {
      let operands = original[id].operands.map { operand -> NodeID in
        guard let node = lowered[operand] else {
          fail(
            "Lowering: expected gradient node \(id) to read a saved value, found one inside an accumulator")
        }
        return node
      }
      lowered[id] = graph.add(original[id].operation, operands, size: original.sizes[id])
    }
  }

  private func isAdd(_ id: NodeID) -> Bool { original[id].operation == .add }
  private func isProduct(_ id: NodeID) -> Bool {
    original[id].operation.matrix != nil
  }
  private func isVector(_ id: NodeID) -> Bool {
    if case .vector = original[id].operation { return true }
    return false
  }

  /// The terms of the sum at `id`, through additions that nothing else reads.
  private func sumTerms(_ id: NodeID) -> [NodeID] {
    original[id].operands.flatMap { operand in
      isAdd(operand) && uses[operand] == 1 ? sumTerms(operand) : [operand]
    }
  }

  private mutating func lower(_ id: NodeID, absorbed: Set<NodeID>) -> NodeID {
    let node = original[id], size = original.sizes[id]
    if let (block, isTransposed) = node.operation.matrix {
      let term = Accumulator.Term(
        block: block, isTransposed: isTransposed, operand: node.operands[0], product: id)
      return accumulator([term], biases: [], size: size)
    }
    switch node.operation {
    case .add:
      var terms: [Accumulator.Term] = []
      var biases: [Block] = []
      var rest: [NodeID] = []
      for term in sumTerms(id) {
        let operation = original[term].operation
        if let (block, isTransposed) = operation.matrix, absorbed.contains(term) {
          terms.append(
            .init(
              block: block, isTransposed: isTransposed, operand: original[term].operands[0], product: term))
          continue
        }
        switch operation {
        case .vector(let block) where absorbed.contains(term): biases.append(block)
        default: if let value = lowered[term] { rest.append(value) }
        }
      }
      if !terms.isEmpty { rest.insert(accumulator(terms, biases: biases, size: size), at: 0) }
      return rest.dropFirst().reduce(rest[0]) { graph.add(.add, [$0, $1]) }
    default:
      return graph.add(node.operation, node.operands.compactMap { lowered[$0] }, size: size)
    }
  }

  private mutating func accumulator(
    _ terms: [Accumulator.Term], biases: [Block], size: CellDimension?
  ) -> NodeID {
    accumulators.append(Accumulator(terms: terms, biases: biases))
    return graph.add(.accumulator(accumulators.count - 1), size: size)
  }
}
