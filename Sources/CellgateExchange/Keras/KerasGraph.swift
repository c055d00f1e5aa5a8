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

  func layers(of config: KerasConfig) throws(ImportError) -> [KerasConfig] {
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

  func sizes(_ shape: JSONTree, _ config: KerasConfig) throws(ImportError) -> [Int?] {
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
  func readsSymbols(_ layers: [KerasConfig]) -> Bool {
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
  mutating func input(_ name: String, _ sizes: [Int?], isSymbols: Bool) throws(ImportError)
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
}
