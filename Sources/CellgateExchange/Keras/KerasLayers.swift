import CellgateFiles
import CellgateNN
import CellgateTensor

/// The layers of Keras by class: what becomes of each.
extension KerasGraph {
  /// The classes that are read, for suggestions.
  static let classes = [
    "InputLayer", "Embedding", "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "Dense", "Activation",
    "ReLU",
    "LeakyReLU", "ELU", "Softmax", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization", "Identity", "LayerNormalization", "BatchNormalization", "TimeDistributed",
    "Masking",
    "Flatten", "RepeatVector", "Concatenate", "Add", "Multiply", "Average", "Conv1D", "MaxPooling1D",
    "AveragePooling1D", "GlobalMaxPooling1D", "GlobalAveragePooling1D", "Sequential", "Functional",
  ]

  /// Other names of these classes.
  private static let aliases: Set<String> = [
    "Convolution1D", "MaxPool1D", "AvgPool1D", "GlobalMaxPool1D", "GlobalAvgPool1D",
  ]

  mutating func layer(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> [KerasValue] {
    guard Self.classes.contains(config.className) || Self.aliases.contains(config.className) else {
      throw unknown(config)
    }
    switch config.className {
    case "LSTM", "GRU", "SimpleRNN", "RNN": return try recurrent(config, call)
    case "Bidirectional": return try bidirectional(config, call)
    case "Embedding": return [try embedding(config, call)]
    case "Masking": return [try masking(config, call)]
    case "Concatenate", "Add", "Multiply", "Average": return [try merging(config, call)]
    case "Flatten": return [try flatten(config, call)]
    case "GlobalMaxPooling1D", "GlobalMaxPool1D": return [try globalMaximum(config, call)]
    case "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Identity":
      let line =
        "layer '\(quotedName(config.name))': \(config.className) acts in training alone and is left out"
      if config.className != "Identity", !findings.contains(line) { findings.append(line) }
      return [try one(config, call)]
    case "TimeDistributed":
      let inner = try config.inner("layer")
      var within = call
      within.path += "/layer"
      let input = try one(config, call)
      guard input.shape.isSequence else {
        throw config.unsupported("a sequence", "\(input.shape)")
      }
      let step = LayerShape(isSequence: false, features: input.shape.features)
      guard let made = try simple(inner, within, step) else { throw unknown(inner) }
      func wrapped(_ layer: some Layer) -> TimeDistributed { TimeDistributed(layer) }
      return [try kept(wrapped(made), input, call)]
    default:
      let input = try one(config, call)
      guard let made = try simple(config, call, input.shape) else { throw unknown(config) }
      func emitted(_ layer: some Layer) throws(ImportError) -> KerasValue { try kept(layer, input, call) }
      return [try emitted(made)]
    }
  }

  private func unknown(_ config: KerasConfig) -> ImportError {
    if config.className == "Lambda" {
      return config.unsupported("a layer", "a function of the user's own, which is never run")
    }
    let near = nearestNames(to: config.className, among: Self.classes)
    let suggestion = near.isEmpty ? "" : ", such as " + near.joined(separator: ", ")
    return config.unsupported("a layer that Cellgate has" + suggestion, "another")
  }

  private func one(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> KerasValue {
    guard call.inputs.count == 1 else { throw config.unsupported("one input", "\(call.inputs.count)") }
    return call.inputs[0]
  }

  /// A layer's call; the mask of the input stays where the layer leaves the steps as they are.
  private mutating func kept(
    _ layer: some Layer, _ input: KerasValue, _ call: KerasCall
  ) throws(ImportError) -> KerasValue {
    var output = try emit(layer, call.key, [input], origin: call.origin)[0]
    guard output.shape.isSequence else { return output }
    switch layer {
    case let layer as Conv1D:
      let options = layer.options
      let (width, overflows) = options.dilationRate.multipliedReportingOverflow(by: options.kernelSize - 1)
      let reach = options.padding != .valid ? 0 : overflows ? Int(Int32.max) : width
      output.steps = Self.windows(input.steps, reach + 1, options.strides)
    case let layer as MaxPooling1D: output.steps = Self.windows(input.steps, layer.options)
    case let layer as AveragePooling1D: output.steps = Self.windows(input.steps, layer.options)
    case let layer as RepeatVector: output.steps = layer.options.n
    case is Flatten: output.own = input.own
    default: (output.mask, output.own) = (input.mask, input.own)
    }
    return output
  }

  private static func windows(_ steps: Int?, _ options: PoolingOptions) -> Int? {
    windows(steps, options.poolSize, options.strides ?? options.poolSize)
  }

  /// ⌊(T − K) / stride⌋ + 1; nil where there is none.
  private static func windows(_ steps: Int?, _ size: Int, _ stride: Int) -> Int? {
    guard let steps, steps >= size else { return nil }
    return (steps - size) / stride + 1
  }

  /// A layer of one input whose variables are its own; nil of a class that isn't known.
  private mutating func simple(
    _ config: KerasConfig, _ call: KerasCall, _ input: LayerShape
  ) throws(ImportError) -> (any Layer)? {
    switch config.className {
    case "Dense": return try dense(config, call)
    case "Activation": return ActivationLayer(try activation(config, "activation"))
    case "ReLU":
      for key in ["max_value", "negative_slope", "threshold"] { try config.demand(key, .number("0")) }
      return ActivationLayer(.relu)
    case "LeakyReLU":
      let slope = try config.number("negative_slope", try config.number("alpha", version == 2 ? 0.3 : 0.3))
      guard slope == 0.2 else { throw config.unsupported("a slope of 0.2", "\(slope)") }
      return ActivationLayer(.leakyReLU)
    case "ELU":
      try config.demand("alpha", .number("1"))
      return ActivationLayer(.elu)
    case "Softmax":
      try lastAxis(config, "axis", input)
      return ActivationLayer(.softmax)
    case "Dropout", "SpatialDropout1D":
      if config["noise_shape"] != nil { throw config.unsupported("no noise_shape", "one") }
      if config.className != "Dropout" {
        findings.append("layer '\(quotedName(config.name))': \(config.className) becomes Dropout")
      }
      return Dropout(try config.share("rate"))
    case "LayerNormalization": return try layerNormalization(config, call, input)
    case "BatchNormalization": return try batchNormalization(config, call, input)
    // Of a single step; that of sequences is above.
    case "Flatten": return Flatten()
    case "RepeatVector": return RepeatVector(try config.size("n"))
    case "Conv1D", "Convolution1D": return try convolution(config, call)
    case "MaxPooling1D", "MaxPool1D": return MaxPooling1D(try pooling(config))
    case "AveragePooling1D", "AvgPool1D": return AveragePooling1D(try pooling(config))
    case "GlobalAveragePooling1D", "GlobalAvgPool1D":
      try config.demand("keepdims", .bool(false))
      try config.demand("data_format", .string("channels_last"))
      return GlobalAveragePooling1D()
    default: return nil
    }
  }

  /// An activation that layers have.
  private func activation(_ config: KerasConfig, _ key: String) throws(ImportError) -> Activation {
    let name = try config.activation(key)
    let aliases = ["swish": "silu", "exp": "exponential"]
    guard let found = Activation(rawValue: aliases[name] ?? name), !(name == "hard_sigmoid" && version == 2)
    else {
      let near = nearestNames(to: name, among: Activation.allCases.map(\.rawValue))
      throw config.unsupported(
        near.isEmpty ? "an \(key) that layers have" : "an \(key) such as \(near.joined(separator: ", "))",
        "'\(quotedName(name))'" + (name == "hard_sigmoid" ? " of Keras 2" : ""))
    }
    return found
  }

  private func lastAxis(_ config: KerasConfig, _ key: String, _ input: LayerShape) throws(ImportError) {
    guard let value = config[key] else { return }
    let axis = value.integer ?? (value.array?.count == 1 ? value.array?.first?.integer : nil)
    guard let axis, axis == -1 || axis == input.rank - 1 else {
      throw config.unsupported("the last axis", shown(value))
    }
  }

  private func noQuantization(_ config: KerasConfig) throws(ImportError) {
    for key in ["quantization_config", "lora_rank"] where config[key] != nil {
      throw config.unsupported("no \(key)", "one")
    }
  }

  // MARK: One by one

  private mutating func dense(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> Dense {
    try noQuantization(config)
    var options = Dense.Options(units: try config.size("units"))
    options.activation = try activation(config, "activation")
    options.useBias = try config.flag("use_bias", true)
    options.l2 = config.l2("kernel_regularizer") ?? 0
    let (file, title, units, useBias) = (file, config.title, options.units, options.useBias)
    let name = reserved(call)
    add(call, key: call.key, isTrainable: useBias ? [true, true] : [true]) { arrays throws(ImportError) in
      var entries = [
        StateDictionary.Entry("\(name).weight", try arrays[0].stacked([0], units, title, file: file))
      ]
      if useBias {
        entries.append(.init("\(name).bias", try arrays[1].reordered([0], units, title, file: file)))
      }
      return entries
    }
    return Dense(options)
  }

  private mutating func embedding(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> KerasValue
  {
    try noQuantization(config)
    let input = try one(config, call)
    var options = Embedding.Options(
      inputDim: try config.size("input_dim"), outputDim: try config.size("output_dim"))
    options.maskZero = try config.flag("mask_zero")
    options.l2 = config.l2("embeddings_regularizer") ?? 0
    guard input.shape.features.isEmpty else {
      throw config.unsupported("symbols [batch, steps] as the model's input", "\(input.shape)")
    }
    reads(input, symbols: options.inputDim)
    var output = try emit(Embedding(options), call.key, [input], origin: call.origin)[0]
    let (file, title, name) = (file, config.title, name(of: call.key))
    let shape = [options.inputDim, options.outputDim]
    add(call, key: call.key, isTrainable: [true]) { arrays throws(ImportError) in
      guard arrays[0].shape == shape else {
        throw .damaged(file: file, reason: "\(title): expected embeddings \(shape), found \(arrays[0].shape)")
      }
      return [.init("\(name).weight", Tensor(arrays[0].values, shape: shape))]
    }
    if options.maskZero, output.shape.isSequence {
      let root = Self.root(input, 0)
      output.mask = KerasMask(roots: [root])
      output.own = output.mask
      carry(output, root: root)
    }
    return output
  }

  private mutating func masking(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> KerasValue {
    let input = try one(config, call)
    let value = try config.number("mask_value", 0)
    guard input.mask == nil, input.own == nil else {
      throw config.unsupported("an input without a mask", "one with a mask")
    }
    var output = try emit(Masking(maskValue: Float(value)), call.key, [input], origin: call.origin)[0]
    let root = Self.root(input, value)
    output.mask = KerasMask(roots: [root])
    output.own = output.mask
    carry(output, root: root)
    // Keras gives zeros at masked steps, whatever the value is.
    guard value == 0 else {
      throw config.unsupported("mask_value 0", "\(value)")
    }
    return output
  }

  private mutating func merging(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> KerasValue {
    guard call.inputs.count > 1 else {
      throw config.unsupported("two inputs or more", "\(call.inputs.count)")
    }
    if config.className == "Concatenate" { try lastAxis(config, "axis", call.inputs[0].shape) }
    var output: KerasValue
    switch config.className {
    case "Concatenate": output = try emit(Concatenate(), call.key, call.inputs, origin: call.origin)[0]
    case "Add": output = try emit(Add(), call.key, call.inputs, origin: call.origin)[0]
    case "Multiply": output = try emit(Multiply(), call.key, call.inputs, origin: call.origin)[0]
    default: output = try emit(Average(), call.key, call.inputs, origin: call.origin)[0]
    }
    guard output.shape.isSequence else { return output }
    let own = Set(call.inputs.compactMap(\.own))
    output.own = own.count > 1 ? .mixed : own.first
    let masks = call.inputs.map(\.mask)
    if version == 2 {
      // A step is valid that is valid in all that have a mask.
      let given = Set(masks.compactMap { $0 })
      output.mask = given.count > 1 ? .mixed : given.first
    } else {
      // A step is valid that is valid in any.
      output.mask = masks.dropFirst().reduce(masks[0]) { result, mask in
        guard let result, let mask, !result.isReversed, !mask.isReversed else {
          return result == mask ? result : nil
        }
        return KerasMask(roots: result.roots.union(mask.roots))
      }
    }
    return output
  }

  private mutating func flatten(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> KerasValue {
    try config.demand("data_format", .string("channels_last"))
    let input = try one(config, call)
    guard input.shape.isSequence else { return try kept(Flatten(), input, call) }
    guard let steps = input.steps else {
      throw config.unsupported("a known number of steps", "sequences of any length")
    }
    return try kept(Flatten(steps: steps), input, call)
  }

  private mutating func globalMaximum(_ config: KerasConfig, _ call: KerasCall) throws(ImportError)
    -> KerasValue
  {
    try config.demand("keepdims", .bool(false))
    try config.demand("data_format", .string("channels_last"))
    var input = try one(config, call)
    // Keras takes the maximum over masked steps too.
    input.mask = nil
    return try kept(GlobalMaxPooling1D(), try settled(input), call)
  }

  private func pooling(_ config: KerasConfig) throws(ImportError) -> PoolingOptions {
    try config.demand("padding", .string("valid"))
    try config.demand("data_format", .string("channels_last"))
    return PoolingOptions(
      poolSize: try config.window("pool_size") ?? 2, strides: try config.window("strides"))
  }

  private mutating func convolution(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> Conv1D {
    try config.demand("data_format", .string("channels_last"))
    try config.demand("groups", .number("1"))
    guard let kernel = try config.window("kernel_size") else { throw config.damaged("kernel_size", "none") }
    var options = Conv1D.Options(filters: try config.size("filters"), kernelSize: kernel)
    options.strides = try config.window("strides") ?? 1
    options.dilationRate = try config.window("dilation_rate") ?? 1
    let padding = try config.text("padding", "valid")
    guard let known = Conv1D.Padding(rawValue: padding) else {
      throw config.unsupported("padding valid, same or causal", "'\(quotedName(padding))'")
    }
    options.padding = known
    options.activation = try activation(config, "activation")
    options.useBias = try config.flag("use_bias", true)
    options.l2 = config.l2("kernel_regularizer") ?? 0
    let (file, title, name) = (file, config.title, reserved(call))
    let (filters, useBias) = (options.filters, options.useBias)
    add(call, key: call.key, isTrainable: useBias ? [true, true] : [true]) { arrays throws(ImportError) in
      // [K, C, filters] becomes [filters, C, K].
      let weight = try arrays[0].tensor(rank: 3, title, file: file)
      var entries = [StateDictionary.Entry("\(name).weight", weight.permuted([2, 1, 0]))]
      if useBias {
        entries.append(.init("\(name).bias", try arrays[1].reordered([0], filters, title, file: file)))
      }
      return entries
    }
    return Conv1D(options)
  }

  private mutating func layerNormalization(
    _ config: KerasConfig, _ call: KerasCall, _ input: LayerShape
  ) throws(ImportError) -> LayerNormalization {
    try lastAxis(config, "axis", input)
    try config.demand("rms_scaling", .bool(false))
    var options = LayerNormalization.Options()
    options.epsilon = Float(try config.number("epsilon", 1e-3))
    if let problem = options.problem { throw config.damaged("a normalisation", problem) }
    try vectors(config, call, input, ["scale": "gamma", "center": "beta"], buffers: [])
    return LayerNormalization(options)
  }

  private mutating func batchNormalization(
    _ config: KerasConfig, _ call: KerasCall, _ input: LayerShape
  ) throws(ImportError) -> BatchNormalization {
    try lastAxis(config, "axis", input)
    try config.demand("renorm", .bool(false))
    var options = BatchNormalization.Options()
    options.momentum = Float(try config.number("momentum", 0.99))
    options.epsilon = Float(try config.number("epsilon", 1e-3))
    if let problem = options.problem { throw config.damaged("a normalisation", problem) }
    try vectors(
      config, call, input, ["scale": "gamma", "center": "beta"], buffers: ["running_mean", "running_var"])
    return BatchNormalization(options)
  }

  /// The vectors of a normalisation: weight and bias, ones and zeros where Keras has none, then the buffers.
  private mutating func vectors(
    _ config: KerasConfig, _ call: KerasCall, _ input: LayerShape, _ flags: [String: String],
    buffers: [String]
  ) throws(ImportError) {
    guard let size = input.features.last else { throw config.unsupported("vectors", "\(input)") }
    let scales = try config.flag("scale", true), centers = try config.flag("center", true)
    let (file, title, name) = (file, config.title, reserved(call))
    let trained = (scales ? [true] : []) + (centers ? [true] : [])
    add(call, key: call.key, isTrainable: trained + buffers.map { _ in false }) {
      arrays throws(ImportError) in
      var left = arrays[...]
      var entries: [StateDictionary.Entry] = []
      func take(_ part: String) throws(ImportError) {
        guard let array = left.popFirst() else { return }
        entries.append(.init("\(name).\(part)", try array.reordered([0], size, title, file: file)))
      }
      if scales { try take("weight") } else { entries.append(.init("\(name).weight", .full([size], 1))) }
      if centers { try take("bias") } else { entries.append(.init("\(name).bias", .zeros([size]))) }
      for buffer in buffers { try take(buffer) }
      return entries
    }
  }
}
