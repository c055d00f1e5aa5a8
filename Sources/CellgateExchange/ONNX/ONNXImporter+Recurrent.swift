import CellgateCells
import CellgateFiles
import CellgateNN

extension ONNXImporter {
  /// What a recurrent node's attributes say, by direction.
  private struct Settings {
    var cells: [ONNXCellOptions]
    var isReverse = false
    var isBatchFirst = false
    var directions: Int { cells.count }
  }

  /// The attributes of the recurrent operators; what isn't here changes what a node computes.
  private static let known: Set<String> = [
    "activations", "activation_alpha", "activation_beta", "clip", "direction", "hidden_size", "input_forget",
    "layout", "linear_before_reset", "output_sequence",
  ]

  private func settings(
    _ node: ONNXNode, _ kind: ONNXCellOptions.Kind, hasPeepholes: Bool
  ) throws(ImportError) -> Settings {
    for attribute in node.attributes where !Self.known.contains(attribute.name) {
      throw unsupported(
        node, "expected attributes that the operator has, found '\(quotedName(attribute.name))'")
    }
    var options = ONNXCellOptions(kind: kind, activations: [], clip: nil)
    options.hasPeepholes = hasPeepholes
    let (couples, resetsAfter) = (
      try integer(node, "input_forget", default: 0), try integer(node, "linear_before_reset", default: 0)
    )
    options.couplesGates = kind == .lstm && couples != 0
    options.resetsAfterProduct = kind == .gru && resetsAfter != 0
    if node.attribute("clip") != nil {
      let clip = try float(node, "clip", default: 0)
      guard clip > 0 else { throw damaged(node, "clip: expected above 0, found \(clip)") }
      if clip.isFinite, clip < .greatestFiniteMagnitude { options.clip = Double("\(clip)") ?? Double(clip) }
    }
    var settings = Settings(cells: [])
    var direction = "forward"
    switch node.attribute("direction") {
    case nil: break
    case .text(let text)?: direction = text
    default: throw damaged(node, "direction: expected a text, found another type")
    }
    switch direction {
    case "forward": break
    case "reverse": settings.isReverse = true
    case "bidirectional": break
    default:
      throw damaged(
        node, "direction: expected forward, reverse or bidirectional, found '\(quotedName(direction))'")
    }
    let directions = direction == "bidirectional" ? 2 : 1
    let layout = try integer(node, "layout", default: 0)
    guard layout == 0 || layout == 1 else { throw damaged(node, "layout: expected 0 or 1, found \(layout)") }
    settings.isBatchFirst = layout == 1
    let usual = ONNXCellOptions.usual(kind)
    var names: [String]?
    switch node.attribute("activations") {
    case nil: break
    case .texts(let texts)?: names = texts
    default: throw damaged(node, "activations: expected texts, found another type")
    }
    if let names, names.count != directions * usual.count {
      throw damaged(node, "activations: expected \(directions * usual.count), found \(names.count)")
    }
    func floats(_ name: String) throws(ImportError) -> ArraySlice<Float> {
      switch node.attribute(name) {
      case nil: return []
      case .floats(let numbers)?:
        guard numbers.allSatisfy(\.isFinite) else {
          throw damaged(node, "\(name): expected finite numbers, found others")
        }
        return numbers[...]
      default: throw damaged(node, "\(name): expected numbers, found another type")
      }
    }
    var (alphas, betas) = (try floats("activation_alpha"), try floats("activation_beta"))
    for direction in 0..<directions {
      options.activations = usual
      if let names {
        options.activations = []
        for name in names[direction * usual.count..<(direction + 1) * usual.count] {
          do throws(ONNXActivation.Problem) {
            options.activations.append(try ONNXActivation(name, alphas: &alphas, betas: &betas))
          } catch {
            let own = quotedName(name)
            throw unsupported(
              node,
              error == .unknown
                ? "activations: expected one of \(ONNXActivation.names), found '\(own)'"
                : "activations: expected the numbers of '\(own)', which ONNX and ONNX Runtime take for others where "
                  + "there are none, found none")
          }
        }
      }
      settings.cells.append(options)
    }
    return settings
  }

  /// Numbers of an input with the sizes that it must have.
  private func weights(
    _ node: ONNXNode, _ place: Int, _ name: String, _ shape: [Int]
  ) throws(ImportError) -> [Float]? {
    if case .filled(0)? = input(node, place) { return nil }
    guard let tensor = try constant(node, place) else { return nil }
    guard tensor.dims == shape else {
      throw damaged(node, "\(name): expected \(shape), found \(tensor.dims)")
    }
    return try tensors.floats(tensor)
  }

  /// The blocks of `rows` rows of `columns` numbers at these places, one after the other.
  private static func blocks(
    _ numbers: ArraySlice<Float>, _ places: [Int], rows: Int, columns: Int
  ) -> [Float] {
    let size = rows * columns
    return places.flatMap { place in
      numbers[numbers.startIndex + place * size..<numbers.startIndex + (place + 1) * size]
    }
  }

  func recurrent(
    _ node: ONNXNode, _ kind: ONNXCellOptions.Kind
  ) throws(ImportError) -> [ONNXValue?] {
    let most = kind == .lstm ? 8 : 6
    guard node.inputs.count >= 3, node.inputs.count <= most, node.outputs.count <= (kind == .lstm ? 3 : 2)
    else {
      throw damaged(
        node,
        "expected 3 to \(most) inputs and the operator's outputs, found \(node.inputs.count) and "
          + "\(node.outputs.count)")
    }
    let hasPeepholes: Bool
    switch input(node, 7) {
    case nil, .filled(0)?: hasPeepholes = false
    default: hasPeepholes = true
    }
    let settings = try settings(node, kind, hasPeepholes: hasPeepholes)
    let (directions, gates) = (settings.directions, kind == .lstm ? 4 : kind == .gru ? 3 : 1)
    guard let R = try constant(node, 2), let W = try constant(node, 1) else {
      throw damaged(node, "expected inputs W and R, found none")
    }
    guard R.dims.count == 3, W.dims.count == 3, (1...1 << 20).contains(R.dims[2]),
      (1...1 << 24).contains(W.dims[2])
    else {
      throw damaged(
        node, "expected W [D, \(gates)·H, I] and R [D, \(gates)·H, H], found \(W.dims) and \(R.dims)")
    }
    let (hidden, inputSize) = (R.dims[2], W.dims[2])
    let said = try integer(node, "hidden_size", default: hidden)
    guard said == hidden else {
      throw damaged(node, "hidden_size: expected \(hidden) as R \(R.dims) has it, found \(said)")
    }
    let sequence = try sequence(node, size: inputSize, settings.isBatchFirst)
    try checkLengths(node, sequence)

    // Weights.
    guard let w = try weights(node, 1, "W", [directions, gates * hidden, inputSize]),
      let r = try weights(node, 2, "R", [directions, gates * hidden, hidden])
    else { throw damaged(node, "expected inputs W and R, found none") }
    let b = try weights(node, 3, "B", [directions, 2 * gates * hidden])
    let p = hasPeepholes ? try weights(node, 7, "P", [directions, 3 * hidden]) : nil
    func parameters(_ direction: Int, _ suffix: String) -> [(name: String, numbers: [Float], shape: [Int])] {
      let options = settings.cells[direction]
      let blocks = options.blocks
      func part(_ numbers: [Float], _ parts: Int, _ part: Int = 0) -> ArraySlice<Float> {
        let size = numbers.count / (directions * parts)
        let start = (direction * parts + part) * size
        return numbers[start..<start + size]
      }
      let rows = blocks.count * hidden
      var found: [(name: String, numbers: [Float], shape: [Int])] = [
        (
          "weight_ih" + suffix,
          Self.blocks(part(w, 1), blocks, rows: hidden, columns: inputSize), [rows, inputSize]
        ),
        (
          "weight_hh" + suffix, Self.blocks(part(r, 1), blocks, rows: hidden, columns: hidden),
          [rows, hidden]
        ),
      ]
      if let p {
        let places = options.peepholeBlocks
        let numbers = Self.blocks(part(p, 1), places, rows: hidden, columns: 1)
        found.append(("weight_ph" + suffix, numbers, [places.count * hidden]))
      }
      let zeros = [Float](repeating: 0, count: rows)
      let input = b.map { Self.blocks(part($0, 2, 0), blocks, rows: hidden, columns: 1) } ?? zeros
      let recurrent = b.map { Self.blocks(part($0, 2, 1), blocks, rows: hidden, columns: 1) } ?? zeros
      if options.hasTwoBiases {
        found += [("bias_ih" + suffix, input, [rows]), ("bias_hh" + suffix, recurrent, [rows])]
      } else {
        found.append(("bias" + suffix, zip(input, recurrent).map { $0 + $1 }, [rows]))
      }
      return found
    }

    // First states.
    let stateCount = kind == .lstm ? 2 : 1
    let first = try firstStates(node, stateCount, directions, hidden, sequence, settings.isBatchFirst)

    // Layers.
    let wants = (0..<3).map { place in
      place < node.outputs.count && !node.outputs[place].isEmpty
        && (uses[node.outputs[place]] ?? 0) > 0
    }
    let wantsStates = wants[1] || wants[2]
    func options(_ direction: Int) throws(ImportError) -> RecurrentOptions {
      let cell: Cell
      do throws(CellError) { cell = try settings.cells[direction].cell() } catch {
        throw unsupported(node, "\(error)")
      }
      var options = RecurrentOptions(cell: cell, units: hidden)
      options.returnSequences = wants[0]
      options.returnState = wantsStates
      options.learnsFirstStates = first.learned != nil
      return options
    }
    /// The layer of some directions: its call, and the sequences that it gives in the order of the input's steps.
    func layer(_ options: RecurrentOptions, _ used: [Int]) throws(ImportError) -> (
      call: Int, sequence: ONNXReference
    ) {
      var tensors = used.enumerated().flatMap { parameters($1, $0 == 0 ? "_l0" : "_l0_reverse") }
      if let learned = first.learned {
        for (state, name) in options.cell.cell.states.enumerated() {
          tensors.append((name + "0", used.flatMap { learned[state][$0] }, [used.count, hidden]))
        }
      }
      let inputs = [sequence.value] + used.flatMap { direction in first.given.map { $0[direction] } }
      let place = try call(Recurrent(options), named: node.operation.lowercased(), inputs, tensors)
      guard options.goBackwards, wants[0] else { return (place, .call(place, output: 0)) }
      return (place, .call(try call(Reverse(), named: "reverse", [.call(place, output: 0)]), output: 0))
    }
    let before = layers.count
    var states: [[ONNXReference]]
    var output: ONNXReference
    func finals(_ call: Int, _ direction: Int = 0) -> [ONNXReference] {
      (0..<stateCount).map { .call(call, output: 1 + direction * stateCount + $0) }
    }
    var description: String
    if directions == 1 {
      var options = try options(0)
      options.goBackwards = settings.isReverse
      let made = try layer(options, [0])
      (output, states) = (made.sequence, [finals(made.call)])
      description = settings.isReverse ? "from the last step to the first" : "forward"
    } else if settings.cells[0] == settings.cells[1] {
      var options = try options(0)
      options.isBidirectional = true
      let made = try layer(options, [0, 1])
      (output, states) = (made.sequence, [finals(made.call), finals(made.call, 1)])
      description = "both directions"
    } else {
      let forward = try layer(try options(0), [0])
      var backwards = try options(1)
      backwards.goBackwards = true
      let reverse = try layer(backwards, [1])
      states = [finals(forward.call), finals(reverse.call)]
      output = .call(
        try call(Concatenate(), named: "concatenate", [forward.sequence, reverse.sequence]), output: 0)
      description = "both directions, each of its own cell"
    }
    var names: [String] = []
    for place in layers.indices {
      guard let options = layers[place].options as? RecurrentOptions, place >= before else { continue }
      if !names.contains(options.cell.cell.name) { names.append(options.cell.cell.name) }
    }
    findings.append(
      "\(node.title): cell \(names.joined(separator: " and ")), I = \(inputSize), H = \(hidden), \(description)"
        + (kind == .rnn ? "" : "; gates \(Self.order(kind)) put into Cellgate's order"))
    return results(
      node, sequence, settings, output: output, states: states, hidden: hidden,
      followsLengths: input(node, 4) != nil)
  }

  private static func order(_ kind: ONNXCellOptions.Kind) -> String {
    switch kind {
    case .lstm: "i, o, f, c"
    case .gru: "z, r, h"
    case .rnn: ""
    }
  }

  /// Y, Y_h and Y_c with their axes.
  private func results(
    _ node: ONNXNode, _ sequence: ONNXValue.Data, _ settings: Settings, output: ONNXReference,
    states: [[ONNXReference]], hidden: Int, followsLengths: Bool
  ) -> [ONNXValue?] {
    let batch = settings.isBatchFirst ? sequence.axes[0] : sequence.axes[1]
    let time = settings.isBatchFirst ? sequence.axes[1] : sequence.axes[0]
    let directions = settings.directions
    let direction: ONNXAxis = directions == 1 ? .one : .factor(0)
    let last: ONNXAxis = .factor(directions == 1 ? 0 : 1)
    var y = ONNXValue.Data(
      value: output,
      axes: settings.isBatchFirst ? [batch, time, direction, last] : [time, direction, batch, last],
      factors: directions == 1 ? [hidden] : [2, hidden], isSorted: sequence.isSorted)
    y.isMasked = sequence.isMasked
    func stack(_ state: Int) -> ONNXValue {
      .stack(
        ONNXValue.Stack(
          rows: states.map { $0[state] }, size: hidden,
          axes: settings.isBatchFirst ? [batch, .rows, .factor(0)] : [.rows, batch, .factor(0)],
          isSorted: sequence.isSorted, followsLengths: followsLengths))
    }
    return [.data(y)] + (0..<(states.first?.count ?? 0)).map { stack($0) }
  }

  /// The input of a recurrent node as sequences of vectors; its axes become steps and sequences.
  private func sequence(
    _ node: ONNXNode, size: Int, _ isBatchFirst: Bool
  ) throws(ImportError) -> ONNXValue.Data {
    var data = try data(node, 0)
    guard data.axes.count == 3, data.axes[2].factor == 0, data.factors.count == 1 else {
      throw unsupported(node, "X: expected steps, sequences and numbers, found other axes")
    }
    guard data.factors[0] == size else {
      throw damaged(node, "X: expected \(size) numbers a step as W has them, found \(data.factors[0])")
    }
    let (time, batch) = isBatchFirst ? (1, 0) : (0, 1)
    if let role = data.axes[batch].role {
      guard role.become(.batch) else { throw unsupported(node, "X: expected sequences, found another axis") }
    }
    if let role = data.axes[time].role {
      guard role.become(.time) else { throw unsupported(node, "X: expected steps, found another axis") }
    } else if data.axes[time].isOne, data.axes[batch].role != nil {
      // One step: vectors become sequences of it.
      data.isMasked = false
      let place = try call(RepeatVector(1), named: "repeat_vector", [data.value])
      data.value = .call(place, output: 0)
      data.axes[time] = .role(ONNXRole(.time, size: 1))
    }
    guard data.time != nil, data.batch != nil || data.axes[batch].isOne else {
      throw unsupported(node, "X: expected steps and sequences, found other axes")
    }
    return data
  }

  /// Throws unless the lengths that go with the model's sequences are those of the node.
  private func checkLengths(_ node: ONNXNode, _ sequence: ONNXValue.Data) throws(ImportError) {
    switch input(node, 4) {
    case nil:
      if sequence.isMasked {
        throw unsupported(
          node, "sequence_lens: expected the lengths as other nodes have them, found none")
      }
    case .lengths(let isSorted)?:
      guard sequence.isMasked else {
        throw unsupported(
          node, "sequence_lens: expected none for other sequences than the model's, found some")
      }
      guard !sequence.isReversed else {
        throw unsupported(node, "sequence_lens: expected the order of the steps, found it reversed")
      }
      guard isSorted == sequence.isSorted else {
        throw unsupported(node, "sequence_lens: expected the order of the sequences, found another")
      }
    default:
      throw unsupported(
        node, "sequence_lens: expected an input of the model, found a computed value")
    }
  }

  /// First states: given as values of the model, `[state][direction]`, or the same for every sequence.
  private struct FirstStates {
    var given: [[ONNXReference]] = []
    var learned: [[[Float]]]?
  }

  private func firstStates(
    _ node: ONNXNode, _ count: Int, _ directions: Int, _ hidden: Int, _ sequence: ONNXValue.Data,
    _ isBatchFirst: Bool
  ) throws(ImportError) -> FirstStates {
    enum First { case zeros, given([ONNXReference]), same([[Float]]) }
    var found: [First] = []
    for state in 0..<count {
      let name = state == 0 ? "initial_h" : "initial_c"
      switch input(node, 5 + state) {
      case nil: found.append(.zeros)
      case .filled(let value)?:
        found.append(
          value == 0
            ? .zeros
            : .same([[Float]](repeating: [Float](repeating: value, count: hidden), count: directions)))
      case .constant(let tensor)?:
        guard tensor.dims.count == 3, tensor.dims[isBatchFirst ? 1 : 0] == directions,
          tensor.dims[2] == hidden,
          tensor.dims[isBatchFirst ? 0 : 1] >= 1
        else {
          throw damaged(node, "\(name): expected [\(directions), B, \(hidden)], found \(tensor.dims)")
        }
        let numbers = try tensors.floats(tensor)
        let batch = tensor.dims[isBatchFirst ? 0 : 1]
        func row(_ direction: Int, _ sequence: Int) -> [Float] {
          let place = isBatchFirst ? sequence * directions + direction : direction * batch + sequence
          return Array(numbers[place * hidden..<(place + 1) * hidden])
        }
        let rows = (0..<directions).map { row($0, 0) }
        guard
          (0..<directions).allSatisfy({ direction in
            (1..<batch).allSatisfy { row(direction, $0) == rows[direction] }
          }) || batch == 1
        else {
          throw unsupported(
            node, "\(name): expected the same state for every sequence, found numbers for \(batch) sequences")
        }
        found.append(rows.allSatisfy { $0.allSatisfy { $0 == 0 } } ? .zeros : .same(rows))
      case .stack(let stack)?:
        let expected = isBatchFirst ? [1, 0, 2] : [0, 1, 2]
        guard stack.axes.count == 3, stack.axes[expected[0]].isRows || stack.axes[expected[0]].isOne,
          stack.axes[2].factor != nil, stack.rows.count == directions, stack.size == hidden,
          stack.isSorted == sequence.isSorted
        else {
          throw unsupported(
            node,
            "\(name): expected \(directions) states of \(hidden) numbers, found \(stack.rows.count) of "
              + "\(stack.size)")
        }
        found.append(.given(stack.rows))
      case .data(let data)?:
        // A vector for each sequence with an axis of 1 before it.
        let rows = isBatchFirst ? 1 : 0
        guard directions == 1, data.axes.count == 3, data.axes[rows].isOne, data.axes[2].factor == 0,
          data.factors == [hidden], data.time == nil, data.isSorted == sequence.isSorted,
          data.axes[1 - rows].role.map({ $0.become(.batch) }) ?? true
        else {
          throw unsupported(node, "\(name): expected one state of \(hidden) numbers, found another value")
        }
        found.append(.given([data.value]))
      default:
        throw unsupported(node, "\(name): expected states, found another value")
      }
    }
    var (hasGiven, hasSame) = (false, false)
    var sample: ONNXReference?
    for first in found {
      if case .given(let rows) = first { (hasGiven, sample) = (true, rows.first) }
      if case .same = first { hasSame = true }
    }
    guard !(hasGiven && hasSame) else {
      throw unsupported(
        node, "initial_h, initial_c: expected both as inputs or both in the file, found one of each")
    }
    var result = FirstStates()
    if let sample {
      for first in found {
        if case .given(let rows) = first {
          result.given.append(rows)
        } else {
          // Zeros for as many sequences as the other state has.
          let place = try call(
            Dense(hidden, useBias: false), named: "dense", [sample],
            [("weight", [Float](repeating: 0, count: hidden * hidden), [hidden, hidden])])
          result.given.append((0..<directions).map { _ in .call(place, output: 0) })
        }
      }
    } else if hasSame {
      result.learned = found.map { first in
        if case .same(let rows) = first { return rows }
        return [[Float]](repeating: [Float](repeating: 0, count: hidden), count: directions)
      }
    }
    return result
  }
}
