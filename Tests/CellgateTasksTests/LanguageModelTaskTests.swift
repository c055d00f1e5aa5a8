import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Language model task")
struct LanguageModelTaskTests {
  private static let vocabulary = Vocabulary(of: "abcdefg".unicodeScalars)

  /// T = 4, 3 lanes: of 53 symbols lanes of 17, and 4 updates an epoch.
  private func task(_ change: (inout TrainingSettings) -> Void = { _ in }) -> PTBCharacterTask {
    var settings = PTBCharacterTask.defaults
    settings.taskOptions = ["length": 4, "embedding": 5]
    settings.hidden = 6
    settings.batch = 3
    change(&settings)
    return PTBCharacterTask(
      settings: settings,
      batches: TextBatches(
        vocabulary: Self.vocabulary, training: LanguageModelTests.symbols(53),
        validation: LanguageModelTests.symbols(20, name: "validation"),
        test: LanguageModelTests.symbols(300, name: "test"),
        steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch,
        overlap: settings.overlap, carriesEpochs: settings.carriesEpochs))
  }

  @Test("Samples go on from places of the test stream, and are the same each time")
  func samples() throws {
    let task = task()
    let model = task.makeModel(cell: .lstm)
    let samples = task.samples(model, count: 100)
    #expect(samples.count == 3 && samples == task.samples(model, count: 3))
    let stream = LanguageModelTests.symbols(300, name: "test")
    for (index, sample) in samples.enumerated() {
      guard case .text(let text) = sample else {
        Issue.record("\(sample)")
        continue
      }
      let prompt = stream[(100 * index)..<(100 * index + 60)].map {
        Character(Self.vocabulary.symbols[Int($0)])
      }
      #expect(text.prompt == String(prompt))
      #expect(text.continuation.count == 240 && text.continuation.allSatisfy { "abcdefg".contains($0) })
      let generator = TextGenerator(model: model, vocabulary: Self.vocabulary)
      let expected = try generator.text(
        after: text.prompt, sampling: Sampling(temperature: 0.8), seed: UInt64(index + 1))
      #expect(text.continuation.unicodeScalars.elementsEqual(expected.prefix(240)))
    }
    #expect(task.samples(model, count: 0).isEmpty)
  }

  @Test("Each update takes the next steps of every lane, and the next symbol is the class")
  func batches() {
    let task = task()
    let stream = LanguageModelTests.symbols(53)
    #expect(task.stepsPerEpoch == 4)
    for update in 0..<4 {
      let batch = task.batches.batch(seed: 1, step: update, shard: .whole)
      let (inputs, classes) = (batch.inputs, batch.classes)
      for step in 0..<4 {
        for lane in 0..<3 {
          let place = 17 * lane + 4 * update + step
          #expect(inputs[3 * step + lane] == stream[place] && classes[3 * step + lane] == stream[place + 1])
        }
      }
    }
    #expect(
      task.batches.batch(seed: 1, step: 9, shard: .whole)
        == task.batches.batch(seed: 1, step: 1, shard: .whole))
  }

  @Test("Losses with states carried are those of one pass over the lanes, and an epoch begins with zeros")
  func carried() {
    let task = task()
    let model = task.makeModel(cell: .lstmWM)
    var carried: [Tensor] = []
    let losses = (0..<4).map { step in
      task.loss(model, step: step, carried: &carried, context: .training(seed: 1, step: 0), probe: nil)
    }
    #expect(carried.count == 2 && carried.allSatisfy { $0.shape == [1, 3, 6] && !$0.needsGradient })
    let stream = LanguageModelTests.symbols(53)
    let inputs = (0..<16).flatMap { step in (0..<3).map { stream[17 * $0 + step] } }
    let classes = (0..<16).flatMap { step in (0..<3).map { stream[17 * $0 + step + 1] } }
    let whole = crossEntropy(model(inputs, steps: 16, batch: 3).logits, classes: classes)
    // Sums of 16 and of 4 times 4 terms, in Float32.
    #expect(abs(losses.map(\.item).reduce(0, +) / 4 - whole.item) < 1e-5)

    // The first update of the next epoch sees the same data, and not what the last one left.
    let again = task.loss(model, step: 4, carried: &carried, context: .training(seed: 1, step: 0), probe: nil)
    #expect(again.item == losses[0].item)
    var none: [Tensor] = []
    let cold = task.loss(model, step: 1, carried: &none, context: .training(seed: 1, step: 0), probe: nil)
    #expect(cold.item != losses[1].item)
  }

  @Test(
    "With overlapping updates each symbol is predicted once, with a gradient through the steps read again")
  func overlapping() {
    // Updates of 4 steps, 2 of them new: of lanes of 17 symbols all but the first are predicted in 7 updates.
    let task = task { $0.taskOptions["overlap"] = 2 }
    #expect(task.stepsPerEpoch == 7)
    let model = task.makeModel(cell: .lstmWM)
    let parameters = ParameterSet(model)
    let stream = LanguageModelTests.symbols(53)
    var carried: [Tensor] = []
    var sum: Float = 0
    for update in 0..<7 {
      parameters.zeroGradients()
      let loss = task.loss(
        model, step: update, carried: &carried, context: .training(seed: 1, step: 0), probe: nil)
      loss.backward()
      sum += loss.item * (update == 0 ? 4 : 2)
      guard update == 1 else { continue }
      let found = parameters.gradients.scalars
      // The same by hand: the states after two steps, and four more of which the last two are predicted.
      func symbols(_ places: Range<Int>) -> [Int32] {
        places.flatMap { step in (0..<3).map { stream[17 * $0 + step] } }
      }
      let before = model(symbols(0..<2), steps: 2, batch: 3).states.map(\.detached)
      parameters.zeroGradients()
      let logits = model(symbols(2..<6), steps: 4, batch: 3, states: before).logits
      crossEntropy(logits.sliced(2..<4, axis: 0), classes: symbols(5..<7)).backward()
      #expect(zip(parameters.gradients.scalars, found).allSatisfy { abs($0 - $1) < 1e-6 })
    }
    let inputs = (0..<16).flatMap { step in (0..<3).map { stream[17 * $0 + step] } }
    let classes = (0..<16).flatMap { step in (0..<3).map { stream[17 * $0 + step + 1] } }
    let whole = crossEntropy(model(inputs, steps: 16, batch: 3).logits, classes: classes)
    #expect(abs(sum / 16 - whole.item) < 1e-5)
  }

  @Test("An epoch goes on with the states of the lane before, the first lane with zeros")
  func carriedOverEpochs() {
    let task = task { $0.taskOptions["carry"] = "epochs" }
    let model = task.makeModel(cell: .lstm)
    let left = [0, 1].map { state in
      Tensor((0..<18).map { Float($0 + 18 * state) / 40 }, shape: [1, 3, 6])
    }
    var carried = left
    let loss = task.loss(model, step: 4, carried: &carried, context: .training(seed: 1, step: 0), probe: nil)
    let shifted = left.map { Tensor([Float](repeating: 0, count: 6) + $0.scalars[..<12], shape: [1, 3, 6]) }
    let batch = task.batches.batch(seed: 1, step: 4, shard: .whole)
    let expected = crossEntropy(
      model(batch.inputs, steps: 4, batch: 3, states: shifted).logits, classes: batch.classes)
    #expect(loss.item == expected.item)
    // The first epoch begins with zeros, whatever was left.
    carried = left
    let first = task.loss(model, step: 0, carried: &carried, context: .training(seed: 1, step: 0), probe: nil)
    #expect(
      first.item == crossEntropy(model(batch.inputs, steps: 4, batch: 3).logits, classes: batch.classes).item)
  }

  @Test("An overlap of all steps is refused by name")
  func wholeOverlap() {
    var settings = PTBCharacterTask.defaults
    settings.taskOptions = ["length": 4, "overlap": 4]
    #expect(
      settings.problems(tasks: [PTBCharacterTask.self], cells: Cell.all).map(\.description)
        == ["overlap: expected less than the 4 steps of an update, found 4"])
  }

  /// The mean cross-entropy of all symbols but the first, one step at a time.
  private func naive(_ model: LanguageModel, _ stream: [Int32]) -> Double {
    var states: [Tensor]?
    var sum = 0.0
    for (symbol, next) in zip(stream, stream.dropFirst()) {
      let result = model([symbol], steps: 1, batch: 1, states: states)
      states = result.states
      sum += Double(crossEntropy(result.logits, classes: [next]).item)
    }
    return sum / Double(stream.count - 1)
  }

  @Test("Evaluation predicts every character but the first once, as a pass one step at a time does")
  func evaluation() {
    let task = task()
    let model = task.makeModel(cell: .lstm)
    let stream = LanguageModelTests.symbols(300, name: "test")
    let expected = naive(model, stream)
    let found = task.evaluate(model, on: .test, context: .inference())
    #expect(abs(found.extras[0] - expected) < 1e-6)
    #expect(abs(found.value - expected / log(2)) < 1e-6)
    #expect(
      abs(
        task.evaluate(model, on: .validation, context: .inference()).extras[0]
          - naive(model, LanguageModelTests.symbols(20, name: "validation")))
        < 1e-6)
    // Lanes that read everything before what they predict, of equal and unequal length, change nothing.
    for lanes in [1, 2, 4, 7, 299] {
      #expect(
        abs(LanguageModelObjective.nats(model, SymbolSequence(stream), lanes: lanes, warmUp: 300) - expected)
          < 1e-6)
    }
  }

  @Test("What a lane has not read matters less the longer ago it was")
  func warmUp() {
    let model = LanguageModelTests.model(layers: 1)
    let stream = LanguageModelTests.symbols(1200)
    let exact = LanguageModelObjective.nats(model, SymbolSequence(stream), lanes: 1)
    func error(_ warmUp: Int) -> Double {
      abs(LanguageModelObjective.nats(model, SymbolSequence(stream), lanes: 60, warmUp: warmUp) - exact)
    }
    #expect(error(0) > 1e-5)
    #expect(error(100) < 1e-6)
  }

  @Test("A lane in the middle of a stream begins with the states after the stream's first symbols")
  func laneStates() {
    let model = LanguageModelTests.model(layers: 2)
    let stream = LanguageModelTests.symbols(21)
    /// Nats of the symbols from `first` on, up to `end`, read from `start` on.
    func nats(_ start: Int, _ first: Int, _ end: Int, _ states: [Tensor]?) -> Double {
      let part = Array(stream[start..<end])
      let logits = model(Array(part.dropLast()), steps: part.count - 1, batch: 1, states: states).logits
      let mask = (1..<part.count).map { Float(start + $0 >= first ? 1 : 0) }
      return Double(end - first)
        * Double(crossEntropy(logits, classes: Array(part.dropFirst()), mask: mask).item)
    }
    let after = model(Array(stream.prefix(3)), steps: 3, batch: 1).states
    let expected = (nats(0, 1, 11, nil) + nats(7, 11, 21, after)) / 20
    #expect(
      abs(LanguageModelObjective.nats(model, SymbolSequence(stream), lanes: 2, warmUp: 3) - expected) < 1e-6)
    let zeros = (nats(0, 1, 11, nil) + nats(7, 11, 21, nil)) / 20
    #expect(abs(zeros - expected) > 1e-6)
  }

  @Test("The baseline is the cross-entropy under the frequencies of the training data")
  func baseline() {
    var settings = PTBCharacterTask.defaults
    settings.taskOptions = ["length": 2, "embedding": 5]
    settings.batch = 1
    let task = PTBCharacterTask(
      settings: settings,
      batches: TextBatches(
        vocabulary: Vocabulary(of: "ab".unicodeScalars), training: [0, 0, 0, 0, 0, 1], validation: [0, 1],
        test: [1, 0, 1],
        steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch))
    // One added to each: 6/8 and 2/8; the first character is not predicted.
    #expect(abs(task.baseline.value - (-log2(0.75) + 2) / 2) < 1e-12)
  }

  @Test("A text is learned: bits per character fall below what frequencies alone give")
  func learns() throws {
    var settings = PTBCharacterTask.defaults
    settings.taskOptions = ["length": 8, "embedding": 5]
    settings.hidden = 8
    settings.batch = 4
    let stream = (0..<400).map { Int32("abacabad".utf8.map { $0 - 97 }[$0 % 8]) }
    let task = PTBCharacterTask(
      settings: settings,
      batches: TextBatches(
        vocabulary: Self.vocabulary, training: stream, validation: stream, test: stream, steps: 8, lanes: 4))
    let model = task.makeModel(cell: .gru)
    let parameters = ParameterSet(model)
    let optimizer = try Optimizers.make("adam", count: parameters.count, settings: .init(learningRate: 0.02))
    var carried: [Tensor] = []
    for step in 0..<80 {
      parameters.zeroGradients()
      let context = ForwardContext.training(seed: 1, step: UInt64(step))
      task.loss(model, step: step, carried: &carried, context: context, probe: nil).backward()
      optimizer.step(parameters)
    }
    #expect(task.evaluate(model, on: .test, context: .inference()).value < 0.3 && task.baseline.value > 1.7)
  }
}
