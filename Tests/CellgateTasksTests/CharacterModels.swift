import CellgateData
import CellgateNN

@testable import CellgateTasks

extension TextBatches {
  /// Streams of characters.
  init(
    vocabulary: Vocabulary, training: [Int32], validation: [Int32], test: [Int32], steps: Int, lanes: Int,
    overlap: Int = 0, carriesEpochs: Bool = false
  ) {
    self.init(
      tokenizer: .characters(vocabulary), training: SymbolSequence(training),
      validation: .init(indices: SymbolSequence(validation)), test: .init(indices: SymbolSequence(test)),
      steps: steps, lanes: lanes, overlap: overlap, carriesEpochs: carriesEpochs)
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
