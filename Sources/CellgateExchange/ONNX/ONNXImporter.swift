import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Says what an ONNX graph computes as a graph of Cellgate's layers.
///
/// The graph is gone through once. Of each value the importer knows what its axes stand for, so that transposes, reshapes
/// and the arithmetic of shapes around recurrent nodes come to nothing; which input axes are steps and which are sequences
/// shows where a recurrent node reads them.
final class ONNXImporter {
  let path: String
  private let fileSize: Int
  let model: ONNXModel
  let tensors: ONNXTensors
  let operatorSet: Int

  /// What is known of the values by name.
  var values: [String: ONNXValue] = [:]
  /// How many nodes and outputs read a value.
  private(set) var uses: [String: Int] = [:]
  /// The input that holds lengths; nil for none.
  private(set) var lengthsInput: String?
  /// Inputs that have numbers in the file and may be left out.
  private var optional: Set<String> = []

  private(set) var inputs: [ModelDescription.Input] = []
  private(set) var layers: [LayerDescription] = []
  private(set) var calls: [(layer: String, inputs: [ONNXReference])] = []
  private(set) var entries: [StateDictionary.Entry] = []
  private var parameterCount = 0
  private var spent = 0
  private var layerNames: Set<String> = []
  var findings: [String] = []
  /// Dense layers without a bias that an addition may give one, by their calls.
  var openDense: [Int: Int] = [:]
  /// Normalisations that a product may give a scale, and those that a sum may give a shift, by their calls.
  var openScale: Set<Int> = [], openShift: Set<Int> = []
  private var samples: [ONNXSampler.Input] = []
  /// The most that whole numbers in an input may be, by the input's number.
  var symbols: [Int: Int] = [:]

  init(_ path: String, bytes: Int, _ model: ONNXModel) {
    self.path = path
    fileSize = bytes
    self.model = model
    tensors = ONNXTensors(path, bytes: bytes)
    operatorSet = model.operatorSet ?? 0
  }

  // MARK: Errors

  func damaged(_ reason: String) -> ImportError { .damaged(file: path, reason: reason) }
  func damaged(_ node: ONNXNode, _ reason: String) -> ImportError { damaged("\(node.title): \(reason)") }
  func unsupported(_ node: ONNXNode, _ reason: String) -> ImportError {
    .unsupported(file: path, reason: "\(node.title): \(reason)")
  }

  // MARK: The graph

  func run() throws(ImportError) -> ImportedModel {
    guard let graph = model.graph, !graph.nodes.isEmpty else {
      throw damaged("graph: expected one with nodes, found none")
    }
    guard let version = model.operatorSet else {
      throw damaged("opset_import: expected ONNX's own, found none")
    }
    guard version >= 7 else {
      throw .unsupported(file: path, reason: "opset_import: expected opset 7 or newer, found \(version)")
    }
    if version > 26 { findings.append("opset \(version) is newer than 26 and read as that") }
    try checkNames(graph)
    let needed = try neededNodes(graph)
    for tensor in graph.initializers { values[tensor.name] = .constant(tensor) }
    // Lengths that may be left out have an empty list to begin with.
    optional = Set(
      graph.inputs.map(\.name).filter { name in
        if case .constant(let tensor)? = values[name] { tensor.dims == [0] } else { false }
      })
    let given = graph.inputs.filter { values[$0.name] == nil || optional.contains($0.name) }
    guard given.count <= 128 else {
      throw damaged("graph: expected at most 128 inputs, found \(given.count)")
    }
    try read(inputs: given, nodes: needed, graph)
    for node in needed { try read(node) }
    return try finish(graph, version)
  }

  /// Throws where two values have one name.
  private func checkNames(_ graph: ONNXGraph) throws(ImportError) {
    var names: Set<String> = []
    for name in graph.initializers.map(\.name) where !names.insert(name).inserted {
      throw damaged("initializer '\(quotedName(name))': expected one of a name, found two")
    }
    var inputs: Set<String> = []
    for name in graph.inputs.map(\.name) where !inputs.insert(name).inserted {
      throw damaged("input '\(quotedName(name))': expected one of a name, found two")
    }
    names.formUnion(inputs)
    for name in graph.nodes.flatMap(\.outputs) where !name.isEmpty && !names.insert(name).inserted {
      throw damaged("value '\(quotedName(name))': expected one node that gives it, found two")
    }
    guard !graph.outputs.isEmpty else { throw damaged("graph: expected outputs, found none") }
  }

  /// The nodes that the outputs need, in the file's order; counts how often values are read.
  private func neededNodes(_ graph: ONNXGraph) throws(ImportError) -> [ONNXNode] {
    var producers: [String: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = index }
    }
    var needed: Set<Int> = []
    var stack = graph.outputs.map(\.name)
    for name in stack { uses[name, default: 0] += 1 }
    while let name = stack.popLast() {
      guard let index = producers[name], needed.insert(index).inserted else { continue }
      for input in graph.nodes[index].inputs where !input.isEmpty {
        uses[input, default: 0] += 1
        stack.append(input)
      }
    }
    return needed.sorted().map { graph.nodes[$0] }
  }

  // MARK: Inputs

  /// What nodes do that give of a value no more than another look at it.
  private static let views: Set<String> = [
    "Identity", "Cast", "Slice", "Squeeze", "Unsqueeze", "Transpose", "Gather", "Split", "Reshape", "Dropout",
    "TopK",
  ]

  /// Takes each input for sequences, vectors, states or lengths, by what reads it.
  private func read(
    inputs given: [ONNXValueInfo], nodes: [ONNXNode], _ graph: ONNXGraph
  ) throws(ImportError) {
    var producers: [String: ONNXNode] = [:]
    for node in nodes { for output in node.outputs where !output.isEmpty { producers[output] = node } }
    let names = Set(given.map(\.name))
    /// The input that a value is a look at.
    func origin(_ name: String, joined: Bool = false) -> String? {
      var name = name
      for _ in 0..<64 {
        if names.contains(name) { return name }
        guard let node = producers[name], let first = node.inputs.first,
          Self.views.contains(node.operation) || (joined && node.operation == "Concat")
        else { return nil }
        name = first
      }
      return nil
    }
    var states: [String: (size: Int, rows: Int, axis: Int)] = [:]
    var lengths: Set<String> = []
    for node in nodes {
      if node.operation == "Less", node.inputs.count == 2, let input = origin(node.inputs[1], joined: true) {
        lengths.insert(input)
      }
      guard ONNXCellOptions.Kind(rawValue: node.operation) != nil else { continue }
      if node.inputs.count > 4, let input = origin(node.inputs[4], joined: true) { lengths.insert(input) }
      let isBatchFirst = if case .integer(1)? = node.attribute("layout") { true } else { false }
      for place in [5, 6] where node.inputs.count > place {
        guard let input = origin(node.inputs[place]), case .constant(let R)? = values[node.inputs[2]],
          R.dims.count == 3
        else { continue }
        let isDirect = node.inputs[place] == input
        states[input] = (R.dims[2], R.dims[0], isBatchFirst && isDirect ? 1 : 0)
      }
    }
    guard lengths.count <= 1 else {
      throw .unsupported(
        file: path,
        reason: "sequence_lens: expected one input of lengths, found \(lengths.sorted().map(quotedName))")
    }
    lengthsInput = lengths.first
    for info in given {
      if info.name == lengthsInput {
        values[info.name] = .lengths(isSorted: false)
        samples.append(.init(name: info.name, kind: .lengths(isOptional: optional.contains(info.name))))
      } else if optional.contains(info.name) {
        continue
      } else if let state = states[info.name], info.shape.map({ $0.count == 3 }) ?? true {
        try read(states: info, state)
      } else if (uses[info.name] ?? 0) > 0 {
        try read(data: info, nodes)
      }
    }
  }

  private func read(
    states info: ONNXValueInfo, _ state: (size: Int, rows: Int, axis: Int)
  ) throws(ImportError) {
    var rows = state.rows
    if let shape = info.shape, case .number(let number) = shape[state.axis] { rows = number }
    guard rows >= 1, rows <= 1024, state.size >= 1, state.size <= 1 << 24 else {
      throw damaged(
        "input '\(quotedName(info.name))': expected 1 to 1024 states, found \(rows) of size \(state.size)")
    }
    guard inputs.count + rows <= 4096 else {
      throw damaged("graph: expected at most 4096 states and other inputs, found more")
    }
    var references: [ONNXReference] = []
    for row in 0..<rows {
      references.append(.input(inputs.count))
      inputs.append(.init(free(rows == 1 ? info.name : "\(info.name)_\(row)"), .vector(state.size)))
    }
    let batch = ONNXRole(.batch)
    let axes: [ONNXAxis] =
      state.axis == 0 ? [.rows, .role(batch), .factor(0)] : [.role(batch), .rows, .factor(0)]
    let stack = ONNXValue.Stack(rows: references, size: state.size, axes: axes)
    values[info.name] = .stack(stack)
    samples.append(.init(name: info.name, kind: .states(stack)))
  }

  private func read(data info: ONNXValueInfo, _ nodes: [ONNXNode]) throws(ImportError) {
    guard let type = info.type, let shape = info.shape, (1...4).contains(shape.count) else {
      throw damaged(
        "input '\(quotedName(info.name))': expected a tensor of 1 to 4 dimensions, found another value")
    }
    let isSymbols: Bool
    switch type {
    case .int64, .int32: isSymbols = true
    case .float, .double, .float16: isSymbols = false
    default:
      throw .unsupported(
        file: path, reason: "input '\(quotedName(info.name))': expected real or whole numbers, found \(type)")
    }
    // All but the last axis of numbers, and all of symbols, are steps or sequences.
    let leading = isSymbols ? shape.count : max(1, shape.count - 1)
    guard leading <= 2 else {
      throw .unsupported(
        file: path,
        reason: "input '\(quotedName(info.name))': expected steps, sequences and numbers, found "
          + "\(shape.count) dimensions")
    }
    var axes: [ONNXAxis] = []
    var factors: [Int] = []
    for (place, size) in shape.enumerated() {
      if place < leading {
        let number: Int? = if case .number(let number) = size { number } else { nil }
        axes.append(.role(ONNXRole(size: number)))
      } else {
        guard let number = lastSize(of: info.name, size, nodes), number >= 1, number <= 1 << 24 else {
          throw .unsupported(
            file: path,
            reason: "input '\(quotedName(info.name))': expected a last size that is known, found \(size)")
        }
        factors.append(number)
        axes.append(.factor(0))
      }
    }
    var data = ONNXValue.Data(value: .input(inputs.count), axes: axes, factors: factors)
    data.isMasked = lengthsInput != nil
    values[info.name] = .data(data)
    samples.append(.init(name: info.name, kind: .data(data, isSymbols: isSymbols)))
    // The shape is known when all roles are.
    inputs.append(.init(free(info.name), LayerShape(isSequence: false, features: factors)))
  }

  /// The last size of an input: as it is said, or as the weights of a recurrent node have it that reads the input.
  private func lastSize(of name: String, _ size: ONNXValueInfo.Size, _ nodes: [ONNXNode]) -> Int? {
    if case .number(let number) = size { return number }
    var names: Set<String> = [name]
    for node in nodes {
      guard let first = node.inputs.first, names.contains(first) else { continue }
      if node.operation == "Transpose" || node.operation == "Identity" { names.formUnion(node.outputs) }
      if ONNXCellOptions.Kind(rawValue: node.operation) != nil, node.inputs.count > 1,
        case .constant(let W)? = values[node.inputs[1]]
      {
        return W.dims.last
      }
    }
    return nil
  }

  /// A name of an input that no other has.
  private func free(_ name: String) -> String {
    let own = name.isEmpty ? "input" : name
    if !inputs.contains(where: { $0.name == own }) { return own }
    return (1...).lazy.map { "\(own)_\($0)" }.first { name in !self.inputs.contains { $0.name == name } }
      ?? own
  }

  // MARK: Nodes

  private func read(_ node: ONNXNode) throws(ImportError) {
    guard node.domain.isEmpty || node.domain == "ai.onnx" else {
      throw unsupported(
        node,
        "expected an operator of ONNX's own, found one of the domain "
          + "'\(quotedName(node.domain))'")
    }
    for input in node.inputs where !input.isEmpty && values[input] == nil {
      throw damaged(node, "expected inputs that come before it, found '\(quotedName(input))'")
    }
    let results: [ONNXValue?]
    if let kind = ONNXCellOptions.Kind(rawValue: node.operation) {
      results = try recurrent(node, kind)
    } else if let known = Self.operations[node.operation] {
      results = try known(self)(node)
    } else {
      throw unsupported(node, "expected an operator that Cellgate can express, found another")
    }
    for (name, value) in zip(node.outputs, results) where !name.isEmpty {
      switch value {
      case .sizes(let sizes, _)?: try spend(sizes.count)
      case .stack(let stack)?: try spend(stack.rows.count)
      default: break
      }
      values[name] = value
    }
  }

  /// Counts sizes and states that values hold; throws when a graph makes too many.
  func spend(_ count: Int) throws(ImportError) {
    spent += count
    guard spent <= 1 << 20 else {
      throw .unsupported(
        file: path, reason: "graph: expected at most 1,048,576 sizes and states in all values, found more")
    }
  }

  /// The value of an input of a node; nil where it is left out.
  func input(_ node: ONNXNode, _ place: Int) -> ONNXValue? {
    guard place < node.inputs.count, !node.inputs[place].isEmpty else { return nil }
    return values[node.inputs[place]]
  }

  /// The value of an input that a node must have.
  func required(_ node: ONNXNode, _ place: Int) throws(ImportError) -> ONNXValue {
    guard let value = input(node, place) else {
      throw damaged(node, "expected an input \(place), found none")
    }
    return value
  }

  /// The tensor of an input that the file must hold; nil where it is left out.
  func constant(_ node: ONNXNode, _ place: Int) throws(ImportError) -> ONNXTensor? {
    guard let value = input(node, place) else { return nil }
    guard case .constant(let tensor) = value else {
      throw unsupported(
        node,
        "input '\(quotedName(node.inputs[place]))': expected numbers in the file, found a computed value")
    }
    return tensor
  }

  /// The whole numbers of an input or, in older files, of an attribute; nil where there is neither.
  func integers(_ node: ONNXNode, _ place: Int, or attribute: String) throws(ImportError) -> [Int]? {
    switch node.attribute(attribute) {
    case .integers(let numbers)?: return numbers
    case .integer(let number)?: return [number]
    case nil: break
    default: throw damaged(node, "\(attribute): expected whole numbers, found another type")
    }
    guard let value = input(node, place) else { return nil }
    guard let (sizes, _) = try sizes(value) else {
      throw unsupported(node, "expected \(attribute) as whole numbers in the file, found a computed value")
    }
    var numbers: [Int] = []
    for size in sizes {
      guard case .number(let number) = size else {
        throw unsupported(node, "expected \(attribute) as whole numbers in the file, found a computed size")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// A value as whole numbers, as far as they are known; nil of others.
  func sizes(_ value: ONNXValue) throws(ImportError) -> (sizes: [ONNXSize], isScalar: Bool)? {
    switch value {
    case .sizes(let sizes, let isScalar): return (sizes, isScalar)
    case .constant(let tensor) where tensor.dims.count <= 1:
      try spend(tensor.dims.first.map { max(0, min($0, ONNXTensors.mostIntegers)) } ?? 1)
      return try tensors.integers(tensor).map { ($0.map { .number($0) }, tensor.dims.isEmpty) }
    default: return nil
    }
  }

  /// A whole number of an attribute.
  func integer(_ node: ONNXNode, _ name: String, default usual: Int) throws(ImportError) -> Int {
    switch node.attribute(name) {
    case nil: return usual
    case .integer(let number)?: return number
    default: throw damaged(node, "\(name): expected a whole number, found another type")
    }
  }

  /// A number of an attribute.
  func float(_ node: ONNXNode, _ name: String, default usual: Float) throws(ImportError) -> Float {
    switch node.attribute(name) {
    case nil: return usual
    case .float(let number)?: return number
    default: throw damaged(node, "\(name): expected a number, found another type")
    }
  }

  /// A value as one of the model's graph; throws for others.
  func data(_ node: ONNXNode, _ place: Int) throws(ImportError) -> ONNXValue.Data {
    switch try required(node, place) {
    case .data(let data): return data
    case .stack(let stack) where stack.rows.count == 1 && !stack.axes.contains(where: \.isRows):
      return ONNXValue.Data(value: stack.rows[0], axes: stack.axes, factors: [stack.size])
    default:
      throw unsupported(
        node,
        "input '\(quotedName(node.inputs[place]))': expected a value of the model's graph, found another")
    }
  }

  // MARK: Layers

  /// Adds a layer and its call; the result is its first output.
  func call(
    _ layer: some Layer, named stem: String, _ inputs: [ONNXReference],
    _ tensors: [(name: String, numbers: [Float], shape: [Int])] = []
  ) throws(ImportError) -> Int {
    guard layers.count < 1000 else {
      throw .unsupported(file: path, reason: "graph: expected at most 1,000 layers, found more")
    }
    let name = layerName(stem)
    layers.append(LayerDescription(layer, name: name))
    for tensor in tensors {
      parameterCount += tensor.numbers.count
      guard parameterCount <= fileSize + self.tensors.bytesBeside + 1 << 18 else {
        throw .unsupported(
          file: path,
          reason:
            "layer '\(quotedName(name))': expected weights that the file holds for it alone, found some "
            + "that many layers share")
      }
      entries.append(.init("\(name).\(tensor.name)", Tensor(tensor.numbers, shape: tensor.shape)))
    }
    calls.append((name, inputs))
    return calls.count - 1
  }

  /// Replaces the options of the layer of a call, and adds tensors.
  func change(_ call: Int, to layer: some Layer, _ name: String, _ numbers: [Float]) {
    let own = calls[call].layer
    guard let place = layers.firstIndex(where: { $0.name == own }) else { return }
    layers[place] = LayerDescription(layer, name: own)
    entries.append(.init("\(own).\(name)", Tensor(numbers)))
  }

  /// Replaces a tensor of the layer of a call.
  func replace(_ call: Int, _ name: String, _ numbers: [Float]) {
    let own = "\(calls[call].layer).\(name)"
    guard let place = entries.firstIndex(where: { $0.name == own }) else { return }
    entries[place] = .init(own, Tensor(numbers))
  }

  /// A layer's name of its own: "lstm", then "lstm_1".
  private func layerName(_ stem: String) -> String {
    if layerNames.insert(stem).inserted { return stem }
    var number = 1
    while !layerNames.insert("\(stem)_\(number)").inserted { number += 1 }
    return "\(stem)_\(number)"
  }

  // MARK: The end

  private func finish(_ graph: ONNXGraph, _ version: Int) throws(ImportError) -> ImportedModel {
    var outputs: [ONNXSampler.Output] = []
    var results: [ONNXReference] = []
    for info in graph.outputs {
      guard let value = values[info.name] else {
        throw damaged("output '\(quotedName(info.name))': expected a value of the graph, found none")
      }
      let kind: ONNXSampler.Output.Kind
      switch value {
      case .data(let data) where !data.isSorted:
        kind = .data(data, place: results.count)
        results.append(data.value)
      case .stack(let stack) where !stack.isSorted:
        kind = .states(stack, first: results.count)
        results += stack.rows
      default:
        throw .unsupported(
          file: path,
          reason:
            "output '\(quotedName(info.name))': expected a value of a layer, found one of the shapes or "
            + "sorted sequences")
      }
      outputs.append(.init(name: info.name, kind: kind))
    }
    settleRoles()
    func value(_ reference: ONNXReference) -> ModelDescription.Value {
      switch reference {
      case .input(let place): .init(node: place)
      case .call(let place, let output): .init(node: inputs.count + place, output: output)
      }
    }
    let description = ModelDescription(
      inputs: inputs, layers: layers, calls: calls.map { .init($0.layer, $0.inputs.map(value)) },
      outputs: results.map(value))
    // Wrong shapes are found before memory is taken for them.
    do {
      let shapes = try Model.parameterShapes(description)
      let found = Dictionary(entries.map { ($0.name, $0.tensor.shape) }) { first, _ in first }
      for parameter in shapes where found[parameter.name] != parameter.shape {
        throw damaged(
          "\(parameter.name): expected \(parameter.shape), found \(found[parameter.name].map { "\($0)" } ?? "none")"
        )
      }
    } catch let error as ImportError {
      throw error
    } catch {
      throw .unsupported(file: path, reason: "\(error)")
    }
    let state = StateDictionary(entries)
    warnOfNaN()
    let framework =
      model.producer.isEmpty
      ? "ONNX"
      : [model.producer, model.producerVersion].filter { !$0.isEmpty }
        .joined(separator: " ")
    findings.insert(
      "ONNX, opset \(version), IR \(model.irVersion), written by \(quotedName(framework))", at: 0)
    var imported = ImportedModel(
      framework: framework, format: "onnx", findings: findings, description: description, state: state)
    for (key, value) in model.metadata where !key.isEmpty && !key.hasPrefix("cellgate") {
      imported.metadata[key] = value
    }
    imported.sampler = ONNXSampler(
      inputs: samples, outputs: outputs, lengths: lengthsInput, symbols: symbols)
    return imported
  }

  /// Says of axes that nothing has named what they stand for, and which inputs are sequences.
  private func settleRoles() {
    for sample in samples {
      guard case .data(let data, _) = sample.kind, case .input(let place) = data.value else { continue }
      let roles = data.roles
      if roles.count == 1, roles[0].kind == .open { _ = roles[0].become(.batch) }
      for role in roles where role.kind == .open {
        _ = role.become(roles.contains { $0.kind == .time } ? .batch : .time)
      }
      inputs[place].shape.isSequence = roles.contains { $0.kind == .time }
    }
  }

  private func warnOfNaN() {
    for entry in entries {
      let count = entry.tensor.scalars.reduce(0) { $0 + ($1.isNaN ? 1 : 0) }
      if count > 0 {
        findings.append("warning: \(entry.name): \(count) of \(entry.tensor.count) numbers are NaN")
      }
    }
  }
}
