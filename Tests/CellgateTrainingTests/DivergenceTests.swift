import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Divergence")
struct DivergenceTests {
  @Test("An absurd learning rate stops the run with the step and the tensor; the last good checkpoint stays")
  func learningRate() throws {
    let scratch = try Scratch()
    var settings = MeanTask.defaults
    settings.optimizerSettings.learningRate = 1e30
    let directory = try RunDirectory(creating: scratch.file("run"), settings: settings)
    let trainer = try Trainer(task: MeanTask(settings: settings), settings: settings, directory: directory)
    let before = scratch.read("run/checkpoint-000000.safetensors")
    let expected = Divergence(step: 2, layer: "loss", tensor: "loss", found: "infinity", savedStep: 0)
    #expect(throws: TrainingError.diverged(expected)) { _ = try trainer.run() }
    #expect(
      expected.description == "diverged at step 2: loss: found infinity; the checkpoint of step 0 stays")
    #expect(scratch.read("run/checkpoint-000000.safetensors") == before)
    #expect(scratch.names("run").contains("result.json") == false)
    #expect(try RunDirectory.divergence(of: directory.path) == expected)
  }

  /// The place found when one number of `parameter` is `value` in a model of two layers.
  private func place(_ parameter: String, _ value: Float) throws -> DivergenceSearch.Place? {
    var settings = MeanTask.defaults
    settings.layers = 2
    let bound = MeanTask(settings: settings).bound(cell: .lstm)
    let parameters = ParameterSet(bound.model)
    let target = try #require(parameters[parameter])
    var values = target.value.scalars
    values[0] = value
    target.assign(Tensor(values, shape: target.shape))
    return try DivergenceSearch(task: bound, parameters: parameters)
      .first(step: 0, carried: [], context: .training(seed: 1, step: 0))
  }

  @Test("A parameter that is not finite is found before what it spoils")
  func parameter() throws {
    #expect(try #require(try place("recurrent.weight_hh_l1", .nan)) == ("recurrent", "weight_hh_l1", "NaN"))
  }

  @Test("An output that overflows is found in the head, and finite values are not complained of")
  func head() throws {
    #expect(try place("head.bias", 1) == nil)
    #expect(try #require(try place("head.bias", 1e30)) == ("loss", "loss", "infinity"))
  }

  @Test("The search begins with the states carried into the update, and leaves them as they are")
  func carried() throws {
    let bound = CarryingTask(settings: CarryingTask.defaults).bound(cell: .lstm)
    let search = DivergenceSearch(task: bound, parameters: ParameterSet(bound.model))
    let context = ForwardContext.training(seed: 1, step: 1)
    let states = [Tensor.full([1, 3, 4], 0.5), .full([1, 3, 4], .nan)]
    let nothing = try search.first(step: 1, carried: [], context: context)
    #expect(nothing == nil)
    let place = try search.first(step: 1, carried: states, context: context)
    #expect(try #require(place) == ("loss", "loss", "NaN"))
    #expect(states[0].scalars == [Float](repeating: 0.5, count: 12))
  }

  /// A task whose input, states or gradient become non-finite on request.
  struct BrokenTask: SequenceTask {
    enum Fault: Int { case input, gradient }
    static let fault = TaskOption.whole("fault", "what breaks", default: 0, in: 0...1)
    static let description = TaskDescription(
      name: "broken", summary: "a task that breaks", options: [fault], metric: Metric("mse", better: .lower),
      solved: SolvedCriterion(Metric("mse", better: .lower), 0),
      defaults: TrainingSettings(hidden: 2, batch: 1, steps: 5),
      shape: { _ in SequenceShape(steps: 3, inputSize: 1, outputSize: 1) })
    let settings: TrainingSettings
    let baseline = Baseline(1, "nothing")
    let batches = Faults()
    var objective: BrokenObjective { BrokenObjective(fault: Fault(rawValue: settings.whole(Self.fault))) }
    init(settings: TrainingSettings, data: DataSource = .unspecified) { self.settings = settings }
  }

  /// Whether an update breaks.
  struct Faults: BatchSource {
    func batch(seed: UInt64, step: Int, shard: Shard) -> Bool { step == 3 }
    func batches(of split: Split) -> AnySequence<Bool> { AnySequence([]) }
  }

  struct BrokenObjective: TrainingObjective {
    let fault: BrokenTask.Fault?

    func loss(
      _ model: RecurrentModel, _ isBroken: Bool, carried: inout [Tensor], context: ForwardContext,
      probe: TensorProbe?
    ) -> BatchLoss {
      let x = Tensor.full([3, 1, 1], isBroken && fault == .input ? .infinity : 0.5)
      let loss = model(x, context: context, probe: probe).sum()
      guard isBroken, fault == .gradient else { return BatchLoss(mean: loss, weight: 1) }
      let broken = RecordedOperation.record("broken", inputs: [loss], outputs: [loss.copied()]) { _, _ in
        [Tensor(.nan)]
      }
      return BatchLoss(mean: broken[0], weight: 1)
    }
    func measure(
      _ model: RecurrentModel, _ batch: Bool, context: ForwardContext, into totals: inout MetricTotals
    ) {}
    func evaluate(
      _ model: RecurrentModel, on split: Split, _ batches: AnySequence<Bool>, metrics: [Metric],
      context: ForwardContext
    ) -> Evaluation { Evaluation(1) }
  }

  @Test(
    "A fault in the data or in the gradient is found where it first appears",
    arguments: [(0, "input", "x", "infinity"), (1, "head", "gradient of bias", "NaN")])
  func faults(fault: Int, layer: String, tensor: String, found: String) throws {
    var settings = BrokenTask.defaults
    settings.taskOptions["fault"] = .whole(fault)
    let trainer = try Trainer(task: BrokenTask(settings: settings), settings: settings)
    let expected = Divergence(step: 4, layer: layer, tensor: tensor, found: found, savedStep: nil)
    #expect(throws: TrainingError.diverged(expected)) { _ = try trainer.run() }
    #expect(trainer.step == 3)
  }
}
