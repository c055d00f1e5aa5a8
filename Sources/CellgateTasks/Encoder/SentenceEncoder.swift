import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes vectors of texts with a model that `encoder` trained.
///
/// ```swift
/// let encoder = SentenceEncoder(try Model.load("runs/encoder-lstm"))
/// let vectors = encoder?.vectors(["A dog runs.", "A puppy is running."])    // [2, D]
/// ```
public struct SentenceEncoder {
  private let model: Model
  private let vectorizer: TextVectorizer

  /// The encoder of a model; nil of one that takes other data.
  public init?(_ model: Model) {
    guard model.preprocessing.encodesTexts == true, let vectorizer = TextVectorizer(model.preprocessing),
      model.inputs.map(\.shape) == [.sequence()], model.outputShapes.count == 1
    else { return nil }
    (self.model, self.vectorizer) = (model, vectorizer)
  }

  /// The encoder of a model of the task, whose texts are cut so.
  init(_ model: Model, _ vectorizer: TextVectorizer) { (self.model, self.vectorizer) = (model, vectorizer) }

  /// D, the numbers of a vector.
  public var dimension: Int { model.outputShapes[0].count }

  /// The unit vectors of texts, `[N, D]`; zeros for a text without a word. `batch` texts of like lengths are computed at once.
  public func vectors(_ texts: [String], batch: Int = 64) -> Tensor {
    let symbols = texts.map(vectorizer.numbers)
    let groups = LengthOrder.groups(of: symbols.map { max(1, $0.count) }, most: max(1, batch))
    var numbers = [Float](repeating: 0, count: texts.count * dimension)
    for group in groups {
      let own = group.filter { !symbols[$0].isEmpty }
      guard !own.isEmpty else { continue }
      let x = SentenceBatches.side(own.map { symbols[$0].map { Float($0) } })
      let found = EncoderObjective.vectors(model, x, .inference()).scalars
      for (row, text) in own.enumerated() {
        numbers.replaceSubrange(
          text * dimension..<(text + 1) * dimension, with: found[row * dimension..<(row + 1) * dimension])
      }
    }
    return Tensor(numbers, shape: [texts.count, dimension])
  }
}
