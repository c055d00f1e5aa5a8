import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

extension ONNXBuilder {
  /// A stack of recurrent layers that is being written.
  private struct Stack {
    let name: String
    let options: RecurrentOptions
    /// The cell at inference, with zoneout's expected values.
    let cell: Cell
    /// The node that computes the cell; nil for a Scan.
    let plain: ONNXCellOptions?
    let inputSize: Int
    /// Each of the cell's states' sizes.
    let sizes: [Int]
    var directions: Int { options.isBidirectional ? 2 : 1 }
    /// The first states by layer and direction; empty for zeros.
    var first: [[String]] = []
    var mask: Mask?
  }

  /// What a stack gives: the sequence [T, B, D·S], and the last states by layer and direction, [B, S] each.
  private struct StackResult {
    var sequence: String
    /// The same in the order of the input's steps, of a stack that goes backwards.
    var unreversed: String?
    var finals: [[String]]
  }

  /// The cells that ONNX has nodes for.
  private static let nodes: [(cell: Cell, options: ONNXCellOptions)] = {
    var coupled = ONNXCellOptions(kind: .lstm, activations: ONNXCellOptions.usual(.lstm))
    coupled.couplesGates = true
    var peephole = ONNXCellOptions(kind: .lstm, activations: ONNXCellOptions.usual(.lstm))
    peephole.hasPeepholes = true
    var gru = ONNXCellOptions(kind: .gru, activations: ONNXCellOptions.usual(.gru))
    gru.resetsAfterProduct = true
    return [
      (.lstm, ONNXCellOptions(kind: .lstm, activations: ONNXCellOptions.usual(.lstm))),
      (.lstmCoupled, coupled), (.lstmPeephole, peephole), (.gru, gru),
      (.rnnTanh, ONNXCellOptions(kind: .rnn, activations: [.tanh])),
      (.rnnReLU, ONNXCellOptions(kind: .rnn, activations: [.relu])),
    ]
  }()

  mutating func recurrent(
    _ name: String, _ options: RecurrentOptions, _ inputs: [Value], _ shapes: [LayerShape]
  ) throws(ExportError) -> [Value] {
    let (result, stack) = try stack(name, options, inputs)
    let count = stack.options.layers * stack.directions
    var output: Value
    let mask = options.goBackwards ? inputs[0].mask.map { reversed($0, name) } : inputs[0].mask
    let finals = result.finals.suffix(stack.directions).map { $0[0] }
    let last =
      finals.count == 1
      ? finals[0] : node("Concat", finals, name + ".last", [ONNXAttribute("axis", .integer(-1))])
    if options.returnSequences {
      output = Value(name: result.sequence, shape: shapes[0], mask: mask)
      // The last state is the last valid output, unless a sequence without steps has another first state than 0.
      if stack.directions == 1, stack.first.isEmpty || mask == nil { output.last = last }
      output.unreversed = result.unreversed.map { ($0, inputs[0].mask) }
    } else {
      output = Value(name: last, shape: shapes[0])
    }
    guard options.returnState else { return [output] }
    let states = (0..<count).flatMap { place in
      zip(result.finals[place], stack.sizes).map { Value(name: $0, shape: .vector($1)) }
    }
    return [output] + states
  }

  mutating func bidirectional(
    _ name: String, _ options: Bidirectional.Options, _ inputs: [Value], _ shapes: [LayerShape]
  ) throws(ExportError) -> [Value] {
    var both = options.layer
    both.isBidirectional = true
    let size = shapes[0].features[0]
    let whole = shapes[0].features.dropLast() + [options.mergeMode == .concat ? size : 2 * size]
    let values = try recurrent(
      name, both, inputs,
      [LayerShape(isSequence: shapes[0].isSequence, features: Array(whole))]
        + shapes.dropFirst(options.mergeMode == .none ? 2 : 1))
    if options.mergeMode == .concat { return values }
    var halves: [Value] = []
    for half in 0..<2 {
      let starts = integers([half * size]), ends = integers([(half + 1) * size]), axis = integers([-1])
      let part = node(
        "Slice", [values[0].name, starts, ends, axis], name + (half == 0 ? ".forward" : ".reverse"))
      halves.append(Value(name: part, shape: shapes[0], mask: values[0].mask))
    }
    var merged: [Value]
    switch options.mergeMode {
    case .none, .concat: merged = halves
    case .sum, .ave, .mul:
      merged = [halves[0]]
      merged[0].name = node(
        options.mergeMode == .mul ? "Mul" : "Add", [halves[0].name, halves[1].name], name + ".merged")
      if options.mergeMode == .ave {
        merged[0].name = node("Div", [merged[0].name, number(2)], name + ".mean")
      }
    }
    return merged + values.dropFirst()
  }

  /// The flags of the same steps in reverse order.
  private mutating func reversed(_ mask: Mask, _ name: String) -> Mask {
    .flags(backwards(flags(mask), name + ".valid"))
  }

  /// Steps from the last to the first.
  private mutating func backwards(_ sequence: String, _ name: String) -> String {
    let start = integers([-1]), end = integers([Int(Int32.min)]), axis = integers([0])
    return node("Slice", [sequence, start, end, axis, start], name)
  }

  private mutating func stack(
    _ name: String, _ options: RecurrentOptions, _ inputs: [Value]
  ) throws(ExportError) -> (StackResult, Stack) {
    guard options.precision == .float32 else {
      throw unsupported(name, "precision: expected float32, found \(options.precision)")
    }
    if let kernel = options.kernel {
      throw unsupported(
        name, "kernel: expected a layer of vectors, found convolutions of \(kernel) × \(kernel)")
    }
    if isStreaming, options.isBidirectional || options.goBackwards || options.learnsFirstStates {
      throw unsupported(
        name, "expected a layer that goes forward from given states to stream, found another")
    }
    var cell = options.cell.cell
    if let zoneout = options.zoneout {
      let rates = cell.states.map { zoneout.rate(of: $0) }
      if rates.contains(where: { $0 > 0 }) { cell = cell.zoningOut(rates, draws: false) }
    }
    let text = cell.canonicalText
    let hasGaps = if case .flags? = inputs[0].mask { true } else { false }
    let repeats = options.maskedOutput == .previous && inputs[0].mask != nil
    let plain =
      hasGaps || repeats ? nil : Self.nodes.first { $0.cell.canonicalText == text }?.options
    var stack = Stack(
      name: name, options: options, cell: cell, plain: plain,
      inputSize: inputs[0].shape.features.first ?? 1,
      sizes: cell.stateSizes.map { $0 == .projection ? options.projection ?? options.units : options.units },
      mask: inputs[0].mask)
    try readFirstStates(&stack, inputs.dropFirst().map(\.name))
    var result = StackResult(sequence: inputs[0].name, finals: [])
    for layer in 0..<options.layers {
      let made =
        try plain == nil ? scans(stack, layer, result.sequence) : recurrentNode(stack, layer, result.sequence)
      result.sequence = made.sequence
      result.unreversed = made.unreversed
      result.finals += made.finals
      // Later layers of a stack that goes backwards read what the first one gives in its order.
      if options.goBackwards, options.layers > 1 {
        throw unsupported(name, "expected one layer that goes backwards, found \(options.layers)")
      }
    }
    if isStreaming, inputs.count == 1 {
      for (layer, finals) in result.finals.enumerated() {
        for (state, value) in finals.enumerated() {
          finalStates.append(("\(name).\(cell.states[state])_l\(layer).next", value, stack.sizes[state]))
        }
      }
    }
    return (result, stack)
  }

  private mutating func readFirstStates(_ stack: inout Stack, _ given: [String]) throws(ExportError) {
    let (states, places) = (stack.cell.states, stack.options.layers * stack.directions)
    if !given.isEmpty {
      stack.first = (0..<places).map { place in
        Array(given[place * states.count..<(place + 1) * states.count])
      }
    } else if stack.options.learnsFirstStates {
      for place in 0..<places {
        var row: [String] = []
        for (state, size) in zip(states, stack.sizes) {
          let own = try tensor(stack.name, state + "0")
          let numbers = Array(own.scalars[place * size..<(place + 1) * size])
          let value = self.numbers("\(stack.name).\(state)0_\(place)", numbers, [size])
          let shape = node(
            "Concat", [batchCount, integers([size])], stack.name + ".state_shape",
            [ONNXAttribute("axis", .integer(0))])
          row.append(node("Expand", [value, shape], "\(stack.name).\(state)_first"))
        }
        stack.first.append(row)
      }
    } else if isStreaming {
      for layer in 0..<stack.options.layers {
        var row: [String] = []
        for (state, size) in zip(states, stack.sizes) {
          let input = free("\(stack.name).\(state)_l\(layer)")
          graph.inputs.append(
            ONNXValueInfo(name: input, type: .float, shape: [.name("batch"), .number(size)]))
          row.append(input)
        }
        stack.first.append(row)
      }
    }
  }

  private static func suffix(_ layer: Int, _ direction: Int) -> String {
    "_l\(layer)" + (direction == 1 ? "_reverse" : "")
  }

  // MARK: Nodes

  /// A layer of a cell that ONNX has.
  private mutating func recurrentNode(
    _ stack: Stack, _ layer: Int, _ input: String
  ) throws(ExportError) -> StackResult {
    guard let plain = stack.plain else {
      throw unsupported(stack.name, "expected a cell of ONNX, found none")
    }
    let (directions, hidden, name) = (stack.directions, stack.options.units, stack.name)
    let gates = plain.kind == .lstm ? 4 : plain.kind == .gru ? 3 : 1
    /// A parameter of all directions with its gates in ONNX's order.
    func blocks(
      _ parameter: String, _ places: [Int], _ count: Int
    ) throws(ExportError) -> [[Float]] {
      var found: [[Float]] = []
      for direction in 0..<directions {
        let own = try tensor(name, parameter + Self.suffix(layer, direction))
        let numbers = own.scalars
        let size = numbers.count / places.count
        var result = [Float](repeating: 0, count: count * size)
        for (gate, place) in places.enumerated() {
          result.replaceSubrange(
            place * size..<(place + 1) * size, with: numbers[gate * size..<(gate + 1) * size])
        }
        found.append(result)
      }
      return found
    }
    let stem = "\(name).l\(layer)"
    let w = try blocks("weight_ih", plain.blocks, gates)
    let r = try blocks("weight_hh", plain.blocks, gates)
    let columns = w[0].count / (gates * hidden)
    var inputs = [
      input, numbers(stem + ".W", w.flatMap { $0 }, [directions, gates * hidden, columns]),
      numbers(stem + ".R", r.flatMap { $0 }, [directions, gates * hidden, hidden]),
    ]
    let b = try blocks(plain.hasTwoBiases ? "bias_ih" : "bias", plain.blocks, gates)
    let b2 =
      plain.hasTwoBiases
      ? try blocks("bias_hh", plain.blocks, gates) : b.map { $0.map { _ in 0 } }
    inputs.append(numbers(stem + ".B", zip(b, b2).flatMap { $0 + $1 }, [directions, 2 * gates * hidden]))
    if case .lengths(let lengths)? = stack.mask { inputs.append(lengths) } else { inputs.append("") }
    if !stack.first.isEmpty {
      for state in stack.cell.states.indices {
        let rows = (0..<directions).map { direction in
          let value = stack.first[layer * directions + direction][state]
          return node("Unsqueeze", [value, integers([0])], stem + ".first")
        }
        inputs.append(
          rows.count == 1
            ? rows[0] : node("Concat", rows, stem + ".first", [ONNXAttribute("axis", .integer(0))]))
      }
    }
    if plain.hasPeepholes {
      while inputs.count < 7 { inputs.append("") }
      let p = try blocks("weight_ph", plain.peepholeBlocks, 3)
      inputs.append(numbers(stem + ".P", p.flatMap { $0 }, [directions, 3 * hidden]))
    }
    while inputs.last?.isEmpty == true { inputs.removeLast() }
    let goesBackwards = stack.options.goBackwards
    var attributes = [
      ONNXAttribute("hidden_size", .integer(hidden)),
      ONNXAttribute(
        "direction", .text(directions == 2 ? "bidirectional" : goesBackwards ? "reverse" : "forward")),
    ]
    if plain.couplesGates { attributes.append(ONNXAttribute("input_forget", .integer(1))) }
    if plain.kind == .gru { attributes.append(ONNXAttribute("linear_before_reset", .integer(1))) }
    if plain.activations == [.relu] {
      attributes.append(ONNXAttribute("activations", .texts([String](repeating: "Relu", count: directions))))
    }
    let outputs = (["Y", "Y_h", "Y_c"].prefix(1 + stack.cell.states.count)).map { free("\(stem).\($0)") }
    graph.nodes.append(ONNXNode(plain.kind.rawValue, inputs, outputs, name: stem, attributes))
    // [T, D, B, H] and [D, B, H].
    var result = StackResult(sequence: "", finals: [])
    if directions == 1 {
      result.sequence = node("Squeeze", [outputs[0], integers([1])], stem)
    } else {
      let order = node(
        "Transpose", [outputs[0]], stem + ".joined", [ONNXAttribute("perm", .integers([0, 2, 1, 3]))])
      result.sequence = node("Reshape", [order, integers([0, 0, -1])], stem)
    }
    if goesBackwards {
      result.unreversed = result.sequence
      result.sequence = backwards(result.sequence, stem + ".backwards")
    }
    for direction in 0..<directions {
      result.finals.append(
        outputs.dropFirst().enumerated().map { state, output in
          let own = "\(stem).\(stack.cell.states[state])" + (direction == 1 ? "_reverse" : "")
          return directions == 1
            ? node("Squeeze", [output, integers([0])], own)
            : node(
              "Gather", [output, integers([direction], dims: [])], own, [ONNXAttribute("axis", .integer(0))])
        })
    }
    return result
  }

  // MARK: Scans

  /// A layer of any cell: a Scan over its equations for each direction.
  private mutating func scans(
    _ stack: Stack, _ layer: Int, _ input: String
  ) throws(ExportError) -> StackResult {
    var (sequences, finals): ([String], [[String]]) = ([], [])
    for direction in 0..<stack.directions {
      let made = try scan(stack, layer, direction, input)
      sequences.append(made.sequence)
      finals.append(made.finals)
    }
    let sequence =
      sequences.count == 1
      ? sequences[0]
      : node("Concat", sequences, "\(stack.name).l\(layer)", [ONNXAttribute("axis", .integer(-1))])
    return StackResult(sequence: sequence, finals: finals)
  }

  private mutating func scan(
    _ stack: Stack, _ layer: Int, _ direction: Int, _ input: String
  ) throws(ExportError) -> (sequence: String, finals: [String]) {
    let cell = stack.cell
    let stem = stack.name + "." + Self.suffix(layer, direction).dropFirst()
    let repeats = stack.options.maskedOutput == .previous && stack.mask != nil
    // What the steps read.
    var parameters: [Block: String] = [:]
    for (index, definition) in cell.parameters.enumerated() {
      let own = try tensor(stack.name, definition.name + Self.suffix(layer, direction))
      let scalars = own.scalars
      let rows = own.shape[0] / definition.gates.count
      let columns = own.shape.count == 2 ? own.shape[1] : 1
      for (gate, gateName) in definition.gates.enumerated() {
        let part = Array(scalars[gate * rows * columns..<(gate + 1) * rows * columns])
        let name = "\(stem).\(definition.name)" + (gateName.isEmpty ? "" : "." + gateName)
        parameters[Block(parameter: index, gate: gate)] =
          own.shape.count == 2
          ? numbers(name, ONNXImporter.transposed(part, rows, columns), [columns, rows])
          : numbers(name, part, [rows])
      }
    }
    var first = stack.first.isEmpty ? [] : stack.first[layer * stack.directions + direction]
    if first.isEmpty { for size in stack.sizes { first.append(zeros(size)) } }
    if repeats { first.append(zeros(stack.sizes[0])) }
    var scanned = [input]
    if let mask = stack.mask {
      let flags = flags(mask)
      scanned.append(node("Unsqueeze", [flags, integers([2])], stem + ".valid"))
    }
    // A step.
    var body = ONNXGraph(name: free(stem + ".step"))
    let x = free(stem + ".x")
    let old = cell.states.map { free("\(stem).\($0)_before") }
    let (hidden, projection) = (stack.options.units, stack.options.projection ?? stack.options.units)
    // Constants lie beside the parameters.
    var builder = self
    let step = ONNXStep(
      cell,
      ONNXStep.Names(
        input: x, states: old, parameter: { parameters[$0] ?? "" },
        constant: { builder.number(Float($0)) },
        zeros: { size in
          let count = size == .hidden ? hidden : projection
          return builder.numbers("zeros", [Float](repeating: 0, count: count), [count])
        }, prefix: stem + "."))
    self = builder
    taken(step.nodes.flatMap(\.outputs))
    body.nodes = step.nodes
    func info(_ name: String, _ size: Int, _ type: ONNXTensor.Element = .float) -> ONNXValueInfo {
      ONNXValueInfo(name: name, type: type, shape: [.name("batch"), .number(size)])
    }
    for (name, size) in zip(old, stack.sizes) { body.inputs.append(info(name, size)) }
    let previous = free(stem + ".previous")
    if repeats { body.inputs.append(info(previous, stack.sizes[0])) }
    body.inputs.append(
      ONNXValueInfo(
        name: x, type: .float,
        shape: [
          .name("batch"), layer == 0 ? .number(stack.inputSize) : .number(stack.directions * stack.sizes[0]),
        ]))
    let valid = free(stem + ".valid_step")
    if stack.mask != nil { body.inputs.append(info(valid, 1, .bool)) }
    /// A new value where the step is valid, another one elsewhere.
    func kept(_ new: String, else other: String, _ name: String, _ size: Int) {
      let output = free(name)
      body.nodes.append(
        stack.mask == nil
          ? ONNXNode("Identity", [new], [output]) : ONNXNode("Where", [valid, new, other], [output]))
      body.outputs.append(info(output, size))
    }
    for (state, name) in cell.states.enumerated() {
      kept(step.next[state], else: old[state], "\(stem).\(name)_after", stack.sizes[state])
    }
    if repeats {
      kept(step.next[0], else: previous, stem + ".previous_after", stack.sizes[0])
      let output = free(stem + ".y")
      body.nodes.append(ONNXNode("Identity", [body.outputs[cell.states.count].name], [output]))
      body.outputs.append(info(output, stack.sizes[0]))
    } else {
      kept(step.next[0], else: number(0), stem + ".y", stack.sizes[0])
    }
    let isReverse = direction == 1 || stack.options.goBackwards
    let outputs =
      cell.states.map { free("\(stem).\($0)") } + (repeats ? [free(stem + ".previous_last")] : [])
      + [free(stem)]
    graph.nodes.append(
      ONNXNode(
        "Scan", first + scanned, outputs, name: stem,
        [
          ONNXAttribute("body", .graph(body)), ONNXAttribute("num_scan_inputs", .integer(scanned.count)),
          ONNXAttribute("scan_input_directions", .integers(scanned.map { _ in isReverse ? 1 : 0 })),
          ONNXAttribute("scan_output_directions", .integers([direction == 1 ? 1 : 0])),
        ]))
    return (outputs[outputs.count - 1], Array(outputs.prefix(cell.states.count)))
  }

  /// States of zeros, [B, size].
  private mutating func zeros(_ size: Int) -> String {
    let shape = node(
      "Concat", [batchCount, integers([size])], "state_shape", [ONNXAttribute("axis", .integer(0))])
    return node("ConstantOfShape", [shape], "zero_state")
  }
}
