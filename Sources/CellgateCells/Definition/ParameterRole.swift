/// What a parameter of a cell is for, which is what other tools' rules of initialisation go by.
public enum ParameterRole: String, CaseIterable, Sendable {
  /// Matrices that multiply the input: PyTorch's `weight_ih`, Keras' kernel.
  case input
  /// Matrices that multiply the output of the last step, or what is made of it: `weight_hh`, Keras' recurrent kernel.
  case recurrent
  /// Matrices that multiply another state, such as the memory, and vectors that multiply elementwise and start at 0,
  /// such as peepholes.
  case memory
  /// Matrices whose rows are of the projection size: `weight_hr`.
  case projection
  /// Vectors that are added.
  case bias
  /// Vectors that multiply elementwise and start elsewhere than at 0, as those of a normalisation, and single numbers.
  case gain
}

extension Cell {
  /// What each parameter is for, in their order; read from the equations.
  public var parameterRoles: [ParameterRole] {
    var isFactor: Set<Int> = []
    var readsOutput: Set<Int> = []
    for node in graph.nodes {
      switch node.operation {
      case .product(let block), .transposedProduct(let block):
        if node.operands.contains(where: isOutput) { readsOutput.insert(block.parameter) }
      case .multiply, .divide:
        for operand in node.operands {
          if case .vector(let block) = graph[operand].operation { isFactor.insert(block.parameter) }
        }
      default: break
      }
    }
    return parameters.enumerated().map { index, parameter in
      switch parameter.columns {
      case .input: return .input
      case .some where parameter.rows == .projection: return .projection
      case .some: return readsOutput.contains(index) ? .recurrent : .memory
      case nil:
        if parameter.isScalar { return .gain }
        guard isFactor.contains(index) else { return .bias }
        if case .perGate(let starts) = parameter.start,
          starts.contains(where: { $0.constant != 0 || $0.last != nil })
        {
          return .gain
        }
        return .memory
      }
    }
  }

  /// The numbers of the matrices that read a state, or what is made of one. Those of the projection size, which make
  /// the output, don't count.
  package var recurrentMatrices: Set<Int> {
    var readsState = [Bool](repeating: false, count: graph.nodes.count)
    var found: Set<Int> = []
    for (id, node) in graph.nodes.enumerated() {
      let isState = if case .state = node.operation { true } else { false }
      readsState[id] = isState || node.operands.contains { readsState[$0] }
      if let (block, _) = node.operation.matrix, readsState[id],
        parameters[block.parameter].rows != .projection
      {
        found.insert(block.parameter)
      }
    }
    return found
  }

  /// Whether a node is the output at t−1 or t, or a product with it: the reset state of a gated unit.
  private func isOutput(_ id: NodeID) -> Bool {
    if id == next.first { return true }
    switch graph[id].operation {
    case .state(0): return true
    case .multiply: return graph[id].operands.contains(where: isOutput)
    default: return false
    }
  }
}

extension ParameterDefinition {
  /// For each gate of a bias 1 where the state is kept the longer the larger its bias is, as an LSTM's f and a GRU's z, −1
  /// where it is kept the shorter, as MGU's f, and 0 for gates that neither keep nor forget; what chrono initialisation
  /// knows of the gates decides, or else which of them start elsewhere than at 0.
  ///
  /// An input gate counts only where no other gate forgets.
  public var forgetSigns: [Int] {
    guard case .perGate(let biases) = start else { return gates.map { _ in 0 } }
    let signs = biases.map { $0.chronoSign.signum() }
    if signs.contains(1) { return signs.map { max($0, 0) } }
    if signs.contains(-1) { return signs }
    return biases.map { $0.constant > 0 ? 1 : $0.constant < 0 ? -1 : 0 }
  }
}
