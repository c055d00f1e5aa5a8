import CellgateCells
import CellgateFiles
import CellgateNN

/// The body of a Scan read as the equations of a cell.
private struct ScanBody {
  /// A parameter: its name, its gates in order and their tensors.
  struct Parameter {
    var name: String
    var gates: [String]
    var tensors: [ONNXTensor]
    var isMatrix: Bool
    /// Whether each gate is a single number, where the units are more.
    var isScalar = false
  }

  var inputSize: Int
  /// The states, the output first: their names in the body, and sizes.
  var states: [(name: String, size: Int)]
  var parameters: [Parameter]
  /// H, and P where a size differs.
  var hidden: Int
  var projection: Int?
  var cell: Cell
}

extension ONNXImporter {
  /// A Scan whose body is a cell's equations, such as Cellgate writes them, as a recurrent layer.
  func scan(_ node: ONNXNode) throws(ImportError) -> [ONNXValue?] {
    guard case .graph(let body)? = node.attribute("body") else {
      throw damaged(node, "body: expected a graph, found none")
    }
    let known: Set<String> = ["body", "num_scan_inputs", "scan_input_directions", "scan_output_directions"]
    for attribute in node.attributes where !known.contains(attribute.name) {
      throw unsupported(node, "expected axes of steps, found '\(quotedName(attribute.name))'")
    }
    let scanned = try integer(node, "num_scan_inputs", default: 0)
    let count = node.inputs.count - scanned
    guard scanned == 1 || scanned == 2, (1...64).contains(count), body.inputs.count == node.inputs.count,
      body.outputs.count == count + 1, node.outputs.count == count + 1, operatorSet >= 9
    else {
      throw unsupported(
        node,
        "expected states, one sequence and one output of steps, found \(node.inputs.count) inputs and "
          + "\(node.outputs.count) outputs")
    }
    func direction(_ name: String, _ count: Int) throws(ImportError) -> Bool {
      guard case .integers(let numbers)? = node.attribute(name) else { return false }
      guard numbers.count == count, Set(numbers).count == 1, numbers[0] == 0 || numbers[0] == 1 else {
        throw unsupported(node, "\(name): expected one direction, found \(numbers.prefix(8))")
      }
      return numbers[0] == 1
    }
    let goesBackwards = try direction("scan_input_directions", scanned)
    let isOutputReversed = try direction("scan_output_directions", 1)
    guard goesBackwards || !isOutputReversed else {
      throw unsupported(node, "scan_output_directions: expected the direction of the steps, found another")
    }
    let data = try data(node, count)
    guard data.axes.count == 3, let time = data.axes[0].role, let batch = data.axes[1].role,
      data.axes[2].factor == 0, data.factors.count == 1, time.become(.time), batch.become(.batch),
      !data.isSorted
    else { throw unsupported(node, "expected a sequence [T, B, …], found other axes") }
    let hasLengths: Bool
    switch scanned == 2 ? input(node, count + 1) : nil {
    case nil: hasLengths = false
    case .valid?: hasLengths = true
    default: throw unsupported(node, "expected the valid steps beside the sequence, found another value")
    }
    guard hasLengths == data.isMasked, !(hasLengths && data.isReversed) else {
      throw unsupported(node, "expected the lengths as other nodes have them, found others")
    }
    let (read, order) = try equations(node, body, count, inputSize: data.factors[0], hasLengths: hasLengths)
    // First states.
    var given: [ONNXReference] = []
    var zeros = 0
    for place in order {
      switch try required(node, place) {
      case .filled(0): zeros += 1
      case .data(let state):
        guard state.axes.count == 2, state.time == nil, state.axes[1].factor == 0,
          state.axes[0].role.map({ $0.become(.batch) }) ?? false,
          state.factors == [read.states[given.count].size]
        else { throw unsupported(node, "expected first states [B, …], found other axes") }
        given.append(state.value)
      default: throw unsupported(node, "expected first states that are zeros or values, found others")
      }
    }
    guard given.isEmpty || zeros == 0 else {
      throw unsupported(node, "expected first states that are all given or all zeros, found some of each")
    }
    var options = RecurrentOptions(cell: read.cell, units: read.hidden)
    options.projection = read.cell.hasProjection ? read.projection : nil
    options.returnState = node.outputs.prefix(count).contains { !$0.isEmpty && (uses[$0] ?? 0) > 0 }
    options.returnSequences = (uses[node.outputs[count]] ?? 0) > 0 && !node.outputs[count].isEmpty
    options.goBackwards = goesBackwards
    var tensors: [(name: String, numbers: [Float], shape: [Int])] = []
    for parameter in read.parameters {
      var numbers: [Float] = []
      var shape = [0]
      for tensor in parameter.tensors {
        let own = try self.tensors.floats(tensor)
        if parameter.isMatrix {
          numbers += Self.transposed(own, tensor.dims[0], tensor.dims[1])
          shape = [shape[0] + tensor.dims[1], tensor.dims[0]]
        } else {
          numbers += own
          shape = [shape[0] + own.count]
        }
      }
      tensors.append((parameter.name + "_l0", numbers, shape))
    }
    let place = try call(Recurrent(options), named: "recurrent", [data.value] + given, tensors)
    findings.append(
      "\(node.title): cell \(read.cell.name) of its equations, I = \(read.inputSize), H = \(read.hidden)"
        + (goesBackwards ? ", from the last step to the first" : ""))
    let output = read.states[0].size
    var sequence = data
    (sequence.value, sequence.factors) = (.call(place, output: 0), [output])
    if goesBackwards, options.returnSequences {
      if isOutputReversed {
        sequence.value = .call(try call(Reverse(), named: "reverse", [sequence.value]), output: 0)
      } else {
        sequence.isReversed.toggle()
      }
    }
    var results: [ONNXValue?] = [ONNXValue?](repeating: nil, count: count)
    for (state, place2) in order.enumerated() {
      results[place2] = .data(
        ONNXValue.Data(
          value: .call(place, output: 1 + state), axes: [data.axes[1], .factor(0)],
          factors: [read.states[state].size]))
    }
    return results + [.data(sequence)]
  }

  // MARK: Equations

  /// What a value of a body is.
  private enum BodyValue {
    case expression(CellExpression)
    /// The valid steps.
    case valid
  }

  /// The cell of a body's nodes, and the body's states in the order of the cell's.
  private func equations(
    _ node: ONNXNode, _ body: ONNXGraph, _ count: Int, inputSize: Int, hasLengths: Bool
  ) throws(ImportError) -> (ScanBody, order: [Int]) {
    guard body.nodes.count <= 4096, body.initializers.isEmpty else {
      throw unsupported(node, "body: expected at most 4,096 nodes and no tensors, found others")
    }
    var producers: [String: ONNXNode] = [:]
    for inner in body.nodes { for output in inner.outputs { producers[output] = inner } }
    /// The value that a name stands for, through identities.
    func source(_ name: String) -> String {
      var name = name
      for _ in 0..<64 {
        guard let inner = producers[name], inner.operation == "Identity", let next = inner.inputs.first else {
          break
        }
        name = next
      }
      return name
    }
    let valid = hasLengths ? body.inputs[count + 1].name : nil
    /// What an output is where its step is valid.
    func kept(_ name: String, else other: String?) throws(ImportError) -> String {
      guard let valid else { return source(name) }
      guard let inner = producers[source(name)], inner.operation == "Where", inner.inputs.count == 3,
        inner.inputs[0] == valid, other == nil || inner.inputs[2] == other
      else { throw unsupported(node, "body: expected new states where steps are valid, found others") }
      return source(inner.inputs[1])
    }
    var next: [String] = []
    for state in 0..<count { next.append(try kept(body.outputs[state].name, else: body.inputs[state].name)) }
    let y = try kept(body.outputs[count].name, else: nil)
    if valid != nil, let inner = producers[source(body.outputs[count].name)] {
      guard case .constant(let zero)? = values[inner.inputs[2]], zero.dims.isEmpty,
        try tensors.floats(zero) == [0]
      else { throw unsupported(node, "body: expected 0 as the output past a length, found another value") }
    }
    guard let first = next.firstIndex(of: y) else {
      throw unsupported(node, "body: expected one of the states as output, found another value")
    }
    let order = [first] + (0..<count).filter { $0 != first }
    // Sizes.
    var sizes: [Int] = []
    for state in order {
      guard let size = body.inputs[state].shape?.last, case .number(let number) = size,
        (1...1 << 20).contains(number)
      else { throw unsupported(node, "body: expected states of known sizes, found others") }
      sizes.append(number)
    }
    var parameters = try parameters(node, body)
    for index in parameters.indices {
      parameters[index].isScalar = parameters[index].tensors[0].dims == [1] && sizes.contains { $0 > 1 }
    }
    var all = Set(sizes)
    for parameter in parameters where !parameter.isScalar {
      all.formUnion(parameter.tensors.compactMap(\.dims.last))
    }
    guard all.count <= 2 else {
      throw unsupported(node, "body: expected one or two sizes of units, found \(all.sorted().prefix(8))")
    }
    let hidden = all.count == 1 ? sizes[0] : all.first { $0 != sizes[0] } ?? sizes[0]
    let projection = all.count == 2 ? sizes[0] : nil
    var stateNames: [String] = []
    for state in order {
      var name = Self.lastPart(body.inputs[state].name)
      if name.hasSuffix("_before") { name.removeLast("_before".count) }
      if stateNames.contains(name) || name.isEmpty { name = "s\(stateNames.count)" }
      stateNames.append(name)
    }
    var problem: ImportError?
    let cell: Cell
    do throws(CellError) {
      cell = try Cell(
        "scan-onnx", summary: "the body of an ONNX file's Scan",
        source: "https://onnx.ai/onnx/operators/onnx__Scan.html"
      ) { builder in
        do throws(ImportError) {
          try self.build(
            builder, node, body, parameters, order, stateNames, sizes, hidden: hidden, next: next,
            count: count)
        } catch { problem = error }
      }
    } catch {
      throw problem ?? unsupported(node, "body: \(error)")
    }
    if let problem { throw problem }
    let text = cell.canonicalText
    let same = Cell.all.first { $0.canonicalText == text } ?? cell
    return (
      ScanBody(
        inputSize: inputSize, states: zip(stateNames, sizes).map { ($0, $1) }, parameters: parameters,
        hidden: hidden, projection: projection, cell: same), order
    )
  }

  private static func lastPart(_ name: String) -> String {
    name.split(separator: ".").last.map(String.init) ?? name
  }

  /// The tensors that a body reads, as parameters in the file's order. Cellgate's names say which are gates of one.
  private func parameters(_ node: ONNXNode, _ body: ONNXGraph) throws(ImportError) -> [ScanBody.Parameter] {
    var used: [String: Bool] = [:]
    for inner in body.nodes {
      for (place, input) in inner.inputs.enumerated() {
        if case .constant(let tensor)? = values[input], !tensor.dims.isEmpty {
          let isMatrix =
            tensor.dims.count == 2
            && (inner.operation == "MatMul" && place == 1 || inner.operation == "Transpose")
          guard isMatrix || tensor.dims.count == 1, used[input] == nil || used[input] == isMatrix,
            tensor.dims.allSatisfy({ (1...1 << 24).contains($0) })
          else {
            throw unsupported(
              node, "body: '\(quotedName(input))': expected a matrix or a vector, found another")
          }
          used[input] = isMatrix
        }
      }
    }
    guard used.count <= 1024 else {
      throw unsupported(node, "body: expected at most 1,024 tensors, found more")
    }
    var found: [ScanBody.Parameter] = []
    for tensor in model.graph?.initializers ?? [] {
      guard let isMatrix = used[tensor.name], !isZeros(tensor, isMatrix) else { continue }
      let parts = tensor.name.split(separator: ".").map(String.init)
      // …, l0 or l0_reverse, the parameter, the gate.
      let layer = parts.lastIndex { part in
        part.first == "l" && part.dropFirst().first?.isNumber == true
          && part.dropFirst().prefix { $0.isNumber }.count < 6
      }
      var (name, gate) = (tensor.name, "")
      if let layer, parts.count == layer + 2 || parts.count == layer + 3 {
        name = parts[layer + 1]
        if parts.count == layer + 3 { gate = parts[layer + 2] }
      }
      name = String(name.map { $0 == "." || $0 == "/" || $0 == "`" || $0.isWhitespace ? "_" : $0 })
      if let place = found.firstIndex(where: { $0.name == name }) {
        guard found[place].isMatrix == isMatrix, found[place].tensors[0].dims == tensor.dims,
          !found[place].gates.contains(gate), !gate.isEmpty, found[place].gates != [""]
        else {
          throw unsupported(
            node, "body: '\(quotedName(tensor.name))': expected gates of one shape, found another")
        }
        found[place].gates.append(gate)
        found[place].tensors.append(tensor)
      } else {
        found.append(.init(name: name, gates: [gate], tensors: [tensor], isMatrix: isMatrix))
      }
    }
    return found
  }

  /// Whether a vector is the zeros that a mean is added to.
  private func isZeros(_ tensor: ONNXTensor, _ isMatrix: Bool) -> Bool {
    !isMatrix && tensor.name.hasPrefix("zeros")
      && ((try? tensors.floats(tensor).allSatisfy { $0 == 0 }) ?? false)
  }

  private func build(
    _ builder: CellBuilder, _ node: ONNXNode, _ body: ONNXGraph, _ parameters: [ScanBody.Parameter],
    _ order: [Int],
    _ stateNames: [String], _ sizes: [Int], hidden: Int, next: [String], count: Int
  ) throws(ImportError) {
    func dimension(_ size: Int) -> CellDimension { size == hidden ? .hidden : .projection }
    var known: [String: CellExpression] = [body.inputs[count].name: builder.input]
    var states: [CellExpression] = []
    for (place, state) in order.enumerated() {
      let expression = builder.state(stateNames[place], size: dimension(sizes[place]))
      states.append(expression)
      known[body.inputs[state].name] = expression
    }
    var blocks: [String: Block] = [:]
    for parameter in parameters {
      let rows = parameter.isScalar ? .hidden : dimension(parameter.tensors[0].dims.last ?? hidden)
      let isRecurrent = parameter.name.hasPrefix("weight_hh")
      let first = builder.declare(
        parameter.name, gates: parameter.gates, isMatrix: parameter.isMatrix, isScalar: parameter.isScalar,
        rows: rows,
        start: parameter.isMatrix ? (isRecurrent ? .orthogonal : .xavier) : .zero)
      for (gate, tensor) in parameter.tensors.enumerated() {
        let block = Block(parameter: first.parameter, gate: gate)
        blocks[tensor.name] = block
        if !parameter.isMatrix { known[tensor.name] = CellExpression(.vector(block)) }
      }
    }
    var producers: [String: ONNXNode] = [:]
    for inner in body.nodes { for output in inner.outputs { producers[output] = inner } }
    // Values that the states need may bear names.
    var (needed, stack): (Set<String>, [String]) = ([], next)
    while let name = stack.popLast() {
      if needed.insert(name).inserted, let inner = producers[name] {
        stack += varianceOperand(inner).map { [$0] } ?? inner.inputs
      }
    }
    /// Matrices of the file whose transposes the body makes.
    var transposes: [String: Block] = [:]
    var taken = Set(stateNames + parameters.map(\.name))
    func operand(_ inner: ONNXNode, _ place: Int) throws(ImportError) -> CellExpression {
      guard place < inner.inputs.count else {
        throw damaged(node, "body: \(inner.title): expected an input \(place)")
      }
      let name = inner.inputs[place]
      if let known = known[name] { return known }
      if case .constant(let tensor)? = values[name], tensor.dims.isEmpty,
        let number = try tensors.floats(tensor).first,
        number.isFinite
      {
        let expression = CellExpression(Double("\(number)") ?? Double(number))
        known[name] = expression
        return expression
      }
      throw unsupported(
        node, "body: \(inner.title): expected a value of the step, found '\(quotedName(name))'")
    }
    /// The operand whose mean square deviation from its mean a node is the mean of.
    func varianceOperand(_ inner: ONNXNode) -> String? {
      guard let square = inner.inputs.first.flatMap({ producers[$0] }), square.operation == "Mul",
        square.inputs.count == 2, square.inputs[0] == square.inputs[1],
        let deviation = producers[square.inputs[0]], deviation.operation == "Sub",
        deviation.inputs.count == 2,
        let mean = producers[deviation.inputs[1]], mean.operation == "ReduceMean",
        mean.inputs.first == deviation.inputs[0]
      else { return nil }
      return deviation.inputs[0]
    }
    for inner in body.nodes {
      guard inner.domain.isEmpty, inner.outputs.count == 1, known[inner.outputs[0]] == nil else {
        throw unsupported(node, "body: \(inner.title): expected an operator of one new output, found another")
      }
      let result: CellExpression
      switch inner.operation {
      // What is kept where a step isn't valid is read with the outputs.
      case "Where": continue
      case "Transpose":
        guard let block = blocks[inner.inputs.first ?? ""],
          try integers(inner, 1, or: "perm") ?? [1, 0] == [1, 0]
        else {
          throw unsupported(node, "body: \(inner.title): expected a matrix of the file, found another value")
        }
        transposes[inner.outputs[0]] = block
        continue
      case "Identity" where known[inner.inputs.first ?? ""] == nil: continue
      case "Identity": result = try operand(inner, 0)
      case "MatMul":
        guard inner.inputs.count == 2 else {
          throw unsupported(node, "body: \(inner.title): expected a matrix of the file, found another value")
        }
        if let block = blocks[inner.inputs[1]] {
          result = CellExpression(.product(block), try operand(inner, 0))
        } else if let block = transposes[inner.inputs[1]] {
          result = CellExpression(.transposedProduct(block), try operand(inner, 0))
        } else {
          throw unsupported(node, "body: \(inner.title): expected a matrix of the file, found another value")
        }
      case "ReduceMean":
        guard try integers(inner, 1, or: "axes") == [-1], try integer(inner, "keepdims", default: 1) == 1
        else {
          throw unsupported(node, "body: \(inner.title): expected the mean of a state's units, found another")
        }
        if let name = varianceOperand(inner), let value = known[name] {
          result = variance(value)
        } else {
          result = mean(try operand(inner, 0))
        }
      case "Add" where inner.inputs.count == 2 && isMeanAndZeros(inner, producers):
        result = try operand(inner, 0)
      default:
        guard let operation = Self.stepOperations[inner.operation] else {
          throw unsupported(
            node, "body: \(inner.title): expected an operator that equations have, found another")
        }
        let arity = Self.binaryOperations.contains(inner.operation) ? 2 : 1
        guard inner.inputs.count == arity else {
          throw damaged(node, "body: \(inner.title): expected \(arity) inputs, found \(inner.inputs.count)")
        }
        result =
          arity == 2
          ? CellExpression(operation, try operand(inner, 0), try operand(inner, 1))
          : CellExpression(operation, try operand(inner, 0))
      }
      let output = inner.outputs[0]
      let name = Self.lastPart(output)
      let isNamed =
        needed.contains(output) && !name.isEmpty && !name.dropFirst().allSatisfy(\.isNumber)
        && name.allSatisfy { $0.isLetter || $0.isNumber } && taken.insert(name).inserted
      let isGate =
        name.count == 1 && name.first?.isLetter == true && needed.contains(output)
        && taken.insert(name).inserted
      known[output] = isNamed || isGate ? builder.define(name, result) : result
    }
    for (place, state) in order.enumerated() {
      guard let value = known[next[state]] else {
        throw unsupported(node, "body: expected a new value of each state, found none")
      }
      builder.next(states[place], value)
    }
  }

  private func isMeanAndZeros(_ inner: ONNXNode, _ producers: [String: ONNXNode]) -> Bool {
    guard producers[inner.inputs[0]]?.operation == "ReduceMean",
      case .constant(let tensor)? = values[inner.inputs[1]]
    else { return false }
    return tensor.dims.count == 1 && isZeros(tensor, false)
  }

  private static let binaryOperations: Set<String> = ["Add", "Sub", "Mul", "Div", "Min", "Max"]

  /// The operators of a step, which are those that `ONNXStep` writes.
  private static let stepOperations: [String: NodeOperation] = [
    "Add": .add, "Sub": .subtract, "Mul": .multiply, "Div": .divide, "Neg": .negate, "Min": .minimum,
    "Max": .maximum, "Sigmoid": .sigmoid, "Tanh": .tanh, "Relu": .relu, "Softplus": .softplus, "Exp": .exp,
    "Log": .logarithm, "Sqrt": .squareRoot, "Abs": .absolute,
  ]
}
