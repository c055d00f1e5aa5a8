import CellgateBasics
import CellgateNN
import CellgateTensor

/// Makes updates of parameters until there are enough of them, and calls its callbacks on the way. It needs no task and
/// no folder.
///
/// ```swift
/// let loop = TrainingLoop(
///   ParameterSet(model), optimizer: Adam(count: count, settings: .init()), steps: 1000, seed: 1
/// ) { step, context in
///   let (x, target) = batch(step)
///   return meanSquaredError(model(x, context: context), target: target)
/// }
/// loop.evaluationInterval = 100
/// loop.evaluation = { context in [MetricValue("mse", validationError(model, context), better: .lower)] }
/// loop.callbacks = [EarlyStopping(monitor: "val_mse", patience: 5, restoresBest: true)]
/// try loop.run()
/// ```
///
/// An update: the gradients are set to zero, the loss and its gradients computed, the gradients clipped, first each by
/// `clipValue` and then all together by `clipNorm`, and the optimiser changes the parameters with the rate
/// `baseLearningRate` times the schedule's factor. The same loss, optimiser and seed give the same bits, whatever the
/// callbacks read.
///
/// ``Trainer`` is this loop with callbacks that keep a run's folder.
public final class TrainingLoop {
  /// The loss, of shape [], of update `step`, counted from 0: a function of the parameters, the step and `carried`.
  ///
  /// `carried` holds the states that the last update left for this one, [] before the first; this one replaces them,
  /// detached, for the next.
  public typealias Loss = (_ step: Int, _ carried: inout [Tensor], _ context: ForwardContext) throws -> Tensor

  /// The loss of a part of the batch of update `step`, with what it is a mean of; nil where no sequence is left for it. What is
  /// carried is that of its sequences, whose axis is 1.
  public typealias MicroBatchLoss = (
    _ step: Int, _ shard: Shard, _ carried: inout [Tensor], _ context: ForwardContext
  ) throws -> BatchLoss?

  /// How far training is: with the parameters, the optimiser's and the schedule's state all that is needed to
  /// continue it with the same bits.
  public struct State {
    /// Updates made.
    public var step = 0
    /// The sum of the losses since the last record.
    public var lossSum = 0.0
    /// How many losses `lossSum` has.
    public var lossCount = 0
    /// The losses' exponential mean before the correction for its start at 0.
    public var smoothedSum = 0.0
    /// The norm of the last update's gradients, before clipping by norm.
    public var gradientNorm = 0.0
    /// Seconds spent in updates.
    public var updateSeconds = 0.0
    /// The states that the last update left for the next one.
    public var carried: [Tensor] = []
    /// The mean of the weights, where one is taken.
    public var average = WeightAverage()

    /// Before the first update.
    public init() {}
  }

  /// How a call of `run` ended.
  public enum Outcome: Sendable, Equatable {
    /// All updates are made.
    case completed
    /// A callback stopped it, for this reason.
    case stopped(reason: String)
    /// `shouldStop` was true. Another call of `run` continues.
    case interrupted
  }

  /// What is trained.
  public let parameters: ParameterSet
  /// What changes the parameters.
  public let optimizer: any Optimizer
  /// How the learning rate changes; it observes the value `monitor` of each record.
  public var schedule: any Schedule
  /// Updates to make.
  public var steps: Int
  /// What the noise of dropout and its like depends on, besides the step.
  public let seed: UInt64
  /// The learning rate that the schedule's factor is applied to; at first the optimiser's own.
  public var baseLearningRate: Float
  /// The largest norm of all gradients together; nil for no limit.
  public var clipNorm: Double?
  /// The largest magnitude of each gradient, applied before `clipNorm`; nil for no limit.
  public var clipValue: Float?
  /// Updates in an epoch; nil where there are no epochs.
  public var stepsPerEpoch: Int?
  /// Updates between two records; nil for one at the end of each epoch, and none where there are no epochs.
  public var evaluationInterval: Int?
  /// What is measured for a record, besides the mean training loss; without gradients. The context may ask it to stop:
  /// what it then returns is not used.
  public var evaluation: ((_ context: ForwardContext) throws -> [MetricValue])?
  /// The mean of the weights that records are made of; nil for the last weights. While a record is made and the callbacks
  /// see it the parameters are the mean; afterwards they are the last weights again.
  public var averaging: WeightAveraging?
  /// The record's value that the schedule observes, such as "val_loss"; nil for the first of `evaluation`, or the loss
  /// where there is none.
  public var monitor: String?
  /// Called between the backward pass and clipping: the place to change gradients, or to sum them with those of other
  /// processes.
  public var beforeClipping: ((_ parameters: ParameterSet) throws -> Void)?
  /// Called when the optimiser has changed the parameters: the place to put bounds on them.
  public var afterUpdate: ((_ parameters: ParameterSet) throws -> Void)?
  /// Parts of each batch that are computed one after another, or by the processes of `group`; their gradients are summed in
  /// a fixed order.
  public let microBatches: Int
  /// The processes that train together, each with its own object of the same settings; nil for this one alone. There are at most as many
  /// as micro-batches. `shouldStop` may be true in any of them, and stops all.
  public var group: (any ProcessGroup)?
  /// Who is called on the way, in this order.
  public var callbacks: [any TrainingCallback] = []

  /// How far training is. To be set only to continue what was saved.
  public var state = State()
  /// The records so far, of this object alone.
  public private(set) var records: [TrainingRecord] = []
  /// The names of the parameters that are not updated.
  public private(set) var frozen: Set<String> = []
  /// Why training ends before all updates are made; nil while it doesn't.
  public private(set) var stopReason: String?

  private let loss: MicroBatchLoss
  private var trainable: [Range<Int>]
  private var fixed: [Range<Int>] = []
  private var epoch = (lossSum: 0.0, lossCount: 0)

  /// A loop over batches that are computed in parts.
  public init(
    _ parameters: ParameterSet, optimizer: any Optimizer, schedule: any Schedule = ConstantSchedule(),
    steps: Int, seed: UInt64 = 1, microBatches: Int, loss: @escaping MicroBatchLoss
  ) {
    require(
      steps >= 0 && microBatches > 0,
      "TrainingLoop: expected 0 or more updates of 1 or more parts, found \(steps) of \(microBatches)")
    self.microBatches = microBatches
    self.parameters = parameters
    self.optimizer = optimizer
    self.schedule = schedule
    self.steps = steps
    self.seed = seed
    self.loss = loss
    baseLearningRate = optimizer.learningRate
    trainable = []
    partition()
  }

  /// A loop over losses that carry states from update to update.
  public convenience init(
    _ parameters: ParameterSet, optimizer: any Optimizer, schedule: any Schedule = ConstantSchedule(),
    steps: Int, seed: UInt64 = 1, carryingLoss loss: @escaping Loss
  ) {
    self.init(
      parameters, optimizer: optimizer, schedule: schedule, steps: steps, seed: seed, microBatches: 1,
      loss: { step, _, carried, context in BatchLoss(mean: try loss(step, &carried, context), weight: 1) })
  }

  /// A loop over losses of independent updates.
  public convenience init(
    _ parameters: ParameterSet, optimizer: any Optimizer, schedule: any Schedule = ConstantSchedule(),
    steps: Int, seed: UInt64 = 1, loss: @escaping (_ step: Int, _ context: ForwardContext) throws -> Tensor
  ) {
    self.init(
      parameters, optimizer: optimizer, schedule: schedule, steps: steps, seed: seed,
      carryingLoss: { step, _, context in try loss(step, context) })
  }

  // MARK: Where it is

  /// Updates made.
  public var step: Int { state.step }
  /// Whole epochs made; records where there are no epochs.
  public var epochs: Int { stepsPerEpoch.map { state.step / $0 } ?? records.count }
  /// The losses' moving average over about 50 updates; NaN before the first.
  public var smoothedLoss: Double { state.smoothedSum / (1 - pow(Self.smoothing, Double(state.step))) }
  /// Milliseconds per update, over all updates, evaluations and callbacks not counted.
  public var msPerStep: Double { 1000 * state.updateSeconds / Double(max(1, state.step)) }
  /// The rate of update `step`, counted from 0.
  public func learningRate(at step: Int) -> Float {
    Float(Double(baseLearningRate) * schedule.factor(at: step))
  }
  /// The learning rate of the last update by its digits: 0.001 and not 0.0010000000474974513.
  public var lastLearningRate: Double {
    let rate = learningRate(at: max(0, state.step - 1))
    return Double(rate.description) ?? Double(rate)
  }

  private static let smoothing = 0.98

  // MARK: Frozen parameters

  /// Keeps parameters as they are, whatever the optimiser and its weight decay: the one of each name, or all of a layer,
  /// "encoder" for "encoder.weight_ih_l0" and the others. Their gradients count in no norm. Throws `settings` for a name
  /// that no parameter and no layer has.
  public func freeze(_ names: some Sequence<String>) throws(TrainingError) {
    var all = frozen
    var problems: [SettingsError] = []
    for name in names {
      let own = parameters.entries.map(\.name).filter { $0 == name || $0.hasPrefix(name + ".") }
      if own.isEmpty {
        problems.append(
          .unknownName(option: "freeze", found: name, known: Self.freezable(parameters.entries.map(\.name))))
      }
      all.formUnion(own)
    }
    guard problems.isEmpty else { throw .settings(SettingsErrors(problems)) }
    frozen = all
    partition()
  }

  /// What the optimiser changes, and what stays.
  private func partition() {
    (trainable, fixed) = ([], [])
    for entry in parameters.entries {
      let range = entry.offset..<(entry.offset + entry.count)
      if frozen.contains(entry.name) || !entry.isLearned {
        Self.append(range, to: &fixed)
      } else {
        Self.append(range, to: &trainable)
      }
    }
  }

  /// The layers of parameters, and then the parameters.
  private static func freezable(_ names: [String]) -> [String] {
    var layers: [String] = []
    for name in names {
      let parts = name.split(separator: ".")
      for count in 1..<max(1, parts.count) {
        let layer = parts.prefix(count).joined(separator: ".")
        if !layers.contains(layer) { layers.append(layer) }
      }
    }
    return layers + names
  }

  private static func append(_ range: Range<Int>, to ranges: inout [Range<Int>]) {
    if let last = ranges.last, last.upperBound == range.lowerBound {
      ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
    } else if !range.isEmpty {
      ranges.append(range)
    }
  }

  // MARK: Running

  /// Ends training after what is being done: called by callbacks. The first reason counts.
  public func stop(_ reason: String) {
    if stopReason == nil { stopReason = reason }
  }

  /// Makes updates to the end, until a callback stops it, or until `shouldStop` is true, which is asked before each
  /// update and in the course of evaluations. A record that was due when an earlier call was interrupted is made first.
  ///
  /// Throws what the loss, the evaluation and the callbacks throw, and `TrainingError.diverged` when a loss, a norm of
  /// gradients or a parameter is NaN or infinite and no callback stops then; the update is not made.
  @discardableResult
  public func run(shouldStop: () -> Bool = { false }) throws -> Outcome {
    stopReason = nil
    for callback in callbacks { try callback.trainingBegan(self) }
    let outcome = try updates(shouldStop)
    for callback in callbacks { try callback.trainingEnded(self, outcome) }
    return outcome
  }

  private func updates(_ shouldStop: () -> Bool) throws -> Outcome {
    if isRecordDue, try !record(shouldStop: shouldStop) { return .interrupted }
    while state.step < steps, stopReason == nil {
      if group?.any(shouldStop()) ?? shouldStop() { return .interrupted }
      guard let update = try update() else { break }
      for callback in callbacks { try callback.updated(self, update) }
      if isRecordDue {
        if try !record(shouldStop: shouldStop) { return .interrupted }
      } else {
        try endEpoch(with: nil)
      }
      for callback in callbacks { try callback.stepEnded(self) }
    }
    return stopReason.map { .stopped(reason: $0) } ?? .completed
  }

  /// Whether a record comes after this update that was not made.
  public var isRecordDue: Bool {
    guard state.lossCount > 0, let interval = evaluationInterval ?? stepsPerEpoch else { return false }
    return state.step % interval == 0
  }

  /// Makes one update; nil when a callback stopped instead of it.
  private func update() throws -> UpdateRecord? {
    let start = ContinuousClock.now
    parameters.zeroGradients()
    var carried = state.carried
    let value = try gradients(&carried)
    guard value.isFinite else { return try notFinite(.loss, Float(value)) }
    for range in fixed { parameters.zeroGradients(in: range) }
    try beforeClipping?(parameters)
    if let clipValue { parameters.clipGradients(value: clipValue) }
    let norm = clipNorm.map { parameters.clipGradients(norm: $0) } ?? parameters.gradientNorm()
    guard norm.isFinite else { return try notFinite(.gradientNorm, Float(norm)) }
    optimizer.learningRate = learningRate(at: state.step)
    optimizer.step(parameters, in: trainable)
    try afterUpdate?(parameters)
    state.step += 1
    if let averaging { state.average.add(parameters, step: state.step, averaging) }
    state.gradientNorm = norm
    state.carried = carried
    state.lossSum += value
    state.lossCount += 1
    epoch.lossSum += value
    epoch.lossCount += 1
    state.smoothedSum = Self.smoothing * state.smoothedSum + (1 - Self.smoothing) * value
    state.updateSeconds += start.secondsSince
    return UpdateRecord(step: state.step, loss: value, learningRate: lastLearningRate, gradientNorm: norm)
  }

  /// Gives the parameters the gradients of this update's batch, unless its mean loss, which it returns, is not finite.
  private func gradients(_ carried: inout [Tensor]) throws -> Double {
    let step = UInt64(state.step)
    if microBatches == 1 {
      let context = ForwardContext.training(seed: seed, step: step, observer: observer)
      guard let loss = try loss(state.step, .whole, &carried, context) else { return .nan }
      let value = Double(loss.mean.item)
      if value.isFinite { loss.mean.backward() }
      return value
    }
    return try MicroBatches(parameters: parameters, count: microBatches, group: group)(&carried) {
      let context = ForwardContext.training(seed: seed, step: step, part: $0.index)
      return try loss(state.step, $0, &$1, context)
    }
  }

  /// Who of the callbacks sees the layers in this update.
  private var observer: LayerObserver? {
    let observers = callbacks.compactMap { $0.observer(self) }
    guard observers.count > 1 else { return observers.first }
    return { layer, observation in for observer in observers { observer(layer, observation) } }
  }

  // MARK: Records

  /// Evaluates now, makes a record and reports it, with the end of an epoch where that is one; false when `shouldStop`
  /// was true in the course of it: then there is no record. Throws what `run` does.
  public func record(shouldStop: () -> Bool = { false }) throws -> Bool {
    guard try parametersAreFinite() else { return true }
    let last = state.average.values.map { mean in
      defer { parameters.assign(mean) }
      return parameters.values.copied()
    }
    defer { if let last { parameters.assign(last) } }
    var values: [MetricValue] = []
    if let evaluation {
      let found = try withoutActuallyEscaping(shouldStop) { shouldStop in
        let stop = StopRequest(shouldStop)
        let values = try withoutGradient { try evaluation(.inference(stop: stop, group: group)) }
        return group?.any(stop.isMade) ?? stop.isMade ? nil : values
      }
      guard let found else { return false }
      values = found
    }
    if state.lossCount > 0, !values.contains(where: { $0.name == "loss" }) {
      let mean = state.lossSum / Double(state.lossCount)
      values.append(MetricValue("loss", mean, better: .lower, part: .training))
    }
    let record = newRecord(values)
    (state.lossSum, state.lossCount) = (0, 0)
    records.append(record)
    try observe(record)
    for callback in callbacks { try callback.evaluated(self, record) }
    try endEpoch(with: record)
    return true
  }

  private func newRecord(_ values: [MetricValue]) -> TrainingRecord {
    TrainingRecord(
      step: state.step, epoch: stepsPerEpoch.map { (state.step + $0 - 1) / $0 } ?? records.count + 1,
      trainingLoss: state.lossSum / Double(max(1, state.lossCount)), values: values,
      learningRate: lastLearningRate, gradientNorm: state.gradientNorm)
  }

  /// Reports the end of an epoch, if this is one, with the record that was made of it, if one was.
  private func endEpoch(with record: TrainingRecord?) throws {
    guard let stepsPerEpoch, state.step % stepsPerEpoch == 0, epoch.lossCount > 0 else { return }
    var whole = record ?? newRecord([])
    whole.trainingLoss = epoch.lossSum / Double(epoch.lossCount)
    epoch = (0, 0)
    for callback in callbacks { try callback.epochEnded(self, whole) }
  }

  private func observe(_ record: TrainingRecord) throws {
    let observed = try monitor.map { try record.required($0) } ?? record.values.first
    guard let observed else { return }
    let value = observed.metric.direction == .lower ? observed.value : -observed.value
    schedule.observe(value)
    state.average.observe(value)
  }

  // MARK: Numbers that are not finite

  /// False when a parameter is NaN or infinite and a callback stopped for it; throws `diverged` when none did.
  func parametersAreFinite() throws -> Bool {
    guard let name = parameters.firstNonFiniteValue() else { return true }
    let scalars = parameters[name]?.value.scalars ?? []
    let _: UpdateRecord? = try notFinite(.parameter(name), scalars.first { !$0.isFinite } ?? .nan)
    return false
  }

  /// Asks the callbacks what to do; throws unless one stops.
  private func notFinite<Result>(_ place: NonFinite.Place, _ value: Float) throws -> Result? {
    let isUpdate = if case .parameter = place { false } else { true }
    let found = NonFinite(place: place, value: value, step: state.step + (isUpdate ? 1 : 0))
    for callback in callbacks { try callback.foundNonFinite(self, found) }
    if stopReason != nil { return nil }
    throw TrainingError.diverged(found.divergence(in: parameters))
  }
}
