import CellgateBasics
import CellgateData
import CellgateMemory
import CellgateNN
import CellgateTensor
import CellgateTraining

extension LanguageModel {
  /// Adds the model's output at each symbol of a text but the last, with the symbol after it, to a store, and gives how many these
  /// are. `shouldStop` is asked from time to time. Throws what is wrong with the file.
  public func remember(
    _ text: TextTokenizer.Encoded, tokenizer: TextTokenizer, in store: VectorIndex.Writer,
    shouldStop: () -> Bool = { false }, progress: (_ done: Int) -> Void = { _ in }
  ) throws(VectorIndexError) -> Int {
    var (count, failure): (Int, VectorIndexError?) = (0, nil)
    withoutGradient {
      reading(text, tokenizer).forEachPiece { piece in
        let places = piece.isScored.indices.filter { piece.isScored[$0] }, output = piece.reading.output
        let rows = output.reshaped([output.count / output.shape[2], output.shape[2]])
          .gathered(places.map { Int32($0) })
        do throws(VectorIndexError) {
          try store.add(rows, values: places.map { piece.classes[$0] })
        } catch {
          failure = error
          return false
        }
        count += places.count
        progress(count)
        return !shouldStop()
      }
    }
    if let failure { throw failure }
    return count
  }

  /// Numbers of what the head reads.
  public var outputSize: Int { head.weight.shape[1] }
}

extension LanguageModelTask {
  /// As an evaluation of a split, with a memory.
  public func evaluation(
    of model: LanguageModel, on split: Split, memory: LanguageMemory, context: ForwardContext = .inference()
  ) -> Evaluation {
    var objective = objective
    objective.memory = memory
    return withoutGradient {
      objective.evaluate(
        model, on: split, batches.batches(of: split), metrics: Self.description.metrics(settings),
        context: context)
    }
  }

  /// The symbols of the training part, or of the validation or test part.
  public func text(of split: Split?) -> TextTokenizer.Encoded {
    split.map { batches.stream(of: $0) } ?? TextTokenizer.Encoded(indices: batches.training)
  }
}
