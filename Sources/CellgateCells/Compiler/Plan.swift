/// How the fast execution runs a cell: what each step does forward and backward, and what is kept between
/// the two.
///
/// Outputs of functions such as sigmoid and exp that the gradient reads are kept; cheap arithmetic on kept values is
/// computed again. Weight gradients are no part of a step: the arriving gradients `deltas` are stored
/// for many steps and multiplied with the operands at once.
struct Plan: Sendable {
  /// A weight gradient: Σ δ vᵀ over steps and sequences, or Σ v δᵀ of a matrix' transpose.
  struct WeightGradient: Sendable {
    var block: Block
    var isTransposed: Bool
    var delta: Int
    var operand: StepProgram.Slot
  }

  /// A training step, and one that keeps nothing.
  let forward: StepProgram, inference: StepProgram
  let backward: StepProgram
  /// How many values are kept beside the states, and which nodes of the cell's graph they are.
  let saved: [NodeID]
  let deltaCount: Int
  let weightGradients: [WeightGradient]
  /// Whether a weight gradient reads all columns of what arrived, those of other members of a team too.
  var readsAllDeltas: Bool { weightGradients.contains(where: \.isTransposed) }
  /// The parameters that the cell reads and that aren't fixed, by their numbers.
  var parametersLearned: Set<Int> {
    Set((weightGradients.map(\.block) + biasGradients.map(\.block) + vectorGradients).map(\.parameter))
  }
  /// Biases inside accumulators: Σ δ over steps and sequences.
  let biasGradients: [(block: Block, delta: Int)]
  /// Vector parameters that multiply or stand alone, whose gradients the backward program sums.
  let vectorGradients: [Block]
  /// Products whose transposes make up the input's gradient.
  let inputFactors: [StepProgram.Factor]

  init(
    graph: Graph, next: [NodeID], gradient: GradientGraph, stateCount: Int, parameters: [ParameterDefinition]
  ) {
    let lowering = Lowering(gradient: gradient, next: next)
    let lowered = lowering.graph

    // Where forward values are before a step begins.
    var before: [NodeID: StepProgram.Slot] = [:]
    for (id, node) in graph.nodes.enumerated() {
      guard let to = lowering.lowered[id] else { continue }
      switch node.operation {
      case .input: before[to] = .input
      case .state(let state): before[to] = .stateBefore(state)
      case .noise(let noise): before[to] = .noise(noise)
      case .vector(let block): before[to] = .vector(block)
      default: break
      }
    }
    var after: [NodeID: [StepProgram.Slot]] = [:]
    for (state, node) in next.enumerated() {
      if let to = lowering.lowered[node] { after[to, default: []].append(.stateAfter(state)) }
    }

    let kept = Plan.kept(lowering: lowering, gradient: gradient, before: before, after: after, graph: graph)
    var savedNodes: [NodeID] = []
    var homes = after
    var afterwards = before
    for (node, slots) in after { afterwards[node] = afterwards[node] ?? slots[0] }
    for node in kept {
      homes[node, default: []].append(.saved(savedNodes.count))
      afterwards[node] = .saved(savedNodes.count)
      savedNodes.append(node)
    }
    saved = savedNodes.map { node in
      lowering.lowered[..<gradient.forwardCount].firstIndex { $0 == node } ?? node
    }

    func forwardPass(_ homes: [NodeID: [StepProgram.Slot]]) -> StepProgram {
      var products: [NodeID: ProgramBuilder.ProductSource] = [:]
      for (id, node) in lowered.nodes.enumerated() {
        guard case .accumulator(let index) = node.operation else { continue }
        let accumulator = lowering.accumulators[index]
        let operands = accumulator.terms.map { lowering.lowered[$0.operand] ?? -1 }
        products[id] = .init(dependencies: operands) { slot in
          .init(
            result: slot(id),
            factors: zip(accumulator.terms, operands).map {
              .init(operand: slot($1), block: $0.block, isTransposed: $0.isTransposed)
            },
            biases: accumulator.biases, continues: false)
        }
      }
      var builder = ProgramBuilder(graph: lowered, leaves: before, products: products, homes: homes)
      return builder.build()
    }
    forward = forwardPass(homes)
    inference = forwardPass(after)

    // The backward pass: every distinct gradient that arrives at a product has a delta.
    var deltaOfNode: [NodeID: Int] = [:]
    var deltaHomes: [NodeID: [StepProgram.Slot]] = [:]
    var deltaOfProduct: [NodeID: Int] = [:]
    for (product, node) in gradient.product.sorted(by: { $0.key < $1.key }) {
      guard let to = lowering.lowered[node] else { continue }
      let delta = deltaOfNode[to] ?? deltaOfNode.count
      if deltaOfNode[to] == nil {
        deltaOfNode[to] = delta
        deltaHomes[to, default: []].append(.delta(delta))
      }
      deltaOfProduct[product] = delta
    }
    deltaCount = deltaOfNode.count
    let deltaNode = Dictionary(uniqueKeysWithValues: deltaOfNode.map { ($1, $0) })

    /// The products that read a node: what arrives at each, and the matrix that sends it on.
    func readers(_ operand: NodeID) -> [StepProgram.Factor] {
      (gradient.readers[operand] ?? []).compactMap { product in
        guard let delta = deltaOfProduct[product], let (block, isTransposed) = graph[product].operation.matrix
        else { return nil }
        return .init(operand: .delta(delta), block: block, isTransposed: !isTransposed)
      }
    }
    func transposed(
      _ operand: NodeID, into result: @escaping ((NodeID) -> StepProgram.Slot) -> StepProgram.Slot,
      continues: Bool
    ) -> ProgramBuilder.ProductSource {
      let factors = readers(operand)
      let dependencies = factors.compactMap { factor -> NodeID? in
        if case .delta(let delta) = factor.operand { deltaNode[delta] } else { nil }
      }
      return .init(dependencies: dependencies) { slot in
        .init(result: result(slot), factors: factors, biases: [], continues: continues)
      }
    }

    var leaves = afterwards
    var products: [NodeID: ProgramBuilder.ProductSource] = [:]
    for id in gradient.forwardCount..<gradient.graph.nodes.count {
      guard let to = lowering.lowered[id] else { continue }
      switch gradient.graph[id].operation {
      case .arriving(let state): leaves[to] = .arriving(state)
      case .outputGradient: leaves[to] = .outputGradient
      case .transposed(let operand): products[to] = transposed(operand, into: { $0(to) }, continues: false)
      default: break
      }
    }
    var backwardHomes = deltaHomes
    var zeros: [StepProgram.Slot] = []
    var trailing: [ProgramBuilder.ProductSource] = []
    for state in 0..<stateCount {
      let elementwise = gradient.state[state].flatMap { lowering.lowered[$0] }
      if let elementwise { backwardHomes[elementwise, default: []].append(.departing(state)) }
      if gradient.stateIsTransposed[state],
        let node = graph.nodes.firstIndex(where: { $0.operation == .state(state) })
      {
        trailing.append(transposed(node, into: { _ in .departing(state) }, continues: elementwise != nil))
      } else if elementwise == nil {
        zeros.append(.departing(state))
      }
    }
    let inAccumulators = Set(lowering.accumulators.flatMap(\.biases))
    var builder = ProgramBuilder(graph: lowered, leaves: leaves, products: products, homes: backwardHomes)
    builder.trailing = trailing
    builder.zeros = zeros
    var vectors: [Block] = []
    var biases: [(block: Block, delta: Int)] = []
    for (id, node) in graph.nodes.enumerated() {
      guard case .vector(let block) = node.operation, let arriving = gradient.vector[id],
        let to = lowering.lowered[arriving]
      else { continue }
      if inAccumulators.contains(block), lowering.lowered[id] == nil, let delta = deltaOfNode[to] {
        biases.append((block, delta))
      } else {
        vectors.append(block)
        builder.sums.append((to, .vectorGradient(block)))
      }
    }
    vectorGradients = vectors
    biasGradients = biases
    backward = builder.build()

    weightGradients = gradient.product.keys.sorted().compactMap { product in
      guard let delta = deltaOfProduct[product], let (block, isTransposed) = graph[product].operation.matrix,
        !parameters[block.parameter].isFixed,
        let operand = lowering.lowered[graph[product].operands[0]], let slot = afterwards[operand]
      else { return nil }
      return WeightGradient(block: block, isTransposed: isTransposed, delta: delta, operand: slot)
    }
    let input = graph.nodes.firstIndex { $0.operation == .input }
    inputFactors = input.map(readers) ?? []
  }

  /// Lowered nodes that the forward pass must keep for the backward pass, beside the states.
  private static func kept(
    lowering: Lowering, gradient: GradientGraph, before: [NodeID: StepProgram.Slot],
    after: [NodeID: [StepProgram.Slot]], graph: Graph
  ) -> [NodeID] {
    let lowered = lowering.graph
    let forward = Set(lowering.lowered[..<gradient.forwardCount].compactMap { $0 })
    func isThere(_ id: NodeID) -> Bool {
      if case .constant = lowered[id].operation { return true }
      return before[id] != nil || after[id] != nil
    }
    func isCheap(_ id: NodeID) -> Bool {
      switch lowered[id].operation {
      case .add, .subtract, .multiply, .divide, .negate, .minimum, .maximum, .absolute: true
      default: false
      }
    }
    // Forward values that gradient nodes read, and operands of products.
    var read: Set<NodeID> = []
    var reachable: Set<NodeID> = []
    var roots = Array(gradient.product.values)
    roots += gradient.vector.values
    roots += gradient.state.compactMap { $0 }
    var stack = roots.compactMap { lowering.lowered[$0] }
    while let id = stack.popLast() {
      if forward.contains(id) {
        read.insert(id)
      } else if reachable.insert(id).inserted {
        stack += lowered[id].operands
      }
    }
    var kept: Set<NodeID> = []
    for (product, _) in gradient.product {
      let operand = graph[product].operands[0]
      if let node = lowering.lowered[operand], !isThere(node) { kept.insert(node) }
    }
    for id in read where !isThere(id) && !isCheap(id) { kept.insert(id) }
    // Cheap values are computed again where all that they need is there, and kept otherwise.
    var available: Set<NodeID> = []
    for id in lowered.nodes.indices {
      let isComputed = isCheap(id) && lowered[id].operands.allSatisfy(available.contains)
      if read.contains(id) && !isThere(id) && !isComputed { kept.insert(id) }
      if isThere(id) || isComputed || kept.contains(id) { available.insert(id) }
    }
    return kept.sorted()
  }
}
