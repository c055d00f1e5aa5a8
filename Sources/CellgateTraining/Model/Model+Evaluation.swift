import CellgateBasics
import CellgateNN
import CellgateTensor

extension Model {
  /// The outputs for arrays with the sample first, `[N, T, …]` or `[N, …]`; the samples first in them too. Throws
  /// `ModelDataError`.
  public func predict(_ x: [Tensor], batchSize: Int = 32) throws(ModelDataError) -> [Tensor] {
    try build(for: x)
    let x = try checked(inputs: x)
    guard batchSize > 0 else {
      throw .badOption(name: "batchSize", expected: "1 or more", found: "\(batchSize)")
    }
    let (count, shapes) = (x[0].shape[0], inputs.map(\.shape))
    var parts: [[Tensor]] = outputShapes.map { _ in [] }
    // Of no samples too: the outputs have their shapes.
    for start in stride(from: 0, to: max(1, count), by: batchSize) {
      let samples = (start..<min(count, start + batchSize)).map(Int32.init)
      let outputs = withoutGradient { self(ArrayBatches.inputs(x, samples, shapes), .inference()) }
      for (place, (output, shape)) in zip(outputs, outputShapes).enumerated() {
        parts[place].append(shape.isSequence ? output.tensor.transposed(0, 1) : output.tensor)
      }
    }
    return parts.map { $0.count == 1 ? $0[0] : concatenated($0, axis: 0) }
  }

  /// The output for an array with the sample first, of a model that has one of each. Throws `ModelDataError`.
  public func predict(_ x: Tensor, batchSize: Int = 32) throws(ModelDataError) -> Tensor {
    try predict([x], batchSize: batchSize)[0]
  }

  /// The loss and the metrics of a model that is compiled, by name, on arrays with the sample first. Of several outputs the
  /// loss is the weighed sum; each one's own are named after it: "output_1_loss". Throws `ModelDataError`.
  public func evaluate(
    _ x: [Tensor], _ y: [Tensor], sampleWeight: [Float]? = nil, batchSize: Int = 32
  ) throws -> [String: Double] {
    guard let compilation else {
      fail("Model.evaluate: expected a model that is compiled, found one that isn't")
    }
    try build(for: x)
    let batches = try batches(
      x, y, compilation, batchSize: batchSize, sampleWeight: sampleWeight, classWeight: [:], shuffles: false)
    return try evaluate(batches, compilation, .inference())
  }

  /// The loss and the metrics of a model of one input and output. Throws `ModelDataError`.
  public func evaluate(
    _ x: Tensor, _ y: Tensor, sampleWeight: [Float]? = nil, batchSize: Int = 32
  ) throws -> [String: Double] {
    try evaluate([x], [y], sampleWeight: sampleWeight, batchSize: batchSize)
  }

  /// The means over all batches of a source, or less where the context asks to stop.
  func evaluate(
    _ batches: any BatchSource<ModelBatch>, _ compilation: Compilation, _ context: ForwardContext
  ) throws -> [String: Double] {
    var sums = MetricSums(compilation, outputs: outputShapes.count)
    for batch in batches.batches(of: .validation) {
      if context.shouldStop { break }
      withoutGradient {
        let outputs = self(batch.inputs, context)
        let losses = compilation.losses(outputs, batch)
        sums.add(outputs, batch, losses: losses.map { Double($0.item) })
      }
    }
    var values = sums.values
    values["loss", default: 0] += penalties.reduce(0) { $0 + Double($1.l2) * $1.squares }
    return values
  }

  /// Checked arrays as batches.
  func batches(
    _ x: [Tensor], _ y: [Tensor], _ compilation: Compilation, batchSize: Int, sampleWeight: [Float]?,
    classWeight: [Int: Float], shuffles: Bool
  ) throws(ModelDataError) -> ArrayBatches {
    guard batchSize > 0 else {
      throw .badOption(name: "batchSize", expected: "1 or more", found: "\(batchSize)")
    }
    let x = try checked(inputs: x)
    let losses = compilation.lossOfEach(outputShapes.count)
    let y = try checked(targets: y, for: x, losses: losses)
    let samples = x[0].shape[0]
    let isStateful = layers.contains { ($0.layer as? Recurrent)?.options.stateful == true }
    if isStateful, samples % batchSize != 0 {
      throw .badOption(
        name: "batchSize", expected: "a divisor of the \(samples) samples, as a layer is stateful",
        found: "\(batchSize)")
    }
    if let sampleWeight, sampleWeight.count != samples {
      throw .badOption(name: "sampleWeight", expected: "\(samples) weights", found: "\(sampleWeight.count)")
    }
    let weights = try y.enumerated().map { place, target throws(ModelDataError) in
      try Self.weights(target, sampleWeight, classWeight)
    }
    return ArrayBatches(
      x, y, weights: weights, model: self, batchSize: batchSize, shuffles: shuffles)
  }

  /// What each sample weighs.
  private static func weights(
    _ target: Tensor, _ sampleWeight: [Float]?, _ classWeight: [Int: Float]
  ) throws(ModelDataError) -> [Float]? {
    guard !classWeight.isEmpty else { return sampleWeight }
    let samples = target.shape[0]
    guard target.count == samples else {
      throw .badOption(
        name: "classWeight", expected: "one class for each sample", found: "targets \(target.shape)")
    }
    return target.scalars.enumerated().map { sample, value in
      (sampleWeight?[sample] ?? 1) * (Int(exactly: value).flatMap { classWeight[$0] } ?? 1)
    }
  }
}

extension ParameterPenalty {
  /// Σ w².
  var squares: Double { parameter.value.scalars.reduce(0) { $0 + Double($1) * Double($1) } }
}

extension Compilation {
  /// The loss of each of so many outputs.
  func lossOfEach(_ outputs: Int) -> [Loss] {
    losses.count == 1 ? Array(repeating: losses[0], count: outputs) : losses
  }

  /// The loss of each output, [] each.
  func losses(_ outputs: [LayerValue], _ batch: ModelBatch) -> [Tensor] {
    let losses = lossOfEach(outputs.count)
    return outputs.indices.map {
      losses[$0](outputs[$0], target: batch.targets[$0], weights: batch.weights[$0])
    }
  }

  /// What the loss of output `index` is multiplied by.
  func lossWeight(_ index: Int) -> Float { index < lossWeights.count ? lossWeights[index] : 1 }
}

/// Sums of losses and metrics over batches.
struct MetricSums {
  private let compilation: Compilation
  private var losses: [(sum: Double, weight: Double)]
  private var metrics: [[(sum: Double, weight: Double)]]

  init(_ compilation: Compilation, outputs: Int) {
    self.compilation = compilation
    losses = Array(repeating: (0, 0), count: outputs)
    metrics = Array(repeating: compilation.metrics.map { _ in (0, 0) }, count: outputs)
  }

  mutating func add(_ outputs: [LayerValue], _ batch: ModelBatch, losses values: [Double]) {
    let own = compilation.lossOfEach(outputs.count)
    for (index, output) in outputs.enumerated() {
      let rows = Double(output.tensor.count / max(1, output.tensor.shape.last ?? 1))
      let weight =
        Loss.weights(of: output, batch.weights[index])?.reduce(0) { $0 + Double($1) } ?? rows
      losses[index].sum += values[index] * weight
      losses[index].weight += weight
      for (place, metric) in compilation.metrics.enumerated() {
        let (sum, weight) = metric.sum(
          output, target: batch.targets[index], loss: own[index], weights: batch.weights[index])
        metrics[index][place].sum += sum
        metrics[index][place].weight += weight
      }
    }
  }

  /// The means by name.
  var values: [String: Double] {
    func mean(_ sums: (sum: Double, weight: Double)) -> Double {
      sums.weight == 0 ? 0 : sums.sum / sums.weight
    }
    var values = ["loss": 0.0]
    for (index, loss) in losses.enumerated() {
      let prefix = losses.count == 1 ? "" : "output_\(index + 1)_"
      values["loss", default: 0] += Double(compilation.lossWeight(index)) * mean(loss)
      if losses.count > 1 { values[prefix + "loss"] = mean(loss) }
      for (place, metric) in compilation.metrics.enumerated() {
        values[prefix + metric.name] = mean(metrics[index][place])
      }
    }
    return values
  }

  /// The names in order, each with the direction of better values.
  static func metrics(_ compilation: Compilation, outputs: Int) -> [Metric] {
    var all = [Metric("loss", better: .lower)]
    for index in 0..<outputs {
      let prefix = outputs == 1 ? "" : "output_\(index + 1)_"
      if outputs > 1 { all.append(Metric(prefix + "loss", better: .lower)) }
      all += compilation.metrics.map {
        Metric(prefix + $0.name, better: $0.higherIsBetter ? .higher : .lower)
      }
    }
    return all
  }
}
