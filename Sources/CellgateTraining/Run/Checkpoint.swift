import CellgateFiles
import CellgateNN
import CellgateTensor

/// What a run needs to continue with the same bits, besides its settings.
///
/// Random numbers depend on the seed and the step alone, so the step is the position of every stream.
package struct Checkpoint {
  /// How far the updates are.
  var loop = TrainingLoop.State()
  /// Rows of `metrics.csv`.
  var rows = 0
  /// The best validation result and its step; nil before the first evaluation.
  var best: Best?
  /// The parameters that gave it, as in `ParameterSet.values`; so a best model's file that is damaged is no loss.
  var bestValues: Tensor?
  /// Evaluations since the best one.
  var sinceBest = 0
  /// The step of the first evaluation at which the task was solved.
  var solvedStep: Int?
  /// Seconds spent in all.
  var totalSeconds = 0.0
  /// How far the diagnostics are; nil without any.
  var diagnostics: DiagnosticsLog.Position?
  /// The settings that it was written under; nil when the file is of a version that didn't record them.
  var made: TrainingSettings?

  /// Updates made.
  var step: Int { loop.step }

  /// A validation result.
  package struct Best: Equatable {
    package var step: Int
    package var value: Double
  }

  static let format = "cellgate-checkpoint"
  /// 1 had neither a checksum nor the best model.
  static let version = 2

  /// Writes everything as one file.
  func write(
    to path: String, identity: RunIdentity, parameters: ParameterSet, optimizer: any Optimizer,
    schedule: any Schedule
  ) throws(RunError) {
    let averages = identity.settings.averageWeights != nil
    var writer = Safetensors.Writer(
      metadata: metadata(optimizer, schedule, averages: averages).merging(identity.metadata) { known, _ in
        known
      },
      checksum: true)
    for entry in parameters.entries {
      writer.add("model." + entry.name, shape: entry.shape, floats: entry.parameter.value.scalars)
    }
    if let bestValues {
      for (entry, value) in parameters.windows(of: bestValues) {
        writer.add("best." + entry.name, shape: entry.shape, floats: value.scalars)
      }
    }
    if let mean = loop.average.values {
      for (entry, value) in parameters.windows(of: mean) {
        writer.add("average." + entry.name, shape: entry.shape, floats: value.scalars)
      }
    }
    for (name, values) in optimizer.state {
      writer.add("optimizer." + name, shape: [values.count], floats: values.scalars)
    }
    for (index, states) in loop.carried.enumerated() {
      writer.add("carried.\(index)", shape: states.shape, floats: states.scalars)
    }
    do throws(FileError) { try writer.write(to: path) } catch { throw .file(error) }
  }

  private func metadata(
    _ optimizer: any Optimizer, _ schedule: any Schedule, averages: Bool
  ) -> [String: String] {
    var metadata = [
      "format": Self.format, "format_version": "\(Self.version)", "step": "\(step)", "rows": "\(rows)",
      "loss_sum": "\(loop.lossSum)", "loss_count": "\(loop.lossCount)",
      "smoothed_loss": "\(loop.smoothedSum)",
      "gradient_norm": "\(loop.gradientNorm)", "since_best": "\(sinceBest)",
      "update_seconds": "\(loop.updateSeconds)",
      "total_seconds": "\(totalSeconds)", "optimizer": type(of: optimizer).name,
      "optimizer_step": "\(optimizer.stepCount)",
    ]
    if let best {
      metadata["best_step"] = "\(best.step)"
      metadata["best_value"] = "\(best.value)"
    }
    if let solvedStep { metadata["solved_step"] = "\(solvedStep)" }
    if averages {
      metadata["average_count"] = "\(loop.average.count)"
      metadata["average_since_best"] = "\(loop.average.sinceBest)"
      if let best = loop.average.best { metadata["average_best"] = "\(best)" }
    }
    if let diagnostics {
      metadata["diagnostics_every"] = "\(diagnostics.every)"
      metadata["diagnostics_rows"] = "\(diagnostics.rows)"
      metadata["gradients_rows"] = "\(diagnostics.gradientRows)"
    }
    for (name, value) in schedule.state { metadata["schedule." + name] = "\(value)" }
    return metadata
  }

  /// Reads everything back, if it is that of `identity`. Nothing of the model, optimiser or
  /// schedule is changed when it throws.
  init(
    from path: String, identity: RunIdentity, carriedShapes: [[Int]], parameters: ParameterSet,
    optimizer: any Optimizer,
    schedule: inout any Schedule
  ) throws(RunError) {
    let reader = try CheckpointReader(path, format: Self.format, newest: Self.version)
    try identity.check(reader.metadata, file: path, resuming: true)
    try reader.require("optimizer", type(of: optimizer).name)
    loop.step = try reader.count("step", in: 0...TrainingSettings.mostSteps)
    // An evaluation is of a step of its own, the first one the best for a start.
    rows = try reader.count("rows", in: (reader.has("best_step") ? min(1, step) : 0)...step)
    loop.lossSum = try reader.number("loss_sum")
    loop.lossCount = try reader.count("loss_count", in: 0...step)
    loop.smoothedSum = try reader.number("smoothed_loss")
    if reader.has("gradient_norm") { loop.gradientNorm = try reader.number("gradient_norm") }
    made = try RunIdentity.settings(in: reader.metadata, file: path)
    sinceBest = try reader.count("since_best", in: 0...max(0, rows - 1))
    loop.updateSeconds = try reader.seconds("update_seconds")
    totalSeconds = try reader.seconds("total_seconds")
    if rows > 0 {
      let bestStep = try reader.count("best_step", in: 1...step)
      best = Best(step: bestStep, value: try reader.number("best_value"))
      if reader.version > 1 { bestValues = try reader.values(of: parameters, prefix: "best.") }
    }
    if reader.has("solved_step") { solvedStep = try reader.count("solved_step", in: min(1, rows)...step) }
    if reader.has("average_count") {
      loop.average.count = try reader.count("average_count", in: 0...step)
      loop.average.sinceBest = try reader.count("average_since_best", in: 0...step)
      if reader.has("average_best") { loop.average.best = try reader.number("average_best") }
      if loop.average.count > 0 {
        loop.average.values = try reader.values(of: parameters, prefix: "average.")
      }
    }
    if reader.has("diagnostics_every") {
      diagnostics = .init(
        every: try reader.count("diagnostics_every", in: 1...Int.max),
        rows: try reader.count("diagnostics_rows", in: 0...Int.max),
        gradientRows: try reader.count("gradients_rows", in: 0...Int.max))
    }

    var restored = schedule.state
    for name in reader.names(prefix: "schedule.") { restored[name] = try reader.number("schedule." + name) }
    if let (name, expected) = schedule.problem(in: restored) {
      throw .badState(
        file: path, name: "schedule." + name, expected: expected,
        found: restored[name].map { "\($0)" } ?? "nothing")
    }
    let values = try reader.values(of: parameters, prefix: "model.")
    var buffers: [String: Tensor] = [:]
    for (name, buffer) in optimizer.state {
      buffers[name] = try reader.tensor("optimizer." + name, shape: [buffer.count])
    }
    if step > 0 {
      for (index, shape) in carriedShapes.enumerated() {
        loop.carried.append(try reader.tensor("carried.\(index)", shape: shape))
      }
    }
    let updates = try reader.count("optimizer_step", in: step...step)
    do throws(OptimizerError) {
      try optimizer.restore(stepCount: updates, state: buffers)
    } catch {
      throw .badState(file: path, name: "optimizer", expected: "a saved state", found: error.description)
    }
    parameters.assign(values)
    schedule.state = restored
  }

  /// A run that has made no update.
  init() {}
}
