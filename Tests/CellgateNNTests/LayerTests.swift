import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite struct LayerTests {
  let stream = RandomStream(seed: 1, name: "initialisation")

  @Test("Linear maps with its own parameters, which start within PyTorch's bounds")
  func linearLayer() {
    let layer = Linear(inputSize: 16, outputSize: 3, stream: stream)
    #expect(layer.namedParameters().map(\.name) == ["weight", "bias"])
    #expect(layer.weight.shape == [3, 16])
    #expect(layer.weight.value.scalars.allSatisfy { abs($0) <= 0.25 })
    #expect(layer.weight.value.scalars.contains { abs($0) > 0.2 })
    #expect(Array(layer.weight.value.scalars.prefix(3)) != layer.bias?.value.scalars)
    let x = random([2, 4, 16])
    let expected = linear(x, weight: layer.weight.value, bias: layer.bias?.value)
    #expect(layer(x).scalars == expected.scalars)
    layer(x).sum().backward()
    #expect(layer.bias?.gradient.scalars == [8, 8, 8])
    #expect(Linear(inputSize: 2, outputSize: 2, hasBias: false, stream: stream).namedParameters().count == 1)
    let same = Linear(inputSize: 16, outputSize: 3, stream: stream)
    #expect(same.weight.value.scalars == layer.weight.value.scalars)
  }

  @Test("Embedding dropout drops whole symbols, wherever they occur, and divides the others by what is left")
  func embeddingDropout() throws {
    let layer = Embedding(count: 40, size: 3, dropout: 0.25, stream: stream)
    let indices = (0..<80).map { Int32($0 % 40) }
    let context = ForwardContext.training(seed: 4, step: 2)
    let found = layer(indices, shape: [2, 40], context: context)
    let plain = layer(indices, shape: [2, 40])
    #expect(plain.scalars == layer.weight.value.scalars + layer.weight.value.scalars)
    let rows = (0..<40).map { symbol in found[0][symbol].scalars }
    #expect(rows.indices.allSatisfy { found[1][$0].scalars == rows[$0] })
    let dropped = rows.indices.filter { rows[$0].allSatisfy { $0 == 0 } }
    // Ten of forty: five standard deviations are 14.
    #expect(!dropped.isEmpty && dropped.count < 24)
    for symbol in rows.indices where !dropped.contains(symbol) {
      for (one, other) in zip(rows[symbol], plain[0][symbol].scalars) {
        #expect(abs(one - other / 0.75) < 1e-6)
      }
    }
    found.backward(gradient: .full([2, 40, 3], 0.75))
    for symbol in rows.indices {
      let expected: Float = dropped.contains(symbol) ? 0 : 2
      for gradient in layer.weight.gradient[symbol].scalars { #expect(abs(gradient - expected) < 1e-6) }
    }
    #expect(layer(indices, shape: [2, 40], context: .training(seed: 4, step: 3)).scalars != found.scalars)
  }

  @Test("Embedding looks its vectors up")
  func embeddingLayer() {
    let layer = Embedding(count: 5, size: 3, stream: stream)
    #expect(layer([4, 0], shape: [2, 1]).shape == [2, 1, 3])
    #expect(layer([4], shape: [1]).scalars == layer.weight.value[4].scalars)
    layer([4], shape: []).sum().backward()
    #expect(layer.weight.gradient[4].scalars == [1, 1, 1])
  }

  @Test("Dropout works while training only, with masks that a resumed run repeats")
  func dropoutLayer() {
    let layer = Dropout(probability: 0.5, name: "between")
    let x = random([100], in: 1..<2)
    #expect(layer(x, .inference()).scalars == x.scalars)
    let masked = layer(x, .training(seed: 1, step: 5)).scalars
    #expect(masked.contains(0))
    #expect(layer(x, .training(seed: 1, step: 5)).scalars == masked)
    #expect(layer(x, .training(seed: 1, step: 6)).scalars != masked)
    // Ones pick the mask, of which the gradient is the product with the weights.
    #expect(gradientError(at: [random([30])]) { layer($0[0], .training(seed: 1, step: 0)) } < 2e-4)
  }

  @Test("LayerNorm starts as plain normalisation and learns scale and shift")
  func layerNormLayer() {
    let layer = LayerNormalization(size: 4)
    let x = random([3, 4])
    let y = layer(x)
    #expect(abs(y[1].scalars.reduce(0, +)) < 1e-5)
    y.sum().backward()
    #expect(layer.bias.gradient.scalars == [3, 3, 3, 3])
    #expect(layer.namedParameters().map(\.name) == ["weight", "bias"])
  }
}
