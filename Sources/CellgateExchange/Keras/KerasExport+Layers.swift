import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

extension KerasExport {
  private func tensor(_ layer: LayerDescription, _ name: String) throws(ExportError) -> Tensor {
    guard let tensor = state["\(layer.name).\(name)"] else {
      throw unsupported(layer, "numbers of \(name)", "none")
    }
    return tensor
  }

  /// The layers of Keras that a layer becomes, one after the other.
  mutating func written(
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
        ("mask_zero", .bool(options.maskZero)), ("embeddings_regularizer", Self.penalty(options.l2)),
      ]
      try vector(0, "weight")
    case let options as Dense.Options:
      written.className = "Dense"
      written.config = [
        ("units", .int(options.units)), ("activation", .string(options.activation.rawValue)),
        ("use_bias", .bool(options.useBias)), ("kernel_regularizer", Self.penalty(options.l2)),
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
      guard options.keepsMask != true else { throw unsupported(layer, "masks that end", "keeps_mask") }
      written.className = "Conv1D"
      written.config = [
        ("filters", .int(options.filters)), ("kernel_size", .list([.int(options.kernelSize)])),
        ("strides", .list([.int(options.strides)])), ("padding", .string(options.padding.rawValue)),
        ("dilation_rate", .list([.int(options.dilationRate)])),
        ("activation", .string(options.activation.rawValue)), ("use_bias", .bool(options.useBias)),
        ("kernel_regularizer", Self.penalty(options.l2)),
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

  private static func penalty(_ l2: Float) -> KerasJSON {
    guard l2 > 0 else { return .null }
    return .object([
      ("module", .string("keras.regularizers")), ("class_name", .string("L2")),
      ("config", .object([("l2", .number(l2))])), ("registered_name", .null),
    ])
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
    return Self.merged(parts, name, merge)
  }

  /// Two layers of opposite directions, each with parameters of its own.
  mutating func bidirectional(
    _ layers: (forward: LayerDescription, backward: LayerDescription), _ name: String,
    _ merge: Bidirectional.MergeMode
  ) throws(ExportError) -> KerasWritten {
    func part(_ layer: LayerDescription, _ prefix: String) throws(ExportError) -> KerasWritten {
      guard let options = layer.options as? RecurrentOptions else {
        throw unsupported(layer, "a recurrent layer", "another")
      }
      return try direction(layer, options, "_l0", prefix: prefix, name: layer.name, returnSequences: true)
    }
    let parts = (
      try part(layers.forward, "forward_layer/cell"), try part(layers.backward, "backward_layer/cell")
    )
    return Self.merged(parts, named(name), merge)
  }

  private static func merged(
    _ parts: (KerasWritten, KerasWritten), _ name: String, _ merge: Bidirectional.MergeMode
  ) -> KerasWritten {
    KerasWritten(
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
    if let kernel = options.kernel {
      throw unsupported(layer, "a layer of vectors", "convolutions of \(kernel) × \(kernel)")
    }
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
