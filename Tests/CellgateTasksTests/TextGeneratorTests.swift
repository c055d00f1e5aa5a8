import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Text generator")
struct TextGeneratorTests {
  private static let vocabulary = Vocabulary(of: "\nabcde".unicodeScalars, hasUnknown: true)

  /// Sampling with a pass over the whole text for each character.
  private func naive(
    _ model: LanguageModel, after prompt: [Int32], _ sampling: Sampling, seed: UInt64, count: Int
  ) -> String {
    var (symbols, text) = (prompt, "")
    var stream = RandomStream(seed: seed, name: "generation")
    for _ in 0..<count {
      let logits = model(symbols, steps: symbols.count, batch: 1).logits
      var last = Array(logits.scalars.suffix(7))
      last[6] = -.infinity
      let index = sampling.pick(last, at: Double(stream.nextLong() >> 11) * 0x1p-53)
      symbols.append(Int32(index))
      text.unicodeScalars.append(Self.vocabulary.symbols[index])
    }
    return text
  }

  private func text(_ generated: GeneratedText, _ count: Int) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: generated.prefix(count))
    return String(text)
  }

  @Test("Text is what sampling from passes over the whole sequence gives", arguments: Cell.core)
  func naive(cell: Cell) throws {
    let model = LanguageModelTests.model(cell)
    let generator = TextGenerator(model: model, vocabulary: Self.vocabulary)
    for (seed, sampling) in [
      (1, Sampling()), (2, Sampling(temperature: 0.7, topK: 4)), (3, Sampling(topP: 0.8)),
      (4, Sampling(temperature: 0)),
    ] {
      let found = try generator.text(after: "abba\ncd", sampling: sampling, seed: UInt64(seed))
      let expected = naive(model, after: [1, 2, 2, 1, 0, 3, 4], sampling, seed: UInt64(seed), count: 30)
      #expect(text(found, 30) == expected, "\(sampling)")
    }
    // Without a prompt a text begins as after a newline.
    #expect(text(try generator.text(), 20) == naive(model, after: [0], Sampling(), seed: 1, count: 20))
  }

  @Test("Several texts are searched and drawn together, each as by itself")
  func decoder() throws {
    let generator = TextGenerator(model: LanguageModelTests.model(), vocabulary: Self.vocabulary)
    var rules = DecodingRules(end: nil, maximumLength: 12)
    rules.forbidden = [6]
    let symbols: [Int32] = [0, 3, 1]
    let greedy = generator.greedy(from: generator.start(3), after: symbols, rules: rules)
    for (symbol, found) in zip(symbols, greedy) {
      let cold = generator.text(after: [symbol], sampling: Sampling(temperature: 0), seed: 1)
      #expect(
        String(String.UnicodeScalarView(found.tokens.map { Self.vocabulary.symbols[Int($0)] }))
          == text(cold, 12))
    }
    var streams = symbols.map { _ in RandomStream(seed: 4, name: "generation") }
    let drawn = generator.sample(from: generator.start(3), after: symbols, rules: rules, streams: &streams)
    for (symbol, found) in zip(symbols, drawn) {
      let alone = generator.text(after: [symbol], sampling: Sampling(), seed: 4)
      #expect(
        String(String.UnicodeScalarView(found.tokens.map { Self.vocabulary.symbols[Int($0)] }))
          == text(alone, 12))
    }
    let search = BeamSearch(width: 3, count: 2)
    let together = generator.beamSearch(
      from: generator.start(3), after: symbols, rules: rules, search: search)
    for (symbol, found) in zip(symbols, together) {
      let alone = generator.beamSearch(from: generator.start(), after: [symbol], rules: rules, search: search)
      #expect(alone[0].map(\.tokens) == found.map(\.tokens))
    }
  }

  @Test("The same seed gives the same text, another one another")
  func seeds() throws {
    let generator = TextGenerator(model: LanguageModelTests.model(), vocabulary: Self.vocabulary)
    let first = text(try generator.text(seed: 5), 60)
    #expect(first == text(try generator.text(seed: 5), 60))
    #expect(first != text(try generator.text(seed: 6), 60))
  }

  @Test("A character that the model has never seen is refused in a prompt, with its place")
  func unknown() throws {
    let generator = TextGenerator(model: LanguageModelTests.model(), vocabulary: Self.vocabulary)
    let error = #expect(throws: GenerationError.self) { try generator.text(after: "abz") }
    #expect(error?.description == "prompt: character 3, 'z': the model has never seen it")
    let words = Vocabulary(of: "_abcdef".unicodeScalars)
    let other = TextGenerator(model: LanguageModelTests.model(), vocabulary: words)
    let space = #expect(throws: GenerationError.self) { try other.text(after: "a b") }
    #expect(space?.description.hasSuffix("never seen it; write _ for a space") == true)
  }

  @Test("A run's folder is all that is needed; runs of other tasks and models without symbols are refused")
  func run() throws {
    let scratch = try Scratch()
    try scratch.write(Array(TextTaskTests.text.utf8), as: "my.txt")
    let file = scratch.path + "/my.txt"
    let (path, other) = (scratch.path + "/run", scratch.path + "/other")
    let settings = try TextTask.prepared(TextTaskTests.settings(), data: .file(file))
    let trainer = try Trainer(
      task: TextTask(settings: settings, data: .unspecified), settings: settings,
      directory: RunDirectory(creating: path, settings: settings))
    _ = try trainer.run()
    try FileManager.default.removeItem(atPath: file)
    let generator = try TextGenerator(run: path)
    #expect(generator.tokenizer.vocabulary == Vocabulary(of: "\nabc".unicodeScalars, hasUnknown: true))
    #expect(
      text(try generator.text(after: "ab"), 40).unicodeScalars.allSatisfy {
        "\nabc".unicodeScalars.contains($0)
      })

    let adding = AddingTask.defaults
    _ = try RunDirectory(creating: other, settings: adding)
    #expect(throws: GenerationError.notALanguageModel(folder: other, task: "adding")) {
      try TextGenerator(run: other)
    }
    #expect(throws: GenerationError.run(.notARun(folder: scratch.path))) {
      try TextGenerator(run: scratch.path)
    }
    try FileManager.default.removeItem(atPath: path + "/model.safetensors")
    let error = #expect(throws: GenerationError.self) { try TextGenerator(run: path) }
    #expect(error?.description == "\(path)/model.safetensors: no such file")
  }
}
