import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Recurrent layers of Keras: LSTM, GRU, SimpleRNN, RNN of cells and Bidirectional.
enum KerasRecurrent {
  static let classes: Set<String> = ["LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"]

  /// A cell of a layer: its equations, its size and what it drops while training.
  struct Unit: Equatable {
    let cell: KerasCell
    let units: Int
    let useBias: Bool
    let dropout: Float
    let recurrentDropout: Float
    /// Where its variables are below the layer: "cell", "cell/cells/lstm_cell".
    let path: String
    let isTrainable: Bool
  }

  /// A recurrent layer: cells one on the other, and how they run.
  struct Layer {
    let config: KerasConfig
    var units: [Unit]
    var returnSequences, returnState, goBackwards, stateful, zeroOutput: Bool

    /// Whether both have the same cells and options but for the direction.
    func mirrors(_ other: Layer) -> Bool {
      units == other.units && returnSequences == other.returnSequences && returnState == other.returnState
        && goBackwards != other.goBackwards && stateful == other.stateful && zeroOutput == other.zeroOutput
    }
  }

  static func layer(_ config: KerasConfig, version: Int) throws(ImportError) -> Layer {
    try config.demand("time_major", .bool(false))
    for key in ["quantization_config", "lora_rank"] where config[key] != nil {
      throw config.unsupported("no \(key)", "one")
    }
    let units: [Unit]
    if config.className == "RNN" {
      let cell = try config.inner("cell")
      if cell.className == "StackedRNNCells" {
        guard let cells = cell["cells"]?.array, !cells.isEmpty, cells.count <= 100 else {
          throw cell.damaged("a list of 1 to 100 cells", shown(cell.members["cells"]))
        }
        var names = KerasNames()
        var stacked: [Unit] = []
        for object in cells {
          let inner = try KerasConfig(object, file: config.file)
          stacked.append(
            try unit(inner, "cell/cells/\(names.next(inner.className))", version: version))
        }
        units = stacked
      } else {
        units = [try unit(cell, "cell", version: version)]
      }
    } else {
      units = [try unit(config, "cell", version: version)]
    }
    return Layer(
      config: config, units: units, returnSequences: try config.flag("return_sequences"),
      returnState: try config.flag("return_state"), goBackwards: try config.flag("go_backwards"),
      stateful: try config.flag("stateful"), zeroOutput: try config.flag("zero_output_for_mask"))
  }

  private static func unit(_ config: KerasConfig, _ path: String, version: Int) throws(ImportError) -> Unit {
    let kind: KerasCell.Kind
    switch config.className {
    case "LSTM", "LSTMCell": kind = .lstm
    case "GRU", "GRUCell": kind = .gru
    case "SimpleRNN", "SimpleRNNCell": kind = .rnn
    default: throw config.unsupported("a cell LSTMCell, GRUCell or SimpleRNNCell", "another")
    }
    func activation(_ key: String, _ standard: String) throws(ImportError) -> String {
      let name = try config.activation(key, standard)
      switch name {
      case "hard_sigmoid": return version == 2 ? "hard_sigmoid_2" : name
      case "swish": return "silu"
      case "exp": return "exponential"
      default:
        guard KerasCell.activations.contains(name), name != "hard_sigmoid_2" else {
          throw config.unsupported(
            "an \(key) that cells have",
            "'\(quotedName(name))'")
        }
        return name
      }
    }
    // Keras 2.2 reset before the product; files of later versions say what they do.
    let resetAfter = try config.flag("reset_after", version == 3)
    let cell = KerasCell(
      kind: kind, activation: try activation("activation", "tanh"),
      recurrentActivation: kind == .rnn ? "sigmoid" : try activation("recurrent_activation", "sigmoid"),
      resetAfter: kind == .gru ? resetAfter : true)
    return Unit(
      cell: cell, units: try config.size("units"), useBias: try config.flag("use_bias", true),
      dropout: try config.share("dropout"), recurrentDropout: try config.share("recurrent_dropout"),
      path: path,
      isTrainable: try config.flag("trainable", true))
  }
}

extension KerasGraph {
  /// A recurrent layer of one direction.
  mutating func recurrent(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> [KerasValue] {
    let layer = try KerasRecurrent.layer(config, version: version)
    let (input, mask) = try heard(try sequence(config, call), call)
    var outputs = try run(layer, input, call, key: call.key, path: call.path)
    if layer.returnSequences { outputs[0].mask = mask }
    return outputs
  }

  /// The input as a layer sees it, and the mask that goes on after it. Keras 3 gives a layer that is called with first states
  /// no mask but one that is said explicitly.
  private mutating func heard(
    _ input: KerasValue, _ call: KerasCall
  ) throws(ImportError) -> (KerasValue, KerasMask?) {
    guard version == 3, !call.initialState.isEmpty, !call.hasMask else { return (input, input.mask) }
    var plain = input
    plain.mask = nil
    return (try settled(plain), input.mask)
  }

  private mutating func sequence(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> KerasValue {
    guard call.inputs.count == 1, call.inputs[0].shape.isSequence, call.inputs[0].shape.features.count == 1
    else {
      throw config.unsupported(
        "a sequence of vectors", "\(call.inputs.map(\.shape.description).joined(separator: ", "))")
    }
    return call.inputs[0]
  }

  private func cell(_ unit: KerasRecurrent.Unit, _ config: KerasConfig) throws(ImportError) -> Cell {
    guard let cell = unit.cell.cell else {
      throw config.unsupported("activations that have equations", unit.cell.activation)
    }
    return cell
  }

  private func options(
    _ unit: KerasRecurrent.Unit, _ layer: KerasRecurrent.Layer, isMasked: Bool
  ) throws(ImportError) -> RecurrentOptions {
    var options = RecurrentOptions(cell: try cell(unit, layer.config), units: unit.units)
    options.inputDropout = unit.dropout
    options.recurrentDropout = unit.recurrentDropout
    options.stateful = layer.stateful
    options.maskedOutput = isMasked && !layer.zeroOutput ? .previous : .zero
    if let problem = options.problem { throw layer.config.unsupported("options that fit", problem) }
    return options
  }

  /// Runs cells one on the other over a sequence.
  private mutating func run(
    _ layer: KerasRecurrent.Layer, _ input: KerasValue, _ call: KerasCall, key: String, path: String
  ) throws(ImportError) -> [KerasValue] {
    if layer.zeroOutput, !layer.returnSequences, input.mask != nil {
      throw layer.config.unsupported("return_sequences with zero_output_for_mask", "the last output alone")
    }
    let isStack = layer.units.count > 1
    if isStack, layer.returnState || !call.initialState.isEmpty {
      throw layer.config.unsupported("no states of several cells given or returned", "some")
    }
    var value = input
    var outputs: [KerasValue] = []
    for (index, unit) in layer.units.enumerated() {
      let isLast = index == layer.units.count - 1
      var options = try options(unit, layer, isMasked: input.mask != nil)
      options.returnSequences = layer.returnSequences || !isLast
      options.returnState = layer.returnState
      // The first cell turns the steps around; those on it follow.
      options.goBackwards = layer.goBackwards && index == 0
      let own = isStack ? "\(key)/\(index)" : key
      let size = value.shape.features[0]
      outputs = try emit(
        Recurrent(options), own, [value] + call.initialState, origin: "\(call.origin)/\(index)")
      weights(unit, call, key: own, path: "\(path)/\(unit.path)", suffix: "_l0", layer.config)
      note(layer.config, unit, own, size)
      if options.returnSequences {
        // Keras leaves the mask as it was where the steps are turned around.
        outputs[0].own = value.own.map {
          KerasMask(roots: $0.roots, isReversed: $0.isReversed != options.goBackwards)
        }
        outputs[0].mask = isLast ? input.mask : outputs[0].own
      }
      value = outputs[0]
    }
    return outputs
  }

  private mutating func note(_ config: KerasConfig, _ unit: KerasRecurrent.Unit, _ key: String, _ size: Int) {
    let orders =
      switch unit.cell.kind {
      case .lstm: "columns i, f, c, o become rows i, f, g, o"
      case .gru: "columns z, r, h become rows r, z, n"
      case .rnn: "columns become rows"
      }
    let line =
      "layer '\(quotedName(key))': \(unit.cell.kind.rawValue), \(size) to \(unit.units), cell \(unit.cell.name), \(orders)"
      + (unit.useBias ? "" : ", no bias: zeros")
      + (unit.cell.activation == "gelu" || unit.cell.recurrentActivation == "gelu" ? ", gelu to 2e-11" : "")
    if !findings.contains(line) { findings.append(line) }
  }

  /// The tensors of a cell's kernels and bias.
  private mutating func weights(
    _ unit: KerasRecurrent.Unit, _ call: KerasCall, key: String, path: String, suffix: String,
    _ config: KerasConfig
  ) {
    let (file, title, layer) = (file, config.title, name(of: key))
    let (cell, units) = (unit.cell, unit.units)
    let count = unit.useBias ? 3 : 2
    add(
      call, path: path, key: key + suffix,
      isTrainable: [Bool](repeating: unit.isTrainable && call.isTrainable, count: count)
    ) { arrays throws(ImportError) in
      func entry(_ name: String, _ tensor: Tensor) -> StateDictionary.Entry {
        .init("\(layer).\(name)\(suffix)", tensor)
      }
      var entries = [
        entry("weight_ih", try arrays[0].stacked(cell.order, units, title, file: file)),
        entry("weight_hh", try arrays[1].stacked(cell.order, units, title, file: file)),
      ]
      let hasTwo = cell.kind == .gru && cell.resetAfter
      let biases = hasTwo ? ["bias_ih", "bias_hh"] : ["bias"]
      for (row, name) in biases.enumerated() {
        guard unit.useBias else {
          entries.append(entry(name, .zeros([cell.gates * units])))
          continue
        }
        entries.append(
          entry(
            name,
            try arrays[2].reordered(
              cell.order, units, row: hasTwo ? row : nil, of: 2, title, file: file)))
      }
      return entries
    }
  }

  // MARK: Both directions

  /// A layer in both directions: one layer here where the directions are alike, else two and what merges them.
  mutating func bidirectional(_ config: KerasConfig, _ call: KerasCall) throws(ImportError) -> [KerasValue] {
    let inner = try config.inner("layer")
    guard KerasRecurrent.classes.contains(inner.className), inner.className != "Bidirectional" else {
      throw config.unsupported("a recurrent layer", inner.className)
    }
    var forward = try KerasRecurrent.layer(inner, version: version)
    var backward = forward
    backward.goBackwards = !forward.goBackwards
    if config["backward_layer"] != nil {
      let other = try config.inner("backward_layer")
      guard KerasRecurrent.classes.contains(other.className), other.className != "Bidirectional" else {
        throw config.unsupported("a recurrent layer", other.className)
      }
      backward = try KerasRecurrent.layer(other, version: version)
    }
    guard forward.goBackwards != backward.goBackwards, forward.returnSequences == backward.returnSequences,
      forward.returnState == backward.returnState
    else { throw config.damaged("layers of opposite directions that return alike", "others") }
    let mode: Bidirectional.MergeMode
    if let text = config["merge_mode"] {
      guard let name = text.string, let known = Bidirectional.MergeMode(rawValue: name), known != .none else {
        throw config.unsupported("a merge_mode concat, sum, mul, ave or null", shown(text))
      }
      mode = known
    } else {
      mode = config.members["merge_mode"] == nil ? .concat : .none
    }
    // Keras gives 0 at masked steps whatever the layers say.
    forward.zeroOutput = forward.returnSequences
    backward.zeroOutput = backward.returnSequences
    let (input, mask) = try heard(try sequence(config, call), call)
    let isPlain =
      forward.mirrors(backward) && !forward.goBackwards && forward.units.count == 1 && !forward.stateful
    var outputs =
      try isPlain
      ? both(forward, mode, input, config, call) : apart(forward, backward, mode, input, config, call)
    for index in outputs.indices where outputs[index].shape.isSequence { outputs[index].mask = mask }
    return outputs
  }

  private mutating func both(
    _ layer: KerasRecurrent.Layer, _ mode: Bidirectional.MergeMode, _ input: KerasValue,
    _ config: KerasConfig,
    _ call: KerasCall
  ) throws(ImportError) -> [KerasValue] {
    let unit = layer.units[0]
    var options = try options(unit, layer, isMasked: false)
    options.returnSequences = layer.returnSequences
    options.returnState = layer.returnState
    var outputs = try emit(
      Bidirectional(Recurrent(options), mergeMode: mode), call.key, [input] + call.initialState,
      origin: call.origin)
    for (suffix, path) in [("_l0", "forward_layer"), ("_l0_reverse", "backward_layer")] {
      weights(
        unit, call, key: call.key, path: "\(call.path)/\(path)/\(unit.path)", suffix: suffix, config)
    }
    note(config, unit, call.key, input.shape.features[0])
    for index in outputs.indices where outputs[index].shape.isSequence {
      (outputs[index].mask, outputs[index].own) = (input.mask, input.own)
    }
    return outputs
  }

  private mutating func apart(
    _ forward: KerasRecurrent.Layer, _ backward: KerasRecurrent.Layer, _ mode: Bidirectional.MergeMode,
    _ input: KerasValue, _ config: KerasConfig, _ call: KerasCall
  ) throws(ImportError) -> [KerasValue] {
    var calls = (call, call)
    let half = call.initialState.count / 2
    calls.0.initialState = Array(call.initialState.prefix(half))
    calls.1.initialState = Array(call.initialState.dropFirst(half))
    calls.0.origin += "/forward"
    calls.1.origin += "/backward"
    let onward = try run(
      forward, input, calls.0, key: call.key + "/forward", path: call.path + "/forward_layer")
    var reversed = try run(
      backward, input, calls.1, key: call.key + "/backward", path: call.path + "/backward_layer")
    if backward.returnSequences {
      let before = reversed[0]
      reversed[0] = try emit(Reverse(), call.key + "/reverse", [before], origin: calls.1.origin + "/reverse")[
        0]
      reversed[0].own = before.own.map { KerasMask(roots: $0.roots, isReversed: !$0.isReversed) }
    }
    var merged: [KerasValue]
    let pair = [onward[0], reversed[0]], key = call.key + "/merge", origin = call.origin + "/merge"
    switch mode {
    case .none: merged = pair
    case .concat: merged = try emit(Concatenate(), key, pair, origin: origin)
    case .sum: merged = try emit(Add(), key, pair, origin: origin)
    case .mul: merged = try emit(Multiply(), key, pair, origin: origin)
    case .ave: merged = try emit(Average(), key, pair, origin: origin)
    }
    for index in merged.indices where merged[index].shape.isSequence {
      if mode != .none {
        let masks = Set(pair.compactMap(\.own))
        merged[index].own = masks.count > 1 ? .mixed : masks.first
      }
      merged[index].mask = input.mask
    }
    return merged + onward.dropFirst() + reversed.dropFirst()
  }
}
