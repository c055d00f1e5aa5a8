import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// What `OperationCaseTests` doesn't see: special values, memory that is shared, sums of many numbers, errors.
/// Gradients by `gradientError`, whose tolerance of 2e-4 is explained there.
@Suite struct OperationTests {
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

  @Test("Of equal numbers the first largest of an axis gets the gradient, and each of two half of it")
  func ties() {
    let x = Parameter(Tensor([1, 3, 3, 2], shape: [2, 2]))
    x.tensor.max().backward()
    #expect(x.gradient.scalars == [0, 1, 0, 0])
    x.zeroGradient()
    x.tensor.min(axis: 1).sum().backward()
    #expect(x.gradient.scalars == [1, 0, 0, 1])
    x.zeroGradient()
    let (a, b) = (Parameter(Tensor([1, 2, 3])), Parameter(Tensor([1, 3, 2])))
    a.tensor.maximum(b.tensor).sum().backward()
    #expect(a.gradient.scalars == [0.5, 0, 1] && b.gradient.scalars == [0.5, 1, 0])
    #expect(Tensor([1, 5, 5, 7, 0, 7], shape: [2, 3]).argMax(axis: 1) == [1, 0])
  }

  @Test("NaN stays NaN in bounds, extremes and softmax")
  func nan() {
    let x = Tensor([1, .nan, 2])
    #expect(x.max().item.isNaN && x.min().item.isNaN && x.softmax().scalars.allSatisfy { $0.isNaN })
    #expect(x.maximum(Tensor(5)).scalars[1].isNaN && Tensor(5).minimum(x).scalars[1].isNaN)
    #expect(x.clamp(min: 0, max: 1).scalars[1].isNaN && x.argMax() == [1])
    #expect(maxPool1d(x.reshaped([3, 1, 1]), kernel: 2, stride: 1).scalars.allSatisfy { $0.isNaN })
    #expect(
      (x .== x).scalars == [1, 0, 1] && (x .!= x).scalars == [0, 1, 0] && (x .< 5).scalars == [1, 0, 1])
  }

  @Test("What a mask leaves out has no part in the gradient, not even as NaN")
  func maskedNaN() {
    let x = Parameter(Tensor([4, -1, 9]))
    let root = x.tensor.sqrt()
    Tensor.where(x.value .> 0, root, Tensor(0)).sum().backward()
    #expect(x.gradient.scalars[0] == 0.25)
    #expect(root.filled(where: x.value .<= 0, with: 7).scalars == [2, 7, 3])
  }

  @Test("Softmax of numbers of any size is exact")
  func softmaxExtremes() {
    let x = Tensor([3e38, -3e38, 0, -1e4, -1e4, -.infinity], shape: [2, 3])
    #expect(x.softmax().scalars == [1, 0, 0, 0.5, 0.5, 0])
    #expect(x.logSoftmax()[0].scalars == [0, -.infinity, -3e38])
  }

  @Test("A product of no depth is 0, and empty shapes give empty results")
  func empties() {
    #expect(matmul(.zeros([2, 0]), .zeros([0, 3])).scalars == [0, 0, 0, 0, 0, 0])
    #expect(conv1d(.zeros([0, 2, 3]), weight: .zeros([4, 3, 2])).shape == [0, 2, 4])
    #expect(maxPool2d(.zeros([0, 4, 4, 1]), kernel: 2).shape == [0, 2, 2, 1])
    #expect(concatenated([.zeros([0, 2]), .zeros([0, 3])]).shape == [0, 5])
    #expect(Tensor.zeros([0, 3]).padded(before: 1, after: 0, axis: 0).shape == [1, 3])
    #expect(Tensor.zeros([2, 0]).mean(axis: 1).scalars.allSatisfy { $0.isNaN })
  }

  @Test("Shapes that don't fit stop the program with what was expected and found")
  func misuse() async throws {
    func message(_ result: ExitTest.Result?) -> String {
      String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    }
    let sum = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.zeros([2, 3]) + Tensor.zeros([4])
    }
    #expect(message(sum).contains("+: expected shapes that broadcast to one, found [2, 3] and [4]"))
    let product = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = matmul(.zeros([2, 3]), .zeros([4, 3]))
    }
    #expect(message(product).contains("matmul: expected [.., M, K] and [.., K, N], found [2, 3] and [4, 3]"))
    let axis = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.zeros([2, 3]).softmax(axis: 2)
    }
    #expect(message(axis).contains("softmax: expected an axis in -2..<2 of a tensor [2, 3], found 2"))
    let index = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.zeros([2, 3]).gathered([3], axis: 1)
    }
    #expect(message(index).contains("gathered: expected indices in 0..<3, axis 1, found 3"))
    let convolution = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = conv1d(.zeros([4, 1, 3]), weight: .zeros([2, 4, 2]))
    }
    #expect(
      message(convolution).contains("conv1d: expected a weight of 3 / groups channels")
    )
    let nothing = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.zeros([2, 0]).max(axis: 1)
    }
    #expect(message(nothing).contains("max: expected one or more numbers along axes [1], found [2, 0]"))
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

  /// Products of these sizes are cut into strips of columns, the last one of them narrow.
  @Test("A product with many columns has the numbers of Double", arguments: [300, 512, 530])
  func manyColumns(_ columns: Int) {
    let (rows, depth) = (30, 20)
    let (x, weight) = (random([rows, depth]), random([columns, depth], "w"))
    let bias = random([columns], "b")
    let (a, b, shift) = (x.scalars, weight.scalars, bias.scalars)
    let turned = weight.transposed()
    let found = [
      matmul(x, turned), matmul(x, weight, transposeB: true), linear(x, weight: weight, bias: bias),
    ].map(\.scalars)
    for row in 0..<rows {
      for column in 0..<columns {
        let sum = (0..<depth).reduce(0.0) {
          $0 + Double(a[row * depth + $1]) * Double(b[column * depth + $1])
        }
        let place = row * columns + column
        let expected = [sum, sum, sum + Double(shift[column])]
        for (numbers, value) in zip(found, expected) { #expect(abs(Double(numbers[place]) - value) < 1e-5) }
      }
    }
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
