import CellgateBasics
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Runs a recurrent layer as PyTorch calls its modules: `x`, with `h0`, `c0` and `lengths` where there are, gives `y`, `h_n`
/// and `c_n`.
///
/// `x` is [T, B, I], [B, T, I] of a `batch_first` module, or [T, I] without a batch; states are [L·D, B, H], of a cell
/// [B, H].
struct RecurrentSampler: Sampler {
  let batchFirst: Bool
  let isCell: Bool

  func outputs(of inputs: SampleInputs, by model: Model) throws(ImportError) -> [String: SampleArray] {
    let sample = SampleReader(inputs)
    guard let layer = model.layers.lazy.compactMap({ $0.layer as? Recurrent }).first else {
      throw sample.bad("a model with a recurrent layer", "another model")
    }
    let x = try sample.array("x")
    guard (2...3).contains(x.shape.count), x.shape.last == layer.inputSize else {
      throw sample.bad("x […, \(layer.inputSize)] of 2 or 3 dimensions", "\(x.shape)")
    }
    let isBatch = x.shape.count == 3
    // A cell without a batch of sequences makes one step.
    let isStep = isCell && !isBatch
    let (steps, batch) =
      isStep
      ? (1, x.shape[0])
      : !isBatch ? (x.shape[0], 1) : batchFirst ? (x.shape[1], x.shape[0]) : (x.shape[0], x.shape[1])
    var input = x.tensor([steps, batch, layer.inputSize])
    if isBatch, batchFirst {
      input = x.tensor([batch, steps, layer.inputSize]).transposed(0, 1)
    }
    let result = layer(
      input, states: try sample.states(layer, batch: batch),
      lengths: try sample.lengths(steps: steps, batch: batch))
    guard let output = result.output else { return [:] }
    var found: [String: SampleArray] = [:]
    let y = isBatch && batchFirst ? output.transposed(0, 1) : output
    found["y"] = SampleArray(
      y, shape: isStep ? [batch, output.shape[2]] : isBatch ? y.shape : [steps, output.shape[2]])
    for (name, state) in zip(["h_n", "c_n"], result.finalStates) {
      let size = state.shape[2]
      found[name] = SampleArray(
        state, shape: isCell ? [batch, size] : isBatch ? state.shape : [state.shape[0], size])
    }
    return found
  }
}

/// Runs a model of symbols, an embedding, recurrent layers and a linear map, under the names that samples give what goes in
/// and comes out: `ids` with `lengths`, `h0`, `c0` and `targets` give `logits`, `softmax`, `log_softmax`, `h_n`, `c_n` and
/// `mean_nll_nats`; `prompt_ids` the `ids` that the model chooses next, one after the other.
struct SymbolSampler: Sampler {
  /// Whether `ids` are [B, T] and not [T, B], unless the run says so.
  let batchFirst: Bool
  /// Whether only the last step has an output.
  let isClassifier: Bool

  /// The parts of the model.
  private struct Parts {
    let embedding: Embedding
    let before: LayerNormalization?
    let recurrent: Recurrent
    let pooling: (any Layer)?
    let after: LayerNormalization?
    let head: Dense

    init?(_ model: Model) {
      let layers = model.layers.map(\.layer).filter { !($0 is Dropout) }
      guard let place = layers.firstIndex(where: { $0 is Recurrent }),
        let recurrent = layers[place] as? Recurrent,
        let embedding = layers.first as? Embedding, let head = layers.last as? Dense
      else { return nil }
      self.embedding = embedding
      self.recurrent = recurrent
      self.head = head
      before = layers[..<place].lazy.compactMap { $0 as? LayerNormalization }.first
      pooling = layers[place...].first { $0 is GlobalAveragePooling1D || $0 is GlobalMaxPooling1D }
      after = layers[place...].lazy.compactMap { $0 as? LayerNormalization }.first
    }

    /// [T, B, E] of symbols [T, B].
    func vectors(_ ids: [Int32], _ shape: [Int]) -> Tensor {
      let vectors = embedding(ids, shape: shape)
      return before?(vectors) ?? vectors
    }

    /// The logits of outputs [.., D·H].
    func logits(_ output: Tensor) -> Tensor { head.map(after?(output) ?? output) }
  }

  func outputs(of inputs: SampleInputs, by model: Model) throws(ImportError) -> [String: SampleArray] {
    let sample = SampleReader(inputs)
    guard let parts = Parts(model) else {
      throw sample.bad("a model of an embedding, recurrent layers and a linear map", "another model")
    }
    if inputs.arrays["prompt_ids"] != nil { return try continuation(sample, parts) }

    var batchFirst = batchFirst
    let layout = inputs.options?["layout"]?.string ?? ""
    if layout.contains("[T,B]") || layout.contains("[T, B]") { batchFirst = false }
    if layout.contains("[B,T]") || layout.contains("[B, T]") { batchFirst = true }
    let (ids, shape) = try sample.symbols(
      "ids", below: parts.embedding.options.inputDim, batchFirst: batchFirst)
    let lengths = try sample.lengths(steps: shape[0], batch: shape[1])
    let result = parts.recurrent(
      parts.vectors(ids, shape), states: try sample.states(parts.recurrent, batch: shape[1]),
      lengths: lengths,
      wantsOutput: !isClassifier || parts.pooling != nil)
    var output = result.output ?? result.last
    if let pooling = parts.pooling {
      output = pooling(LayerValue(output, mask: lengths.map { .lengths($0) })).tensor
    }
    let logits = parts.logits(output)
    func ordered(_ tensor: Tensor) -> SampleArray {
      let own = batchFirst && !isClassifier ? tensor.transposed(0, 1) : tensor
      return SampleArray(own, shape: own.shape)
    }
    var found = [
      "logits": ordered(logits), "softmax": ordered(logits.softmax()),
      "log_softmax": ordered(logits.logSoftmax()),
    ]
    for (name, state) in zip(["h_n", "c_n"], result.finalStates) {
      found[name] = SampleArray(state, shape: state.shape)
    }
    if inputs.arrays["targets"] != nil {
      let (targets, own) = try sample.symbols(
        "targets", below: parts.head.options.units, batchFirst: batchFirst || isClassifier)
      guard own == Array(logits.shape.dropLast()) || isClassifier else {
        throw sample.bad("targets like ids, \(shape)", "\(own)")
      }
      found["mean_nll_nats"] = SampleArray(shape: [1], values: [Self.meanLoss(logits, targets)])
    }
    return found
  }

  /// The mean of −ln p of targets, in Double.
  private static func meanLoss(_ logits: Tensor, _ targets: [Int32]) -> Double {
    let (values, size) = (logits.scalars, logits.shape.last ?? 1)
    var sum = 0.0
    for (row, target) in targets.enumerated() where (row + 1) * size <= values.count {
      let numbers = values[row * size..<(row + 1) * size].map(Double.init)
      let most = numbers.max() ?? 0
      sum += most + log(numbers.reduce(0) { $0 + exp($1 - most) }) - numbers[Int(target)]
    }
    return sum / Double(max(1, targets.count))
  }

  /// The symbols of the largest logits, one after the other.
  private func continuation(
    _ sample: SampleReader, _ parts: Parts
  ) throws(ImportError) -> [String: SampleArray] {
    let (prompt, shape) = try sample.symbols(
      "prompt_ids", below: parts.embedding.options.inputDim, batchFirst: true)
    let count = sample.inputs.shapes["ids"]?.last ?? 12
    guard shape[1] == 1, shape[0] > 0, count <= 1 << 16, parts.recurrent.directions == 1, !isClassifier else {
      throw sample.bad("prompt_ids [1, N] and a model that goes forwards", "\(shape.reversed() as [Int])")
    }
    var (ids, states, chosen): ([Int32], [Tensor]?, [Double]) = (prompt, nil, [])
    while chosen.count < count {
      let result = parts.recurrent(parts.vectors(ids, [ids.count, 1]), states: states, wantsOutput: false)
      states = result.finalStates
      let logits = parts.logits(result.last).scalars
      let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0
      chosen.append(Double(best))
      ids = [Int32(best)]
    }
    return ["ids": SampleArray(shape: [1, count], values: chosen)]
  }
}

/// Takes arrays from a sample, checked against the model that they go into.
struct SampleReader {
  let inputs: SampleInputs

  init(_ inputs: SampleInputs) { self.inputs = inputs }

  func bad(_ expected: String, _ found: String) -> ImportError {
    .badSample(run: inputs.run, reason: "expected \(expected), found \(found)")
  }

  /// An array that must be there, with as many numbers as its shape says.
  func array(_ name: String) throws(ImportError) -> SampleArray {
    guard let array = inputs.arrays[name] else {
      throw bad("an input '\(name)'", joined(inputs.arrays.keys.sorted().map(quotedName)))
    }
    guard array.isWhole else { throw bad("'\(name)' with the numbers of its shape", "\(array.values.count)") }
    return array
  }

  /// Valid steps of each sequence; nil where the sample has none.
  func lengths(steps: Int, batch: Int) throws(ImportError) -> [Int]? {
    guard inputs.arrays["lengths"] != nil else { return nil }
    let array = try array("lengths")
    let lengths = array.values.compactMap { Int(exactly: $0) }
    guard lengths.count == batch, array.values.count == batch,
      lengths.allSatisfy({ (0...steps).contains($0) })
    else { throw bad("\(batch) lengths in 0...\(steps)", "others") }
    return lengths
  }

  /// The states before the first step, [L·D, B, H] each; nil where the sample has none.
  func states(_ layer: Recurrent, batch: Int) throws(ImportError) -> [Tensor]? {
    let names = Array(["h0", "c0"].prefix(layer.stateSizes.count))
    guard names.contains(where: { inputs.arrays[$0] != nil }) else { return nil }
    var states: [Tensor] = []
    for (name, size) in zip(names, layer.stateSizes) {
      let shape = [layer.layers * layer.directions, batch, size]
      let array = try array(name)
      guard array.values.count == shape.reduce(1, *), array.shape.last == size else {
        throw bad("'\(name)' \(shape)", "\(array.shape)")
      }
      states.append(array.tensor(shape))
    }
    return states
  }

  /// Symbols [T, B] below a bound, in that order whatever that of the sample; symbols of one dimension are a batch.
  func symbols(
    _ name: String, below bound: Int, batchFirst: Bool
  ) throws(ImportError) -> (symbols: [Int32], shape: [Int]) {
    let array = try array(name)
    guard (1...2).contains(array.shape.count) else {
      throw bad("'\(name)' of 2 dimensions", "\(array.shape)")
    }
    let shape = array.shape.count == 1 ? [array.shape[0], 1] : array.shape
    var symbols: [Int32] = []
    for value in array.values {
      guard let symbol = Int32(exactly: value), symbol >= 0, Int(symbol) < bound else {
        throw bad("'\(name)' of symbols in 0..<\(bound)", "\(value)")
      }
      symbols.append(symbol)
    }
    guard batchFirst else { return (symbols, shape) }
    let (batch, steps) = (shape[0], shape[1])
    return ((0..<steps * batch).map { symbols[$0 % batch * steps + $0 / batch] }, [steps, batch])
  }
}

extension SampleArray {
  /// Whether there are as many numbers as the shape says.
  var isWhole: Bool {
    var count = 1
    for size in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflows else { return false }
      count = product
    }
    return count == values.count
  }

  /// The numbers as Float under a shape of as many.
  func tensor(_ shape: [Int]) -> Tensor { Tensor(values.map { Float($0) }, shape: shape) }

  /// The numbers of a tensor under a shape of as many.
  init(_ tensor: Tensor, shape: [Int]) {
    self.init(shape: shape, values: tensor.scalars.map(Double.init))
  }
}
