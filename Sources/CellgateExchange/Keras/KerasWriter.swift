import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Writes models as Keras 3's `.keras` files.
///
/// ```swift
/// try KerasWriter.write(model, to: "model.keras")
/// ```
///
/// A chain becomes a Sequential model, any other graph a Functional one. What Keras lacks is refused by its name: cells other
/// than LSTM, GRU and the plain recurrent one, zoneout, projections, attention, decoders, first states that are learned.
public enum KerasWriter {
  /// Writes a model that is built as a `.keras` file, whole or not at all.
  public static func write(_ model: Model, to path: String) throws(ExportError) {
    let archive = try archive(model)
    do throws(FileError) { try archive.write(to: path) } catch { throw .file(error) }
  }

  /// The entries of a `.keras` file; equal models give equal bytes.
  static func archive(_ model: Model) throws(ExportError) -> ZipArchive.Writer {
    var graph = KerasExport(description: model.description, state: model.state)
    let (config, weights) = try graph.write()
    let metadata = KerasJSON.object([
      ("keras_version", .string("3.0.0")), ("date_saved", .string("1980-01-01@00:00:00")),
    ])
    var writer = ZipArchive.Writer()
    writer.add("metadata.json", bytes: Array(metadata.text.utf8))
    writer.add("config.json", bytes: Array(config.text.utf8))
    writer.add("model.weights.h5", bytes: HDF5Writer(weights).encode())
    return writer
  }
}

/// JSON that is written.
indirect enum KerasJSON {
  case null
  case bool(Bool)
  case int(Int)
  case number(Float)
  case string(String)
  case list([KerasJSON])
  case object([(String, KerasJSON)])

  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): Self.quoted(value)
    case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.0) + ": " + $0.1.text }.joined(separator: ", ") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

/// A layer of Keras to be written.
private struct KerasWritten {
  var className: String
  var name: String
  var config: [(String, KerasJSON)]
  /// Its variables below the layer's group: "cell/vars/0".
  var variables: [(path: String, tensor: Tensor)] = []

  var object: KerasJSON {
    .object([
      ("module", .string("keras.layers")), ("class_name", .string(className)),
      (
        "config",
        .object(
          [("name", .string(name)), ("trainable", .bool(true)), ("dtype", .string("float32"))] + config)
      ), ("registered_name", .null),
    ])
  }
}

/// A description on its way to Keras.
private struct KerasExport {
  let description: ModelDescription
  let state: StateDictionary
  private var taken: Set<String> = []
  /// Layers whose input has a mask.
  private var masked: Set<String> = []

  init(description: ModelDescription, state: StateDictionary) {
    self.description = description
    self.state = state
  }

  private func unsupported(_ layer: LayerDescription, _ expected: String, _ found: String) -> ExportError {
    .unsupported(
      format: "keras",
      reason: "layer '\(quotedName(layer.name))' (\(layer.kind)): expected \(expected), found \(found)")
  }

  private mutating func named(_ name: String) -> String {
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

  mutating func write() throws(ExportError) -> (config: KerasJSON, weights: HDF5Writer.Group) {
    var order: [KerasWritten] = []
    let inputNames = description.inputs.map { named($0.name) }
    let steps = try steps()
    let inputs = zip(description.inputs, inputNames).map { input, name in
      let isSymbols = input.shape.features.isEmpty
      let sizes: [KerasJSON] = Self.sizes(input.shape, steps: steps)
      return KerasJSON.object([
        ("module", .string("keras.layers")), ("class_name", .string("InputLayer")),
        (
          "config",
          .object([
            ("batch_shape", .list(sizes)), ("dtype", .string(isSymbols ? "int32" : "float32")),
            ("sparse", .bool(false)), ("name", .string(name)),
          ])
        ), ("registered_name", .null), ("name", .string(name)), ("inbound_nodes", .list([])),
      ])
    }
    var made: [String: [KerasWritten]] = [:]
    let shapes = try shapes()
    try checkMasks(shapes)
    for layer in description.layers {
      let given = description.calls.first { $0.layer == layer.name }.map { call in
        call.inputs.map { shapes[$0.node][$0.output] }
      }
      guard let given else { continue }
      let written = try written(layer, given)
      made[layer.name] = written
      order += written
    }
    let weights = self.weights(order)
    if description.isChain {
      let chain = description.calls.flatMap { made[$0.layer] ?? [] }
      let config = KerasJSON.object([
        ("module", .string("keras")), ("class_name", .string("Sequential")),
        (
          "config",
          .object([
            ("name", .string(named("sequential"))), ("trainable", .bool(true)), ("dtype", .string("float32")),
            ("layers", .list(inputs + chain.map(\.object))),
          ])
        ), ("registered_name", .null),
      ])
      return (config, weights)
    }
    return (functional(inputs, inputNames, order, made, shapes, steps), weights)
  }

  /// Notes which layers see masks; refuses those that treat them otherwise than Keras does.
  private mutating func checkMasks(_ shapes: [[LayerShape]]) throws(ExportError) {
    var layers: [String: LayerDescription] = [:]
    for layer in description.layers { layers[layer.name] = layer }
    // What each node's mask was made of; nil for none.
    var masks: [Int?] = description.inputs.map { _ in nil }
    for call in description.calls {
      guard let layer = layers[call.layer] else { continue }
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
      default: masks.append(output?.isSequence == true ? first : nil)
      }
      let recurrent = layer.options as? RecurrentOptions ?? (layer.options as? Bidirectional.Options)?.layer
      if let recurrent, first != nil {
        if call.inputs.count > 1 {
          throw unsupported(layer, "first states or a mask, of which Keras takes one", "both")
        }
        if recurrent.goBackwards, recurrent.returnSequences {
          throw unsupported(layer, "steps from the first to the last where there is a mask", "the other way")
        }
      }
      if layer.kind == GlobalMaxPooling1D.kind, first != nil {
        throw unsupported(layer, "no mask, which Keras' maximum doesn't look at", "one")
      }
      let merging = [Concatenate.kind, Add.kind, Multiply.kind, Average.kind]
      if merging.contains(layer.kind), Set(given).count > 1 {
        throw unsupported(layer, "inputs of one mask", "inputs of several")
      }
    }
  }

  private static func sizes(_ shape: LayerShape, steps: Int?) -> [KerasJSON] {
    let open: [KerasJSON] = shape.isSequence ? [.null, steps.map { .int($0) } ?? .null] : [.null]
    return open + shape.features.map { .int($0) }
  }

  private func shapes() throws(ExportError) -> [[LayerShape]] {
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
  private func steps() throws(ExportError) -> Int? {
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
    _ shapes: [[LayerShape]], _ steps: Int?
  ) -> KerasJSON {
    // Where each node's value is in Keras' graph: a layer's name and which of its calls.
    var places: [(name: String, call: Int)] = inputNames.map { ($0, 0) }
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
    for call in description.calls {
      let chain = made[call.layer] ?? []
      let number = counts[call.layer, default: 0]
      counts[call.layer] = number + 1
      let given = call.inputs.map { value in
        let place = places[value.node]
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
      places.append((chain.last?.name ?? call.layer, number))
    }
    let layers = order.map { layer -> KerasJSON in
      guard case .object(let members) = layer.object else { return .null }
      return .object(
        members + [("name", .string(layer.name)), ("inbound_nodes", .list(nodes[layer.name] ?? []))])
    }
    let outputs = description.outputs.map { value -> KerasJSON in
      .list([.string(places[value.node].name), .int(places[value.node].call), .int(value.output)])
    }
    return .object([
      ("module", .string("keras.src.models.functional")), ("class_name", .string("Functional")),
      (
        "config",
        .object([
          ("name", .string("functional")), ("trainable", .bool(true)), ("layers", .list(inputs + layers)),
          ("input_layers", .list(inputNames.map { .list([.string($0), .int(0), .int(0)]) })),
          ("output_layers", .list(outputs)),
        ])
      ), ("registered_name", .string("Functional")),
    ])
  }

  // MARK: Layers

  private func tensor(_ layer: LayerDescription, _ name: String) throws(ExportError) -> Tensor {
    guard let tensor = state["\(layer.name).\(name)"] else {
      throw unsupported(layer, "numbers of \(name)", "none")
    }
    return tensor
  }

  /// The layers of Keras that a layer becomes, one after the other.
  private mutating func written(
    _ layer: LayerDescription, _ inputs: [LayerShape]
  ) throws(ExportError) -> [KerasWritten] {
    switch layer.options {
    case let options as RecurrentOptions: return try recurrent(layer, options, inputs.count)
    case let options as Bidirectional.Options:
      return [
        try bidirectional(
          layer, options.layer, 0, merge: options.mergeMode, name: named(layer.name),
          returnSequences: options.layer.returnSequences)
      ]
    case let options as TimeDistributed.Options:
      // The numbers are the inner layer's under the outer one's name.
      var inner = options.layer
      inner.name = layer.name
      var own = try simple(inner, inputs.first ?? .vector(1), name: options.layer.name)
      own.variables = own.variables.map { ("layer/" + $0.path, $0.tensor) }
      return [
        KerasWritten(
          className: "TimeDistributed", name: named(layer.name), config: [("layer", own.object)],
          variables: own.variables)
      ]
    case is Flatten.Options
    where (inputs.first?.isSequence ?? false) && (layer.options as? Flatten.Options)?.steps == nil:
      let inner = KerasWritten(className: "Flatten", name: "flatten", config: [])
      return [
        KerasWritten(className: "TimeDistributed", name: named(layer.name), config: [("layer", inner.object)])
      ]
    default: return [try simple(layer, inputs.first ?? .vector(1), name: named(layer.name))]
    }
  }

  private func simple(
    _ layer: LayerDescription, _ input: LayerShape, name: String
  ) throws(ExportError) -> KerasWritten {
    var written = KerasWritten(className: "", name: name, config: [])
    func vector(_ path: Int, _ part: String) throws(ExportError) {
      written.variables.append(("vars/\(path)", try tensor(layer, part)))
    }
    switch layer.options {
    case let options as Embedding.Options:
      written.className = "Embedding"
      written.config = [
        ("input_dim", .int(options.inputDim)), ("output_dim", .int(options.outputDim)),
        ("mask_zero", .bool(options.maskZero)),
      ]
      try vector(0, "weight")
    case let options as Dense.Options:
      written.className = "Dense"
      written.config = [
        ("units", .int(options.units)), ("activation", .string(options.activation.rawValue)),
        ("use_bias", .bool(options.useBias)),
      ]
      written.variables = [("vars/0", try tensor(layer, "weight").transposed())]
      if options.useBias { try vector(1, "bias") }
    case let options as ActivationLayer.Options:
      written.className = "Activation"
      written.config = [("activation", .string(options.activation.rawValue))]
    case let options as Dropout.Options:
      written.className = "Dropout"
      written.config = [("rate", .number(options.rate))]
    case let options as LayerNormalization.Options:
      written.className = "LayerNormalization"
      written.config = [("axis", .int(-1)), ("epsilon", .number(options.epsilon))]
      try vector(0, "weight")
      try vector(1, "bias")
    case let options as BatchNormalization.Options:
      written.className = "BatchNormalization"
      written.config = [
        ("axis", .int(-1)), ("momentum", .number(options.momentum)), ("epsilon", .number(options.epsilon)),
      ]
      for (index, part) in ["weight", "bias", "running_mean", "running_var"].enumerated() {
        try vector(index, part)
      }
    case let options as Conv1D.Options:
      written.className = "Conv1D"
      written.config = [
        ("filters", .int(options.filters)), ("kernel_size", .list([.int(options.kernelSize)])),
        ("strides", .list([.int(options.strides)])), ("padding", .string(options.padding.rawValue)),
        ("dilation_rate", .list([.int(options.dilationRate)])),
        ("activation", .string(options.activation.rawValue)), ("use_bias", .bool(options.useBias)),
      ]
      written.variables = [("vars/0", try tensor(layer, "weight").permuted([2, 1, 0]))]
      if options.useBias { try vector(1, "bias") }
    case let options as PoolingOptions:
      written.className = layer.kind == MaxPooling1D.kind ? "MaxPooling1D" : "AveragePooling1D"
      written.config = [
        ("pool_size", .list([.int(options.poolSize)])),
        ("strides", .list([.int(options.strides ?? options.poolSize)])), ("padding", .string("valid")),
      ]
    case let options as Masking.Options:
      guard options.maskValue == 0 else {
        throw unsupported(layer, "a mask value of 0", "\(options.maskValue)")
      }
      written.className = "Masking"
      written.config = [("mask_value", .number(options.maskValue))]
    case is Flatten.Options: written.className = "Flatten"
    case let options as RepeatVector.Options:
      written.className = "RepeatVector"
      written.config = [("n", .int(options.n))]
    default:
      let classes = [
        Concatenate.kind: "Concatenate", Add.kind: "Add", Multiply.kind: "Multiply", Average.kind: "Average",
        GlobalMaxPooling1D.kind: "GlobalMaxPooling1D", GlobalAveragePooling1D.kind: "GlobalAveragePooling1D",
      ]
      guard let name = classes[layer.kind] else {
        throw unsupported(layer, "a layer that Keras has", "another")
      }
      written.className = name
    }
    return written
  }

  // MARK: Recurrent layers

  private mutating func recurrent(
    _ layer: LayerDescription, _ options: RecurrentOptions, _ inputs: Int
  ) throws(ExportError) -> [KerasWritten] {
    if options.layers > 1, options.returnState || inputs > 1 {
      throw unsupported(layer, "states of one layer", "those of \(options.layers)")
    }
    var written: [KerasWritten] = []
    for index in 0..<options.layers {
      let isLast = index == options.layers - 1
      let name = named(options.layers == 1 ? layer.name : "\(layer.name)_l\(index)")
      var own = options
      // Dropout between layers acts on the input of each but the first.
      own.inputDropout = index == 0 ? options.inputDropout : 0
      own.goBackwards = options.goBackwards && index == 0
      let sequences = options.returnSequences || !isLast
      if options.isBidirectional {
        written.append(
          try bidirectional(layer, own, index, merge: .concat, name: name, returnSequences: sequences))
      } else {
        written.append(
          try direction(layer, own, "_l\(index)", prefix: "cell", name: name, returnSequences: sequences))
      }
      if !isLast, options.dropout > 0 {
        written.append(
          KerasWritten(
            className: "Dropout", name: named(name + "_dropout"), config: [("rate", .number(options.dropout))]
          ))
      }
    }
    return written
  }

  private func bidirectional(
    _ layer: LayerDescription, _ options: RecurrentOptions, _ index: Int, merge: Bidirectional.MergeMode,
    name: String, returnSequences: Bool
  ) throws(ExportError) -> KerasWritten {
    guard !options.goBackwards, options.maskedOutput == .zero || !masked.contains(layer.name) else {
      throw unsupported(layer, "a forward layer that gives 0 at masked steps", "another")
    }
    var backward = options
    backward.goBackwards = true
    let parts = (
      try direction(
        layer, options, "_l\(index)", prefix: "forward_layer/cell", name: "forward_" + name,
        returnSequences: returnSequences),
      try direction(
        layer, backward, "_l\(index)_reverse", prefix: "backward_layer/cell", name: "backward_" + name,
        returnSequences: returnSequences)
    )
    return KerasWritten(
      className: "Bidirectional", name: name,
      config: [
        ("merge_mode", merge == .none ? .null : .string(merge.rawValue)), ("layer", parts.0.object),
        ("backward_layer", parts.1.object),
      ], variables: parts.0.variables + parts.1.variables)
  }

  /// A layer of one direction.
  private func direction(
    _ layer: LayerDescription, _ options: RecurrentOptions, _ suffix: String, prefix: String, name: String,
    returnSequences: Bool
  ) throws(ExportError) -> KerasWritten {
    let cell = options.cell.cell
    guard let known = KerasCell(cell) else {
      throw unsupported(
        layer, "a cell that Keras has: LSTM, GRU or the plain recurrent one", "'\(quotedName(cell.name))'")
    }
    if options.zoneout != nil { throw unsupported(layer, "no zoneout", "zoneout") }
    if options.learnsFirstStates { throw unsupported(layer, "first states of zeros", "learned ones") }
    if options.projection != nil { throw unsupported(layer, "no projection", "one") }
    if options.stateful { throw unsupported(layer, "a layer that isn't stateful", "a stateful one") }
    if [known.activation, known.recurrentActivation].contains("hard_sigmoid_2") {
      throw unsupported(layer, "a function that Keras 3 has", "hard_sigmoid of Keras 2")
    }
    var config: [(String, KerasJSON)] = [
      ("return_sequences", .bool(returnSequences)), ("return_state", .bool(options.returnState)),
      ("go_backwards", .bool(options.goBackwards)), ("stateful", .bool(false)), ("unroll", .bool(false)),
      (
        "zero_output_for_mask",
        .bool(returnSequences && options.maskedOutput == .zero && masked.contains(layer.name))
      ),
      ("units", .int(options.units)), ("activation", .string(known.activation)), ("use_bias", .bool(true)),
      ("dropout", .number(options.inputDropout)), ("recurrent_dropout", .number(options.recurrentDropout)),
    ]
    if known.kind != .rnn { config.append(("recurrent_activation", .string(known.recurrentActivation))) }
    if known.kind == .gru { config.append(("reset_after", .bool(known.resetAfter))) }
    var variables: [(path: String, tensor: Tensor)] = []
    for (index, part) in ["weight_ih", "weight_hh"].enumerated() {
      let rows = try blocks(layer, part + suffix, known, options.units)
      variables.append(("\(prefix)/vars/\(index)", rows.transposed()))
    }
    let bias: Tensor
    if known.kind == .gru, known.resetAfter {
      let both = [
        try blocks(layer, "bias_ih" + suffix, known, options.units),
        try blocks(layer, "bias_hh" + suffix, known, options.units),
      ]
      bias = Tensor(both.flatMap(\.scalars), shape: [2, both[0].count])
    } else {
      bias = try blocks(layer, "bias" + suffix, known, options.units)
    }
    variables.append(("\(prefix)/vars/2", bias))
    return KerasWritten(className: known.kind.rawValue, name: name, config: config, variables: variables)
  }

  /// A parameter with its gates' blocks in Keras' order, which undoes itself.
  private func blocks(
    _ layer: LayerDescription, _ name: String, _ cell: KerasCell, _ units: Int
  ) throws(ExportError) -> Tensor {
    let tensor = try tensor(layer, name)
    guard tensor.shape.first == cell.gates * units else {
      throw unsupported(layer, "\(name) of \(cell.gates * units) rows", "\(tensor.shape)")
    }
    let width = units * tensor.shape.dropFirst().reduce(1, *)
    let values = tensor.scalars
    return Tensor(cell.order.flatMap { values[$0 * width..<($0 + 1) * width] }, shape: tensor.shape)
  }
}
