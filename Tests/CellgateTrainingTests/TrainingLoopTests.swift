import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTraining

/// A model of two layers, and a loop over losses of random data.
private struct Problem {
  final class Model: Module {
    let hidden, output: Linear

    init() {
      let stream = RandomStream(seed: 7, name: "model")
      hidden = Linear(inputSize: 3, outputSize: 4, stream: stream.child("hidden"))
      output = Linear(inputSize: 4, outputSize: 1, stream: stream.child("output"))
    }

    var members: [Member] { [.module("hidden", hidden), .module("output", output)] }
  }

  let parameters: ParameterSet
  let loop: TrainingLoop

  init(
    steps: Int = 10, optimizer name: String = "adam", settings: OptimizerSettings = OptimizerSettings(),
    schedule: any Schedule = ConstantSchedule(), scale: @escaping (Int) -> Float = { _ in 1 }
  ) throws {
    let model = Model()
    parameters = ParameterSet(model)
    let optimizer = try Optimizers.make(name, count: parameters.count, settings: settings)
    loop = TrainingLoop(parameters, optimizer: optimizer, schedule: schedule, steps: steps, seed: 3) {
      step, _ in
      var stream = RandomStream(seed: 3, name: "data", step: UInt64(step))
      let x = stream.uniform([5, 3])
      let loss = meanSquaredError(model.output(model.hidden(x).tanh()), target: .zeros([5, 1]))
      return loss * scale(step)
    }
  }
}

/// Notes the calls.
private final class Calls: TrainingCallback {
  var names: [String] = []
  var updates: [UpdateRecord] = []
  var epochs: [TrainingRecord] = []
  var rates: [Double] { updates.map(\.learningRate) }

  func trainingBegan(_ loop: TrainingLoop) { names.append("began") }
  func observer(_ loop: TrainingLoop) -> LayerObserver? {
    names.append("observer")
    return nil
  }
  func updated(_ loop: TrainingLoop, _ update: UpdateRecord) {
    names.append("updated \(loop.step)")
    updates.append(update)
  }
  func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) { names.append("evaluated \(record.step)") }
  func epochEnded(_ loop: TrainingLoop, _ record: TrainingRecord) {
    names.append("epoch \(record.epoch)")
    epochs.append(record)
  }
  func stepEnded(_ loop: TrainingLoop) { names.append("ended \(loop.step)") }
  func trainingEnded(_ loop: TrainingLoop, _ outcome: TrainingLoop.Outcome) { names.append("\(outcome)") }
}

@Suite("The training loop")
struct TrainingLoopTests {
  @Test("It gives the losses and the parameters of a trainer of the same task")
  func sameAsTrainer() throws {
    let settings = MeanTask.defaults
    let task = MeanTask(settings: settings)
    let trainer = try Trainer(task: task, settings: settings)
    var losses: [Double] = []
    _ = try trainer.run { if case .progress(let progress) = $0 { losses.append(progress.loss) } }

    let model = task.makeModel(cell: .lstm)
    let parameters = ParameterSet(model)
    let loop = TrainingLoop(
      parameters, optimizer: Adam(count: parameters.count, settings: settings.optimizerSettings), steps: 12,
      seed: settings.seed,
      loss: { step, context in
        var carried: [Tensor] = []
        return task.loss(model, step: step, carried: &carried, context: context, probe: nil)
      })
    loop.clipNorm = settings.clipNorm
    let (calls, best) = (Calls(), BestModel(monitor: "val_mse"))
    loop.callbacks = [calls, best]
    loop.evaluationInterval = 4
    loop.evaluation = { context in
      [MetricValue(MeanTask.metric, task.evaluate(model, on: .validation, context: context).value)]
    }
    #expect(try loop.run() == .completed)
    #expect(calls.updates.map(\.loss) == losses)
    #expect(loop.records.map { $0["val_mse"] } == trainer.records.map(\.validation.value))
    #expect(loop.records.map { $0["loss"] } == trainer.records.map(\.trainingLoss))
    best.restore(to: loop)
    #expect(parameters.values.scalars == trainer.parameters.values.scalars)
  }

  @Test("The documentation's example learns")
  func example() throws {
    let model = Linear(inputSize: 8, outputSize: 1, stream: RandomStream(seed: 1, name: "model"))
    let parameters = ParameterSet(model)
    let loop = TrainingLoop(
      parameters, optimizer: Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 0.01)),
      steps: 1000, seed: 1
    ) { step, context in
      var stream = RandomStream(seed: 1, name: "batch", step: UInt64(step))
      let x = stream.uniform([32, 8])
      return meanSquaredError(model(x), target: x.sum(axis: 1, keepDims: true))
    }
    loop.clipNorm = 1
    try loop.run()
    #expect(loop.smoothedLoss < 0.01)
  }

  @Test("The callbacks are called in the order of their methods")
  func order() throws {
    let problem = try Problem(steps: 4)
    let calls = Calls()
    problem.loop.callbacks = [calls]
    problem.loop.stepsPerEpoch = 2
    problem.loop.evaluationInterval = 4
    try problem.loop.run()
    #expect(
      calls.names == [
        "began", "observer", "updated 1", "ended 1", "observer", "updated 2", "epoch 1", "ended 2",
        "observer", "updated 3", "ended 3", "observer", "updated 4", "evaluated 4", "epoch 2", "ended 4",
        "completed",
      ])
    #expect(calls.epochs[0].values.isEmpty)
    #expect(calls.epochs[1]["loss"] == problem.loop.records[0].trainingLoss)
    for (epoch, record) in calls.epochs.enumerated() {
      let losses = calls.updates[(2 * epoch)..<(2 * epoch + 2)].map(\.loss)
      #expect(record.trainingLoss == (losses[0] + losses[1]) / 2)
    }
  }

  @Test("A loop that goes on from a saved state gives the bits of one that never stopped")
  func continued() throws {
    let whole = try Problem()
    try whole.loop.run()
    let first = try Problem()
    #expect(try first.loop.run(shouldStop: { first.loop.step == 4 }) == .interrupted)
    let second = try Problem()
    second.parameters.assign(first.parameters.values)
    try second.loop.optimizer.restore(
      stepCount: first.loop.optimizer.stepCount,
      state: Dictionary(uniqueKeysWithValues: first.loop.optimizer.state.map { ($0.name, $0.values) }))
    second.loop.state = first.loop.state
    #expect(try second.loop.run() == .completed)
    #expect(second.parameters.values.scalars == whole.parameters.values.scalars)
    #expect(second.loop.smoothedLoss == whole.loop.smoothedLoss)
    // And the same object goes on where it was.
    try first.loop.run()
    #expect(first.parameters.values.scalars == whole.parameters.values.scalars)
  }

  @Test("States are carried from update to update, those of an update that fails are not")
  func carried() throws {
    let model = Linear(inputSize: 1, outputSize: 1, stream: RandomStream(seed: 1, name: "model"))
    let parameters = ParameterSet(model)
    var seen: [[Float]] = []
    let loop = TrainingLoop(
      parameters, optimizer: SGD(count: 2, settings: OptimizerSettings()), steps: 3,
      carryingLoss: { step, carried, _ in
        seen.append(carried.map(\.item))
        carried = [Tensor([Float(step)], shape: [])]
        return meanSquaredError(
          model(.zeros([1, 1])), target: Tensor([step == 2 ? .nan : 1], shape: [1, 1]))
      })
    #expect(throws: TrainingError.self) { try loop.run() }
    #expect(seen == [[], [0], [1]])
    #expect(loop.state.carried.map(\.item) == [1] && loop.step == 2)
  }

  // MARK: Frozen parameters

  @Test(
    "Frozen parameters keep their bits under every optimizer with weight decay, the others don't",
    arguments: Optimizers.names)
  func frozen(_ name: String) throws {
    var settings = OptimizerSettings(learningRate: 0.1)
    settings.weightDecay = 0.1
    let problem = try Problem(optimizer: name, settings: settings)
    problem.loop.clipNorm = 0.01
    try problem.loop.freeze(["hidden.bias", "output.weight"])
    let before = problem.parameters.entries.map(\.parameter.value.scalars)
    try problem.loop.run()
    for (entry, old) in zip(problem.parameters.entries, before) {
      let isFrozen = ["hidden.bias", "output.weight"].contains(entry.name)
      #expect((entry.parameter.value.scalars == old) == isFrozen, "\(entry.name)")
    }
  }

  @Test("Freezing one parameter changes the others as if its gradient were zero")
  func frozenNorm() throws {
    let (frozen, zeroed) = (try Problem(steps: 1), try Problem(steps: 1))
    try frozen.loop.freeze(["hidden"])
    zeroed.loop.beforeClipping = { parameters in
      for entry in parameters.entries where entry.name.hasPrefix("hidden.") {
        parameters.zeroGradients(in: entry.offset..<(entry.offset + entry.count))
      }
    }
    for problem in [frozen, zeroed] {
      problem.loop.clipNorm = 0.001
      try problem.loop.run()
    }
    #expect(frozen.loop.frozen == ["hidden.weight", "hidden.bias"])
    #expect(frozen.loop.state.gradientNorm == zeroed.loop.state.gradientNorm)
    #expect(frozen.parameters.values.scalars == zeroed.parameters.values.scalars)
  }

  @Test("A name that nothing has is refused with the nearest one, and nothing is frozen then")
  func unknownFrozen() throws {
    let problem = try Problem()
    let error = #expect(throws: TrainingError.self) { try problem.loop.freeze(["output", "hiden"]) }
    #expect(error?.description == "freeze: unknown name 'hiden'; did you mean hidden?")
    #expect(problem.loop.frozen.isEmpty)
  }

  // MARK: Hooks

  @Test("Bounds put on the parameters after each update hold")
  func afterUpdate() throws {
    let problem = try Problem(settings: OptimizerSettings(learningRate: 1))
    problem.loop.afterUpdate = { parameters in
      parameters.assign(parameters.values.clamp(min: -0.5, max: 0.5))
    }
    try problem.loop.run()
    #expect(problem.parameters.values.scalars.allSatisfy { abs($0) <= 0.5 })
    #expect(problem.parameters.values.scalars.contains { abs($0) == 0.5 })
  }

  @Test("The schedule observes the value that it was asked to, in its direction")
  func monitor() throws {
    let problem = try Problem(
      steps: 4, schedule: PlateauSchedule(factor: 0.5, patience: 0))
    problem.loop.evaluationInterval = 1
    problem.loop.monitor = "val_score"
    problem.loop.evaluation = { _ in
      [
        MetricValue("error", Double(-problem.loop.step), better: .lower),
        MetricValue("score", problem.loop.step < 3 ? Double(problem.loop.step) : 0, better: .higher),
      ]
    }
    let calls = Calls()
    problem.loop.callbacks = [calls]
    try problem.loop.run()
    #expect(calls.rates == [0.001, 0.001, 0.001, 0.0005])
    problem.loop.steps = 5
    problem.loop.monitor = "val_scor"
    let error = #expect(throws: TrainingError.self) { try problem.loop.run() }
    #expect(error?.description == "monitor: unknown name 'val_scor'; did you mean val_score?")
  }

  // MARK: Numbers that are not finite

  @Test("A loss, gradient or parameter that is not finite ends training with its place")
  func diverged() throws {
    let loss = try Problem(scale: { $0 == 2 ? .nan : 1 })
    #expect(
      throws: TrainingError.diverged(
        Divergence(step: 3, layer: "loss", tensor: "loss", found: "NaN", savedStep: nil))
    ) {
      try loss.loop.run()
    }
    #expect(loss.loop.step == 2)
    let gradient = try Problem()
    gradient.loop.beforeClipping = { parameters in
      // The last number is the bias of the output.
      unsafe parameters.gradients.pointer[parameters.count - 1] = .infinity
    }
    #expect(
      throws: TrainingError.diverged(
        Divergence(step: 1, layer: "output", tensor: "gradient of bias", found: "infinity", savedStep: nil))
    ) {
      try gradient.loop.run()
    }
    let parameter = try Problem()
    parameter.loop.evaluationInterval = 1
    parameter.loop.afterUpdate = {
      $0["hidden.weight"]?.assign(Tensor([Float](repeating: .nan, count: 12), shape: [4, 3]))
    }
    #expect(
      throws: TrainingError.diverged(
        Divergence(step: 1, layer: "hidden", tensor: "weight", found: "NaN", savedStep: nil))
    ) {
      try parameter.loop.run()
    }
  }

  @Test("TerminateOnNaN stops instead, with the parameters before the update")
  func terminated() throws {
    let (broken, whole) = (try Problem(scale: { $0 == 2 ? .infinity : 1 }), try Problem(steps: 2))
    let callback = TerminateOnNaN()
    broken.loop.callbacks = [callback]
    #expect(try broken.loop.run() == .stopped(reason: "the loss is infinity at step 3"))
    #expect(callback.found?.place == .loss && callback.found?.step == 3)
    try whole.loop.run()
    #expect(broken.parameters.values.scalars == whole.parameters.values.scalars)
    #expect(broken.loop.step == 2)
  }

  // MARK: Callbacks

  /// A problem whose validation score in record n, from 0, is `scores[n]`, at every update.
  private func scored(
    _ scores: [Double], better: Metric.Direction = .lower, _ callback: any TrainingCallback
  ) throws -> (problem: Problem, calls: Calls) {
    let problem = try Problem(steps: scores.count)
    problem.loop.evaluationInterval = 1
    problem.loop.evaluation = { _ in
      [MetricValue("score", scores[problem.loop.records.count], better: better)]
    }
    let calls = Calls()
    problem.loop.callbacks = [callback, calls]
    return (problem, calls)
  }

  @Test(
    "EarlyStopping stops after so many records without improvement, and counts no improvement below the delta"
  )
  func earlyStopping() throws {
    let stopping = EarlyStopping(monitor: "val_score", patience: 2, minimumDelta: 0.5)
    let (problem, _) = try scored([3, 2, 1.6, 2, 0, 0], stopping)
    #expect(try problem.loop.run() == .stopped(reason: "val_score has not improved for 2 evaluations"))
    #expect(problem.loop.step == 4 && stopping.best?.step == 2 && stopping.best?.value == 2)
    #expect(stopping.sinceBest == 2)
    let (rising, _) = try scored(
      [1, 2, 3, .nan, 0], better: .higher, EarlyStopping(monitor: "val_score", patience: 2))
    try rising.loop.run()
    #expect(rising.loop.step == 5)
  }

  @Test("EarlyStopping and BestModel bring the best parameters back, an interrupted loop keeps its own")
  func best() throws {
    let two = try Problem(steps: 2)
    try two.loop.run()
    let (stopped, _) = try scored(
      [3, 1, 2, 2, 2], EarlyStopping(monitor: "val_score", patience: 2, restoresBest: true))
    try stopped.loop.run()
    #expect(stopped.loop.step == 4)
    #expect(stopped.parameters.values.scalars == two.parameters.values.scalars)

    var saved: [Int] = []
    let kept = BestModel(monitor: "val_score") { saved.append($0.step) }
    let (whole, _) = try scored([3, 1, 2, 2, 2], kept)
    try whole.loop.run()
    #expect(saved == [1, 2] && kept.best?.step == 2)
    #expect(kept.values?.scalars == two.parameters.values.scalars)
    #expect(whole.parameters.values.scalars != two.parameters.values.scalars)
    kept.restore(to: whole.loop)
    #expect(whole.parameters.values.scalars == two.parameters.values.scalars)

    let (interrupted, _) = try scored(
      [3, 1, 2, 2, 2], EarlyStopping(monitor: "val_score", patience: 9, restoresBest: true))
    try interrupted.loop.run(shouldStop: { interrupted.loop.step == 3 })
    #expect(interrupted.parameters.values.scalars != two.parameters.values.scalars)
  }

  @Test("ReduceOnPlateau lowers the rate after its patience, rests, and stops at the least rate")
  func plateau() throws {
    let reduce = ReduceOnPlateau(
      monitor: "val_score", factor: 0.1, patience: 2, cooldown: 1, minimumRate: 1e-5)
    let (problem, calls) = try scored([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], reduce)
    try problem.loop.run()
    // Records 2 and 3 don't improve; record 4 is the rest's only one, which counts again. In Float 0.001 · 0.1 is not 1e-4.
    let expected = [1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5]
    for (rate, expected) in zip(calls.rates, expected) { #expect(abs(rate / expected - 1) < 1e-6) }
    #expect(calls.rates.last == 1e-5)
  }

  @Test("ScheduledRate gives each epoch its rate")
  func scheduled() throws {
    let problem = try Problem(steps: 6)
    let calls = Calls()
    problem.loop.stepsPerEpoch = 2
    problem.loop.callbacks = [ScheduledRate { [0.5, 0.25, 0.125, 0][$0] }, calls]
    try problem.loop.run()
    #expect(calls.rates == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125])
  }

  @Test("CSVLog has a row for each record")
  func csv() throws {
    let scratch = try Scratch()
    let (problem, _) = try scored([3, 1], CSVLog(scratch.file("log.csv")))
    try problem.loop.run()
    let lines = try #require(scratch.read("log.csv")).split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self)
    }
    #expect(lines.count == 3)
    #expect(lines[0] == "epoch,step,val_score,loss,learning_rate,gradient_norm")
    let record = problem.loop.records[1]
    #expect(lines[2] == "2,2,1.0,\(record.trainingLoss),0.001,\(record.gradientNorm)")
  }

  @Test("Closures are called, and what they throw ends training")
  func closures() throws {
    struct Enough: Error {}
    let problem = try Problem(steps: 3)
    var seen: [Int] = []
    problem.loop.callbacks = [
      ClosureCallback(onUpdate: { loop, update in
        seen.append(update.step)
        if loop.step == 2 { throw Enough() }
      })
    ]
    #expect(throws: Enough.self) { try problem.loop.run() }
    #expect(seen == [1, 2])
  }
}
