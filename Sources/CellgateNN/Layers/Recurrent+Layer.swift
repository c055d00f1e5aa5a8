import CellgateBasics
import CellgateCells
import CellgateTensor

extension Recurrent {
  /// A layer of `units` H of a cell, as Keras has them.
  ///
  /// - Parameters:
  ///   - returnSequences: whether the output is that of every step, `[T, B, H]`, or of the last valid one, `[B, H]`.
  ///   - returnState: whether the states after the last valid step, `[B, H]` each, are outputs too.
  ///   - goBackwards: whether the steps are taken, and given, from the last to the first.
  ///   - stateful: whether the states after a batch are those before the next.
  ///   - dropout: the share of the input that is dropped, the same at each step.
  ///   - recurrentDropout: the share of the last output that is dropped where matrices read it, the same at each step.
  ///   - zoneout: how likely a unit of each state keeps its last value at a step.
  ///   - weightDrop: the share of the recurrent matrices' weights that is dropped, the same at each step.
  ///   - maskedOutput: what stands at masked steps of the output.
  public convenience init(
    _ cell: Cell, _ units: Int, returnSequences: Bool = false, returnState: Bool = false,
    goBackwards: Bool = false, stateful: Bool = false, dropout: Float = 0, recurrentDropout: Float = 0,
    zoneout: Zoneout? = nil, weightDrop: Float? = nil, projection: Int? = nil,
    maskedOutput: MaskedOutput = .zero,
    initialization: Initialization = Initialization()
  ) {
    var options = RecurrentOptions(cell: cell, units: units)
    options.returnSequences = returnSequences
    options.returnState = returnState
    options.goBackwards = goBackwards
    options.stateful = stateful
    options.inputDropout = dropout
    options.recurrentDropout = recurrentDropout
    options.zoneout = zoneout
    options.weightDrop = weightDrop
    options.projection = projection
    options.maskedOutput = maskedOutput
    self.init(options, initialization: initialization)
  }

  /// The output, then the states where they are returned. After the sequences the inputs may have first states, of each
  /// layer and direction each of the cell's states.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let rank = options.kernel == nil ? 1 : 3
    guard let first = inputs.first, first.isSequence, first.features.count == rank else {
      throw .badInput(
        layer: Self.kind,
        expected: rank == 1 ? "sequences [T, B, features]" : "sequences [T, B, height, width, channels]",
        found: inputs.first.map { "\($0)" } ?? "nothing")
    }
    guard layers <= ModelDescription.mostLayers else {
      throw .badInput(
        layer: Self.kind, expected: "at most \(ModelDescription.mostLayers) layers", found: "\(layers)")
    }
    let most = options.precision.mostFactors, sizes = [first.features.last ?? 1, options.units]
    guard sizes.allSatisfy({ $0 <= most }) else {
      throw .badInput(
        layer: Self.kind, expected: "at most \(most) features and units in \(options.precision)",
        found: "\(sizes[0]) and \(sizes[1])")
    }
    let places = first.features.dropLast()
    let states = (0..<layers * directions).flatMap { _ in
      stateSizes.map { LayerShape(isSequence: false, features: places + [$0]) }
    }
    guard inputs.count == 1 || inputs.dropFirst().elementsEqual(states) else {
      throw .badInput(
        layer: Self.kind, expected: "sequences alone or with \(states.count) states like \(states[0])",
        found: "\(inputs.dropFirst().map(\.description))")
    }
    let output = LayerShape(
      isSequence: options.returnSequences, features: places + [directions * outputSize])
    return [output] + (options.returnState ? states : [])
  }

  /// The grid of inputs of a shape; nil for a layer without a kernel.
  private func grid(_ inputs: [LayerShape]) -> CellGrid? {
    guard let kernel = options.kernel else { return nil }
    return CellGrid(height: inputs[0].features[0], width: inputs[0].features[1], kernel: kernel)
  }

  /// Those of all layers and directions, then the first states that are learned.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let own = Self.parameterShapes(
      cell: cell, inputSize: inputs[0].features.last ?? 1, hiddenSize: hiddenSize,
      projectionSize: options.projection,
      layers: layers, bidirectional: directions == 2, grid: grid(inputs))
    let first =
      options.learnsFirstStates
      ? zip(cell.states, stateSizes).map { ParameterShape($0 + "0", [layers * directions, $1]) } : []
    return AnySequence([AnySequence(own), AnySequence(first)].lazy.joined())
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    build(
      inputSize: inputs[0].features.last ?? 1, grid: grid(inputs), name: options.noise ?? context.name,
      context)
  }

  /// The output, then the states where they are returned.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    guard let grid = built.grid else { return outputs(inputs, context) }
    // Each place of a sequence is a row.
    let batch = inputs[0].tensor.shape[1]
    let rows = inputs.map { input in
      let shape = input.tensor.shape, features = shape[shape.count - 1]
      let flat = input.tensor.reshaped(Array(shape.dropLast(4)) + [batch * grid.places, features])
      return LayerValue(flat, mask: input.mask?.repeated(grid.places))
    }
    return outputs(rows, context).map { output in
      let shape = output.tensor.shape, features = shape[shape.count - 1]
      let tensor = output.tensor.reshaped(
        Array(shape.dropLast(2)) + [batch, grid.height, grid.width, features])
      return LayerValue(tensor, mask: output.mask == nil ? nil : inputs[0].mask)
    }
  }

  /// What the layer gives for rows: sequences, or each place of one.
  private func outputs(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    var x = inputs[0].tensor
    let (steps, batch) = (x.shape[0], x.shape[1])
    var mask = inputs[0].mask
    if options.goBackwards {
      x = x.gathered((0..<Int32(steps)).reversed())
      mask = mask?.reversed(steps: steps, batch: batch)
    }
    if options.inputDropout > 0, context.isTraining {
      var stream = context.stream(name + "/input")
      x = x * dropoutMask([1, batch, x.shape[2]], probability: options.inputDropout, stream: &stream)
    }
    let states = firstStates(Array(inputs.dropFirst()), batch: batch)
    let result: Result
    switch mask {
    case nil:
      result = self(x, states: states, context: context, wantsOutput: options.returnSequences)
    case .lengths(let lengths):
      result = self(
        x, states: states, lengths: lengths, context: context, wantsOutput: options.returnSequences)
    case .flags(let flags):
      result = packed(x, flags, states: states, context)
    }
    if options.stateful { keptStates = result.finalStates.map(\.detached) }
    var output = LayerValue(result.last)
    if options.returnSequences, var sequence = result.output {
      if options.maskedOutput == .previous, let mask {
        let flags = mask.flags(steps: steps, batch: batch)
        sequence = previous(sequence, flags)
      }
      output = LayerValue(sequence, mask: mask)
    }
    guard options.returnState else { return [output] }
    let finals = (0..<layers * directions).flatMap { row in
      result.finalStates.map { LayerValue($0[row]) }
    }
    return [output] + finals
  }

  /// Each of the cell's states, `[L·D, B, H]`, of those that are given one by one or kept from the last batch.
  private func firstStates(_ given: [LayerValue], batch: Int) -> [Tensor]? {
    guard given.isEmpty else {
      return cell.states.indices.map { state in
        stacked((0..<layers * directions).map { given[$0 * cell.states.count + state].tensor })
      }
    }
    guard options.stateful, let kept = keptStates else { return nil }
    require(
      kept[0].shape[1] == batch,
      "Recurrent: expected \(kept[0].shape[1]) sequences as in the stateful layer's last batch, found \(batch)"
    )
    return kept
  }

  // MARK: Gaps

  /// Runs sequences of which steps anywhere are masked: the valid steps are put together, and the outputs back to their
  /// places.
  private func packed(
    _ x: Tensor, _ flags: [Bool], states: [Tensor]?, _ context: ForwardContext
  ) -> Result {
    let (steps, batch) = (x.shape[0], x.shape[1])
    let valid = (0..<batch).map { sequence in (0..<steps).filter { flags[$0 * batch + sequence] } }
    let longest = valid.map(\.count).max() ?? 0
    let rows = (0..<longest).flatMap { place in
      (0..<batch).map { sequence in
        Int32((place < valid[sequence].count ? valid[sequence][place] : 0) * batch + sequence)
      }
    }
    let packed = x.reshaped([steps * batch, x.shape[2]]).gathered(rows).reshaped([longest, batch, x.shape[2]])
    var result = self(
      packed, states: states, lengths: valid.map(\.count), context: context,
      wantsOutput: options.returnSequences)
    guard let output = result.output else { return result }
    var counts = [Int](repeating: 0, count: batch)
    let places = (0..<steps * batch).map { place -> Int32 in
      let sequence = place % batch
      guard flags[place] else { return Int32(longest * batch) }
      counts[sequence] += 1
      return Int32((counts[sequence] - 1) * batch + sequence)
    }
    result.output = Self.picked(output, places, steps: steps)
    return result
  }

  /// The output with that of the last valid step at each masked one.
  private func previous(_ output: Tensor, _ flags: [Bool]) -> Tensor {
    let (steps, batch) = (output.shape[0], output.shape[1])
    var last = [Int32](repeating: Int32(steps * batch), count: batch)
    let places = (0..<steps * batch).map { place -> Int32 in
      if flags[place] { last[place % batch] = Int32(place) }
      return last[place % batch]
    }
    return Self.picked(output, places, steps: steps)
  }

  /// Rows of an output `[T, B, N]` by their numbers, T·B for zeros.
  private static func picked(_ output: Tensor, _ rows: [Int32], steps: Int) -> Tensor {
    let (batch, size) = (output.shape[1], output.shape[2])
    let all = concatenated([output.reshaped([output.shape[0] * batch, size]), .zeros([1, size])], axis: 0)
    return all.gathered(rows).reshaped([steps, batch, size])
  }
}

extension Recurrent: StatefulLayer {
  /// Forgets the states of the last batch.
  public func resetStates() { keptStates = nil }
}

/// A layer of the LSTM (Hochreiter and Schmidhuber 1997); see ``Recurrent``.
public final class LSTM: Recurrent {
  /// A layer of `units` H; see ``Recurrent/init(_:_:returnSequences:returnState:goBackwards:stateful:dropout:recurrentDropout:zoneout:weightDrop:projection:maskedOutput:initialization:)``.
  public convenience init(
    _ units: Int, returnSequences: Bool = false, returnState: Bool = false, goBackwards: Bool = false,
    stateful: Bool = false, dropout: Float = 0, recurrentDropout: Float = 0, zoneout: Zoneout? = nil,
    weightDrop: Float? = nil
  ) {
    self.init(
      .lstm, units, returnSequences: returnSequences, returnState: returnState, goBackwards: goBackwards,
      stateful: stateful, dropout: dropout, recurrentDropout: recurrentDropout, zoneout: zoneout,
      weightDrop: weightDrop)
  }
}

/// A layer of the GRU (Cho et al. 2014), which resets after the product; see ``Recurrent``.
public final class GRU: Recurrent {
  /// A layer of `units` H; see ``Recurrent/init(_:_:returnSequences:returnState:goBackwards:stateful:dropout:recurrentDropout:zoneout:weightDrop:projection:maskedOutput:initialization:)``.
  public convenience init(
    _ units: Int, returnSequences: Bool = false, returnState: Bool = false, goBackwards: Bool = false,
    stateful: Bool = false, dropout: Float = 0, recurrentDropout: Float = 0, zoneout: Zoneout? = nil,
    weightDrop: Float? = nil
  ) {
    self.init(
      .gru, units, returnSequences: returnSequences, returnState: returnState, goBackwards: goBackwards,
      stateful: stateful, dropout: dropout, recurrentDropout: recurrentDropout, zoneout: zoneout,
      weightDrop: weightDrop)
  }
}

/// A layer of the plain recurrent cell h′ = tanh(W x + U h + b); see ``Recurrent``.
public final class SimpleRNN: Recurrent {
  /// A layer of `units` H; see ``Recurrent/init(_:_:returnSequences:returnState:goBackwards:stateful:dropout:recurrentDropout:zoneout:weightDrop:projection:maskedOutput:initialization:)``.
  public convenience init(
    _ units: Int, returnSequences: Bool = false, returnState: Bool = false, goBackwards: Bool = false,
    stateful: Bool = false, dropout: Float = 0, recurrentDropout: Float = 0, zoneout: Zoneout? = nil,
    weightDrop: Float? = nil
  ) {
    self.init(
      .rnnTanh, units, returnSequences: returnSequences, returnState: returnState, goBackwards: goBackwards,
      stateful: stateful, dropout: dropout, recurrentDropout: recurrentDropout, zoneout: zoneout,
      weightDrop: weightDrop)
  }
}
