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

  @Test("Its parameters are known without it", arguments: Cell.all, [false, true])
  func parameters(cell: Cell, bidirectional: Bool) {
    var settings = TrainingSettings(task: "none", taskOptions: [:], hidden: 6, batch: 3, steps: 1)
    (settings.layers, settings.bidirectional) = (2, bidirectional)
    let shape = SequenceShape(steps: 4, inputSize: 2, outputSize: 3)
    let model = ParameterSet(RecurrentModel(settings: settings, shape: shape, cell: cell))
    #expect(
      Array(RecurrentModel.parameterShapes(settings: settings, shape: shape, cell: cell))
        == model.entries.map { ParameterShape($0.name, $0.shape) })
  }

  @Test("Dropout acts before the head too, in training alone", arguments: [false, true], [1, 2])
  func dropout(readsEveryStep: Bool, layers: Int) {
    let plain = Self.model(readsEveryStep: readsEveryStep, layers: layers, dropout: 0)
    let dropping = Self.model(readsEveryStep: readsEveryStep, layers: layers, dropout: 0.5)
    var random = RandomStream(seed: 2, name: "x")
    let x = random.uniform([4, 3, 2])
    #expect(dropping(x).scalars == plain(x).scalars)

    let result = dropping.recurrent(x, context: .training(seed: 1, step: 2))
    let output = readsEveryStep ? result.output ?? .zeros([]) : result.last
    var noise = ForwardContext.training(seed: 1, step: 2).stream("head")
    let masked = output * dropoutMask(output.shape, probability: 0.5, stream: &noise)
    let trained = dropping(x, context: .training(seed: 1, step: 2))
    #expect(trained.scalars == plain.head(masked).scalars)
    #expect(trained.scalars != plain.head(output).scalars)
  }
}
