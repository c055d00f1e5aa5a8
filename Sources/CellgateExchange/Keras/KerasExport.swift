import CellgateFiles
import CellgateNN
import CellgateTensor

/// A layer of Keras to be written.
struct KerasWritten {
  var className: String
  var name: String
  var config: [(String, KerasJSON)]
  /// Its variables below the layer's group: "cell/vars/0".
  var variables: [(path: String, tensor: Tensor)] = []

  var object: KerasJSON { .object(parts) }

  var parts: [(String, KerasJSON)] {
    [
      ("module", .string("keras.layers")), ("class_name", .string(className)),
      (
        "config",
        .object(
          [("name", .string(name)), ("trainable", .bool(true)), ("dtype", .string("float32"))] + config)
      ), ("registered_name", .null),
    ]
  }
}

/// A description on its way to Keras.
struct KerasExport {
  let description: ModelDescription
  let state: StateDictionary
  private(set) var taken: Set<String> = []
  /// Layers whose input has a mask.
  private(set) var masked: Set<String> = []

  init(description: ModelDescription, state: StateDictionary) {
    self.description = description
    self.state = state
  }

  func unsupported(_ layer: LayerDescription, _ expected: String, _ found: String) -> ExportError {
    .unsupported(
      format: "keras",
      reason: "layer '\(quotedName(layer.name))' (\(layer.kind)): expected \(expected), found \(found)")
  }

  mutating func named(_ name: String) -> String {
    let wanted = name.replacing("/", with: "_")
    var result = wanted
    var number = 1
    while !taken.insert(result).inserted {
      result = "\(wanted)_\(number)"
      number += 1
    }
    return result
  }

  // MARK: The model

  /// A layer's call as Keras has it: a call of the description, or three that are one layer there.
  private struct Step {
    /// The layer's name in the description.
    let key: String
    /// The node of the description whose outputs are the step's.
    let node: Int
    let inputs: [ModelDescription.Value]
  }

  /// Two recurrent layers, the second of which is turned around, and what merges them: Keras' Bidirectional with a backward
  /// layer of its own.
  private struct Pair {
    let forward, backward, reverse: Int
    let layers: (forward: LayerDescription, backward: LayerDescription)
    let mode: Bidirectional.MergeMode
  }

  mutating func write() throws(ExportError) -> (config: KerasJSON, weights: HDF5Writer.Group) {
    let inputNames = description.inputs.map { named($0.name) }
    let steps = try demandedSteps()
    let inputs = zip(description.inputs, inputNames).map { Self.input($0, $1, steps: steps) }
    let shapes = try allShapes()
    let problem = noteMasks(shapes)
    let pairs = self.pairs()
    let calls = self.calls(pairs)
    var made: [String: [KerasWritten]] = [:]
    var order: [KerasWritten] = []
    for layer in description.layers {
      guard let step = calls.first(where: { $0.key == layer.name }) else { continue }
      let written: [KerasWritten]
      if let pair = pairs[step.node] {
        written = [
          try bidirectional(
            (pair.layers.forward, pair.layers.backward), layer.name, pair.mode)
        ]
      } else {
        written = try self.written(layer, step.inputs.map { shapes[$0.node][$0.output] })
      }
      made[layer.name] = written
      order += written
    }
    let outputs = description.outputs.map(resolved)
    let config: KerasJSON
    let isChain =
      description.inputs.count == 1 && Set(calls.map(\.key)).count == calls.count
      && outputs == [calls.last.map { .init(node: $0.node) } ?? .init(node: 0)]
      && calls.enumerated().allSatisfy {
        $1.inputs == [.init(node: $0 == 0 ? 0 : calls[$0 - 1].node)]
      }
    if isChain {
      config = KerasJSON.object([
        ("module", .string("keras")), ("class_name", .string("Sequential")),
        (
          "config",
          .object([
            ("name", .string(named("sequential"))), ("trainable", .bool(true)), ("dtype", .string("float32")),
            ("layers", .list(inputs + calls.flatMap { made[$0.key] ?? [] }.map(\.object))),
          ])
        ), ("registered_name", .null),
      ])
    } else {
      config = functional(inputs, inputNames, order, made, shapes, calls, outputs)
    }
    if problem != nil || !pairs.isEmpty || calls.count != description.calls.count {
      try verify(config, or: problem)
    }
    return (config, weights(order))
  }

  private static func input(_ input: ModelDescription.Input, _ name: String, steps: Int?) -> KerasJSON {
    .object([
      ("module", .string("keras.layers")), ("class_name", .string("InputLayer")),
      (
        "config",
        .object([
          ("batch_shape", .list(sizes(input.shape, steps: steps))),
          ("dtype", .string(input.shape.features.isEmpty ? "int32" : "float32")),
          ("sparse", .bool(false)), ("name", .string(name)),
        ])
      ), ("registered_name", .null), ("name", .string(name)), ("inbound_nodes", .list([])),
    ])
  }

  /// Throws unless what is written is read as this description: where masks are what Keras makes of them by itself, or
  /// layers were put together.
  private func verify(_ config: KerasJSON, or problem: ExportError?) throws(ExportError) {
    let refusal =
      problem
      ?? .unsupported(
        format: "keras", reason: "expected masks and directions that Keras makes by itself, found others")
    var graph = KerasGraph(file: "", version: 3, asFloat32: false)
    guard let tree = try? JSONTree(data: Array(config.text.utf8), file: ""),
      let read = try? graph.model(tree),
      Self.isSame(read, description)
    else { throw refusal }
  }

  /// Whether two descriptions are the same but for the names of inputs and layers.
  private static func isSame(_ one: ModelDescription, _ other: ModelDescription) -> Bool {
    guard one.inputs.map(\.shape) == other.inputs.map(\.shape), one.outputs == other.outputs,
      one.calls.map(\.inputs) == other.calls.map(\.inputs), one.layers.count == other.layers.count
    else { return false }
    var names: [String: String] = [:]
    for (call, own) in zip(one.calls, other.calls) {
      guard names[call.layer, default: own.layer] == own.layer else { return false }
      names[call.layer] = own.layer
    }
    return one.layers.allSatisfy { layer in
      var renamed = layer
      renamed.name = names[layer.name] ?? layer.name
      if let options = renamed.options as? TimeDistributed.Options,
        let kept = other.layers.first(where: { $0.name == renamed.name })?.options as? TimeDistributed.Options
      {
        var inner = options.layer
        inner.name = kept.layer.name
        return inner == kept.layer
      }
      return other.layers.contains(renamed)
    }
  }

  // MARK: What Keras has in fewer layers

  /// A value without the layers that give it another mask: Keras does this by itself, or the check at the end fails.
  private func resolved(_ value: ModelDescription.Value) -> ModelDescription.Value {
    var value = value
    while let call = call(of: value.node), kind(call.layer) == MaskFrom.kind { value = call.inputs[0] }
    return value
  }

  private func call(of node: Int) -> ModelDescription.Call? {
    node < description.inputs.count ? nil : description.calls[node - description.inputs.count]
  }

  private func described(_ name: String) -> LayerDescription? { description.layers.first { $0.name == name } }
  private func kind(_ name: String) -> String? { described(name)?.kind }

  /// Pairs of directions by the node that merges them.
  private func pairs() -> [Int: Pair] {
    let modes = [
      Concatenate.kind: Bidirectional.MergeMode.concat, Add.kind: .sum, Multiply.kind: .mul,
      Average.kind: .ave,
    ]
    var uses: [Int: Int] = [:]
    for value in description.calls.flatMap(\.inputs) + description.outputs {
      uses[value.node, default: 0] += 1
    }
    var pairs: [Int: Pair] = [:]
    for (index, call) in description.calls.enumerated() {
      guard let mode = kind(call.layer).flatMap({ modes[$0] }), call.inputs.count == 2,
        let ahead = self.call(of: call.inputs[0].node), let turned = self.call(of: call.inputs[1].node),
        kind(turned.layer) == Reverse.kind, let behind = self.call(of: turned.inputs[0].node),
        ahead.inputs == behind.inputs, ahead.inputs.count == 1,
        let forward = described(ahead.layer), let backward = described(behind.layer),
        let first = forward.options as? RecurrentOptions, let second = backward.options as? RecurrentOptions,
        !first.goBackwards, second.goBackwards, first.returnSequences, second.returnSequences,
        first.layers == 1, second.layers == 1, !first.isBidirectional, !second.isBidirectional,
        [call.inputs[0].node, call.inputs[1].node, turned.inputs[0].node].allSatisfy({ uses[$0] == 1 })
      else { continue }
      pairs[description.inputs.count + index] = Pair(
        forward: call.inputs[0].node, backward: turned.inputs[0].node, reverse: call.inputs[1].node,
        layers: (forward, backward), mode: mode)
    }
    return pairs
  }

  private func calls(_ pairs: [Int: Pair]) -> [Step] {
    let inside = Set(pairs.values.flatMap { [$0.forward, $0.backward, $0.reverse] })
    return description.calls.enumerated().compactMap { index, call in
      let node = description.inputs.count + index
      if inside.contains(node) || kind(call.layer) == MaskFrom.kind { return nil }
      let given = pairs[node].flatMap { self.call(of: $0.forward)?.inputs } ?? call.inputs
      return Step(key: call.layer, node: node, inputs: given.map(resolved))
    }
  }

  /// Notes which layers see masks, and gives the first reason why Keras would treat one otherwise.
  private mutating func noteMasks(_ shapes: [[LayerShape]]) -> ExportError? {
    var problem: ExportError?
    // What each node's mask was made of; nil for none.
    var masks: [Int?] = description.inputs.map { _ in nil }
    for call in description.calls {
      guard let layer = described(call.layer) else { continue }
      let given = call.inputs.map { value in
        shapes[value.node][value.output].isSequence ? masks[value.node] : nil
      }
      let first = given.first ?? nil
      if first != nil { masked.insert(layer.name) }
      let output = shapes[masks.count].first
      switch layer.options {
      case let options as Embedding.Options where options.maskZero: masks.append(2 * call.inputs[0].node)
      case is Masking.Options: masks.append(2 * call.inputs[0].node + 1)
      case is Conv1D.Options, is PoolingOptions, is RepeatVector.Options: masks.append(nil)
      case _ where layer.kind == MaskFrom.kind: masks.append(given.dropFirst().first ?? nil)
      default: masks.append(output?.isSequence == true ? first : nil)
      }
      let recurrent = layer.options as? RecurrentOptions ?? (layer.options as? Bidirectional.Options)?.layer
      let merging = [Concatenate.kind, Add.kind, Multiply.kind, Average.kind]
      let found: ExportError? =
        if recurrent != nil, first != nil, call.inputs.count > 1 {
          unsupported(layer, "first states or a mask, of which Keras takes one", "both")
        } else if let recurrent, first != nil, recurrent.goBackwards, recurrent.returnSequences {
          unsupported(layer, "steps from the first to the last where there is a mask", "the other way")
        } else if layer.kind == GlobalMaxPooling1D.kind, first != nil {
          unsupported(layer, "no mask, which Keras' maximum doesn't look at", "one")
        } else if merging.contains(layer.kind), Set(given).count > 1 {
          unsupported(layer, "inputs of one mask", "inputs of several")
        } else {
          nil
        }
      problem = problem ?? found
    }
    return problem
  }

  private static func sizes(_ shape: LayerShape, steps: Int?) -> [KerasJSON] {
    let open: [KerasJSON] = shape.isSequence ? [.null, steps.map { .int($0) } ?? .null] : [.null]
    return open + shape.features.map { .int($0) }
  }

  private func allShapes() throws(ExportError) -> [[LayerShape]] {
    var shapes = description.inputs.map { [$0.shape] }
    do throws(LayerError) {
      var byName: [String: any Layer] = [:]
      for layer in description.layers { byName[layer.name] = try layer.make() }
      for call in description.calls {
        shapes.append(
          try byName[call.layer]?.outputShapes(call.inputs.map { shapes[$0.node][$0.output] }) ?? [])
      }
    } catch { throw .unsupported(format: "keras", reason: "\(error)") }
    return shapes
  }

  /// The number of steps that a Flatten demands of the inputs; nil for any.
  private func demandedSteps() throws(ExportError) -> Int? {
    var found: Int?
    for layer in description.layers {
      guard let steps = (layer.options as? Flatten.Options)?.steps else { continue }
      let others = description.layers.first {
        ["conv1d", "max_pooling1d", "average_pooling1d", "repeat_vector"].contains($0.kind)
      }
      guard others == nil, found == nil || found == steps else {
        throw unsupported(layer, "steps that are those of the inputs", "others")
      }
      found = steps
    }
    return found
  }

  private func weights(_ layers: [KerasWritten]) -> HDF5Writer.Group {
    var root = HDF5Writer.Group()
    var names = KerasNames()
    root["vars"] = .group(HDF5Writer.Group())
    root["layers"] = .group(HDF5Writer.Group())
    for layer in layers {
      let folder = "layers/" + names.next(layer.className)
      var vars = HDF5Writer.Group()
      vars.attributes["name"] = [layer.name]
      root["\(folder)/vars"] = .group(vars)
      for (path, tensor) in layer.variables {
        root["\(folder)/\(path)"] = .floats(tensor.scalars, shape: tensor.shape)
      }
    }
    return root
  }

  private func functional(
    _ inputs: [KerasJSON], _ inputNames: [String], _ order: [KerasWritten], _ made: [String: [KerasWritten]],
    _ shapes: [[LayerShape]], _ calls: [Step], _ outputs: [ModelDescription.Value]
  ) -> KerasJSON {
    // Where each node's value is in Keras' graph: a layer's name and which of its calls.
    var places: [Int: (name: String, call: Int)] = [:]
    for (node, name) in inputNames.enumerated() { places[node] = (name, 0) }
    var counts: [String: Int] = [:]
    var nodes: [String: [KerasJSON]] = [:]
    func tensor(_ name: String, _ call: Int, _ output: Int, _ shape: LayerShape) -> KerasJSON {
      .object([
        ("class_name", .string("__keras_tensor__")),
        (
          "config",
          .object([
            ("shape", .list(Self.sizes(shape, steps: nil))), ("dtype", .string("float32")),
            ("keras_history", .list([.string(name), .int(call), .int(output)])),
          ])
        ),
      ])
    }
    for call in calls {
      let chain = made[call.key] ?? []
      let number = counts[call.key, default: 0]
      counts[call.key] = number + 1
      let given = call.inputs.map { value in
        let place = places[value.node] ?? ("", 0)
        return tensor(place.name, place.call, value.output, shapes[value.node][value.output])
      }
      for (index, layer) in chain.enumerated() {
        var args: [KerasJSON], kwargs: [(String, KerasJSON)] = []
        if index > 0 {
          args = [tensor(chain[index - 1].name, number, 0, .vector(1))]
        } else if ["Concatenate", "Add", "Multiply", "Average"].contains(layer.className) {
          args = [.list(given)]
        } else {
          args = [given[0]]
          if given.count > 1 { kwargs = [("initial_state", .list(Array(given.dropFirst())))] }
        }
        nodes[layer.name, default: []].append(.object([("args", .list(args)), ("kwargs", .object(kwargs))]))
      }
      places[call.node] = (chain.last?.name ?? call.key, number)
    }
    let layers = order.map { layer -> KerasJSON in
      .object(
        layer.parts + [("name", .string(layer.name)), ("inbound_nodes", .list(nodes[layer.name] ?? []))])
    }
    let results = outputs.map { value -> KerasJSON in
      let place = places[value.node] ?? ("", 0)
      return .list([.string(place.name), .int(place.call), .int(value.output)])
    }
    return .object([
      ("module", .string("keras.src.models.functional")), ("class_name", .string("Functional")),
      (
        "config",
        .object([
          ("name", .string("functional")), ("trainable", .bool(true)), ("layers", .list(inputs + layers)),
          ("input_layers", .list(inputNames.map { .list([.string($0), .int(0), .int(0)]) })),
          ("output_layers", .list(results)),
        ])
      ), ("registered_name", .string("Functional")),
    ])
  }
}
