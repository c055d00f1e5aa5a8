import CellgateBasics
import CellgateNN
import CellgateTensor

/// What training reported, epoch by epoch.
public struct History: Sendable {
  /// The records, one for each epoch.
  public internal(set) var records: [TrainingRecord] = []
  /// How training ended.
  public internal(set) var outcome = TrainingLoop.Outcome.completed

  /// The epochs, from 1 on.
  public var epochs: [Int] { records.map(\.epoch) }

  /// The values of a name, one for each epoch: "loss", "accuracy", "val_loss".
  public subscript(name: String) -> [Double] { records.compactMap { $0[name] } }
}

/// What `fit` prints.
public enum Verbosity: Sendable {
  /// No line is printed.
  case silent
  /// A line for each epoch.
  case epochs
}

extension Model {
  /// Trains the model, which must be compiled, on arrays with the sample first: `[N, T, …]` for sequences, `[N, …]` else.
  ///
  /// ```swift
  /// let history = try model.fit(x, y, batchSize: 64, epochs: 5, validationSplit: 0.2, callbacks: [EarlyStopping()])
  /// print(history["val_loss"])
  /// ```
  ///
  /// A model that is not built is built for the arrays. Each epoch has an order of its own, drawn from `seed`; the last
  /// batch may be smaller. A second call goes on from the weights, with an optimiser that starts anew.
  ///
  /// - Parameters:
  ///   - validationSplit: the share of the samples, the last ones, that is evaluated after each epoch and not trained on.
  ///   - validationData: what is evaluated after each epoch instead.
  ///   - sampleWeight: what each sample weighs in the loss, [N].
  ///   - classWeight: what the samples of a class weigh besides; 1 where a class isn't named.
  ///   - schedule: how the learning rate changes from update to update.
  ///   - shouldStop: asked before each update and in evaluations; training ends when it is true.
  /// - Returns: the loss and the metrics of each epoch, those of the validation data after "val_".
  /// - Throws: `ModelDataError` for arrays that don't fit, `OptimizerError`, `TrainingError.diverged`, and what callbacks
  ///   throw.
  @discardableResult
  public func fit(
    _ x: [Tensor], _ y: [Tensor], batchSize: Int = 32, epochs: Int = 1, validationSplit: Double = 0,
    validationData: (x: [Tensor], y: [Tensor])? = nil, shuffle: Bool = true, sampleWeight: [Float]? = nil,
    classWeight: [Int: Float] = [:], callbacks: [any TrainingCallback] = [],
    schedule: any Schedule = ConstantSchedule(), verbose: Verbosity = .epochs, seed: UInt64 = 1,
    shouldStop: () -> Bool = { false }
  ) throws -> History {
    let compilation = compiled
    guard validationSplit >= 0, validationSplit < 1 else {
      throw ModelDataError.badOption(
        name: "validationSplit", expected: "a share in [0, 1)", found: "\(validationSplit)")
    }
    try build(for: x, seed: seed)
    let all = try batches(
      x, y, compilation, batchSize: batchSize, sampleWeight: sampleWeight, classWeight: classWeight,
      shuffles: shuffle)
    var (training, validation): (ArrayBatches, ArrayBatches?) = (all, nil)
    if let validationData {
      validation = try batches(
        validationData.x, validationData.y, compilation, batchSize: batchSize, sampleWeight: nil,
        classWeight: [:], shuffles: false)
    } else if validationSplit > 0 {
      let first = Int(Double(all.count) * (1 - validationSplit))
      guard first > 0, first < all.count else {
        throw ModelDataError.badOption(
          name: "validationSplit", expected: "a share that leaves samples in both parts of \(all.count)",
          found: "\(validationSplit)")
      }
      training = all.part(0..<first, of: self, shuffles: shuffle)
      validation = all.part(first..<all.count, of: self, shuffles: false)
    }
    guard training.count > 0 else {
      throw ModelDataError.badOption(name: "x", expected: "1 or more samples", found: "0")
    }
    return try fit(
      training, epochs: epochs, validation: validation, callbacks: callbacks, schedule: schedule,
      verbose: verbose, seed: seed, shouldStop: shouldStop)
  }

  /// Trains a model of one input and one output on arrays; see `fit` of several.
  @discardableResult
  public func fit(
    _ x: Tensor, _ y: Tensor, batchSize: Int = 32, epochs: Int = 1, validationSplit: Double = 0,
    validationData: (x: Tensor, y: Tensor)? = nil, shuffle: Bool = true, sampleWeight: [Float]? = nil,
    classWeight: [Int: Float] = [:], callbacks: [any TrainingCallback] = [],
    schedule: any Schedule = ConstantSchedule(), verbose: Verbosity = .epochs, seed: UInt64 = 1,
    shouldStop: () -> Bool = { false }
  ) throws -> History {
    try fit(
      [x], [y], batchSize: batchSize, epochs: epochs, validationSplit: validationSplit,
      validationData: validationData.map { ([$0.x], [$0.y]) }, shuffle: shuffle, sampleWeight: sampleWeight,
      classWeight: classWeight, callbacks: callbacks, schedule: schedule, verbose: verbose, seed: seed,
      shouldStop: shouldStop)
  }

  /// Trains the model, which must be built and compiled, on batches of any source; `schedule` says how the learning rate
  /// changes. A source without an end needs `stepsPerEpoch`. Of `validation` all batches of its validation part are
  /// evaluated after each epoch.
  @discardableResult
  public func fit(
    _ batches: any BatchSource<ModelBatch>, epochs: Int = 1, stepsPerEpoch: Int? = nil,
    validation: (any BatchSource<ModelBatch>)? = nil,
    callbacks: [any TrainingCallback] = [], schedule: any Schedule = ConstantSchedule(),
    verbose: Verbosity = .epochs, seed: UInt64 = 1, shouldStop: () -> Bool = { false }
  ) throws -> History {
    let compilation = compiled
    guard epochs >= 0 else {
      throw ModelDataError.badOption(name: "epochs", expected: "0 or more", found: "\(epochs)")
    }
    guard let stepsPerEpoch = stepsPerEpoch ?? batches.stepsPerEpoch, stepsPerEpoch > 0 else {
      throw ModelDataError.badOption(
        name: "stepsPerEpoch", expected: "1 or more for data without an end",
        found: stepsPerEpoch.map { "\($0)" } ?? "none")
    }
    if let part = description.recurrentParts.first(where: { !$0.options.precision.trains }) {
      throw ModelDataError.badOption(
        name: "precision of '\(part.layer)'", expected: "one with gradients, such as f32",
        found: part.options.precision.rawValue)
    }
    let parameters = ParameterSet(self)
    let optimizer = try Optimizers.make(
      compilation.optimizer.name, count: parameters.count, settings: compilation.optimizer.settings)
    let (penalties, outputs) = (penalties, outputShapes.count)
    var sums = MetricSums(compilation, outputs: outputs)
    let loop = TrainingLoop(
      parameters, optimizer: optimizer, schedule: schedule, steps: epochs * stepsPerEpoch, seed: seed
    ) { step, context in
      let batch = batches.batch(seed: seed, step: step, shard: .whole)
      let outputs = self(batch.inputs, context)
      let losses = compilation.losses(outputs, batch)
      sums.add(outputs, batch, losses: losses.map { Double($0.item) })
      return Self.total(losses, compilation, penalties)
    }
    loop.clipNorm = compilation.clipNorm
    loop.clipValue = compilation.clipValue
    loop.stepsPerEpoch = stepsPerEpoch
    let bounded = penalties.filter { $0.maxNorm != nil }
    if !bounded.isEmpty { loop.afterUpdate = { _ in for penalty in bounded { penalty.bound() } } }
    let metrics = MetricSums.metrics(compilation, outputs: outputs)
    loop.evaluation = { context in
      var values: [MetricValue] = []
      if let validation {
        self.resetStates()
        let found = try self.evaluate(validation, compilation, context)
        values += metrics.map { MetricValue($0, found[$0.name] ?? 0) }
      }
      var own = sums.values
      own["loss", default: 0] += penalties.reduce(0) { $0 + Double($1.l2) * $1.squares }
      sums = MetricSums(compilation, outputs: outputs)
      self.resetStates()
      return metrics.map { MetricValue($0, own[$0.name] ?? 0, part: .training) } + values
    }
    loop.monitor = validation == nil ? "loss" : "val_loss"
    loop.callbacks = callbacks + (verbose == .epochs ? [EpochLines(epochs: epochs)] : [])
    resetStates()
    var history = History()
    history.outcome = try loop.run(shouldStop: shouldStop)
    history.records = loop.records
    return history
  }

  private var compiled: Compilation {
    guard let compilation else { fail("Model.fit: expected a model that is compiled, found one that isn't") }
    return compilation
  }

  /// The weighed sum of the losses, and the penalties of the parameters.
  private static func total(
    _ losses: [Tensor], _ compilation: Compilation, _ penalties: [ParameterPenalty]
  ) -> Tensor {
    let weighed = losses.enumerated().map { index, loss in
      compilation.lossWeight(index) == 1 ? loss : loss * compilation.lossWeight(index)
    }
    let sum = weighed.dropFirst().reduce(weighed[0]) { $0 + $1 }
    return penalties.filter { $0.l2 != 0 }.reduce(sum) { $0 + $1.parameter.tensor.square().sum() * $1.l2 }
  }
}

extension ArrayBatches {
  /// The batches of some of the samples.
  func part(_ range: Range<Int>, of model: Model, shuffles: Bool) -> ArrayBatches {
    ArrayBatches(
      inputs.map { $0[range] }, targets.map { $0[range] },
      weights: weights.map { $0.map { Array($0[range]) } },
      model: model, batchSize: batchSize, shuffles: shuffles)
  }
}

extension ParameterPenalty {
  /// Shortens the rows of the parameter that are longer than the largest norm.
  func bound() {
    guard let maxNorm else { return }
    let width = parameter.shape.dropFirst().reduce(1, *)
    var values = parameter.value.scalars
    for row in 0..<(width > 0 ? values.count / width : 0) {
      let range = row * width..<(row + 1) * width
      let norm = values[range].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      guard norm > Double(maxNorm) else { continue }
      let scale = Float(Double(maxNorm) / norm)
      for index in range { values[index] *= scale }
    }
    parameter.assign(Tensor(values, shape: parameter.shape))
  }
}

/// Prints a line for each epoch.
private final class EpochLines: TrainingCallback {
  private let epochs: Int
  private var start = ContinuousClock.now

  init(epochs: Int) { self.epochs = epochs }

  func trainingBegan(_ loop: TrainingLoop) { start = ContinuousClock.now }

  func epochEnded(_ loop: TrainingLoop, _ record: TrainingRecord) {
    let seconds = start.secondsSince
    start = ContinuousClock.now
    let perStep = 1000 * seconds / Double(max(1, loop.stepsPerEpoch ?? 1))
    let values = record.values.map { "\($0.name) \(String.printf("%.4f", $0.value))" }
    print(
      "Epoch \(record.epoch)/\(epochs)  \(String.printf("%.1f s  %.0f ms/step", seconds, perStep))  "
        + values.joined(separator: "  "))
  }
}
