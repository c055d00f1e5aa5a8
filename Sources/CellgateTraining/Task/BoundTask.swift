import CellgateCells
import CellgateNN
import CellgateTensor

/// A task and its model, with the model's type out of sight.
struct BoundTask {
  let model: any Module
  let loss:
    (_ step: Int, _ carried: inout [Tensor], _ context: ForwardContext, _ probe: TensorProbe?) -> Tensor
  let carriedShapes: [[Int]]
  let evaluate: (Split) -> Evaluation
  let isSolved: (Evaluation) -> Bool
  let samples: (_ count: Int) -> [PredictionSample]
}

extension SequenceTask {
  /// This task with a new model of `cell`.
  func bound(cell: Cell) -> BoundTask {
    let model = makeModel(cell: cell)
    return BoundTask(
      model: model,
      loss: { loss(model, step: $0, carried: &$1, context: $2, probe: $3) },
      carriedShapes: carriedShapes(model),
      evaluate: { split in withoutGradient { evaluate(model, on: split) } },
      isSolved: { Self.solved.isMet(by: $0, of: Self.self) },
      samples: { count in withoutGradient { samples(model, count: count) } })
  }
}
