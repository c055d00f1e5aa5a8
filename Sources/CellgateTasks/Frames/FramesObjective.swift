import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// How far predicted frames are from the true ones.
public struct FramesObjective: TrainingObjective {
  let source: Preprocessing.FrameSource
  let loss: FramesOptions.Loss
  /// λ of the loss of the frame after each one that is given.
  let reading: Float
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The mean over the pixels: of the cross-entropy in nats, or of the squared error. That of the frame after each one that is given is
  /// added.
  public func loss(
    _ model: Model, _ batch: FrameBatch, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> BatchLoss {
    let found = outputs(model, [LayerValue(batch.given)], named: "frames", context, probe).map(\.tensor)
    var loss = loss(concatenated(Array(found.dropLast()), axis: 0), batch.expected)
    if reading > 0 {
      let next = concatenated([batch.given[1..<batch.given.shape[0]], batch.expected[0..<1]], axis: 0)
      loss = loss + self.loss(found[found.count - 1], next) * reading
    }
    return BatchLoss(mean: loss, weight: Double(batch.count))
  }

  private func loss(_ logits: Tensor, _ frames: Tensor) -> Tensor {
    switch loss {
    case .crossEntropy: binaryCrossEntropy(logits, targets: frames)
    case .squaredError: meanSquaredError(logits.sigmoid(), target: frames)
    }
  }

  /// The predicted brightness of a batch, in patches.
  static func patches(_ model: Model, _ batch: FrameBatch, _ context: ForwardContext) -> Tensor {
    withoutGradient {
      let found = model([LayerValue(batch.given)], context).dropLast().map(\.tensor)
      return concatenated(found, axis: 0).sigmoid()
    }
  }

  /// The predicted frames of a batch, [steps][sequences][height · width · channels].
  static func frames(
    _ model: Model, _ batch: FrameBatch, _ source: Preprocessing.FrameSource,
    context: ForwardContext = .inference()
  ) -> [[[Float]]] {
    let values = patches(model, batch, context)
    return Self.frames(values, source)
  }

  private static func frames(_ patches: Tensor, _ source: Preprocessing.FrameSource) -> [[[Float]]] {
    let cut = FramePatches(
      height: source.height, width: source.width, channels: source.channels, patch: source.patch)
    let numbers = patches.scalars, size = source.height * source.width * source.channels
    let (steps, count) = (patches.shape[0], patches.shape[1])
    return (0..<steps).map { step in
      (0..<count).map { row in
        let start = (step * count + row) * size
        return cut.frame(numbers[start..<start + size])
      }
    }
  }

  /// Adds the squared error.
  public func measure(
    _ model: Model, _ batch: FrameBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    var scores = FrameScores()
    scores.add(Self.patches(model, batch, context), batch)
    let name = FramesTask.squaredError.name
    totals.add(name, sum: scores.value(name) * Double(batch.count), weight: Double(batch.count))
  }

  /// The errors of the predicted frames and of what is simpler, and the squared error of each step.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<FrameBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var scores = FrameScores()
    let needsSimilarity = metrics.contains(FramesTask.similarity)
    context.each(of: batches) { batch in
      var scores = FrameScores()
      let found = Self.patches(model, batch, context)
      scores.add(found, batch)
      scores.addBaselines(batch)
      if needsSimilarity {
        for (one, other) in zip(Self.frames(found, source), Self.frames(batch.expected, source)) {
          for (found, expected) in zip(one, other) {
            scores.addSimilarity(
              FrameSimilarity.ssim(found, expected, width: source.width, channels: source.channels))
          }
        }
      }
      return scores
    } use: {
      scores.add($1)
    }
    let values = metrics.map { scores.value($0.name) }
    return Evaluation(
      values[0], extras: Array(values.dropFirst()), remark: remarks[split],
      named: Dictionary(
        uniqueKeysWithValues: scores.squaredErrorOfSteps.enumerated().map { ("squared_error_\($0 + 1)", $1) })
    )
  }
}
