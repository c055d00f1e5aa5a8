import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("The next frames of tunes")
struct MusicTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(_ options: [String: OptionValue] = [:]) -> TrainingSettings {
    var settings = MusicTask.defaults
    settings.taskOptions.merge(["embedding": 0, "transpose": 0]) { $1 }
    settings.inputDropout = 0
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.dropout, settings.batch, settings.cell) = (12, 0, 4, "lstm-wm")
    return settings
  }

  private func task(_ file: String, _ options: [String: OptionValue] = [:]) throws -> MusicTask {
    let prepared = try MusicTask.prepared(settings(options), data: .file(file))
    return try MusicTask(settings: prepared, data: .unspecified)
  }

  /// Three chords, one after the other, from one of them on.
  private func tune(_ frames: Int, from first: Int = 0) -> [Chord] {
    let chords = [Chord([60, 64, 67]), Chord([62, 65]), Chord([59])]
    return (0..<frames).map { chords[($0 + first) % 3] }
  }

  private func matlab() throws -> String {
    try scratch.write(
      MATLABBytes().rolls(
        training: (0..<8).map { tune(20 + $0, from: $0) }, validation: [tune(15), tune(9, from: 1)],
        test: [tune(12, from: 2), tune(30)]), as: "tunes.mat")
  }

  @Test(
    "A model learns a tune, its file alone goes on with it and scores other tunes",
    arguments: ["keys", "chords"])
  func learns(form: String) throws {
    var prepared = settings(["form": .text(form)])
    (prepared.epochs, prepared.steps, prepared.optimizerSettings.learningRate) = (nil, 150, 0.02)
    prepared = try MusicTask.prepared(prepared, data: .file(try matlab()))
    let folder = try RunDirectory(creating: scratch.file("run"), settings: prepared)
    let task = try MusicTask(settings: prepared, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: prepared, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.value < 0.2 && result.value < task.baseline.value, "\(result.value)")
    let withFirst = try #require(result.extras["nll_with_first"])
    #expect(withFirst > result.value)
    #expect(try #require(result.extras["frame_accuracy"]) > 0.99)
    let generator = try MusicGenerator(model: folder.path)
    let prime = PianoRoll(name: "p", frames: tune(5))
    let more = generator.roll(frames: 10, after: prime, sampling: .init(temperature: 0))
    #expect(more.frames == tune(15))
    #expect(generator.roll(frames: 9, seed: 3) == generator.roll(frames: 9, seed: 3))
    let predictor = try #require(MusicPredictor(try Model.load(folder.path)))
    let probabilities = predictor.probabilities(prime)
    #expect(probabilities[4][62 - 21] > 0.9 && probabilities[4][60 - 21] < 0.1)
    // MIDI in frames of the model's own duration: the same tune, the same numbers.
    let written = scratch.file("more/a.mid")
    try Paths.makeFolder(scratch.file("more"))
    try PianoRoll(frames: tune(12, from: 2)).midi(step: 0.5).write(to: written)
    #expect(generator.step == 0.5)
    let scored = try Tasks.evaluate(run: folder.path, data: DataDirectory(option: scratch.file("more")))
    #expect(scored.evaluation.value < 0.2)
    let samples = task.samples(try Model.load(folder.path), count: 5)
    #expect(samples.count == 2)
  }

  @Test("The negative log-likelihood is that of its definition, with the first frames and without")
  func definition() throws {
    let task = try task(try matlab())
    let model = task.makeModel(cell: .lstmWM)
    let evaluation = task.evaluate(model, on: .test)
    var (sum, first, frames) = (0.0, 0.0, 0)
    for roll in task.batches.rolls(.test) {
      for (place, values) in MusicObjective.probabilities(model, task.batches.encoder, roll).enumerated() {
        let nats = zip(Chord.piano, values).reduce(0) { sum, pair in
          sum - log(Double(roll.frames[place].contains(pair.0) ? pair.1 : 1 - pair.1))
        }
        sum += nats
        if place == 0 { first += nats }
      }
      frames += roll.frames.count
    }
    #expect(abs(evaluation.value - (sum - first) / Double(frames - 2)) < 1e-4)
    #expect(abs(evaluation.extras[0] - sum / Double(frames)) < 1e-4)
    // The loss of a batch is the same mean.
    let batch = try #require(Array(task.batches.batches(of: .test)).first)
    var carried: [Tensor] = []
    let loss = task.objective.loss(model, batch, carried: &carried, context: .inference(), probe: nil)
    #expect(abs(Double(loss.mean.item) - evaluation.extras[0]) < 1e-3)
    #expect(loss.weight == Double(frames))
  }

  @Test("An unknown chord costs what the symbol for all others does, and its keys by their frequencies")
  func unknownChord() throws {
    let rolls = [PianoRoll(frames: tune(6) + [Chord([30])])]
    let encoder = MusicEncoder(fitting: rolls, step: 1, hasChords: true, leastCount: 2)
    #expect(encoder.outputs == 4 && encoder.music.chords == [[59], [60, 64, 67], [62, 65]])
    #expect(encoder.number(of: Chord([59])) == 0 && encoder.number(of: Chord([30])) == 3)
    let logits: [Float] = [1, 0, 0, 2]
    let total: Double = log(exp(1.0) + 2.0 + exp(2.0))
    #expect(abs(encoder.nats(logits[...], Chord([59])) - (total - 1)) < 1e-6)
    let keys = encoder.independentNats(Chord([30]))
    #expect(abs(encoder.nats(logits[...], Chord([30])) - (total - 2 + keys)) < 1e-6)
    // Of seven frames key 30 is in one: (1 + 1) / (7 + 2).
    #expect(abs(encoder.music.frequencies[30 - 21] - 2 / 9) < 1e-12)
    let sums = encoder.probabilities(logits[...])
    // As the symbol of its own, and as one of the keys of all other chords.
    let expected: Double = (exp(1.0) + exp(2.0) * 3.0 / 9.0) / exp(total)
    #expect(abs(Double(sums[59 - 21]) - expected) < 1e-5)
    var stream = RandomStream(seed: 1, name: "test")
    for _ in 0..<50 { #expect(encoder.knows(encoder.draw(logits, Sampling(), from: &stream))) }
  }

  @Test(
    "Long tunes are cut into as many pieces in every pass, which have all frames, and are moved as a whole")
  func pieces() throws {
    let long = (0..<4).map { tune(30 + 7 * $0, from: $0) }
    let file = try scratch.write(
      MATLABBytes().rolls(training: long, validation: [tune(9)], test: [tune(9)]), as: "long.mat")
    let batches = try task(file, ["length": 10, "transpose": 3]).batches
    let steps = try #require(batches.stepsPerEpoch)
    #expect(steps >= 25)
    let shapes = Set(
      (0..<steps).map { batches.batch(seed: 1, step: $0, shard: .whole).lengths.reduce(0, +) })
    #expect(shapes.count > 1)
    // Three, four, five and six pieces in each pass: five updates of four pieces, of which the last has two.
    let frames = (0..<5).reduce(0) { $0 + batches.batch(seed: 1, step: $1, shard: .whole).frames }
    #expect(frames == long.reduce(0) { $0 + $1.count })
    var shifts: Set<Int> = []
    for step in 0..<5 {
      let batch = batches.batch(seed: 1, step: step, shard: .whole)
      for (column, length) in batch.lengths.enumerated() {
        #expect(length <= 10)
        let own = (0..<length).map { batch.chords[$0 * batch.lengths.count + column] }
        let shift = try #require(
          (-3...3).first { (shift: Int) in own.allSatisfy { tune(3).contains($0.transposed(by: -shift)) } })
        shifts.insert(shift)
        // The input is the frame before, silence at a beginning.
        let x = batch.x.tensor.scalars[column * 88..<(column + 1) * 88]
        #expect((x.reduce(0, +) == 0) == batch.beginnings[column])
      }
    }
    #expect(shifts.count > 1)
    let whole = batches.batch(seed: 3, step: 1, shard: .whole)
    let parts = (0..<2).map { batches.batch(seed: 3, step: 1, shard: Shard($0, of: 2)) }
    #expect(parts.flatMap(\.lengths) == whole.lengths)
  }

  @Test("Of MIDI files tunes are held out; of one file its end; nothing of them is learned")
  func splits() throws {
    let rolls = (0..<20).map { PianoRoll(name: "\($0)", frames: tune(10)) }
    let parts = MusicTask.split(rolls, validation: 15, test: 20)
    #expect(parts.training.count == 13 && parts.validation.count == 3 && parts.test.count == 4)
    #expect(Set((parts.training + parts.validation + parts.test).map(\.name)).count == 20)
    let one = MusicTask.split([PianoRoll(frames: tune(100))], validation: 15, test: 20)
    let lengths: [Int] = [one.training, one.validation, one.test].map { $0[0].frames.count }
    #expect(lengths == [65, 15, 20])
    #expect(one.training[0].frames + one.validation[0].frames + one.test[0].frames == tune(100))
    // A key that only the end has.
    var frames = tune(100)
    frames[99] = Chord([100])
    let file = scratch.file("one.mid")
    try PianoRoll(frames: frames).midi(step: 0.25).write(to: file)
    let encoder = try task(file, ["form": "chords"]).batches.encoder
    #expect(encoder.music.step == 0.25 && encoder.music.chords?.contains([100]) == false)
    #expect(encoder.music.frequencies[100 - 21] < 1 / 70)
  }

  @Test("The baseline counts what goes on, and is better than frequencies where tunes stand still")
  func baseline() throws {
    let slow = (0..<6).map { first in (0..<40).map { tune(1, from: $0 / 10 + first)[0] } }
    let file = try scratch.write(
      MATLABBytes().rolls(training: slow, validation: slow, test: slow), as: "slow.mat")
    let baseline = try task(file).baseline
    #expect(baseline.label.hasPrefix("keys go on"))
    #expect(baseline.value > 0.5 && baseline.value < 2)
  }

  @Test("What is wrong is one line")
  func errors() throws {
    let file = scratch.file("short.mid")
    try PianoRoll(frames: tune(3)).midi(step: 0.25).write(to: file)
    let short = try #require(throws: TaskDataError.self) { try task(file) }
    #expect(
      short.description.contains(
        "tunes of two frames or more for training, validation and test, found 1 of 3 frames"))
    let problems: (TrainingSettings) -> [String] = { $0.problems(tasks: Tasks.all).map(\.description) }
    var wrong = settings(["valid-percent": 60, "test-percent": 60, "form": "notes", "step": 0.0])
    wrong.bidirectional = true
    let found = problems(wrong)
    for word in ["valid-percent", "form", "step"] {
      #expect(found.contains { $0.contains(word) }, "\(found)")
    }
    var directions = settings()
    directions.bidirectional = true
    #expect(problems(directions).contains { $0.contains("bidirectional") })
    let missing = #expect(throws: TaskDataError.self) {
      try MusicTask.prepared(settings(), data: .unspecified)
    }
    #expect(missing?.description.contains("with --data FILE") == true)
    #expect(throws: GenerationError.self) { try MusicGenerator(model: scratch.file("none")) }
  }
}
