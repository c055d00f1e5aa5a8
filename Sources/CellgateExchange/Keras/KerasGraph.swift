import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Steps that are valid, as Keras' configuration says it: where a value isn't another one.
struct KerasMask: Hashable {
  /// Steps are valid where any of these is; "words/0/0≠0.0".
  var roots: Set<String>
  /// Whether the steps are in reverse order.
  var isReversed = false

  /// A mask of which only that it is none that Keras would have is known.
  static let mixed = KerasMask(roots: ["?"])
}

/// A value of a Keras model within the graph that is made of it.
struct KerasValue {
  var node: ModelDescription.Value
  var shape: LayerShape
  /// Its name in Keras' graph.
  var origin: String
  /// How many steps it has, where that is known.
  var steps: Int?
  /// The mask that Keras has here; nil for none.
  var mask: KerasMask?
  /// The mask that the graph's value has.
  var own: KerasMask?
}

/// What a layer is called with besides its inputs.
struct KerasCall {
  /// Where the layer is: "encoder", or "outer/encoder" in a nested model.
  var key: String
  /// The layer of the outermost model that it is in.
  var top: String
  /// Where its variables are in Keras 3's layout.
  var path: String
  var inputs: [KerasValue]
  var initialState: [KerasValue] = []
  /// Whether the mask of the input is said explicitly.
  var hasMask = false
  /// The name of its values in Keras' graph, without the number of the output.
  var origin: String
  /// Whether its variables are trained, which orders those of legacy files.
  var isTrainable = true
}

/// Makes a description of a Keras model's configuration.
struct KerasGraph {
  let file: String
  /// 2 or 3: what some names mean.
  let version: Int
  let asFloat32: Bool
  private(set) var inputs: [ModelDescription.Input] = []
  private(set) var layers: [LayerDescription] = []
  private(set) var calls: [ModelDescription.Call] = []
  private(set) var parts: [KerasWeights.Part] = []
  var findings: [String] = []
  /// Where the outputs of Keras' layers are: the layer's name here, and which output.
  private(set) var layerOutputs: [String: (layer: String, output: Int)] = [:]
  /// Symbols of each input that an embedding reads, where one does.
  private(set) var symbols: [Int: Int] = [:]
  private(set) var inputSteps: [Int?] = []

  private var names: [String: String] = [:]
  private var taken: Set<String> = []
  /// Names of layers that come with the next call.
  private var reservedNames: Set<String> = []
  private var partKeys: Set<String> = []
  /// A value with each root of a mask.
  private var carriers: [String: KerasValue] = [:]
  private var depth = 0

  init(file: String, version: Int, asFloat32: Bool) {
    self.file = file
    self.version = version
    self.asFloat32 = asFloat32
  }

  // MARK: Models

  /// The description of the outermost model.
  mutating func model(_ object: JSONTree) throws(ImportError) -> ModelDescription {
    let config = try KerasConfig(object, file: file)
    let outputs: [KerasValue]
    switch config.className {
    case "Sequential":
      let layers = try self.layers(of: config)
      let shape = try inputShape(layers, config)
      let value = try input(layers.first?.name ?? "input", shape, isSymbols: readsSymbols(layers))
      outputs = try sequential(layers, [value], prefix: "", path: "", top: nil)
    case "Functional", "Model":
      outputs = try functional(config, given: nil, prefix: "", path: "", top: nil)
    default:
      throw config.unsupported("a Sequential or Functional model", "a model of a class of its own")
    }
    return ModelDescription(inputs: inputs, layers: layers, calls: calls, outputs: outputs.map(\.node))
  }

  private func layers(of config: KerasConfig) throws(ImportError) -> [KerasConfig] {
    guard let objects = config["layers"]?.array, !objects.isEmpty else {
      throw config.damaged("a list of layers", shown(config.members["layers"]))
    }
    guard objects.count <= 10_000 else { throw config.damaged("at most 10000 layers", "\(objects.count)") }
    var layers: [KerasConfig] = []
    for object in objects { layers.append(try KerasConfig(object, file: file)) }
    return layers
  }

  /// The shape of a chain's input without the batch, nil for open sizes.
  private func inputShape(_ layers: [KerasConfig], _ model: KerasConfig) throws(ImportError) -> [Int?] {
    let shape =
      layers[0]["batch_shape"] ?? layers[0]["batch_input_shape"] ?? model["build_input_shape"]
      ?? model.object["build_config"]?["input_shape"]
    guard let shape else {
      throw model.unsupported("the shape of its input", "none: a model that was never built")
    }
    return try sizes(shape, model)
  }

  private func sizes(_ shape: JSONTree, _ config: KerasConfig) throws(ImportError) -> [Int?] {
    guard let sizes = shape.array, sizes.count >= 2, sizes.count <= 8 else {
      throw config.unsupported("a shape of 2 to 8 dimensions", shown(shape))
    }
    var found: [Int?] = []
    for size in sizes.dropFirst() {
      if size.isNull {
        found.append(nil)
      } else if let size = size.integer, size >= 1, size <= Int(Int32.max) {
        found.append(size)
      } else {
        throw config.damaged("sizes of 1 or more", shown(size))
      }
    }
    return found
  }

  /// Whether the first layer that does something reads symbols.
  private func readsSymbols(_ layers: [KerasConfig]) -> Bool {
    for layer in layers {
      switch layer.className {
      case "InputLayer": continue
      case "Embedding": return true
      case "Sequential", "Functional", "Model":
        let inner = (layer["layers"]?.array ?? []).prefix(2)
        return inner.contains { $0["class_name"]?.string == "Embedding" }
      default: return false
      }
    }
    return false
  }

  /// An input of the outermost model.
  private mutating func input(_ name: String, _ sizes: [Int?], isSymbols: Bool) throws(ImportError)
    -> KerasValue
  {
    let shape: LayerShape
    var steps: Int?
    if isSymbols, sizes.count == 1 {
      (shape, steps) = (.sequence(), sizes[0])
    } else {
      let isSequence = sizes.count > 1
      steps = isSequence ? sizes[0] : nil
      let features = isSequence ? Array(sizes.dropFirst()) : sizes
      guard !features.contains(nil) else {
        throw .unsupported(
          file: file,
          reason: "input '\(quotedName(name))': expected sizes of everything but the steps, found open ones")
      }
      shape = LayerShape(isSequence: isSequence, features: features.compactMap { $0 })
    }
    inputs.append(.init(name, shape))
    inputSteps.append(steps)
    return KerasValue(
      node: .init(node: inputs.count - 1), shape: shape, origin: "\(name)/0/0", steps: steps, mask: nil,
      own: nil)
  }

  /// A chain of layers on values that there are.
  private mutating func sequential(
    _ layers: [KerasConfig], _ given: [KerasValue], prefix: String, path: String, top: String?
  ) throws(ImportError) -> [KerasValue] {
    guard given.count == 1 else {
      throw .unsupported(file: file, reason: "a chain of layers: expected one input, found \(given.count)")
    }
    var values = given
    var classes = KerasNames()
    var seen: Set<String> = []
    for layer in layers {
      let folder = classes.next(layer.className)
      if layer.className == "InputLayer" { continue }
      guard seen.insert(layer.name).inserted else {
        throw layer.damaged("layers of different names", "two of this one")
      }
      guard values.count == 1 else {
        throw layer.unsupported("one input in a chain", "\(values.count)")
      }
      values = try call(
        layer,
        KerasCall(
          key: prefix + layer.name, top: top ?? layer.name, path: "\(path)layers/\(folder)", inputs: values,
          origin: "\(prefix)\(layer.name)/0"))
    }
    return values
  }

  // MARK: Layers and their names

  /// Puts a call of a layer at the end of the graph, the layer too unless it is there already under this key. The masks of
  /// the outputs are none.
  mutating func emit(
    _ layer: some Layer, _ key: String, _ inputs: [KerasValue], origin: String
  ) throws(ImportError) -> [KerasValue] {
    let name: String
    if let known = names[key] {
      name = known
      if reservedNames.remove(name) != nil { layers.append(LayerDescription(layer, name: name)) }
    } else {
      name = newName(key)
      names[key] = name
      layers.append(LayerDescription(layer, name: name))
    }
    guard calls.count < 10_000 else {
      throw .unsupported(file: file, reason: "model: expected at most 10000 calls of layers, found more")
    }
    let shapes: [LayerShape]
    do throws(LayerError) { shapes = try layer.outputShapes(inputs.map(\.shape)) } catch {
      throw .unsupported(file: file, reason: "layer '\(quotedName(key))': \(error)")
    }
    calls.append(.init(name, inputs.map(\.node)))
    let node = self.inputs.count + calls.count - 1
    return shapes.enumerated().map { index, shape in
      KerasValue(
        node: .init(node: node, output: index), shape: shape, origin: "\(origin)/\(index)",
        steps: shape.isSequence ? inputs.first?.steps : nil, mask: nil, own: nil)
    }
  }

  private mutating func newName(_ key: String) -> String {
    var wanted = key.replacing("/", with: "_").replacing(".", with: "_")
    if wanted.isEmpty { wanted = "layer" }
    var name = wanted
    var number = 1
    while !taken.insert(name).inserted {
      name = "\(wanted)_\(number)"
      number += 1
    }
    return name
  }

  /// The name that the layer of a key has in the description.
  func name(of key: String) -> String { names[key] ?? key }

  /// The name that the layer of a call has, or will have, in the description.
  mutating func reserved(_ call: KerasCall) -> String {
    if let name = names[call.key] { return name }
    let name = newName(call.key)
    names[call.key] = name
    reservedNames.insert(name)
    return name
  }

  /// Notes what becomes of an object's variables, once for a layer that is called several times.
  mutating func add(
    _ call: KerasCall, path: String? = nil, key: String, isTrainable: [Bool],
    _ convert: @escaping ([KerasArray]) throws(ImportError) -> [StateDictionary.Entry]
  ) {
    guard partKeys.insert(key).inserted else { return }
    parts.append(
      KerasWeights.Part(
        layer: call.top, path: path ?? call.path, isTrainable: isTrainable.map { $0 && call.isTrainable },
        convert: convert))
  }

  // MARK: Masks

  /// A value whose mask is the one that Keras has there.
  mutating func settled(_ value: KerasValue) throws(ImportError) -> KerasValue {
    guard value.shape.isSequence, value.mask != value.own else { return value }
    var carriers: [KerasValue] = []
    for root in (value.mask?.roots ?? []).sorted() {
      guard let carrier = self.carriers[root], value.mask?.isReversed == false else {
        throw .unsupported(
          file: file,
          reason:
            "'\(quotedName(value.origin))': expected a mask that an Embedding or Masking makes, found another one"
        )
      }
      carriers.append(carrier)
    }
    var settled = try emit(
      MaskFrom(), value.origin + "/mask", [value] + carriers, origin: value.origin + "/mask")[0]
    settled.origin = value.origin
    settled.steps = value.steps
    settled.mask = value.mask
    settled.own = value.mask
    return settled
  }

  /// Says that a value has the mask of its root.
  mutating func carry(_ value: KerasValue, root: String) {
    if carriers[root] == nil { carriers[root] = value }
  }

  mutating func reads(_ value: KerasValue, symbols count: Int) {
    guard value.node.node < inputs.count else { return }
    symbols[value.node.node] = min(symbols[value.node.node] ?? count, count)
  }

  // MARK: Calls

  /// The outputs of a layer or a nested model.
  mutating func call(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> [KerasValue] {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 16 else {
      throw config.unsupported("at most 16 models in one another", "more")
    }
    var call = call
    if (try? config.flag("trainable", true)) == false { call.isTrainable = false }
    try checkPolicy(config)
    var outputs: [KerasValue]
    switch config.className {
    case "Sequential":
      let layers = try self.layers(of: config)
      outputs = try sequential(
        layers, call.inputs, prefix: call.key + "/", path: call.path + "/", top: call.top)
    case "Functional", "Model":
      outputs = try functional(
        config, given: call.inputs, prefix: call.key + "/", path: call.path + "/", top: call.top)
    default: outputs = try layer(config, call)
    }
    for index in outputs.indices {
      outputs[index] = try settled(outputs[index])
      if layerOutputs[call.key] == nil, outputs[index].node.node >= inputs.count {
        let made = calls[outputs[index].node.node - inputs.count]
        layerOutputs[call.key] = (made.layer, outputs[index].node.output)
      }
      outputs[index].origin = "\(call.origin)/\(index)"
    }
    return outputs
  }

  /// Refuses numbers of a lower precision unless they may become Float32.
  private mutating func checkPolicy(_ config: KerasConfig) throws(ImportError) {
    guard let policy = config.policy() else { return }
    switch policy {
    case "float32", "int32", "int64", "uint8", "int16", "int8", "bool": return
    case "float64":
      let finding = "numbers of float64 become Float32"
      if !findings.contains(finding) { findings.append(finding) }
    case "mixed_bfloat16", "mixed_float16", "bfloat16", "float16":
      guard asFloat32 else {
        throw config.unsupported(
          "numbers of float32 (--as-float32 takes them for it)", "the policy \(policy)")
      }
      let finding = "the policy \(policy) becomes float32"
      if !findings.contains(finding) { findings.append(finding) }
    default: throw config.unsupported("numbers of float32", "the policy \(quotedName(policy))")
    }
  }

  // MARK: Functional

  /// What a tensor of a functional model's configuration is.
  private enum Known {
    case value(KerasValue)
    /// Where it isn't 0 or another number: a mask, or its parts.
    case mask(KerasMask?)
  }

  /// An argument of a call.
  private indirect enum Argument {
    case tensor(String)
    case list([Argument])
    case other(JSONTree)

    var tensors: [String] {
      switch self {
      case .tensor(let key): [key]
      case .list(let parts): parts.flatMap(\.tensors)
      case .other: []
      }
    }
  }

  private struct Node {
    let layer: Int
    let origin: String
    var positional: [Argument] = []
    var named: [(String, Argument)] = []
    var needed: [String] { (positional + named.map(\.1)).flatMap(\.tensors) }
  }

  private mutating func functional(
    _ config: KerasConfig, given: [KerasValue]?, prefix: String, path: String, top: String?
  ) throws(ImportError) -> [KerasValue] {
    let layers = try self.layers(of: config)
    var names: [String: Int] = [:]
    var folders: [String] = []
    var classes = KerasNames()
    for (index, layer) in layers.enumerated() {
      guard names.updateValue(index, forKey: layer.object["name"]?.string ?? layer.name) == nil else {
        throw layer.damaged("layers of different names", "two of this one")
      }
      folders.append(KerasOperations.isOperation(layer) ? "" : classes.next(layer.className))
    }
    let ends = (
      try self.ends(config, "input_layers", names), try self.ends(config, "output_layers", names)
    )
    var known: [String: Known] = [:]
    if let given {
      guard given.count == ends.0.count else {
        throw config.unsupported("\(ends.0.count) inputs", "\(given.count)")
      }
      for (key, value) in zip(ends.0, given) { known[key] = .value(value) }
    }
    var nodes: [Node] = []
    for (index, layer) in layers.enumerated() where layer.className != "InputLayer" {
      nodes += try self.nodes(of: layer, index, names)
    }
    guard nodes.count <= 10_000 else { throw config.damaged("at most 10000 calls", "\(nodes.count)") }
    if given == nil {
      let symbolic = Set(
        nodes.filter { ["Embedding", "NotEqual"].contains(layers[$0.layer].className) }.flatMap(\.needed))
      for key in ends.0 {
        let name = String(
          key.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/"))
        guard let index = names[name], layers[index].className == "InputLayer" else {
          throw config.damaged("input_layers that are of the kind InputLayer", "'\(quotedName(name))'")
        }
        let layer = layers[index]
        guard let shape = layer["batch_shape"] ?? layer["batch_input_shape"] else {
          throw layer.damaged("batch_shape", "none")
        }
        let value = try input(
          name, try sizes(shape, layer),
          isSymbols: symbolic.contains(key) || usesNested(key, nodes, layers))
        known[key] = .value(value)
      }
    }
    try run(nodes, layers, folders, &known, prefix: prefix, path: path, top: top, config)
    var outputs: [KerasValue] = []
    for key in ends.1 {
      guard case .value(let value)? = known[key] else {
        throw config.damaged("output_layers that are values", "'\(quotedName(key))'")
      }
      outputs.append(value)
    }
    return outputs
  }

  /// Whether an input goes into a nested model that begins with an embedding.
  private func usesNested(_ key: String, _ nodes: [Node], _ layers: [KerasConfig]) -> Bool {
    nodes.contains { node in
      node.needed.contains(key)
        && ["Sequential", "Functional", "Model"].contains(layers[node.layer].className)
        && readsSymbols([layers[node.layer]])
    }
  }

  /// The tensors that a model takes or gives.
  private func ends(
    _ config: KerasConfig, _ key: String, _ names: [String: Int]
  ) throws(ImportError) -> [String] {
    guard let list = config[key]?.array, !list.isEmpty else {
      throw config.unsupported("a list \(key)", shown(config.members[key]))
    }
    let items = list[0].string != nil ? [config.members[key] ?? .null] : list
    var ends: [String] = []
    for item in items {
      guard case .tensor(let key) = argument(item, names) else {
        throw config.damaged("\(key) of the form [name, node, tensor]", shown(item))
      }
      ends.append(key)
    }
    return ends
  }

  /// An argument as Keras 3 or Keras 2 writes it.
  private func argument(_ tree: JSONTree, _ names: [String: Int]) -> Argument {
    func tensor(_ parts: [JSONTree]) -> Argument? {
      guard parts.count >= 3, let name = parts[0].string, names[name] != nil, let node = parts[1].integer,
        let output = parts[2].integer
      else { return nil }
      return .tensor("\(name)/\(node)/\(output)")
    }
    if let kind = tree["class_name"]?.string, ["__keras_tensor__", "__tensor__"].contains(kind) {
      if let history = tree["config"]?["keras_history"]?.array, let found = tensor(history) { return found }
      return .other(tree)
    }
    if let parts = tree.array { return tensor(parts) ?? .list(parts.map { argument($0, names) }) }
    return .other(tree)
  }

  private func nodes(
    of layer: KerasConfig, _ index: Int, _ names: [String: Int]
  ) throws(ImportError) -> [Node] {
    guard let inbound = layer.object["inbound_nodes"]?.array else {
      throw layer.damaged("a list inbound_nodes", shown(layer.object["inbound_nodes"]))
    }
    let name = layer.object["name"]?.string ?? layer.name
    var nodes: [Node] = []
    // In Keras 2 the first call of a model is that on its own input.
    let isModel = ["Sequential", "Functional", "Model"].contains(layer.className)
    let hasInput = layer["layers"]?.array?.first?["class_name"]?.string == "InputLayer"
    let first = version == 2 && isModel && hasInput ? 1 : 0
    for (number, item) in inbound.enumerated() {
      var node = Node(layer: index, origin: "\(name)/\(number + first)")
      if let args = item["args"]?.array {
        node.positional = args.map { argument($0, names) }
        node.named = (item["kwargs"]?.object ?? []).map { ($0.key, argument($0.value, names)) }
      } else if let parts = item.array {
        // Keras 2: [[name, node, tensor, {keywords}], …], or one of these alone.
        let tensors = parts.first?.string != nil ? [item] : parts
        node.positional = [.list(tensors.map { argument($0, names) })]
        node.named = (tensors.first?.array?.dropFirst(3).first?.object ?? []).map {
          ($0.key, argument($0.value, names))
        }
      } else {
        throw layer.damaged("calls of the form {args, kwargs}", shown(item))
      }
      nodes.append(node)
    }
    return nodes
  }

  /// Makes the calls, each after those that it needs.
  private mutating func run(
    _ nodes: [Node], _ layers: [KerasConfig], _ folders: [String], _ known: inout [String: Known],
    prefix: String, path: String, top: String?, _ config: KerasConfig
  ) throws(ImportError) {
    // Which nodes wait for a call, and for how many tensors each.
    var waiting: [String: [Int]] = [:]
    var missing = [Int](repeating: 0, count: nodes.count)
    var ready: [Int] = []
    for (index, node) in nodes.enumerated() {
      let needed = Set(node.needed.map(Self.call)).subtracting(known.keys.map(Self.call))
      missing[index] = needed.count
      for call in needed { waiting[call, default: []].append(index) }
      if needed.isEmpty { ready.append(index) }
    }
    // The earliest of those that can be made comes first, so that the order is the configuration's.
    ready.sort(by: >)
    var made = 0
    while let index = ready.popLast() {
      let node = nodes[index], layer = layers[node.layer]
      let isOfMasks =
        !node.needed.isEmpty
        && node.needed.allSatisfy { if case .mask? = known[$0] { true } else { false } }
      if KerasOperations.isOperation(layer) || isOfMasks {
        known[node.origin + "/0"] = .mask(try operation(layer, node, known))
      } else {
        let outputs = try self.call(
          layer, node, folders[node.layer], known, prefix: prefix, path: path, top: top)
        for (number, output) in outputs.enumerated() { known["\(node.origin)/\(number)"] = .value(output) }
      }
      made += 1
      var freed: [Int] = []
      for next in waiting[node.origin] ?? [] {
        missing[next] -= 1
        if missing[next] == 0 { freed.append(next) }
      }
      if !freed.isEmpty {
        ready += freed
        ready.sort(by: >)
      }
    }
    guard made == nodes.count else {
      throw config.damaged(
        "calls that depend on earlier ones", "\(nodes.count - made) that depend on none or on themselves")
    }
  }

  /// "lstm/0" of "lstm/0/1".
  private static func call(_ tensor: String) -> String {
    String(tensor[..<(tensor.lastIndex(of: "/") ?? tensor.endIndex)])
  }

  private mutating func call(
    _ layer: KerasConfig, _ node: Node, _ folder: String, _ known: [String: Known], prefix: String,
    path: String,
    top: String?
  ) throws(ImportError) -> [KerasValue] {
    func value(_ key: String) throws(ImportError) -> KerasValue {
      switch known[key] {
      case .value(let value): return value
      case .mask: throw layer.unsupported("numbers as input", "a mask")
      case nil: throw layer.damaged("an input that there is", "'\(quotedName(key))'")
      }
    }
    var lists: [[KerasValue]] = []
    for argument in node.positional {
      switch argument {
      case .other(let tree) where tree.isNull: continue
      case .other(let tree): throw layer.unsupported("tensors as arguments", shown(tree))
      default:
        var values: [KerasValue] = []
        for key in argument.tensors { values.append(try value(key)) }
        lists.append(values)
      }
    }
    guard var inputs = lists.first, !inputs.isEmpty else { throw layer.damaged("an input", "none") }
    let name = layer.object["name"]?.string ?? layer.name
    var call = KerasCall(
      key: prefix + name, top: top ?? name, path: "\(path)layers/\(folder)", inputs: [],
      origin: prefix + node.origin)
    let isRecurrent = KerasRecurrent.classes.contains(layer.className)
    if lists.count > 1 {
      guard isRecurrent, lists.count == 2 else {
        throw layer.unsupported("one argument", "\(lists.count)")
      }
      call.initialState = lists[1]
    }
    for (key, argument) in node.named {
      switch (key, argument) {
      case ("initial_state", _) where !argument.tensors.isEmpty && isRecurrent:
        for key in argument.tensors { call.initialState.append(try value(key)) }
      case ("mask", _) where !argument.tensors.isEmpty:
        try setMask(&inputs, argument, layer, known)
        call.hasMask = true
      case ("training", .other(let tree)) where tree.bool != true && tree.integer != 1: continue
      case (_, .other(let tree)) where tree.isNull: continue
      case (_, .list(let parts))
      where parts.allSatisfy({ if case .other(let tree) = $0 { tree.isNull } else { false } }): continue
      default: throw layer.unsupported("no argument \(quotedName(key))", "one")
      }
    }
    if isRecurrent, inputs.count > 1, call.initialState.isEmpty {
      call.initialState = Array(inputs.dropFirst())
      inputs = [inputs[0]]
    }
    call.inputs = inputs
    return try self.call(layer, call)
  }

  /// Gives inputs the masks that are given explicitly.
  private mutating func setMask(
    _ inputs: inout [KerasValue], _ argument: Argument, _ layer: KerasConfig, _ known: [String: Known]
  ) throws(ImportError) {
    let parts: [Argument] = if case .list(let parts) = argument { parts } else { [argument] }
    guard parts.count == inputs.count else {
      throw layer.unsupported("\(inputs.count) masks", "\(parts.count)")
    }
    for (index, part) in parts.enumerated() {
      switch part {
      case .tensor(let key):
        guard case .mask(let mask)? = known[key] else {
          throw layer.unsupported("a mask that an Embedding or Masking makes", "'\(quotedName(key))'")
        }
        inputs[index].mask = mask
      case .other(let tree) where tree.isNull: inputs[index].mask = nil
      default: throw layer.unsupported("masks", "others")
      }
      inputs[index] = try settled(inputs[index])
    }
  }

  /// An operation on masks that Keras 3 writes for what masks become.
  private func operation(
    _ layer: KerasConfig, _ node: Node, _ known: [String: Known]
  ) throws(ImportError) -> KerasMask? {
    var parts: [KerasMask?] = []
    for key in node.needed {
      switch known[key] {
      case .mask(let mask): parts.append(mask)
      case .value(let value):
        switch layer.className {
        case "NotEqual":
          guard node.positional.count == 2, case .other(let tree) = node.positional[1],
            let number = tree.number
          else { throw layer.unsupported("a comparison with a number", "another") }
          return KerasMask(roots: [Self.root(value, number)])
        // The mask of a value that has none, and one that adds nothing.
        case "OnesLike": return nil
        case "ZerosLike": return KerasMask(roots: [])
        default:
          throw layer.unsupported("a layer, or an operation on masks", "the operation \(layer.className)")
        }
      case nil: throw layer.damaged("an input that there is", "'\(quotedName(key))'")
      }
    }
    switch layer.className {
    case "LogicalOr", "Any", "ExpandDims", "Concatenate", "BroadcastTo", "Squeeze":
      guard let first = parts.first else { throw layer.damaged("masks", "none") }
      return parts.dropFirst().reduce(first) { result, part in
        guard let result, let part else { return nil }
        return KerasMask(roots: result.roots.union(part.roots))
      }
    default: throw layer.unsupported("a layer, or an operation on masks", "the operation \(layer.className)")
    }
  }

  /// The root of a mask: where a value isn't a number.
  static func root(_ value: KerasValue, _ number: Double) -> String { "\(value.origin)≠\(number)" }
}

/// The operations of a Keras configuration, which stand among its layers.
enum KerasOperations {
  /// Legacy files name no modules.
  private static let known: Set<String> = [
    "NotEqual", "LogicalOr", "Any", "ExpandDims", "OnesLike", "ZerosLike", "BroadcastTo", "Squeeze",
  ]

  static func isOperation(_ layer: KerasConfig) -> Bool {
    guard let module = layer.object["module"]?.string else { return known.contains(layer.className) }
    return module.hasPrefix("keras.src.ops") || module.hasPrefix("keras.ops")
  }
}

/// Keras 3's names of groups of variables: the class in snake case, and a number from the second of a class on.
struct KerasNames {
  private var counts: [String: Int] = [:]

  mutating func next(_ className: String) -> String {
    let name = Self.snakeCase(className)
    let count = counts[name, default: 0]
    counts[name] = count + 1
    return count == 0 ? name : "\(name)_\(count)"
  }

  /// `re.sub(r"\W+", "")`, then an underscore before a capital that begins a word: LSTM is lstm, SimpleRNN simple_rnn,
  /// Conv1D conv1d.
  static func snakeCase(_ name: String) -> String {
    let letters = name.filter { $0.isLetter || $0.isNumber || $0 == "_" }
    func isUpper(_ letter: Character) -> Bool { letter.isUppercase }
    // (.)([A-Z][a-z]+) → \1_\2
    var first: [Character] = []
    let all = Array(letters)
    var index = 0
    while index < all.count {
      if index > 0, isUpper(all[index]), index + 1 < all.count, all[index + 1].isLowercase {
        first.append("_")
      }
      first.append(all[index])
      index += 1
    }
    // ([a-z])([A-Z]) → \1_\2
    var second: [Character] = []
    for (index, letter) in first.enumerated() {
      if index > 0, isUpper(letter), first[index - 1].isLowercase { second.append("_") }
      second.append(letter)
    }
    return String(second).lowercased()
  }
}
