import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The running mean of one endless stream, of which each update sees a few steps: states are carried over.
package struct CarryingTask: SequenceTask {
  package static let name = "carrying"
  package static let summary = "the running mean of a stream"
  package static let metric = Metric("mse", better: .lower)
  package static let solved = SolvedCriterion(metric, 0.001)
  package static var defaults: TrainingSettings {
    var settings = TrainingSettings(task: name, hidden: 4, batch: 3, steps: 12)
    settings.evaluationInterval = 4
    return settings
  }

  package let settings: TrainingSettings
  /// Whether states are handed on.
  package let carries: Bool
  package let baseline = Baseline(1, "nothing")

  package init(settings: TrainingSettings, dataDirectory: String = "") {
    self.init(settings: settings, carries: true)
  }

  package init(settings: TrainingSettings, carries: Bool) {
    self.settings = settings
    self.carries = carries
  }

  package static func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(steps: 4, inputSize: 1, outputSize: 1, readsEveryStep: true)
  }

  package func makeModel(cell: Cell) -> RecurrentModel {
    RecurrentModel(settings: settings, shape: Self.shape(settings), cell: cell)
  }

  package func loss(
    _ model: RecurrentModel, step: Int, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> Tensor {
    var stream = RandomStream(seed: settings.seed, name: "carrying", step: UInt64(step))
    let x = stream.uniform([4, settings.batch, 1])
    let result = model.recurrent(x, states: carried.isEmpty ? nil : carried, context: context)
    if carries { carried = result.finalStates.map(\.detached) }
    return meanSquaredError(model.head(result.output ?? x), target: .full([4, settings.batch, 1], 0.5))
  }

  package func carriedShapes(_ model: RecurrentModel) -> [[Int]] {
    carries ? model.recurrent.cell.states.map { _ in [1, settings.batch, settings.hidden] } : []
  }

  package func evaluate(_ model: RecurrentModel, on split: Split, context: ForwardContext) -> Evaluation {
    let error = meanSquaredError(
      model(.full([4, 1, 1], 0.5), context: context), target: .full([4, 1, 1], 0.5))
    return Evaluation(Double(error.item))
  }
}
