import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// What a model forecasts for some windows, in scaled units, horizon × B each.
struct ForecastValues {
  let mean: [Float]
  let lower: [Float], median: [Float], upper: [Float]
}

/// The squared error of the mean and the pinball loss of the quantiles 0.1, 0.5 and 0.9, or the likelihood of a normal distribution;
/// missing values don't count.
public struct ForecastObjective: TrainingObjective {
  let data: ForecastData

  private static let quantiles: [Float] = [0.1, 0.5, 0.9]
  /// The quantile 0.9 of the standard normal distribution.
  private static let reach: Float = 1.281_551_6

  /// The model's output [horizon, B, outputs].
  private static func output(
    _ model: Model, _ batch: ForecastBatch, _ context: ForwardContext, probe: TensorProbe? = nil
  ) -> Tensor {
    var inputs = [LayerValue(batch.past)]
    if model.inputs.contains(where: { $0.name == "series" }) {
      inputs.append(LayerValue(Tensor(batch.numbers)))
    }
    if let known = batch.known { inputs.append(LayerValue(known)) }
    probe?("input", "past", batch.past)
    let output = model(inputs, context)[0].tensor
    probe?("forecaster", "output", output)
    return output
  }

  /// What each forecast is multiplied by, [1, B, 1]; nil for nothing.
  private func spreads(_ batch: ForecastBatch) -> Tensor? {
    data.preprocessing.scalesWindows ? Tensor(batch.spreads, shape: [1, batch.count, 1]) : nil
  }

  /// The mean loss of the values that are known.
  public func loss(
    _ model: Model, _ batch: ForecastBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let output = Self.output(model, batch, context, probe: probe)
    let shape = [batch.horizon, batch.count, 1]
    let (target, mask) = (
      Tensor(batch.targets, shape: shape), Tensor(batch.weights, shape: shape)
    )
    let weight = batch.weights.reduce(0.0) { $0 + Double($1) }
    var parts = output.split(sizes: Array(repeating: 1, count: output.shape[2]))
    if data.preprocessing.isGaussian { parts[1] = Self.variance(parts[1]) }
    if let spreads = spreads(batch) {
      parts = parts.map { $0 * spreads }
      if data.preprocessing.isGaussian { parts[1] = parts[1] * spreads }
    }
    if data.preprocessing.isGaussian {
      return BatchLoss(
        mean: gaussianNLL(mean: parts[0], variance: parts[1], target: target, mask: mask), weight: weight)
    }
    let difference = (parts[0] - target) * mask
    var loss = (difference * difference).sum() * Float(1 / max(weight, 1))
    for (quantile, part) in zip(Self.quantiles, parts.dropFirst()) {
      loss = loss + quantileLoss(part, target: target, quantile: quantile, mask: mask) * Float(2.0 / 3)
    }
    return BatchLoss(mean: loss, weight: weight)
  }

  private static func variance(_ raw: Tensor) -> Tensor { raw.softplus() + Float(1e-4) }

  /// What the model forecasts from the bases on; quantiles in their order.
  func forecast(_ model: Model, _ batch: ForecastBatch, context: ForwardContext) -> ForecastValues {
    let output = withoutGradient { Self.output(model, batch, context) }
    let (width, values, spreads) = (output.shape[2], output.scalars, batch.spreads)
    let count = batch.horizon * batch.count
    func column(_ place: Int) -> [Float] {
      (0..<count).map { values[$0 * width + place] * spreads[$0 % spreads.count] }
    }
    let mean = column(0)
    if data.preprocessing.isGaussian {
      let raw = (0..<count).map { values[$0 * width + 1] }
      let deviations = Self.variance(Tensor(raw)).sqrt().scalars.enumerated().map {
        $1 * spreads[$0 % spreads.count]
      }
      return ForecastValues(
        mean: mean, lower: zip(mean, deviations).map { $0 - Self.reach * $1 }, median: mean,
        upper: zip(mean, deviations).map { $0 + Self.reach * $1 })
    }
    var quantiles = (1...3).map { column($0) }
    for index in 0..<count {
      let own = (quantiles[0][index], quantiles[1][index], quantiles[2][index])
      guard !(own.0 <= own.1 && own.1 <= own.2) else { continue }
      let sorted = [own.0, own.1, own.2].sorted()
      for place in 0..<3 { quantiles[place][index] = sorted[place] }
    }
    return ForecastValues(mean: mean, lower: quantiles[0], median: quantiles[1], upper: quantiles[2])
  }

  /// Adds squared errors.
  public func measure(
    _ model: Model, _ batch: ForecastBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let found = forecast(model, batch, context: context)
    var scores = ForecastScores()
    scores.add(found, batch, data)
    totals.add("mse", sum: scores.squares, weight: scores.count)
  }

  /// All scores.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<ForecastBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var scores = ForecastScores()
    for batch in batches {
      if context.shouldStop { break }
      let found = forecast(model, batch, context: context)
      scores.add(found, batch, data)
    }
    let values = metrics.map { scores.value($0.name) }
    // It is of the whole table: said once.
    return Evaluation(
      values.first ?? .nan, extras: Array(values.dropFirst()), remark: split == .test ? data.remark : nil)
  }
}

extension ForecastData {
  /// What is missing in the table, in one line; nil for nothing.
  var remark: String? {
    var parts: [String] = []
    if table.absentSteps > 0 { parts.append("\(table.absentSteps) steps without a row") }
    if table.missingValues > 0 { parts.append("\(table.missingValues) values missing") }
    guard !parts.isEmpty else { return nil }
    return "\(table.file): \(parts.joined(separator: ", ")): left out of loss and scores"
  }
}
