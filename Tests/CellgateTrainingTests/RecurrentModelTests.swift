import CellgateCells
import CellgateNN
import CellgateTensor
import Testing

@testable import CellgateTraining

@Suite("RecurrentModel")
struct RecurrentModelTests {
  private static func model(readsEveryStep: Bool, layers: Int, dropout: Float) -> RecurrentModel {
    var settings = TrainingSettings(task: "none", taskOptions: [:], hidden: 6, batch: 3, steps: 1)
    settings.layers = layers
    settings.dropout = dropout
    let shape = SequenceShape(steps: 4, inputSize: 2, outputSize: 3, readsEveryStep: readsEveryStep)
    return RecurrentModel(settings: settings, shape: shape, cell: .lstmWM)
  }

  @Test("Its parameters are known without it", arguments: Cell.core, [false, true])
  func parameters(cell: Cell, bidirectional: Bool) {
    var settings = TrainingSettings(task: "none", taskOptions: [:], hidden: 6, batch: 3, steps: 1)
    (settings.layers, settings.bidirectional) = (2, bidirectional)
    let shape = SequenceShape(steps: 4, inputSize: 2, outputSize: 3)
    let model = ParameterSet(RecurrentModel(settings: settings, shape: shape, cell: cell))
    #expect(
      Array(RecurrentModel.parameterShapes(settings: settings, shape: shape, cell: cell))
        == model.entries.map { ParameterShape($0.name, $0.shape) })
  }

  @Test("The head starts as the settings say, and the layers too")
  func start() throws {
    var settings = TrainingSettings(task: "none", taskOptions: [:], hidden: 6, batch: 3, steps: 1)
    let shape = SequenceShape(steps: 4, inputSize: 2, outputSize: 3)
    func values(_ start: Recurrent.Initialization) -> [String: [Float]] {
      settings.start(from: start)
      let model = RecurrentModel(settings: settings, shape: shape, cell: .lstmWM)
      return Dictionary(
        uniqueKeysWithValues: model.namedParameters().map { ($0.name, $0.parameter.value.scalars) })
    }
    let (own, pytorch, keras) = (values(.cellgate), values(.pytorch), values(.keras))
    #expect(keras["head.bias"] == [0, 0, 0] && own["head.bias"] != [0, 0, 0])
    // PyTorch's heads are ours.
    for name in ["head.weight", "head.bias"] { #expect(pytorch[name] == own[name]) }
    #expect(pytorch["recurrent.weight_ih_l0"] != own["recurrent.weight_ih_l0"])
    #expect(keras["recurrent.bias_l0"] == own["recurrent.bias_l0"])
    let ruled = values(.init(rules: [.init(parameter: "head.weight", .zero)]))
    #expect(ruled["head.weight"]?.allSatisfy { $0 == 0 } == true)
    #expect(ruled["recurrent.weight_hh_l0"] == own["recurrent.weight_hh_l0"])
  }

  @Test("The model of its description draws the same noise", arguments: [false, true])
  func described(readsEveryStep: Bool) throws {
    var settings = TrainingSettings(task: "none", taskOptions: [:], hidden: 6, batch: 3, steps: 1)
    (settings.layers, settings.dropout, settings.outputDropout) = (2, 0.2, 0.4)
    (settings.recurrentDropout, settings.zoneout, settings.weightDrop) = (0.1, ["h": 0.1, "c": 0.4], 0.3)
    settings.inputDropout = 0.3
    let shape = SequenceShape(steps: 4, inputSize: 2, outputSize: 3, readsEveryStep: readsEveryStep)
    let own = RecurrentModel(settings: settings, shape: shape, cell: .lstmWM)
    let model = try Model(own.description)
    var state = model.state
    for (name, parameter) in own.namedParameters() { state[name] = parameter.value }
    try model.load(state)
    var random = RandomStream(seed: 2, name: "x")
    let x = random.uniform([4, 3, 2])
    for context in [{ ForwardContext.inference() }, { ForwardContext.training(seed: 1, step: 2) }] {
      let found = model(x, context()).scalars
      #expect(found == own(x, context: context()).scalars)
    }
    #expect(own(x).scalars != own(x, context: .training(seed: 1, step: 2)).scalars)
  }

  @Test("Dropout of the input drops numbers of each step by itself, in training alone")
  func inputDropout() {
    var settings = TrainingSettings(task: "none", taskOptions: [:], hidden: 6, batch: 3, steps: 1)
    let shape = SequenceShape(steps: 4, inputSize: 2, outputSize: 3, readsEveryStep: true)
    let plain = RecurrentModel(settings: settings, shape: shape, cell: .lstm)
    settings.inputDropout = 0.5
    let dropping = RecurrentModel(settings: settings, shape: shape, cell: .lstm)
    var random = RandomStream(seed: 2, name: "x")
    let x = random.uniform([4, 3, 2])
    #expect(dropping(x).scalars == plain(x).scalars)
    var noise = ForwardContext.training(seed: 1, step: 2).stream("input")
    let mask = dropoutMask([4, 3, 2], probability: 0.5, stream: &noise)
    #expect(mask[0].scalars != mask[1].scalars)
    let context = ForwardContext.training(seed: 1, step: 2)
    #expect(dropping(x, context: context).scalars == plain(x * mask, context: context).scalars)
  }

  @Test("Dropout acts before the head too, in training alone", arguments: [false, true], [1, 2])
  func dropout(readsEveryStep: Bool, layers: Int) {
    let plain = Self.model(readsEveryStep: readsEveryStep, layers: layers, dropout: 0)
    let dropping = Self.model(readsEveryStep: readsEveryStep, layers: layers, dropout: 0.5)
    var random = RandomStream(seed: 2, name: "x")
    let x = random.uniform([4, 3, 2])
    #expect(dropping(x).scalars == plain(x).scalars)

    let result = dropping.body(x, context: .training(seed: 1, step: 2))
    let output = readsEveryStep ? result.output ?? .zeros([]) : result.last
    var noise = ForwardContext.training(seed: 1, step: 2).stream("head")
    let masked = output * dropoutMask(output.shape, probability: 0.5, stream: &noise)
    let trained = dropping(x, context: .training(seed: 1, step: 2))
    #expect(trained.scalars == plain.head(masked).scalars)
    #expect(trained.scalars != plain.head(output).scalars)
  }
}
