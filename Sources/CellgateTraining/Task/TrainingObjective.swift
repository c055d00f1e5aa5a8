import CellgateNN
import CellgateTensor

/// Sees named tensors of a forward pass in the order in which they are computed.
public typealias TensorProbe = (_ layer: String, _ tensor: String, _ value: Tensor) -> Void

/// The loss of a batch as a sum and its weight: losses of the shards of a batch are joined as Σ sum / Σ weight.
public struct BatchLoss {
  /// The mean loss, of shape [].
  public let mean: Tensor
  /// What the mean is over: sequences, or steps of sequences.
  public let weight: Double

  /// The sum, of shape [].
  public var sum: Tensor { mean * Float(weight) }

  /// A loss by its mean.
  public init(mean: Tensor, weight: Double) {
    self.mean = mean
    self.weight = weight
  }

  /// A loss by its sum, of shape [].
  public init(sum: Tensor, weight: Double) { self.init(mean: sum / Float(weight), weight: weight) }
}

/// Sums of metrics with their weights, over the batches of an evaluation, in the order in which they were added: the bits of a total don't
/// depend on who computed which batch.
public struct MetricTotals: Sendable, Equatable, Codable {
  /// A metric's sum, and its weight.
  public struct Total: Sendable, Equatable, Codable {
    /// The sum.
    public var sum = 0.0
    /// The weight.
    public var weight = 0.0

    /// The mean; NaN of nothing.
    public var mean: Double { sum / weight }
  }

  private var terms: [String: [Total]] = [:]

  /// Without any batch.
  public init() {}

  /// The total of a metric by its name; 0 of weight 0 before the first batch.
  public subscript(name: String) -> Total {
    (terms[name] ?? []).reduce(into: Total()) { total, term in
      total.sum += term.sum
      total.weight += term.weight
    }
  }

  /// Adds a sum and its weight, of a batch or of a part of it.
  public mutating func add(_ name: String, sum: Double, weight: Double) {
    terms[name, default: []].append(Total(sum: sum, weight: weight))
  }

  /// Adds those of later batches.
  public mutating func add(_ other: MetricTotals) {
    for (name, own) in other.terms { terms[name, default: []] += own }
  }
}

/// What a model is trained for: the loss of a batch, and the metrics.
public protocol TrainingObjective {
  /// What is trained.
  associatedtype Model: Module
  /// What it is trained on.
  associatedtype Batch
  /// `TaskDataError` where a batch names data that are read when they are needed; else, by default, `Never`.
  associatedtype Failure: Error = Never

  /// The loss of a training batch: a function of the parameters, the batch and `carried` alone. A `probe` is shown the
  /// input, each layer's output and the logits on the way.
  ///
  /// `carried` are the states that the last update left for this one, [] before the first, and this one leaves its
  /// own, detached, for the next; an objective whose batches don't follow on one another leaves it alone.
  func loss(
    _ model: Model, _ batch: Batch, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) throws(Failure) -> BatchLoss

  /// The shapes of what an update leaves in `carried`.
  func carriedShapes(_ model: Model) -> [[Int]]

  /// Adds a batch's metrics, by their names.
  func measure(
    _ model: Model, _ batch: Batch, context: ForwardContext, into totals: inout MetricTotals
  ) throws(Failure)

  /// What the model reaches on the batches of an evaluation, the values in the order of `metrics`. The context may want
  /// it to stop: long ones ask it between batches, and what they then return is thrown away. ``ForwardContext/each(of:compute:use:)``
  /// does so, and shares the batches among the processes that train together. The default measures each batch, and gives the means.
  func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<Batch>, metrics: [Metric], context: ForwardContext
  ) throws(Failure) -> Evaluation
}

extension TrainingObjective {
  /// Batches that don't follow on one another.
  public func carriedShapes(_ model: Model) -> [[Int]] { [] }

  /// The means over all batches.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<Batch>, metrics: [Metric], context: ForwardContext
  ) throws(Failure) -> Evaluation {
    let totals = try totals(model, batches, context)
    let values = metrics.map { totals[$0.name].mean }
    return Evaluation(values.first ?? .nan, extras: Array(values.dropFirst()))
  }

  /// The metrics of all batches.
  public func totals(
    _ model: Model, _ batches: some Sequence<Batch>, _ context: ForwardContext
  ) throws(Failure) -> MetricTotals {
    var totals = MetricTotals()
    try context.each(of: batches) { batch throws(Failure) in
      try self.totals(model, batch, context)
    } use: {
      totals.add($1)
    }
    return totals
  }

  /// The metrics of a batch.
  public func totals(
    _ model: Model, _ batch: Batch, _ context: ForwardContext
  ) throws(Failure) -> MetricTotals {
    var totals = MetricTotals()
    try measure(model, batch, context: context, into: &totals)
    return totals
  }
}
