import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Trainer")
struct TrainerTests {
  private func trainer(
    _ directory: RunDirectory? = nil, recording: RunRecording = RunRecording(),
    _ change: (inout TrainingSettings) -> Void = { _ in }
  ) throws -> Trainer {
    var settings = MeanTask.defaults
    change(&settings)
    return try Trainer(
      task: MeanTask(settings: settings), settings: settings, directory: directory, recording: recording)
  }

  @Test("A run without a folder reports its beginning, each update and each evaluation, and its result")
  func events() throws {
    let trainer = try trainer()
    var events: [TrainingEvent] = []
    let outcome = try trainer.run { events.append($0) }
    #expect(events.first == .started(step: 0, steps: 12, parameters: trainer.parameterCount))
    let steps = events.compactMap { event -> Int? in
      if case .progress(let progress) = event { progress.step } else { nil }
    }
    #expect(steps == Array(1...12))
    #expect(trainer.records.map(\.step) == [4, 8, 12])
    #expect(trainer.records.map(\.learningRate) == [0.001, 0.001, 0.001])
    guard case .completed(let result) = outcome else {
      Issue.record("not completed")
      return
    }
    let best = try #require(trainer.records.map(\.validation.value).min())
    #expect(result.validationValue == best)
    #expect(result.parameters == 4 * (4 + 16 + 4) + 5)
    #expect(result.extras["error"] == result.value.squareRoot())
    #expect(result.steps == 12 && result.seed == 1 && result.baseline == 1.0 / 60)
  }

  @Test("The training loss of a row is the mean since the last one")
  func trainingLoss() throws {
    let trainer = try trainer()
    var losses: [Double] = []
    _ = try trainer.run {
      if case .progress(let progress) = $0 { losses.append(progress.loss) }
    }
    for (index, record) in trainer.records.enumerated() {
      let mean = losses[(4 * index)..<(4 * index + 4)].reduce(0, +) / 4
      #expect(record.trainingLoss == mean)
    }
  }

  @Test("The test data score the best model, not the last")
  func bestModel() throws {
    // A rate so high that the error goes up and down.
    let trainer = try trainer {
      $0.optimizer = "sgd"
      $0.optimizerSettings.learningRate = 1.5
      $0.clipNorm = nil
      $0.evaluationInterval = 1
      $0.steps = 40
    }
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("not completed")
      return
    }
    let values = trainer.records.map(\.validation.value)
    #expect(result.validationValue == values.min())
    #expect(values.firstIndex(of: result.validationValue).map { $0 + 1 } == result.bestStep)
    #expect(result.bestStep < 40)
    // The model now holds the best values: its validation result is the best one.
    let again = MeanTask(settings: trainer.settings)
    let model = again.makeModel(cell: .lstm)
    for (name, parameter) in model.namedParameters() {
      if let value = trainer.parameters[name]?.value { parameter.assign(value) }
    }
    #expect(again.evaluate(model, on: .validation).value == result.validationValue)
  }

  @Test("Patience ends a run that no longer improves, also when it was resumed in between")
  func patience() throws {
    func change(_ settings: inout TrainingSettings) {
      settings.optimizer = "sgd"
      settings.optimizerSettings.learningRate = 3
      settings.clipNorm = nil
      settings.evaluationInterval = 1
      settings.steps = 200
      settings.patience = 5
    }
    let scratch = try Scratch()
    let whole = try trainer(nil, change)
    _ = try whole.run()
    let last = try #require(whole.records.last?.step)
    #expect(last < 200)
    var settings = MeanTask.defaults
    change(&settings)
    let path = scratch.file("run")
    try start(path, settings, stop: last - 2)
    try finish(path, at: last)
  }

  /// Trains up to a step and lets go of the folder.
  private func start(_ path: String, _ settings: TrainingSettings, stop: Int) throws {
    let trainer = try Trainer(
      task: MeanTask(settings: settings), settings: settings,
      directory: RunDirectory(creating: path, settings: settings))
    #expect(try trainer.run(shouldStop: { trainer.step == stop }) == .interrupted(step: stop))
  }

  /// Resumes a run and expects it to end at a step.
  private func finish(_ path: String, at last: Int) throws {
    let directory = try RunDirectory(resuming: path)
    let trainer = try Trainer(
      task: MeanTask(settings: directory.settings), settings: directory.settings, directory: directory)
    _ = try trainer.run()
    #expect(trainer.step == last)
  }

  @Test("Settings that are wrong are thrown all together")
  func wrongSettings() throws {
    let errors = SettingsErrors([
      .outOfRange(option: "hidden", expected: "1 or more", found: "0"),
      .outOfRange(option: "batch", expected: "1 or more", found: "-3"),
    ])
    #expect(throws: TrainingError.settings(errors)) {
      try trainer {
        $0.hidden = 0
        $0.batch = -3
      }
    }
  }

  @Test("Checkpoints come at the interval asked for, and at the end")
  func checkpoints() throws {
    let scratch = try Scratch()
    let settings = MeanTask.defaults
    let trainer = try trainer(
      RunDirectory(creating: scratch.file("run"), settings: settings),
      recording: RunRecording(checkpointSteps: 5))
    var saved: [Int] = []
    _ = try trainer.run { if case .saved(let step) = $0 { saved.append(step) } }
    #expect(saved == [5, 10, 12])
  }

  @Test("A killed run continues from its last checkpoint with the same bits")
  func killed() throws {
    let scratch = try Scratch()
    var settings = MeanTask.defaults
    settings.evaluationInterval = 2
    let whole = try Trainer(
      task: MeanTask(settings: settings), settings: settings,
      directory: RunDirectory(creating: scratch.file("whole"), settings: settings))
    _ = try whole.run()
    // What is on the disk at step 7 is a checkpoint of step 5 and the rows and best model of step 6.
    let path = scratch.file("parts")
    let part = try Trainer(
      task: MeanTask(settings: settings), settings: settings,
      directory: RunDirectory(creating: path, settings: settings),
      recording: RunRecording(checkpointSteps: 5))
    let copy = scratch.file("copy")
    _ = try part.run { event in
      if case .progress(let progress) = event, progress.step == 7 {
        try? FileManager.default.copyItem(atPath: path, toPath: copy)
      }
    }
    let again = try Trainer(
      task: MeanTask(settings: settings), settings: settings, directory: RunDirectory(resuming: copy))
    #expect(again.step == 5)
    _ = try again.run()
    #expect(again.parameters.values.scalars == whole.parameters.values.scalars)
    for name in ["metrics.csv", "model.safetensors"] {
      #expect(scratch.read("copy/\(name)") == scratch.read("whole/\(name)"), "\(name)")
    }
  }

  @Test(
    "A run that stops when solved ends at that evaluation, also when resumed, with the bits of the longer one"
  )
  func stopsWhenSolved() throws {
    let whole = try trainer { $0.steps = 200 }
    guard case .completed(let long) = try whole.run() else {
      Issue.record("not completed")
      return
    }
    let solved = try #require(long.solvedAtStep)
    #expect(solved < 200)
    let scratch = try Scratch()
    var settings = MeanTask.defaults
    settings.steps = 200
    settings.stopWhenSolved = true
    let path = scratch.file("run")
    try start(path, settings, stop: solved - 1)
    try finish(path, at: solved)
    let result = try #require(try RunDirectory(resuming: path).result())
    #expect(result.solvedAtStep == solved && result.steps == solved)
    let until = whole.records.filter { $0.step <= solved }
    #expect(result.validationValue == until.map(\.validation.value).min())
  }

  @Test("A run whose settings lack an option of its task has the option's default, also when it is resumed")
  func missingTaskOption() throws {
    let scratch = try Scratch()
    let whole = try trainer()
    _ = try whole.run()
    var settings = MeanTask.defaults
    settings.taskOptions = [:]
    let path = scratch.file("run")
    try start(path, settings, stop: 5)
    let directory = try RunDirectory(resuming: path)
    #expect(directory.settings.taskOptions.isEmpty)
    let again = try trainer(directory) { $0 = directory.settings }
    #expect(again.step == 5)
    _ = try again.run()
    #expect(again.parameters.values.scalars == whole.parameters.values.scalars)
  }

  @Test("Carried states are saved: a resumed run has the same bits", arguments: [1, 5, 11])
  func carried(stop: Int) throws {
    let scratch = try Scratch()
    let settings = CarryingTask.defaults
    func trainer(_ name: String, resuming: Bool = false) throws -> Trainer {
      let path = scratch.file(name)
      return try Trainer(
        task: CarryingTask(settings: settings), settings: settings,
        directory: resuming
          ? RunDirectory(resuming: path) : RunDirectory(creating: path, settings: settings))
    }
    let whole = try trainer("whole")
    _ = try whole.run()
    do {
      let part = try trainer("parts")
      #expect(try part.run(shouldStop: { part.step == stop }) == .interrupted(step: stop))
    }
    let again = try trainer("parts", resuming: true)
    #expect(again.step == stop)
    _ = try again.run()
    for name in ["metrics.csv", "model.safetensors"] {
      #expect(scratch.read("parts/\(name)") == scratch.read("whole/\(name)"), "\(name)")
    }
    // It matters: without carrying the result is another one.
    let other = try Trainer(task: CarryingTask(settings: settings, carries: false), settings: settings)
    _ = try other.run()
    #expect(other.parameters.values.scalars != again.parameters.values.scalars)
  }

  @Test("A complete run that is resumed gives its result again and changes nothing")
  func complete() throws {
    let scratch = try Scratch()
    let settings = MeanTask.defaults
    let path = scratch.file("run")
    let first = try trainer(RunDirectory(creating: path, settings: settings)).run()
    let before = scratch.read("run/checkpoint-000012.safetensors")
    let second = try trainer(RunDirectory(resuming: path)).run()
    #expect(first == second)
    #expect(scratch.read("run/checkpoint-000012.safetensors") == before)
  }

  @Test(
    "A run that is stopped at any question, also in an evaluation, ends with the bits of one that never was")
  func stoppedAnywhere() throws {
    var settings = MeanTask.defaults
    settings.steps = 7
    settings.evaluationInterval = 3
    settings.schedule.name = "plateau"
    settings.schedule.patience = 0
    let scratch = try Scratch()
    /// Begins or resumes a run, and lets go of its folder.
    func run(_ name: String, stopAt question: Int) throws -> (outcome: TrainingOutcome, rows: Int, asked: Int)
    {
      let path = scratch.file(name)
      let isThere = FileManager.default.fileExists(atPath: path)
      let trainer = try Trainer(
        task: MeanTask(settings: settings), settings: settings,
        directory: isThere ? RunDirectory(resuming: path) : RunDirectory(creating: path, settings: settings))
      var asked = 0
      let outcome = try trainer.run(shouldStop: {
        asked += 1
        return asked >= question
      })
      return (outcome, trainer.records.count, asked)
    }
    let whole = try run("whole", stopAt: .max)
    guard case .completed(let expected) = whole.outcome else {
      Issue.record("not completed")
      return
    }
    var stops: [[Int]] = []
    for question in 1...whole.asked {
      let name = "parts-\(question)"
      let first = try run(name, stopAt: question)
      guard case .interrupted(let step) = first.outcome else {
        Issue.record("question \(question): not interrupted")
        continue
      }
      stops.append([step, first.rows])
      #expect(try run(name, stopAt: 1).outcome == first.outcome)
      guard case .completed(let result) = try run(name, stopAt: .max).outcome else {
        Issue.record("question \(question): not completed")
        continue
      }
      #expect(result.value == expected.value && result.bestStep == expected.bestStep)
      for file in ["metrics.csv", "model.safetensors"] {
        #expect(scratch.read("\(name)/\(file)") == scratch.read("whole/\(file)"), "\(question): \(file)")
      }
    }
    // In each evaluation, of which one is at the end alone, and in that of the test data.
    #expect([[3, 0], [6, 1], [7, 2], [7, 3]].allSatisfy(stops.contains))
  }
}
