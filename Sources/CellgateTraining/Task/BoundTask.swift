import CellgateCells
import CellgateNN
import CellgateTensor

/// A task and its model, with the model's type out of sight.
package struct BoundTask {
  package let model: any Module
  /// The model as data; nil of one that is no graph of layers.
  package var modelDescription: ModelDescription? { (model as? any DescribedModule)?.description }
  package let loss:
    (
      _ step: Int, _ shard: Shard, _ carried: inout [Tensor], _ context: ForwardContext, _ probe: TensorProbe?
    ) throws(TrainingError) -> BatchLoss?
  package let carriedShapes: [[Int]]
  package let evaluate: (Split, ForwardContext) throws(TrainingError) -> Evaluation
  package let isSolved: (Evaluation) -> Bool
  /// Changes the best model once training has ended; whether it did.
  package let finish: (ForwardContext) -> Bool
  package let samples: (_ count: Int) -> [PredictionSample]
}

extension SequenceTask {
  /// This task with a new model of `cell`.
  package func bound(cell: Cell) -> BoundTask {
    let model = makeModel(cell: cell)
    return BoundTask(
      model: model,
      loss: { step, shard, carried, context, probe throws(TrainingError) in
        do {
          return try loss(
            model, step: step, shard: shard, carried: &carried, context: context, probe: probe)
        } catch { throw TrainingError(reading: error) }
      },
      carriedShapes: objective.carriedShapes(model),
      evaluate: { split, context throws(TrainingError) in
        do { return try withoutGradient { try evaluate(model, on: split, context: context) } } catch {
          throw TrainingError(reading: error)
        }
      },
      isSolved: { [settings] in Self.solved.isMet(by: $0, of: Self.self, settings) },
      finish: { context in withoutGradient { finish(model, context: context) } },
      samples: { count in withoutGradient { samples(model, count: count) } })
  }
}
