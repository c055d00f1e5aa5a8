import CellgateBasics
import CellgateCells

/// A step of a cell as ONNX nodes: one translation of the graph that the cell's equations make, whatever the cell.
///
/// The values are rows: x [B, I], states [B, H]. Matrices are given as [columns, rows], as ONNX multiplies them.
struct ONNXStep {
  /// What the step reads, by the names of the values.
  struct Names {
    /// x.
    var input: String
    /// The states at t−1.
    var states: [String]
    /// One gate's matrix, [columns, rows], or vector, [rows].
    var parameter: (Block) -> String
    /// A number.
    var constant: (Double) -> String
    /// As many zeros as a size has.
    var zeros: (CellDimension) -> String
    /// Before the names of values.
    var prefix = ""
  }

  private(set) var nodes: [ONNXNode] = []
  /// The names of the states at t.
  private(set) var next: [String] = []

  private let cell: Cell
  private let names: Names
  private var values: [NodeID: String] = [:]
  private var isBatched: [Bool] = []

  init(_ cell: Cell, _ names: Names) {
    (self.cell, self.names) = (cell, names)
    var labels: [NodeID: String] = [:]
    for (name, node) in cell.names where labels[node] == nil { labels[node] = name }
    for (id, node) in cell.graph.nodes.enumerated() {
      isBatched.append(
        node.operands.contains { isBatched[$0] } || Self.readsSequence(node.operation))
      values[id] = add(id, node, name: labels[id] ?? "v\(id)")
    }
    for (state, node) in cell.next.enumerated() { next.append(newState(state, node)) }
  }

  private static func readsSequence(_ operation: NodeOperation) -> Bool {
    switch operation {
    case .input, .state: true
    default: false
    }
  }

  /// The name of a state's new value, of one row for each sequence.
  private mutating func newState(_ state: Int, _ node: NodeID) -> String {
    let (old, value) = (names.states[state], values[node] ?? "")
    guard !isBatched[node] else { return value }
    let (shape, whole) = ("\(names.prefix)shape\(state)", "\(names.prefix)whole\(state)")
    nodes.append(ONNXNode("Shape", [old], [shape]))
    nodes.append(ONNXNode("Expand", [value, shape], [whole]))
    return whole
  }

  private mutating func add(_ id: NodeID, _ node: Graph.Node, name: String) -> String {
    let operands = node.operands.map { values[$0] ?? "" }
    let output = names.prefix + name
    func made(_ operation: String, _ inputs: [String]) -> String {
      nodes.append(ONNXNode(operation, inputs, [output]))
      return output
    }
    switch node.operation {
    case .input: return names.input
    case .state(let state): return names.states[state]
    case .vector(let block): return names.parameter(block)
    case .constant(let value): return names.constant(value)
    case .product(let block): return made("MatMul", [operands[0], names.parameter(block)])
    case .transposedProduct(let block):
      // The matrix is given as [columns, rows], which is its transpose.
      let matrix = output + "_matrix"
      nodes.append(
        ONNXNode(
          "Transpose", [names.parameter(block)], [matrix], [ONNXAttribute("perm", .integers([1, 0]))]))
      return made("MatMul", [operands[0], matrix])
    case .add: return made("Add", operands)
    case .subtract: return made("Sub", operands)
    case .multiply: return made("Mul", operands)
    case .divide: return made("Div", operands)
    case .negate: return made("Neg", operands)
    case .minimum: return made("Min", operands)
    case .maximum: return made("Max", operands)
    case .sigmoid: return made("Sigmoid", operands)
    case .tanh: return made("Tanh", operands)
    case .relu: return made("Relu", operands)
    case .softplus: return made("Softplus", operands)
    case .exp: return made("Exp", operands)
    case .logarithm: return made("Log", operands)
    case .squareRoot: return made("Sqrt", operands)
    case .absolute: return made("Abs", operands)
    case .reduction(let reduction):
      return reduced(reduction, operands[0], output, names.zeros(cell.graph.size(of: id)))
    case .noise, .sigmoidGradient, .tanhGradient, .reluGradient, .absoluteGradient, .greaterGradient,
      .arriving, .outputGradient, .transposed, .accumulator:
      fail("ONNXStep: expected an operation of a cell's own graph, found \(node.operation)")
    }
  }

  /// A number of all units, at each of them.
  private mutating func reduced(
    _ reduction: Reduction, _ operand: String, _ output: String, _ zeros: String
  ) -> String {
    let last = [ONNXAttribute("axes", .integers([-1])), ONNXAttribute("keepdims", .integer(1))]
    var value = operand
    if reduction == .variance {
      nodes.append(ONNXNode("ReduceMean", [operand], [output + "_mean"], last))
      nodes.append(ONNXNode("Sub", [operand, output + "_mean"], [output + "_deviation"]))
      nodes.append(
        ONNXNode("Mul", [output + "_deviation", output + "_deviation"], [output + "_square"]))
      value = output + "_square"
    }
    nodes.append(ONNXNode("ReduceMean", [value], [output + "_one"], last))
    nodes.append(ONNXNode("Add", [output + "_one", zeros], [output]))
    return output
  }
}

extension Cell {
  /// A step of the cell in ONNX's text form: the model that `onnx.parser.parse_model` reads, whose inputs are the input
  /// x [B, I], the states at t−1 and the parameters, a matrix as [columns, rows], and whose outputs are the states at t.
  public var onnxText: String {
    var taken: Set<String> = []
    func identifier(_ name: String) -> String {
      var text = ""
      for scalar in name.unicodeScalars {
        let isPlain =
          scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
        text.unicodeScalars.append(isPlain ? scalar : "_")
      }
      if text.unicodeScalars.first.map({ $0.properties.numericType != nil }) ?? true { text = "_" + text }
      while !taken.insert(text).inserted { text += "_" }
      return text
    }
    func letter(_ size: CellDimension) -> String {
      switch size {
      case .input: "I"
      case .hidden: "H"
      case .projection: "P"
      }
    }
    let input = identifier(inputName)
    let states = states.map { identifier($0) }
    var inputs = ["float[B,I] \(input)"]
    for (state, size) in zip(states, stateSizes) { inputs.append("float[B,\(letter(size))] \(state)") }
    var parameters: [Block: String] = [:]
    for (index, definition) in self.parameters.enumerated() {
      for (gate, name) in definition.gates.enumerated() {
        let own = identifier(name.isEmpty ? definition.name : "\(definition.name)_\(name)")
        parameters[Block(parameter: index, gate: gate)] = own
        let columns = definition.columns.map { letter($0) + "," } ?? ""
        let rows = definition.isScalar ? "1" : letter(definition.rows)
        inputs.append("float[\(columns)\(rows)] \(own)")
      }
    }
    var constants: [(name: String, line: String)] = []
    func constant(_ value: Double) -> String {
      // Constants of one value are one.
      let line = "Constant <value_float: float = \(Float(value))> ()"
      if let known = constants.first(where: { $0.line == line }) { return known.name }
      constants.append((identifier("c\(constants.count)"), line))
      return constants[constants.count - 1].name
    }
    func zeros(_ size: CellDimension) -> String {
      let name = "zeros_\(letter(size))"
      if taken.insert(name).inserted { inputs.append("float[\(letter(size))] \(name)") }
      return name
    }
    let step = ONNXStep(
      self,
      ONNXStep.Names(
        input: input, states: states, parameter: { parameters[$0] ?? "" }, constant: constant, zeros: zeros))
    var renamed: [String: String] = [:]
    func written(_ name: String) -> String {
      if taken.contains(name), renamed[name] == nil, !step.nodes.contains(where: { $0.outputs == [name] }) {
        return name
      }
      if let known = renamed[name] { return known }
      let own = identifier(name)
      renamed[name] = own
      return own
    }
    var lines = constants.map { "  \($0.name) = \($0.line)" }
    for node in step.nodes {
      let operands = node.inputs.map(written).joined(separator: ", ")
      let attributes =
        node.operation == "Transpose"
        ? " <perm = [1, 0]>" : node.attributes.isEmpty ? "" : " <axes = [-1], keepdims = 1>"
      lines.append("  \(written(node.outputs[0])) = \(node.operation)\(attributes) (\(operands))")
    }
    var outputs: [String] = []
    for (state, name) in zip(states.indices, step.next) {
      let own = identifier(states[state] + "_next")
      lines.append("  \(own) = Identity (\(written(name)))")
      outputs.append("float[B,\(letter(stateSizes[state]))] \(own)")
    }
    return """
      <ir_version: 8, opset_import: ["" : \(ONNXWriter.operatorSet)]>
      \(identifier(name.replacing("-", with: "_"))) (\(inputs.joined(separator: ", "))) => (\(outputs.joined(separator: ", ")))
      {
      \(lines.joined(separator: "\n"))
      }

      """
  }
}
