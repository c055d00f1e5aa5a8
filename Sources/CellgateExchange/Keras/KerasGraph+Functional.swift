import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Functional models: calls in the order in which what they take is known.
extension KerasGraph {
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

  mutating func functional(
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
