import Cellgate
import Foundation

/// The first updates of a run, with what another framework needs to repeat them: the initial parameters and the
/// batches, as safetensors; the losses and learning rates.
struct Losses: Encodable {
  let task: String
  let cell: String
  let losses: [Double]
  let learningRates: [Double]
  let file: String

  /// Makes the first `updates` updates with the settings in the folder `run` and writes `file`.
  init(run: String, updates: Int, file: String) throws {
    let settings = try RunDirectory.settings(of: run)
    guard settings.precision == .float32 else { throw GridError("\(run): expected a run in f32") }
    guard let cell = settings.definition() else { throw GridError("\(run): no cell '\(settings.cell)'") }
    let made = try Self.updates(settings, updates)
    (task, self.cell, self.file) = (settings.task, settings.cell, file)
    losses = made.map(\.loss)
    learningRates = made.map(\.learningRate)
    var writer = Safetensors.Writer()
    for (name, shape, numbers) in try Self.tensors(Tasks.make(settings), cell, settings.seed, made.count) {
      writer.add(name, shape: shape, floats: numbers)
    }
    try writer.write(to: file)
  }

  /// The initial parameters, and the input of each update, and of the one behind them, as `batch.0`, ...
  private static func tensors<Task: SequenceTask>(
    _ task: Task, _ cell: Cell, _ seed: UInt64, _ updates: Int
  ) throws -> [(name: String, shape: [Int], numbers: [Float])] {
    let model = task.makeModel(cell: cell)
    var tensors = model.namedParameters().map { ($0.name, $0.parameter.shape, $0.parameter.value.scalars) }
    var carried: [Tensor] = []
    for step in 0...updates {
      let context = ForwardContext.training(seed: seed, step: UInt64(step))
      _ = try task.loss(model, step: step, carried: &carried, context: context) { layer, _, tensor in
        if layer == "input" { tensors.append(("batch.\(step)", tensor.shape, tensor.scalars)) }
      }
    }
    return tensors
  }

  private static func updates(_ settings: TrainingSettings, _ count: Int) throws -> [TrainingProgress] {
    let trainer = try Trainer(task: Tasks.make(settings), settings: settings)
    var updates: [TrainingProgress] = []
    _ = try trainer.run(
      onEvent: { if case .progress(let progress) = $0 { updates.append(progress) } },
      shouldStop: { trainer.step >= count })
    return updates
  }
}
