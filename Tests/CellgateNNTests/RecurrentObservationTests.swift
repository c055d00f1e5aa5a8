import CellgateCells
import CellgateNN
import CellgateTensor
import Testing

@Suite("Observations of recurrent layers")
struct RecurrentObservationTests {
  private let x: Tensor = {
    var stream = RandomStream(seed: 5, name: "input")
    return stream.uniform([6, 4, 3])
  }()

  private func recurrent(
    layers: Int = 2, bidirectional: Bool = true, dropout: Float = 0, name: String = "recurrent"
  ) -> Recurrent {
    Recurrent(
      cell: .lstmWM, inputSize: 3, hiddenSize: 5, layers: layers, bidirectional: bidirectional,
      dropout: dropout, name: name, stream: RandomStream(seed: 3, name: "initialisation"))
  }

  @Test("Every layer and direction is shown once, in the order of the parameters")
  func names() {
    var layers: [String] = []
    let context = ForwardContext.training(seed: 1, step: 0) { layer, _ in layers.append(layer) }
    recurrent()(x, context: context).last.sum().backward()
    #expect(layers == ["l0", "l0_reverse", "l1", "l1_reverse"])
  }

  @Test("Another part's layers bear its name, and a second use of a part its number")
  func otherNames() {
    var layers: [String] = []
    let context = ForwardContext.training(seed: 1, step: 0) { layer, _ in layers.append(layer) }
    let encoder = recurrent(layers: 1, bidirectional: false, name: "encoder")
    let twice = recurrent(layers: 1, bidirectional: false)
    let sum = encoder(x, context: context).last + twice(x, context: context).last
    (sum + twice(x, context: context).last).sum().backward()
    #expect(Set(layers) == ["encoder.l0", "l0", "l0#2"])
    #expect(layers.count == 3)
  }

  @Test("Without gradients nothing is observed")
  func inference() {
    var count = 0
    let context = ForwardContext.training(seed: 1, step: 0) { _, _ in count += 1 }
    withoutGradient { _ = recurrent()(x, context: context) }
    #expect(count == 0)
  }

  @Test("An upper layer is observed as a single one that reads the lower one's masked output")
  func upperLayer() throws {
    let both = recurrent(bidirectional: false, dropout: 0.5)
    var found: [String: CellObservation] = [:]
    let context = ForwardContext.training(seed: 7, step: 2) { found[$0] = $1 }
    both(x, context: context).last.sum().backward()

    let lower = recurrent(layers: 1, bidirectional: false)
    let upper = Recurrent(
      cell: .lstmWM, inputSize: 5, hiddenSize: 5, stream: RandomStream(seed: 9, name: "other"))
    let parameters = Dictionary(uniqueKeysWithValues: both.namedParameters().map { ($0.name, $0.parameter) })
    for (name, parameter) in upper.namedParameters() {
      parameter.assign(try #require(parameters[name.replacing("_l0", with: "_l1")]).value)
    }
    for (name, parameter) in lower.namedParameters() {
      parameter.assign(try #require(parameters[name]).value)
    }
    let output = try #require(withoutGradient { lower(x) }.output)
    var stream = ForwardContext.training(seed: 7, step: 2).stream("recurrent")
    let masked = output * dropoutMask(output.shape, probability: 0.5, stream: &stream)
    var alone: CellObservation?
    let own = ForwardContext.training(seed: 7, step: 2) { _, observation in alone = observation }
    upper(masked, context: own).last.sum().backward()
    #expect(alone != nil && found["l1"] == alone)
  }
}
