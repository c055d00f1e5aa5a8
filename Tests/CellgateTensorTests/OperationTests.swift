import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// Gradients by `gradientError`, whose tolerance of 2e-4 is explained there.
@Suite struct OperationTests {
  @Test("Arithmetic has the gradients of its central differences")
  func arithmetic() {
    let values = [random([3, 4], "a"), random([3, 4], "b")]
    #expect(gradientError(at: values) { $0[0] + $0[1] } < 2e-4)
    #expect(gradientError(at: values) { $0[0] - $0[1] } < 2e-4)
    #expect(gradientError(at: values) { $0[0] * $0[1] } < 2e-4)
    #expect(gradientError(at: values) { $0[0] * $0[0] * $0[1] + $0[1] * 3 + 1 } < 2e-4)
  }

  @Test("Activations have the gradients of their central differences")
  func activations() {
    let x = random([40], in: -3..<3)
    #expect(gradientError(at: [x]) { $0[0].sigmoid() } < 2e-4)
    #expect(gradientError(at: [x]) { $0[0].tanh() } < 2e-4)
    // At least 0.05 from the kink, which differences of up to 0.04 must not cross.
    let apart = Tensor(x.scalars.map { abs($0) < 0.05 ? 1 : $0 })
    #expect(gradientError(at: [apart]) { $0[0].relu() } < 2e-4)
  }

  @Test("Activations pass NaN on and saturate")
  func specialValues() {
    let x = Tensor([.nan, .infinity, -.infinity, 200, -200])
    #expect(x.relu().scalars[0].isNaN)
    #expect(x.sigmoid().scalars[0].isNaN)
    #expect(x.tanh().scalars[0].isNaN)
    #expect(Array(x.sigmoid().scalars[1...]) == [1, 0, 1, 0])
    #expect(Array(x.tanh().scalars[1...]) == [1, -1, 1, -1])
    #expect(Array(x.relu().scalars[1...]) == [.infinity, 0, 200, 0])
  }

  @Test("Sum and mean add in Double and have the gradients of their central differences")
  func reductions() {
    let x = random([5, 7])
    #expect(gradientError(at: [x]) { $0[0].sum() } < 2e-4)
    #expect(gradientError(at: [x]) { $0[0].mean() } < 2e-4)
    #expect(Tensor.full([3_000_000], 0.1).sum().item == Float(Double(Float(0.1)) * 3_000_000))
    #expect(Tensor([]).mean().item.isNaN)
  }

  @Test("Slices and reshapes share memory and pass gradients to their place")
  func shaping() {
    let x = random([4, 2, 3])
    #expect(x[2].scalars == Array(x.scalars[12..<18]))
    #expect(x[2].storage === x.storage)
    #expect(x[1..<3].shape == [2, 2, 3])
    #expect(gradientError(at: [x]) { $0[0][1] * $0[0][3] } < 2e-4)
    #expect(gradientError(at: [x]) { $0[0][1..<4].reshaped([9, 2]).tanh() } < 2e-4)
    #expect(gradientError(at: [x]) { $0[0][0..<0] + $0[0][2..<2] } == 0)
  }

  @Test("Concatenation puts rows side by side and cuts the gradient apart")
  func concatenation() {
    let (a, b) = (Tensor([1, 2, 3, 4], shape: [2, 2]), Tensor([5, 6], shape: [2, 1]))
    #expect(concatenated([a, b, a]).shape == [2, 5])
    #expect(concatenated([a, b, a]).scalars == [1, 2, 5, 1, 2, 3, 4, 6, 3, 4])
    #expect(gradientError(at: [a, b]) { concatenated([$0[0], $0[1], $0[0]]).tanh() } < 2e-4)
  }

  @Test(
    "A linear map has the value of its definition and the gradients of its central differences",
    arguments: [[5], [2, 3, 5], [1, 5], [0, 5]], [1, 4, 33])
  func linearMap(shape: [Int], outputs: Int) {
    let (x, weight, bias) = (random(shape), random([outputs, 5], "w"), random([outputs], "b"))
    let y = linear(x, weight: weight, bias: bias)
    #expect(y.shape == shape.dropLast() + [outputs])
    for row in 0..<x.count / 5 {
      for output in 0..<outputs {
        var sum = Double(bias.scalars[output])
        for k in 0..<5 { sum += Double(x.scalars[row * 5 + k]) * Double(weight.scalars[output * 5 + k]) }
        // Six roundings of Float32 of numbers below 6.
        #expect(abs(Double(y.scalars[row * outputs + output]) - sum) < 2e-6)
      }
    }
    #expect(gradientError(at: [x, weight, bias]) { linear($0[0], weight: $0[1], bias: $0[2]) } < 2e-4)
    #expect(gradientError(at: [x, weight]) { linear($0[0], weight: $0[1]) } < 2e-4)
  }

  @Test("Weight gradients over many rows are sums over all of them, whatever way they are cut")
  func manyRows() {
    for (rows, inputs, outputs) in [(5000, 3, 2), (700, 260, 256)] {
      let (weight, bias) = (Parameter(random([outputs, inputs], "w")), Parameter(random([outputs], "b")))
      let x = random([rows, inputs])
      let seed = random([rows, outputs], "g")
      linear(x, weight: weight.tensor, bias: bias.tensor).backward(gradient: seed)
      let (g, values) = (seed.scalars, x.scalars)
      for (output, input) in [(0, 0), (outputs - 1, inputs - 1), (1, 2)] {
        var (sum, biasSum) = (0.0, 0.0)
        for row in 0..<rows {
          sum += Double(g[row * outputs + output]) * Double(values[row * inputs + input])
          biasSum += Double(g[row * outputs + output])
        }
        // Sums of thousands of numbers below 1 in Float32.
        #expect(abs(Double(weight.gradient.scalars[output * inputs + input]) - sum) < 1e-3)
        #expect(abs(Double(bias.gradient.scalars[output]) - biasSum) < 1e-3)
      }
    }
  }

  @Test("An embedding takes rows of its table and adds gradients up where an index repeats")
  func embeddings() {
    let table = random([4, 70])
    let indices: [Int32] = [3, 0, 3, 1, 3, 0]
    let rows = embedding(indices, shape: [2, 3], table: table)
    #expect(rows.shape == [2, 3, 70])
    #expect(rows[1][1].scalars == table[3].scalars)
    #expect(gradientError(at: [random([4, 3])]) { embedding(indices, shape: [6], table: $0[0]) } < 2e-4)
    let parameter = Parameter(table)
    embedding(indices, shape: [6], table: parameter.tensor).sum().backward()
    #expect(parameter.gradient[3].scalars == [Float](repeating: 3, count: 70))
    #expect(parameter.gradient[2].scalars == [Float](repeating: 0, count: 70))
  }

  @Test("Layer normalisation gives rows of mean 0 and variance 1 and has the right gradients")
  func layerNormalization() {
    let x = random([3, 6], in: -2..<2)
    let (weight, bias) = (random([6], "w", in: 0.5..<1.5), random([6], "b"))
    let plain = layerNorm(x, weight: .full([6], 1), bias: .zeros([6]), epsilon: 0).scalars
    for row in 0..<3 {
      let values = plain[row * 6..<row * 6 + 6].map(Double.init)
      #expect(abs(values.reduce(0, +)) < 1e-5)
      #expect(abs(values.reduce(0) { $0 + $1 * $1 } / 6 - 1) < 1e-5)
    }
    #expect(
      gradientError(at: [x, weight, bias]) { layerNorm($0[0], weight: $0[1], bias: $0[2]) } < 5e-4)
  }

  @Test("Dropout zeroes its share, scales the rest, and repeats from the same position")
  func dropoutMasks() {
    let x = random([200, 500], in: 1..<2)
    var stream = RandomStream(seed: 1, name: "dropout")
    let first = dropout(x, probability: 0.25, stream: &stream)
    #expect(stream.position == 100_000)
    var again = RandomStream(seed: 1, name: "dropout")
    #expect(dropout(x, probability: 0.25, stream: &again).scalars == first.scalars)
    #expect(dropout(x, probability: 0.25, stream: &stream).scalars != first.scalars)
    let words = RandomStream(seed: 1, name: "dropout")
    for (index, value) in first.scalars.enumerated() {
      #expect((value == 0) == (words.uniform(at: UInt64(index)) < 0.25))
    }
    let zeros = first.scalars.count { $0 == 0 }
    #expect(abs(zeros - 25_000) < 700)  // five standard deviations of 137
    for (value, scaled) in zip(x.scalars, first.scalars) where scaled != 0 {
      #expect(scaled == value * (1 / 0.75))
    }
    #expect(dropout(x, probability: 0, stream: &stream).scalars == x.scalars)
    let mask = dropoutMask([20], probability: 0.5, stream: &again)
    #expect(gradientError(at: [random([20])]) { $0[0] * mask } < 2e-4)
  }

  @Test("One thread and several give the same bits")
  func threads() {
    func results() -> [[Float]] {
      let parameters = [
        random([60, 50, 33]), random([40, 33], "w"), random([40], "b"), random([40], "g"), random([40], "h"),
      ].map { Parameter($0) }
      let p = parameters.map(\.tensor)
      let normal = layerNorm(linear(p[0], weight: p[1], bias: p[2]).tanh(), weight: p[3], bias: p[4])
      var stream = RandomStream(seed: 1, name: "dropout")
      let loss = dropout(normal.sigmoid(), probability: 0.5, stream: &stream).mean()
      loss.backward()
      return [loss.scalars] + parameters.map(\.gradient.scalars)
    }
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = before }
    ThreadPool.shared.threads = 1
    let alone = results()
    ThreadPool.shared.threads = 4
    #expect(results() == alone)
  }
}
