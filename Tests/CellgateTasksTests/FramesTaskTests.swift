import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Prediction of frames")
struct FramesTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Sequences in which a bright square of 4 × 4 pixels moves on by a pixel at each step, wrapping round.
  private func squares(_ count: Int, _ steps: Int, size: Int = 12) -> [Float] {
    (0..<count * steps * size * size).map { index in
      let x = index % size, y = index / size % size, frame = index / (size * size)
      let (step, sequence) = (frame % steps, frame / steps)
      let left = (sequence * 5 + step) % size, top = sequence * 3 % (size - 4)
      return (x - left + size) % size < 4 && y >= top && y < top + 4 ? 1 : 0
    }
  }

  private func write(_ count: Int, _ steps: Int, as name: String = "a.npy") throws -> String {
    try scratch.write(
      Array(NumpyArray(shape: [count, steps, 12, 12], floats: squares(count, steps)).encode()), as: name)
  }

  private func settings(_ options: [String: OptionValue] = [:]) -> TrainingSettings {
    var settings = FramesTask.defaults
    settings.taskOptions.merge(["given": 3, "predicted": 2]) { $1 }
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.batch, settings.cell) = (12, 8, "lstm-wm")
    return settings
  }

  private func task(_ file: String, _ options: [String: OptionValue] = [:]) throws -> FramesTask {
    let prepared = try FramesTask.prepared(settings(options), data: .file(file))
    return try FramesTask(settings: prepared, data: .unspecified)
  }

  @Test("Sequences are cut into pieces of the frames that are needed, and held out whole")
  func parts() throws {
    let task = try task(write(20, 11))
    // Of each sequence two pieces of 5 frames.
    let (valid, test) = (task.batches.examples(.validation).sequences, task.batches.examples(.test).sequences)
    #expect(valid.count == 4 && test.count == 4 && Set(valid.map(\.name)).isDisjoint(with: test.map(\.name)))
    #expect(task.batches.source.patch == 4 && task.batches.stepsPerEpoch == 100)
    let batch = task.batches.batch(seed: 1, step: 3, shard: .whole)
    #expect(batch.given.shape == [3, 8, 3, 3, 16] && batch.expected.shape == [2, 8, 3, 3, 16])
    let halves = (0..<2).map { task.batches.batch(seed: 1, step: 3, shard: Shard($0, of: 2)).given }
    #expect(concatenated(halves, axis: 1).scalars == batch.given.scalars)
    // A pass of 32 pieces shows each once.
    let pass = (0..<4).flatMap { step -> [Float] in
      let given = task.batches.batch(seed: 2, step: step, shard: .whole).given
      return (0..<8).map {
        given.sliced($0..<$0 + 1, axis: 1).scalars.enumerated().reduce(0) {
          $0 + Float($1.offset) * $1.element
        }
      }
    }
    #expect(pass.count == 32)
    // One video: its last pieces are held out.
    let video = try self.task(write(1, 100, as: "video.npy"))
    #expect(video.batches.examples(.test).sequences.count == 2)
  }

  @Test("What is wrong with frames is named")
  func mistakes() throws {
    func failure(_ file: String, _ options: [String: OptionValue] = [:]) throws -> String {
      try #require(throws: TaskDataError.self) { _ = try task(file, options) }.description
    }
    let short = try write(5, 4, as: "short.npy")
    #expect(
      try failure(short).contains(
        "expected sequences of 5 frames, 3 that are given and 2 to predict, found at most 4"))
    let two = try write(2, 5, as: "two.npy")
    #expect(
      try failure(two).contains("expected 3 sequences of 5 frames or more, or --valid and --test, found 2"))
    #expect(try failure(two, ["patch": 5]).contains("--patch 5 divides, found 12 by 12 pixels"))
    let small = try scratch.write(
      Array(NumpyArray(shape: [4, 5, 8, 8], floats: Array(repeating: 0, count: 4 * 5 * 64)).encode()),
      as: "small.npy")
    let file = try write(6, 5)
    #expect(try failure(file, ["test": .text(small)]).contains("expected frames of 12 by 12 pixels"))
    let prepared = try FramesTask.prepared(settings(), data: .file(file))
    _ = try write(7, 5)
    #expect(throws: TaskDataError.self) { _ = try FramesTask(settings: prepared, data: .unspecified) }
    var even = settings(["kernel": 4])
    #expect(even.problems(tasks: Tasks.all).map(\.description).joined().contains("kernel"))
    even.taskOptions["kernel"] = 3
    even.precision = .bfloat16
    #expect(even.problems(tasks: Tasks.all).map(\.description).joined().contains("precision"))
  }

  @Test("Squares that move are learned, the model predicts files, and its errors are counted by step")
  func learning() throws {
    let file = try write(24, 5)
    var settings = try FramesTask.prepared(settings(), data: .file(file))
    settings.epochs = nil
    settings.steps = 150
    settings.optimizerSettings.learningRate = 0.01
    let task = try FramesTask(settings: settings, data: .unspecified)
    let trainer = try Trainer(
      task: task, settings: settings,
      directory: RunDirectory(creating: scratch.file("run"), settings: settings))
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("not completed")
      return
    }
    #expect(result.value < task.baseline.value / 2, "\(result.value) of \(task.baseline.value)")
    let model = try Model.load(scratch.file("run"))
    let evaluation = task.evaluate(model, on: .test)
    #expect(abs(evaluation.value - result.value) < 1e-6)
    let steps = (1...2).compactMap { evaluation.named["squared_error_\($0)"] }
    #expect(abs(steps.reduce(0, +) / 2 - evaluation.value) < 1e-9)
    let predictor = try #require(FramePredictor(model))
    let (frames, longest) = try predictor.frames(file)
    #expect(frames.shape == [24, 2, 12, 12] && longest == 5)
    // The errors of the predicted frames are those of the evaluation of all sequences.
    let all = try FramesTask(
      scoring: settings, data: .file(write(24, 5, as: "b.npy")), metadata: model.preprocessing.metadata,
      split: nil)
    #expect(all.batches.examples(.test).sequences.count > 0)
    let truth = squares(24, 5)
    var sum = 0.0
    for sequence in 0..<24 {
      for place in 0..<2 * 144 {
        let difference =
          Double(frames.scalars[sequence * 288 + place]) - Double(truth[(sequence * 5 + 3) * 144 + place])
        sum += difference * difference
      }
    }
    var scores = FrameScores()
    let sequences = try FrameSequences(path: file, axes: nil)
    let batch = task.batches.batch(sequences, sequences.sequences)
    scores.add(FramesObjective.patches(model, batch, .inference()), batch)
    #expect(abs(scores.value("squared_error") - sum / 48) < 1e-4)
    let other = try Model(
      ModelDescription(
        inputs: [.init("x", .vector(2))], layers: [LayerDescription(Dense(2), name: "dense")],
        calls: [.init("dense", [.init(node: 0)])], outputs: [.init(node: 1)]))
    #expect(FramePredictor(other) == nil)
  }

  @Test("Similarity is 1 of equal pictures, and that of the definition of others")
  func similarity() {
    let a = (0..<144).map { Float($0 * 37 % 101) / 101 }, b = (0..<144).map { Float($0 * 53 % 97) / 97 }
    #expect(abs(FrameSimilarity.ssim(a, a, width: 12, channels: 1) - 1) < 1e-12)
    // As a few lines of NumPy compute it of the definition: sums over the four windows of 11 × 11 pixels.
    #expect(abs(FrameSimilarity.ssim(a, b, width: 12, channels: 1) - 0.12867227584637794) < 1e-6)
  }

  @Test("The same seed makes the same moving digits, and another one others")
  func digits() throws {
    let part = MNIST.Part(
      pixels: (0..<20 * MNIST.pixels).map { UInt8(truncatingIfNeeded: $0 / MNIST.pixels * 12 + 10) },
      labels: Array(repeating: 0, count: 20))
    let digits = MNIST(training: part, test: part)
    let settings = settings()
    let batches = try FramesParts(settings, digits: digits).batches
    func numbers(_ seed: UInt64, _ step: Int) -> [Float] {
      batches.batch(seed: seed, step: step, shard: .whole).given.scalars
    }
    #expect(
      numbers(1, 0) == numbers(1, 0) && numbers(1, 0) != numbers(2, 0) && numbers(1, 0) != numbers(1, 1))
    let half = batches.batch(seed: 1, step: 0, shard: Shard(1, of: 2)).given
    #expect(
      half.scalars == batches.batch(seed: 1, step: 0, shard: .whole).given.sliced(4..<8, axis: 1).scalars)
  }
}
