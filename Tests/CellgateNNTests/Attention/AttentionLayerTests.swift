import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// The laws of layers that look at a sequence.
@Suite("Attention layers")
struct AttentionLayerTests {
  private static let S = 4, B = 3, M = 6, T = 2

  /// A layer of every kind for queries and values of size M.
  static var layers: [any AttentionLayer] {
    let layers: [any AttentionLayer] = [
      AdditiveAttention(5), DotAttention(), DotAttention(scaled: true), GeneralAttention(),
      MultiHeadAttention(heads: 2), MultiHeadAttention(heads: 3, units: 12, useBias: false),
    ]
    return layers.map { built($0) }
  }

  private static func built(_ layer: any AttentionLayer) -> any AttentionLayer {
    layer.build(
      [.vector(M), .sequence(M)],
      BuildContext(name: "attention", stream: RandomStream(seed: 5, name: "attention")))
    for (name, parameter) in layer.namedParameters() {
      parameter.assign(random(parameter.shape, name, in: -0.8..<0.8))
    }
    return layer
  }

  private static var values: Tensor { random([S, B, M], "values", in: -2..<2) }
  private static var query: Tensor { random([B, M], "query", in: -2..<2) }
  /// Of the second sequence nothing is seen.
  private static let lengths = SequenceMask.lengths([4, 0, 2])
  /// The first sequence has a gap.
  private static let gaps = SequenceMask(
    flags: [true, false, true, false, false, true, true, false, false, true, false, false], batch: B)

  private func expectNear(_ found: Tensor, _ expected: Tensor, _ name: String, within: Float = 2e-6) {
    #expect(found.shape == expected.shape, "\(name)")
    let error = zip(found.scalars, expected.scalars).map { abs($0 - $1) }.max() ?? 0
    #expect(error <= within, "\(name) is off by \(error)")
  }

  @Test(
    "Weights are 0 where a mask is and else sum to 1; where nothing is seen they are all 0, without a gradient"
  )
  func weights() throws {
    for layer in Self.layers {
      for mask in [nil, Self.lengths, Self.gaps] {
        let seen = layer.attend(Self.query, layer.memory(Self.values, mask: mask))
        #expect(seen.weights.shape == [Self.B, Self.S])
        let flags = mask?.flags(steps: Self.S, batch: Self.B)
        for sequence in 0..<Self.B {
          let row = seen.weights[sequence].scalars
          let valid = (0..<Self.S).filter { flags?[$0 * Self.B + sequence] ?? true }
          for place in 0..<Self.S { #expect(valid.contains(place) ? row[place] > 0 : row[place] == 0) }
          #expect(abs(row.reduce(0, +) - (valid.isEmpty ? 0 : 1)) < 1e-6)
        }
      }
      let values = Parameter(Self.values), query = Parameter(Self.query)
      let seen = layer.attend(query.tensor, layer.memory(values.tensor, mask: Self.lengths))
      #expect(layer is MultiHeadAttention || seen.context[1].scalars.allSatisfy { $0 == 0 })
      (seen.context.sum() + seen.weights.sum()).backward()
      #expect(query.gradient.scalars.allSatisfy { $0.isFinite })
      #expect(query.gradient[1].scalars.allSatisfy { $0 == 0 })
      for place in 0..<Self.S {
        #expect(values.gradient[place][1].scalars.allSatisfy { $0 == 0 })
        if place >= 2 { #expect(values.gradient[place][2].scalars.allSatisfy { $0 == 0 }) }
      }
    }
  }

  @Test("What is masked may hold anything")
  func masked() {
    for layer in Self.layers where !(layer is MultiHeadAttention) {
      var numbers = Self.values.scalars
      let expected = layer.attend(Self.query, layer.memory(Self.values, mask: Self.gaps))
      let flags = Self.gaps.flags(steps: Self.S, batch: Self.B)
      for index in numbers.indices where !flags[index / Self.M] { numbers[index] = .nan }
      let values = Tensor(numbers, shape: Self.values.shape)
      let found = layer.attend(Self.query, layer.memory(values, mask: Self.gaps))
      #expect(found.context.scalars == expected.context.scalars)
      #expect(found.weights.scalars == expected.weights.scalars)
    }
  }

  @Test("Steps of queries are queries one by one, and a batch is its sequences one by one")
  func rows() {
    let queries = random([Self.T, Self.B, Self.M], "queries", in: -2..<2)
    for layer in Self.layers {
      for mask in [nil, Self.lengths, Self.gaps] {
        let memory = layer.memory(Self.values, mask: mask)
        let all = layer.attend(queries, memory)
        for step in 0..<Self.T {
          let one = layer.attend(queries[step], memory)
          // Products are added up in another order.
          expectNear(all.context[step], one.context, "context")
          expectNear(all.weights[step], one.weights, "weights")
        }
        let flags = mask?.flags(steps: Self.S, batch: Self.B)
        for sequence in 0..<Self.B {
          let alone = layer.memory(
            Self.values.sliced(sequence..<sequence + 1, axis: 1),
            mask: flags.map { flags in
              SequenceMask(flags: (0..<Self.S).map { flags[$0 * Self.B + sequence] }, batch: 1)
            })
          let one = layer.attend(queries[0][sequence..<sequence + 1], alone)
          let batch = layer.attend(queries[0], memory)
          #expect(one.context.scalars == batch.context[sequence].scalars)
          #expect(one.weights.scalars == batch.weights[sequence].scalars)
        }
      }
    }
  }

  @Test("Queries name their sequences: as if these were repeated")
  func sequences() {
    let owners: [Int32] = [2, 0, 2, 1]
    let queries = random([4, Self.M], "named", in: -2..<2)
    for layer in Self.layers {
      for mask in [nil, Self.lengths, Self.gaps] {
        let found = layer.attend(queries, layer.memory(Self.values, mask: mask), sequences: owners)
        let flags = mask?.flags(steps: Self.S, batch: Self.B)
        let repeated = layer.memory(
          Self.values.gathered(owners, axis: 1),
          mask: flags.map { flags in
            SequenceMask(
              flags: (0..<Self.S * 4).map { flags[$0 / 4 * Self.B + Int(owners[$0 % 4])] }, batch: 4)
          })
        let expected = layer.attend(queries, repeated)
        #expect(found.context.scalars == expected.context.scalars)
        #expect(found.weights.scalars == expected.weights.scalars)
      }
    }
  }

  @Test("Contexts and weights have the gradients of central differences, in queries, values and parameters")
  func gradients() throws {
    for layer in Self.layers {
      let parameters = layer.namedParameters().map(\.parameter)
      for (mask, steps) in [(nil, false), (Self.lengths, true), (Self.gaps, false), (Self.gaps, true)] {
        let query = steps ? random([Self.T, Self.B, Self.M], "queries") : random([Self.B, Self.M], "query")
        func joined(_ query: Tensor, _ values: Tensor) -> Tensor {
          let seen = layer.attend(query, layer.memory(values, mask: mask))
          return concatenated([seen.context, seen.weights])
        }
        let inputs = [query, random([Self.S, Self.B, Self.M], "values")]
        #expect(gradientError(at: inputs) { joined($0[0], $0[1]) } < 4e-4, "\(type(of: layer).kind)")
        for parameter in parameters {
          let error = gradientError(of: parameter) { joined(inputs[0], inputs[1]) }
          #expect(error < 4e-4, "\(type(of: layer).kind) \(parameter.shape)")
        }
      }
    }
  }

  @Test("With several heads no step sees a later one where that is asked for, with gaps too")
  func causal() {
    let layer = Self.built(MultiHeadAttention(heads: 2, isCausal: true))
    let x = random([Self.S, Self.B, Self.M])
    for mask in [nil, Self.gaps] {
      let seen = layer.attend(x, layer.memory(x, mask: mask))
      let whole = seen.context.scalars
      for step in 0..<Self.S {
        for sequence in 0..<Self.B {
          let row = seen.weights[step][sequence].scalars
          #expect(row[(step + 1)...].allSatisfy { $0 == 0 })
        }
      }
      // The first steps alone give the same.
      let flags = mask?.flags(steps: Self.S, batch: Self.B)
      let first = x[0..<2]
      let part = layer.attend(
        first,
        layer.memory(
          first, mask: flags.map { SequenceMask(flags: Array($0.prefix(2 * Self.B)), batch: Self.B) }))
      for (one, other) in zip(part.context.scalars, whole) { #expect(abs(one - other) < 1e-6) }
    }
  }

  @Test("Sizes that don't fit are refused")
  func misfits() {
    #expect(throws: LayerError.self) { try DotAttention().outputShapes([.vector(2), .sequence(3)]) }
    #expect(throws: LayerError.self) { try AdditiveAttention(2).outputShapes([.vector(2), .vector(3)]) }
    #expect(throws: LayerError.self) { try AdditiveAttention(2).outputShapes([.sequence(3)]) }
    #expect(throws: LayerError.self) {
      try MultiHeadAttention(heads: 4).outputShapes([.vector(6), .sequence(3)])
    }
    #expect(MultiHeadAttention.Options(heads: 4, units: 6).problem != nil)
    #expect(AdditiveAttention.Options(units: 0).problem != nil)
  }
}
