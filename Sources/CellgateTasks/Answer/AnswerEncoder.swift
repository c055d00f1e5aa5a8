import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes what a model takes of questions, by what was learned from the training part alone: words, answers and lengths.
struct AnswerEncoder {
  /// A question as the model takes it.
  struct Example {
    /// Words of each sentence that is looked at, the text's last ones, by their numbers.
    var sentences: [[Int32]]
    /// Words of the question.
    var question: [Int32]
    /// The number of the answer; -1 for none, or for one that training had none of.
    var answer: Int32
    /// The places in `sentences` of those that the answer comes from.
    var supporting: [Int]
    /// What it was made of.
    var source: Question

    /// What a batch pads: the sentences, or the words where all are read as one sequence.
    func steps(isWhole: Bool) -> Int {
      isWhole ? sentences.reduce(question.count) { $0 + $1.count } : sentences.count
    }
  }

  /// What a model's file keeps.
  let preprocessing: Preprocessing
  /// The answers.
  let labels: [String]
  private let source: Preprocessing.StorySource
  private let vocabulary: WordVocabulary
  private let answers: [String: Int32]

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard let source = preprocessing.stories, let words = preprocessing.words,
      let labels = preprocessing.labels
    else { return nil }
    (self.preprocessing, self.source, self.labels) = (preprocessing, source, labels)
    vocabulary = WordVocabulary(words: words)
    answers = [String: Int32](
      labels.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
  }

  /// What is learned from the questions of the training part.
  static func preprocessing(fitting questions: [Question], _ settings: TrainingSettings) -> Preprocessing {
    var preprocessing = Preprocessing()
    preprocessing.labels = Set(questions.compactMap(\.answer)).sorted()
    var texts: [String] = []
    for (place, question) in questions.enumerated() {
      // What a story's questions share counts once.
      let before = place > 0 && questions[place - 1].story == question.story
      let known = before ? questions[place - 1].context.count : 0
      texts += question.context.dropFirst(min(known, question.context.count)) + [question.question]
    }
    preprocessing.words = WordVocabulary(of: texts, most: settings.whole(AnswerOptions.words)).words
    let longest = texts.map { WordVocabulary.words(of: $0).count }.max() ?? 1
    preprocessing.stories = Preprocessing.StorySource(
      sentences: settings.whole(AnswerOptions.sentences),
      sentenceLength: max(1, min(longest, settings.whole(AnswerOptions.sentenceLength))),
      isWhole: AnswerOptions.readsWhole(settings))
    return preprocessing
  }

  /// How many words there are, with the two that are none.
  var wordCount: Int { vocabulary.count }
  /// C, the most words of a sentence.
  var sentenceLength: Int { source.sentenceLength }
  /// Whether a text and its question are one sequence of words.
  var isWhole: Bool { source.isWhole }

  /// A question as the model takes it.
  func callAsFunction(_ question: Question) -> Example {
    func words(_ text: String) -> [Int32] {
      WordVocabulary.words(of: text).prefix(sentenceLength).map { Int32(vocabulary.number(of: $0)) }
    }
    let dropped = max(0, question.context.count - source.sentences)
    return Example(
      sentences: question.context.dropFirst(dropped).map(words), question: words(question.question),
      answer: question.answer.flatMap { answers[$0] } ?? -1,
      supporting: question.supporting.compactMap { $0 >= dropped ? $0 - dropped : nil }, source: question)
  }

  /// Questions side by side.
  func batch(_ examples: [Example]) -> AnswerBatch {
    let count = examples.count
    if isWhole {
      let sequences = examples.map { $0.sentences.joined() + $0.question }
      let steps = max(1, sequences.map(\.count).max() ?? 1)
      var words = [Float](repeating: 0, count: steps * count)
      for (column, own) in sequences.enumerated() {
        for (step, word) in own.enumerated() { words[step * count + column] = Float(word) }
      }
      let value = LayerValue(
        Tensor(words, shape: [steps, count]), mask: .lengths(sequences.map(\.count)))
      return AnswerBatch(inputs: [value], examples: examples)
    }
    let steps = max(1, examples.map(\.sentences.count).max() ?? 1)
    func numbers(_ steps: Int, _ sentences: (Example) -> [[Int32]]) -> Tensor {
      var numbers = [Float](repeating: 0, count: steps * count * sentenceLength)
      for (column, example) in examples.enumerated() {
        for (step, sentence) in sentences(example).enumerated() {
          let start = (step * count + column) * sentenceLength
          for (place, word) in sentence.enumerated() { numbers[start + place] = Float(word) }
        }
      }
      return Tensor(numbers, shape: [steps, count, sentenceLength])
    }
    return AnswerBatch(
      inputs: [
        LayerValue(numbers(steps, \.sentences), mask: .lengths(examples.map(\.sentences.count))),
        LayerValue(numbers(1) { [$0.question] }),
      ], examples: examples)
  }
}

/// Questions side by side, as a model takes them.
public struct AnswerBatch {
  /// The sentences `[S, B, C]` and the question `[1, B, C]`, or all words `[T, B]`.
  let inputs: [LayerValue]
  let examples: [AnswerEncoder.Example]

  /// The numbers of the answers.
  var answers: [Int32] { examples.map(\.answer) }
}
