import CellgateData
import CellgateNN

@testable import CellgateTasks

extension TextBatches {
  /// Streams of characters.
  init(
    vocabulary: Vocabulary, training: [Int32], validation: [Int32], test: [Int32], steps: Int, lanes: Int
  ) {
    self.init(
      tokenizer: .characters(vocabulary), training: training, validation: .init(indices: validation),
      test: .init(indices: test), steps: steps, lanes: lanes)
  }
}

extension TextGenerator {
  /// A generator of characters.
  convenience init(model: LanguageModel, vocabulary: Vocabulary) {
    self.init(model: model, tokenizer: .characters(vocabulary))
  }
}

extension LanguageModelTask {
  /// The characters; none of a model of other symbols.
  var vocabulary: Vocabulary { tokenizer.vocabulary }
}

extension TextTokenizer {
  /// The characters; none of other symbols.
  var vocabulary: Vocabulary {
    if case .characters(let vocabulary) = self { return vocabulary }
    return Vocabulary(of: "".unicodeScalars)
  }
}
