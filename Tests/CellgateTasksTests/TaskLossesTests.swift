import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

/// Models of the tasks from sequence to sequence learn as PyTorch's do: the losses of the first 20 updates, from the same weights
/// and batches, of unequal lengths. The files are made by Losses/generate.py.
@Suite("First losses beside PyTorch")
struct TaskLossesTests {
  private static let updates = 20, batch = 4

  private static func file(_ name: String) throws -> Safetensors {
    try Safetensors(
      path: Bundle.module.bundleURL.appendingPathComponent("Losses/\(name).safetensors").path)
  }

  /// Trains `model` from the weights in a file, and compares the losses.
  private static func check(
    _ model: Model, _ file: Safetensors, loss: (_ update: Int, _ context: ForwardContext) throws -> Tensor
  ) throws {
    var state = StateDictionary()
    for entry in model.state.entries {
      state[entry.name] = Tensor(
        try file.floats(entry.name, shape: entry.tensor.shape), shape: entry.tensor.shape)
    }
    try model.load(state)
    let parameters = ParameterSet(model)
    let adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 0.01))
    let expected = try file.doubles("losses")
    #expect(expected.count == updates && expected.last ?? 0 < expected[0])
    for update in 0..<updates {
      parameters.zeroGradients()
      let loss = try loss(update, .training(seed: 1, step: UInt64(update + 1)))
      #expect(abs(Double(loss.item) - expected[update]) < 2e-5 * expected[update], "update \(update + 1)")
      loss.backward()
      adam.step(parameters)
    }
  }

  /// The numbers of update `update` of a tensor [20, ..].
  private static func part(_ all: [Int64], _ update: Int) -> ArraySlice<Int64> {
    let count = all.count / updates
    return all[update * count..<(update + 1) * count]
  }

  /// Sequences in the columns of [.., B], without the padding.
  private static func columns(_ all: ArraySlice<Int64>, least: Int64) -> [[Int32]] {
    (0..<batch).map { column in
      stride(from: all.startIndex + column, to: all.endIndex, by: batch).compactMap {
        all[$0] >= least ? Int32(all[$0]) : nil
      }
    }
  }

  @Test("A translator's, with attention after the cell, tied weights and sources of unequal lengths")
  func translate() throws {
    let file = try Self.file("translate")
    var options = TranslationModelOptions(cell: .lstm, units: 8, sourceSize: 17, targetSize: 19)
    (options.embeddingSize, options.attentionUnits) = (6, 7)
    (options.dropout, options.embeddingDropout, options.outputDropout) = (0, 0, 0)
    let model = try options.model()
    let decoding = try DecodingModel(model)
    let (source, target) = (try file.int64s("source"), try file.int64s("target"))
    try Self.check(model, file) { update, context in
      let sentences = Self.columns(Self.part(source, update), least: 1)
      return decoding.loss(
        of: Self.columns(Self.part(target, update), least: 0), about: [Translator.subject(sentences)],
        start: 1, end: 2, context
      ).mean
    }
  }

  @Test("An answerer's, with three looks of which two are trained")
  func answer() throws {
    let file = try Self.file("answer")
    var settings = AnswerTask.defaults
    (settings.hidden, settings.dropout, settings.inputDropout) = (8, 0, 0)
    settings.taskOptions = ["embedding": 6, "attention": 7, "sentences": 5, "hops": 3]
    let model = try Model(settings.answerer(cell: .lstm, words: 17, length: 5, answers: 5))
    let (story, question) = (try file.int64s("story"), try file.int64s("question"))
    let (answers, supporting) = (try file.int64s("answers"), try file.int64s("supporting"))
    let objective = AnswerObjective(labels: [], supporting: 1, remarks: [:])
    try Self.check(model, file) { update, context in
      let sentences = Array(Self.part(story, update)), looked = Array(Self.part(supporting, update))
      let steps = sentences.count / Self.batch / 5
      let counts = (0..<Self.batch).map { column in
        (0..<steps).count { sentences[($0 * Self.batch + column) * 5] > 0 }
      }
      let examples = Self.part(answers, update).enumerated().map { column, answer in
        AnswerEncoder.Example(
          sentences: [], question: [], answer: Int32(answer),
          supporting: [Int(looked[column]), Int(looked[Self.batch + column])],
          source: Question(context: [], question: ""))
      }
      let batch = AnswerBatch(
        inputs: [
          LayerValue(
            Tensor(sentences.map(Float.init), shape: [steps, Self.batch, 5]), mask: .lengths(counts)),
          LayerValue(Tensor(Self.part(question, update).map(Float.init), shape: [1, Self.batch, 5])),
        ], examples: examples)
      var carried: [Tensor] = []
      return objective.loss(model, batch, carried: &carried, context: context, probe: nil).mean
    }
  }

  @Test("A transcriber's, with a transcript that is too long for its recording")
  func transcribe() throws {
    let file = try Self.file("transcribe")
    var settings = TranscribeTask.defaults
    (settings.hidden, settings.layers, settings.dropout, settings.inputDropout) = (8, 1, 0, 0)
    let model = try Model(settings.transcriber(cell: .lstm, inputSize: 6, outputs: 5))
    let features = Tensor(try file.floats("features"), shape: [Self.updates, 9, Self.batch, 6])
    let (lengths, targets) = (try file.int64s("lengths"), try file.int64s("targets"))
    let encoder = SpeechEncoder(
      features: AudioFeatures(rate: 8000), stack: 1,
      training: [[Float](repeating: 0, count: AudioFeatures(rate: 8000).width)],
      texts: [""])
    let objective = TranscribeObjective(encoder: encoder, remarks: [:])
    try Self.check(model, file) { update, context in
      let batch = SpeechBatch(
        input: LayerValue(features[update], mask: .lengths(Self.part(lengths, update).map { Int($0) })),
        targets: Self.columns(Self.part(targets, update), least: 0), texts: [], unknown: [])
      var carried: [Tensor] = []
      return objective.loss(model, batch, carried: &carried, context: context, probe: nil).mean
    }
  }
}
