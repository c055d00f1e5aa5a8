import CellgateBasics

extension Cell {
  /// The parameters and the graph as text that depends on nothing else: two cells of one text compute the same numbers
  /// from the same parameters, whatever they and their values are called.
  package var canonicalText: String {
    var lines = parameters.map { parameter in
      "\(parameter.isFixed ? "fixed " : "")parameter \(parameter.name) \(parameter.columns?.rawValue ?? (parameter.isScalar ? "scalar" : "vector")) "
        + parameter.gates.joined(separator: ",")
        + (parameter.rows == .hidden ? "" : " \(parameter.rows.rawValue)")
    }
    for (state, size) in stateSizes.enumerated() where size != .hidden {
      lines.append("state\(state) \(size.rawValue)")
    }
    // Nodes are numbered as they are met from the states' new values on, operands first.
    var numbers: [NodeID: Int] = [:]
    func number(_ id: NodeID) -> Int {
      if let known = numbers[id] { return known }
      let operands = graph[id].operands.map(number)
      numbers[id] = numbers.count
      lines.append(
        (["\(numbers.count - 1)", canonicalName(graph[id].operation)] + operands.map(String.init))
          .joined(separator: " "))
      return numbers.count - 1
    }
    for node in next {
      let value = number(node)
      lines.append("next \(value)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Whether the other cell computes the same and starts from the same values, whatever they are called.
  package func isSame(as other: Cell) -> Bool {
    canonicalText == other.canonicalText && parameters.map(\.start) == other.parameters.map(\.start)
  }

  private func canonicalName(_ operation: NodeOperation) -> String {
    func name(_ block: Block) -> String {
      let parameter = parameters[block.parameter]
      return "\(parameter.name).\(parameter.gates[block.gate])"
    }
    return switch operation {
    case .input: "input"
    case .state(let index): "state\(index)"
    case .noise(let index): "noise\(index):\(noises[index].probability)"
    case .product(let block): "product:\(name(block))"
    case .transposedProduct(let block): "transposed:\(name(block))"
    case .vector(let block): "vector:\(name(block))"
    case .constant(let value): "constant:\(value)"
    case .add: "add"
    case .subtract: "subtract"
    case .multiply: "multiply"
    case .divide: "divide"
    case .negate: "negate"
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .relu: "relu"
    case .exp: "exp"
    case .softplus: "softplus"
    case .logarithm: "logarithm"
    case .squareRoot: "squareRoot"
    case .absolute: "absolute"
    case .minimum: "minimum"
    case .maximum: "maximum"
    case .reduction(let kind): kind.rawValue
    case .sigmoidGradient, .tanhGradient, .reluGradient, .absoluteGradient, .greaterGradient, .arriving,
      .outputGradient, .transposed,
      .accumulator:
      fail("Cell: expected an operation of a cell's own graph, found \(operation)")
    }
  }
}
