import CellgateBasics

/// Cuts a lowered graph into stages and chooses a slot for every value.
///
/// A value's level is the number of stages with whole rows before it: products and reductions of level l come first,
/// then the elementwise run of level l. Products and reductions of level l + 1 may read the values of all three.
struct ProgramBuilder {
  /// A matrix product's place in the graph.
  struct ProductSource {
    /// Nodes whose values it multiplies.
    var dependencies: [NodeID]
    var make: (_ slot: (NodeID) -> StepProgram.Slot) -> StepProgram.Product
  }

  let graph: Graph
  /// Values that are there before the step begins.
  let leaves: [NodeID: StepProgram.Slot]
  /// Nodes that are products.
  let products: [NodeID: ProductSource]
  /// Slots in which a node's value must end up.
  var homes: [NodeID: [StepProgram.Slot]]
  /// Sums over all rows: a node's value is added to the slot.
  var sums: [(node: NodeID, slot: StepProgram.Slot)] = []
  /// Products at the end, which no node reads.
  var trailing: [ProductSource] = []
  /// Slots to be filled with 0.
  var zeros: [StepProgram.Slot] = []

  private var level: [NodeID: Int] = [:]
  private var uses: [NodeID: Int] = [:]
  private var place: [NodeID: StepProgram.Slot] = [:]
  private var fused: Set<NodeID> = []
  private var foldCount: [NodeID: Int] = [:]

  init(
    graph: Graph, leaves: [NodeID: StepProgram.Slot], products: [NodeID: ProductSource],
    homes: [NodeID: [StepProgram.Slot]]
  ) {
    self.graph = graph
    self.leaves = leaves
    self.products = products
    self.homes = homes
  }

  mutating func build() -> StepProgram {
    let roots =
      Array(homes.keys) + sums.map(\.node) + trailing.flatMap(\.dependencies)
    for root in roots.sorted() {
      visit(root)
      uses[root, default: 0] += 1
    }
    let needed = level.keys.sorted()
    let lastLevel = level.values.max() ?? 0
    for id in needed { if let operand = foldedOperand(id) { foldCount[operand, default: 0] += 1 } }
    fuse(needed)
    choosePlaces(needed)

    var program = StepProgram()
    for current in 0...lastLevel {
      let made = needed.filter { level[$0] == current && products[$0] != nil }
      if !made.isEmpty {
        program.stages.append(.products(made.compactMap { id in products[id]?.make { slot(of: $0) } }))
      }
      let reduced = needed.filter { level[$0] == current }.compactMap(rowReduction)
      if !reduced.isEmpty { program.stages.append(.reductions(reduced)) }
      var elements: [StepProgram.Element] = []
      for id in needed where level[id] == current { emit(id, to: &elements) }
      if current == lastLevel {
        for slot in zeros { elements.append(.init(opcode: .fill, result: slot, operands: [], constant: 0)) }
      }
      allocateTiles(&elements)
      if !elements.isEmpty { program.stages.append(.elementwise(elements)) }
    }
    if !trailing.isEmpty {
      program.stages.append(.products(trailing.map { $0.make { slot(of: $0) } }))
    }
    return program
  }

  private mutating func visit(_ id: NodeID) {
    if level[id] != nil { return }
    if leaves[id] != nil {
      level[id] = 0
      return
    }
    var own = 0
    if let rows = wholeRows(id) {
      for dependency in rows {
        visit(dependency)
        uses[dependency, default: 0] += 1
        if leaves[dependency] == nil { own = max(own, level[dependency, default: 0] + 1) }
      }
    } else {
      for operand in graph[id].operands {
        visit(operand)
        uses[operand, default: 0] += 1
        own = max(own, level[operand, default: 0])
      }
    }
    level[id] = own
  }

  /// What a product or a reduction reads, all columns of it; nil for other nodes.
  private func wholeRows(_ id: NodeID) -> [NodeID]? {
    if leaves[id] != nil { return nil }
    if let product = products[id] { return product.dependencies }
    if case .reduction = graph[id].operation { return graph[id].operands }
    return nil
  }

  private func rowReduction(_ id: NodeID) -> StepProgram.RowReduction? {
    guard leaves[id] == nil, case .reduction(let kind) = graph[id].operation else { return nil }
    let operand = graph[id].operands[0]
    return .init(kind: kind, size: graph.size(of: operand), result: slot(of: id), operand: slot(of: operand))
  }

  private func constant(_ id: NodeID) -> Double? {
    if case .constant(let value) = graph[id].operation { return value }
    return nil
  }

  /// The operand that becomes a constant of the node's operation.
  private func foldedOperand(_ id: NodeID) -> NodeID? {
    let operands = graph[id].operands
    guard operands.count == 2, leaves[id] == nil else { return nil }
    let isConstant = operands.map { constant($0) != nil }
    switch graph[id].operation {
    case .add, .subtract, .multiply:
      if isConstant[0] != isConstant[1] { return isConstant[0] ? operands[0] : operands[1] }
    case .divide: if isConstant == [true, false] { return operands[0] }
    default: break
    }
    return nil
  }

  /// Whether the node is a constant that all its readers take in.
  private func isFolded(_ id: NodeID) -> Bool {
    guard constant(id) != nil, homes[id] == nil else { return false }
    return uses[id] == foldCount[id]
  }

  private func canFuse(_ id: NodeID, into user: NodeID) -> Bool {
    graph[id].operation == .multiply && uses[id] == 1 && homes[id] == nil && products[id] == nil
      && leaves[id] == nil && level[id] == level[user] && !fused.contains(id)
      && graph[id].operands.allSatisfy { constant($0) == nil }
  }

  /// The multiplication that `id` takes in, if any, and its other operand.
  private func fusion(_ id: NodeID) -> (product: NodeID, other: NodeID)? {
    let operands = graph[id].operands
    switch graph[id].operation {
    case .add where operands[0] != operands[1]:
      for (index, operand) in operands.enumerated() where fused.contains(operand) {
        return (operand, operands[1 - index])
      }
    case .subtract where fused.contains(operands[1]): return (operands[1], operands[0])
    default: break
    }
    return nil
  }

  private mutating func fuse(_ needed: [NodeID]) {
    for id in needed where leaves[id] == nil && products[id] == nil {
      let operands = graph[id].operands
      switch graph[id].operation {
      case .add where operands[0] != operands[1]:
        if canFuse(operands[0], into: id), constant(operands[1]) == nil {
          fused.insert(operands[0])
        } else if canFuse(operands[1], into: id), constant(operands[0]) == nil {
          fused.insert(operands[1])
        }
      case .subtract where operands[0] != operands[1]:
        if canFuse(operands[1], into: id), constant(operands[0]) == nil { fused.insert(operands[1]) }
      default: break
      }
    }
  }

  private mutating func choosePlaces(_ needed: [NodeID]) {
    var crosses: Set<NodeID> = []
    for id in needed {
      if let rows = wholeRows(id) {
        crosses.formUnion(rows)
      } else if leaves[id] == nil {
        for operand in graph[id].operands where level[operand] != level[id] {
          crosses.insert(operand)
          if fused.contains(operand) { crosses.formUnion(graph[operand].operands) }
        }
      }
    }
    for id in needed where fused.contains(id) {
      for operand in graph[id].operands where level[operand] != level[id] { crosses.insert(operand) }
    }
    for source in trailing { crosses.formUnion(source.dependencies) }

    var stepCount = 0
    for (tileCount, id) in needed.enumerated() {
      if let leaf = leaves[id] {
        place[id] = leaf
      } else if let home = homes[id]?.first {
        place[id] = home
      } else if wholeRows(id) != nil {
        if case .accumulator(let index) = graph[id].operation {
          place[id] = .accumulator(index)
        } else {
          place[id] = .step(stepCount)
          stepCount += 1
        }
      } else if crosses.contains(id) {
        place[id] = .step(stepCount)
        stepCount += 1
      } else {
        place[id] = .tile(tileCount)
      }
    }
  }

  private func slot(of id: NodeID) -> StepProgram.Slot {
    guard let slot = place[id] else { fail("ProgramBuilder: expected a slot of node \(id), found none") }
    return slot
  }

  private mutating func emit(_ id: NodeID, to elements: inout [StepProgram.Element]) {
    let isElementwise = leaves[id] == nil && wholeRows(id) == nil
    if isElementwise && !fused.contains(id) && !isFolded(id) { elements.append(element(id, &elements)) }
    // Leaves and products are copied to all their homes but the one that they live in.
    for home in homes[id] ?? [] where home != slot(of: id) {
      elements.append(.init(opcode: .copy, result: home, operands: [slot(of: id)], constant: 0))
    }
    for sum in sums where sum.node == id {
      elements.append(.init(opcode: .accumulate, result: sum.slot, operands: [slot(of: id)], constant: 0))
    }
  }

  private func element(_ id: NodeID, _ elements: inout [StepProgram.Element]) -> StepProgram.Element {
    let node = graph[id]
    let result = slot(of: id)
    func make(_ opcode: Opcode, _ operands: [NodeID], _ constant: Double = 0) -> StepProgram.Element {
      .init(
        opcode: opcode, result: result, operands: operands.map { slot(of: $0) }, constant: Float(constant))
    }
    if let fusion = fusion(id) {
      let opcode: Opcode = node.operation == .add ? .multiplyAdd : .subtractMultiply
      return make(opcode, graph[fusion.product].operands + [fusion.other])
    }
    if node.operands.count == 2 {
      let a = node.operands[0], b = node.operands[1]
      switch (node.operation, constant(a), constant(b)) {
      case (.add, let k?, nil): return make(.addConstant, [b], k)
      case (.add, nil, let k?): return make(.addConstant, [a], k)
      case (.subtract, let k?, nil): return make(.subtractFromConstant, [b], k)
      case (.subtract, nil, let k?): return make(.addConstant, [a], -k)
      case (.multiply, let k?, nil): return make(.multiplyConstant, [b], k)
      case (.multiply, nil, let k?): return make(.multiplyConstant, [a], k)
      case (.divide, let k?, nil): return make(.divideConstant, [b], k)
      default: break
      }
    }
    if case .constant(let value) = node.operation { return make(.fill, [], value) }
    return make(node.operation.opcode, node.operands)
  }

  /// Tiles are reused as soon as their value has been read for the last time.
  private func allocateTiles(_ elements: inout [StepProgram.Element]) {
    var lastRead: [StepProgram.Slot: Int] = [:]
    for (index, element) in elements.enumerated() {
      for operand in element.operands { lastRead[operand] = index }
    }
    var free: [Int] = []
    var count = 0
    var chosen: [StepProgram.Slot: StepProgram.Slot] = [:]
    for index in elements.indices {
      let operands = elements[index].operands
      elements[index].operands = operands.map { chosen[$0] ?? $0 }
      for operand in Set(operands) where lastRead[operand] == index {
        if case .tile(let tile)? = chosen[operand] { free.append(tile) }
      }
      free.sort(by: >)
      if case .tile = elements[index].result {
        let tile: Int
        if let reused = free.popLast() {
          tile = reused
        } else {
          tile = count
          count += 1
        }
        if lastRead[elements[index].result] == nil { free.append(tile) }
        chosen[elements[index].result] = .tile(tile)
        elements[index].result = .tile(tile)
      }
    }
  }
}

extension NodeOperation {
  /// The opcode of an elementwise node.
  var opcode: Opcode {
    switch self {
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    case .divide: .divide
    case .negate: .negate
    case .sigmoid: .sigmoid
    case .tanh: .tanh
    case .relu: .relu
    case .softplus: .softplus
    case .exp: .exp
    case .logarithm: .logarithm
    case .squareRoot: .squareRoot
    case .absolute: .absolute
    case .minimum: .minimum
    case .maximum: .maximum
    case .sigmoidGradient: .sigmoidGradient
    case .tanhGradient: .tanhGradient
    case .reluGradient: .reluGradient
    case .absoluteGradient: .absoluteGradient
    case .greaterGradient: .greaterGradient
    default: fail("ProgramBuilder: expected an elementwise operation, found \(self)")
    }
  }
}
