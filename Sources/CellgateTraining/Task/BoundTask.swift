import CellgateCells
import CellgateNN
import CellgateTensor

/// A task and its model, with the model's type out of sight.
package struct BoundTask {
  package let model: any Module
  /// The model as data; nil of one that is no graph of layers.
  package var modelDescription: ModelDescription? { (model as? any DescribedModule)?.description }
  package let loss:
    (_ step: Int, _ carried: inout [Tensor], _ context: ForwardContext, _ probe: TensorProbe?) -> Tensor
  package let carriedShapes: [[Int]]
  package let evaluate: (Split, ForwardContext) -> Evaluation
  package let isSolved: (Evaluation) -> Bool
  package let samples: (_ count: Int) -> [PredictionSample]
}

extension BoundTask {
  /// What the model reaches; nil when `shouldStop` was true before that was known.
  package func evaluate(_ split: Split, shouldStop: () -> Bool) -> Evaluation? {
    withoutActuallyEscaping(shouldStop) { shouldStop in
      let stop = StopRequest(shouldStop)
      let evaluation = evaluate(split, .inference(stop: stop))
      return stop.isMade ? nil : evaluation
    }
  }
}

extension SequenceTask {
  /// This task with a new model of `cell`.
  package func bound(cell: Cell) -> BoundTask {
    let model = makeModel(cell: cell)
    return BoundTask(
      model: model,
      loss: { loss(model, step: $0, carried: &$1, context: $2, probe: $3) },
      carriedShapes: objective.carriedShapes(model),
      evaluate: { split, context in withoutGradient { evaluate(model, on: split, context: context) } },
      isSolved: { Self.solved.isMet(by: $0, of: Self.self) },
      samples: { count in withoutGradient { samples(model, count: count) } })
  }
}
