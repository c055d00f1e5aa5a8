import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Models in another precision")
struct ModelPrecisionTests {
  static func model() throws -> Sequential {
    let model = Sequential(
      Embedding(11, 18), Recurrent(.lstmWM, 20, returnSequences: true), Dense(7), input: .sequence())
    try model.build(seed: 3)
    return model
  }

  @Test("Rows of a matrix are bytes times a scale, which rounded again are the same")
  func matrices() throws {
    let matrix = Tensor([3, -1, 0.5, 0, 0, 0, 254, -127, 1], shape: [3, 3])
    let bytes = try #require(ByteMatrix(matrix))
    // 1 is half a scale: to the even one.
    #expect(bytes.bytes == [127, -42, 21, 0, 0, 0, 127, -64, 0])
    #expect(bytes.scales[1...] == [0, 2])
    #expect(abs(bytes.scales[0] * 127 - 3) < 3e-4)
    let random = random([40, 33], "matrix"), rounded = try #require(ByteMatrix(random))
    #expect(ByteMatrix(rounded.tensor) == rounded)
    let most = zip(rounded.tensor.scalars, random.scalars).map { abs($0 - $1) }.max() ?? 0
    #expect(most > 0 && most <= 1.0001 / 254)
    #expect(ByteMatrix(Tensor([1, .nan], shape: [1, 2])) == nil)
    #expect(ByteMatrix(Tensor([1, 2])) == nil)
    #expect(ByteMatrix(rows: 1, columns: 2, bytes: [1, 2], scales: [0.5]) != nil)
    #expect(ByteMatrix(rows: 1, columns: 2, bytes: [1, -128], scales: [0.5]) == nil)
    #expect(ByteMatrix(rows: 1, columns: 2, bytes: [1, 2], scales: [0.1]) == nil)
    #expect(ByteMatrix(rows: 1, columns: 2, bytes: [1, 2], scales: [.infinity]) == nil)
  }

  @Test("All matrices are rounded, recurrent layers compute in int8, and a stream gives the model's bits")
  func model() throws {
    let model = try Self.model()
    model.metadata["vocabulary"] = "own"
    let small = try model.computing(in: .int8)
    #expect(small.metadata == model.metadata)
    #expect((small["recurrent"] as? Recurrent)?.precision == .int8)
    for (old, new) in zip(model.state.entries, small.state.entries) {
      let expected = ByteMatrix(old.tensor)?.tensor ?? old.tensor
      #expect(new.tensor.scalars == expected.scalars, "\(old.name)")
    }
    let x = ModelStreamTests.input(model.inputs[0].shape, T: 12, B: 3)
    let found = small(x).scalars, exact = model(x).scalars
    #expect(found != exact)
    #expect(ModelStreamTests.difference(found, exact) < 0.02)
    #expect(ModelStreamTests.difference(try ModelStreamTests.stream(try small.stream(), x), found) < 1e-6)
    // What is rounded already is rounded to the same.
    #expect(try small.computing(in: .int8)(x).scalars == found)
    #expect(try small.computing(in: .float32)(x).scalars != found)
  }

  @Test("No gradient goes through a layer in int8, and one on a grid is refused")
  func refusals() throws {
    let small = try Self.model().computing(in: .int8)
    let x = ModelStreamTests.input(small.inputs[0].shape, T: 3, B: 2)
    small(x).sum().backward()
    let recurrent = try #require(small["recurrent"] as? Recurrent)
    for case .parameter(_, let parameter) in recurrent.members {
      #expect(parameter.gradient.scalars.allSatisfy { $0 == 0 })
    }
    var options = RecurrentOptions(cell: .lstm, units: 3)
    options.kernel = 3
    let grid = Sequential(Recurrent(options), input: .sequence(4, 4, 2))
    try grid.build()
    #expect(throws: LayerError.self) { try grid.computing(in: .int8) }
  }
}
