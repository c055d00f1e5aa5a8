import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The squared error of the mean and the pinball loss of the quantiles 0.1, 0.5 and 0.9, or the likelihood of a distribution; missing
/// values don't count.
public struct ForecastObjective: TrainingObjective {
  let data: ForecastData

  private static let quantiles: [Float] = [0.1, 0.5, 0.9]

  /// The model's output [horizon, B, outputs].
  private static func output(
    _ model: Model, _ batch: ForecastBatch, _ context: ForwardContext, probe: TensorProbe? = nil
  ) -> Tensor {
    let inputs = model.inputs.map { input in
      guard let value = batch.input(input.name) else {
        fail("ForecastObjective: expected inputs of a forecaster, found '\(input.name)'")
      }
      return LayerValue(value)
    }
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
    let parts = output.split(sizes: Array(repeating: 1, count: output.shape[2]))
    func spread(_ part: Tensor) -> Tensor { spreads(batch).map { part * $0 } ?? part }
    let mean: Tensor
    switch data.preprocessing.output {
    case .quantiles:
      let difference = (spread(parts[0]) - target) * mask
      var loss = (difference * difference).sum() * Float(1 / max(weight, 1))
      for (quantile, part) in zip(Self.quantiles, parts.dropFirst()) {
        let own = quantileLoss(spread(part), target: target, quantile: quantile, mask: mask)
        loss = loss + own * Float(2.0 / 3)
      }
      mean = loss
    case .gaussian:
      let variance = spread(spread(ForecastDistributions.variance(parts[1])))
      mean = gaussianNLL(mean: spread(parts[0]), variance: variance, target: target, mask: mask)
    case .studentT:
      mean = studentTNLL(
        location: spread(parts[0]), scale: spread(ForecastDistributions.scale(parts[1])),
        degrees: ForecastDistributions.degrees(parts[2]), target: target, mask: mask)
    case .negativeBinomial:
      let own = ForecastDistributions.counts(spread(parts[0]), parts[1], .init(batch, data))
      let counts = Tensor(self.counts(batch), shape: shape)
      mean = negativeBinomialNLL(mean: own.mean, shape: own.shape, target: counts, mask: mask)
    }
    return BatchLoss(mean: mean, weight: weight)
  }

  /// The targets as they stand in the table, horizon × B.
  private func counts(_ batch: ForecastBatch) -> [Float] {
    let scales = batch.channels.map { data.channels[$0].scale }
    return batch.targets.indices.map { index in
      let scale = scales[index % batch.count]
      let value = (Double(batch.targets[index]) + Double(batch.bases[index])) * scale.deviation + scale.mean
      return Float(max(0, value.rounded()))
    }
  }

  /// What the model forecasts from the bases on; quantiles in their order.
  func forecast(_ model: Model, _ batch: ForecastBatch, context: ForwardContext) -> ForecastValues {
    withoutGradient { values(Self.output(model, batch, context), batch) }
  }

  private func values(_ output: Tensor, _ batch: ForecastBatch) -> ForecastValues {
    let spreads = batch.spreads
    let count = batch.horizon * batch.count
    let parts = output.split(sizes: Array(repeating: 1, count: output.shape[2]))
    func spread(_ part: Tensor) -> [Float] {
      part.scalars.enumerated().map { $1 * spreads[$0 % spreads.count] }
    }
    func interval(_ mean: [Float], _ reaches: [Float]) -> ForecastValues {
      ForecastValues(
        mean: mean, lower: zip(mean, reaches).map { $0 - $1 }, median: mean,
        upper: zip(mean, reaches).map { $0 + $1 })
    }
    switch data.preprocessing.output {
    case .quantiles:
      var quantiles = (1...3).map { spread(parts[$0]) }
      for index in 0..<count {
        let own = (quantiles[0][index], quantiles[1][index], quantiles[2][index])
        guard !(own.0 <= own.1 && own.1 <= own.2) else { continue }
        let sorted = [own.0, own.1, own.2].sorted()
        for place in 0..<3 { quantiles[place][index] = sorted[place] }
      }
      return ForecastValues(
        mean: spread(parts[0]), lower: quantiles[0], median: quantiles[1], upper: quantiles[2])
    case .gaussian:
      let deviations = spread(ForecastDistributions.variance(parts[1]).sqrt())
      var values = interval(spread(parts[0]), deviations.map { Float(ForecastValues.reach) * $0 })
      values.distribution = .normal(deviations)
      return values
    case .studentT:
      let scales = spread(ForecastDistributions.scale(parts[1]))
      let degrees = ForecastDistributions.degrees(parts[2]).scalars
      let reaches = zip(scales, degrees).map { $0 * ForecastDistributions.reach(degrees: $1) }
      var values = interval(spread(parts[0]), reaches)
      values.distribution = .studentT(scale: scales, degrees: degrees)
      return values
    case .negativeBinomial:
      let first = Tensor(spread(parts[0]), shape: parts[0].shape)
      let own = ForecastDistributions.counts(first, parts[1], .init(batch, data))
      let (means, shapes) = (own.mean.scalars.map { Double($0) }, own.shape.scalars.map { Double($0) })
      let scales = batch.channels.map { data.channels[$0].scale }
      var quantiles = (0..<4).map { _ in [Float](repeating: 0, count: count) }
      for index in 0..<count {
        let counts = NegativeBinomial(mean: means[index], shape: shapes[index])
        for (place, value) in ([means[index]] + [0.1, 0.5, 0.9].map { counts.quantile($0) }).enumerated() {
          quantiles[place][index] = ForecastValues.scaled(
            value, scales[index % batch.count], batch.bases[index])
        }
      }
      return ForecastValues(
        mean: quantiles[0], lower: quantiles[1], median: quantiles[2], upper: quantiles[3],
        distribution: .counts(mean: means, shape: shapes, origins: batch.bases, scales: scales))
    }
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
    context.each(of: batches) {
      forecast(model, $0, context: context)
    } use: {
      scores.add($1, $0, data)
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
