import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Answers questions about texts with a model that `answer` trained.
///
///     let answerer = QuestionAnswerer(try Model.load("runs/answer-lstm-wm"))
///     let question = Question(context: ["Mary went to the garden."], question: "Where is Mary?")
///     answerer?.answers([question])[0].answer      // "garden"
public struct QuestionAnswerer {
  private let model: Model
  private let encoder: AnswerEncoder

  /// The answerer of a model; nil of one that takes other data.
  public init?(_ model: Model) {
    guard let encoder = AnswerEncoder(model.preprocessing),
      model.outputShapes.first?.features == [encoder.labels.count],
      model.inputs.map(\.shape)
        == (encoder.isWhole
          ? [.sequence()] : [.sequence(encoder.sentenceLength), .sequence(encoder.sentenceLength)])
    else { return nil }
    (self.model, self.encoder) = (model, encoder)
  }

  /// An answer and where it comes from.
  public struct Answer: Sendable, Equatable {
    /// The answer, one of those that training had.
    public var answer: String
    /// Its probability.
    public var probability: Double
    /// The place in the question's context of the sentence that each look was at most; empty of a model that reads words alone.
    public var sentences: [Int]
  }

  /// The answers that there are.
  public var labels: [String] { encoder.labels }

  /// The answer to each question. `batch` questions are computed at once, which changes no answer.
  public func answers(_ questions: [Question], batch: Int = 64) -> [Answer] {
    stride(from: 0, to: questions.count, by: max(1, batch)).flatMap { start in
      let examples = questions[start..<min(start + max(1, batch), questions.count)].map { encoder($0) }
      let found = AnswerObjective.found(model, encoder.batch(examples), .inference())
      return zip(examples, found).map { example, found in
        let before = example.source.context.count - example.sentences.count
        return Answer(
          answer: encoder.labels[found.answer], probability: found.probabilities[found.answer],
          sentences: found.weights.compactMap { weights in
            weights.indices.max { (weights[$0], $1) < (weights[$1], $0) }.map { $0 + before }
          })
      }
    }
  }

  /// Writes CSV: `id`, or `row` from 1 on where questions have none, `question`, `prediction`, `probability`, and `sentences`, the
  /// numbers from 1 on of the sentences that were looked at. Throws what is wrong with the file, or that the other can't be
  /// written. Gives how often each answer was found.
  @discardableResult
  public func answer(_ file: String, to path: String, batch: Int = 64) throws(TaskDataError) -> [String: Int]
  {
    let questions = try QuestionFile(file, needsAnswers: false).questions
    let named = questions.allSatisfy { $0.id != nil }
    var text = CSVWriter.line([named ? "id" : "row", "question", "prediction", "probability", "sentences"])
    var counts: [String: Int] = [:]
    for (row, pair) in zip(questions, answers(questions, batch: batch)).enumerated() {
      let (question, found) = pair
      counts[found.answer, default: 0] += 1
      text += CSVWriter.line([
        named ? question.id ?? "" : "\(row + 1)", question.question, found.answer, "\(found.probability)",
        found.sentences.map { "\($0 + 1)" }.joined(separator: " "),
      ])
    }
    do throws(FileError) { try AtomicFile.write(Data(text.utf8), to: path) } catch { throw .file(error) }
    return counts
  }
}
