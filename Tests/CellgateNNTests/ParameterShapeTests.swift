import CellgateCells
import CellgateTensor
import Testing

@testable import CellgateNN

@Suite("Names and shapes of parameters without a model")
struct ParameterShapeTests {
  @Test("They are those of the layers", arguments: Cell.core, [false, true])
  func recurrent(cell: Cell, bidirectional: Bool) {
    let layers = Recurrent(
      cell: cell, inputSize: 3, hiddenSize: 4, layers: 3, bidirectional: bidirectional,
      stream: RandomStream(seed: 1, name: "x"))
    let shapes = Recurrent.parameterShapes(
      cell: cell, inputSize: 3, hiddenSize: 4, layers: 3, bidirectional: bidirectional)
    let expected = layers.namedParameters().map { ParameterShape($0.name, $0.parameter.shape) }
    #expect(Array(shapes) == expected)
  }

  @Test("They are those of linear maps and embeddings")
  func others() {
    let stream = RandomStream(seed: 1, name: "x")
    func shapes(_ module: any Module) -> [ParameterShape] {
      module.namedParameters().map { ParameterShape($0.name, $0.parameter.shape) }
    }
    #expect(
      Linear.parameterShapes(inputSize: 2, outputSize: 5)
        == shapes(Linear(inputSize: 2, outputSize: 5, stream: stream)))
    #expect(
      Embedding.parameterShapes(count: 7, size: 2) == shapes(Embedding(count: 7, size: 2, stream: stream)))
  }

  @Test("The first of more layers than memory has room for are there at once")
  func lazily() {
    let shapes = Recurrent.parameterShapes(cell: .lstm, inputSize: 1, hiddenSize: 1, layers: .max)
    #expect(shapes.first { $0.name.hasSuffix("_l2") }?.shape == [4, 1])
  }
}
