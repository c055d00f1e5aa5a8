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

  @Test(
    "All matrices are rounded, recurrent and dense layers compute in int8, and a stream gives the model's bits"
  )
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
    #expect(small.linearMaps.map(\.precision) == [.int8] && model.linearMaps.map(\.precision) == [.float32])
    let x = ModelStreamTests.input(model.inputs[0].shape, T: 12, B: 3)
    let found = small(x).scalars, exact = model(x).scalars
    #expect(found != exact)
    #expect(ModelStreamTests.difference(found, exact) < 0.02)
    #expect(try ModelStreamTests.stream(try small.stream(), x) == found)
    // What is rounded already is rounded to the same.
    #expect(try small.computing(in: .int8)(x).scalars == found)
    #expect(try small.computing(in: .float32)(x).scalars != found)
  }

  @Test("The linear maps of all parts compute in int8 with the cells; those of a model without cells stay")
  func maps() throws {
    let tied = Sequential(
      Embedding(11, 20), Recurrent(.gru, 20, returnSequences: true),
      TimeDistributed(Dense(20, activation: .tanh)),
      TiedDense(11, to: "embedding"), input: .sequence())
    try tied.build()
    let small = try tied.computing(in: .int8)
    #expect(small.linearMaps.map(\.precision) == [.int8, .int8])
    let x = ModelStreamTests.input(tied.inputs[0].shape, T: 5, B: 2)
    #expect(small(x).scalars != tied(x).scalars)
    #expect(ModelStreamTests.difference(small(x).scalars, tied(x).scalars) < 0.1)
    let dense = Sequential(Dense(5), input: .vector(3))
    try dense.build()
    #expect(try dense.computing(in: .int8).linearMaps.map(\.precision) == [.float32])
    // A row that is too long to be summed.
    let map = Linear(inputSize: (1 << 17) + 1, outputSize: 1, stream: RandomStream(seed: 1, name: "wide"))
    map.compute(in: .int8)
    #expect(map.precision == .float32)
  }

  @Test("There is no gradient in int8, and a layer on a grid is refused")
  func refusals() throws {
    let small = try Self.model().computing(in: .int8)
    #expect(!small(ModelStreamTests.input(small.inputs[0].shape, T: 3, B: 2)).needsGradient)
    var options = RecurrentOptions(cell: .lstm, units: 3)
    options.kernel = 3
    let grid = Sequential(Recurrent(options), input: .sequence(4, 4, 2))
    try grid.build()
    #expect(throws: LayerError.self) { try grid.computing(in: .int8) }
  }
}
