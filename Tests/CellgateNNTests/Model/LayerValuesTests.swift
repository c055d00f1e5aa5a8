import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Values of layers")
struct LayerValuesTests {
  private func built<Built: Layer>(_ layer: Built, _ shapes: LayerShape...) -> Built {
    layer.build(shapes, BuildContext(name: "layer", stream: RandomStream(seed: 5, name: "layer")))
    return layer
  }

  @Test("Batch normalisation takes the batch's mean and variance while training, and the running ones later")
  func batchNormalization() throws {
    let layer = built(BatchNormalization(momentum: 0.9, epsilon: 0.5), .vector(1))
    let x = LayerValue(Tensor([1, 3], shape: [2, 1]))
    let y = layer([x], .training(seed: 1, step: 0))[0].tensor.scalars
    // Mean 2, variance 1.
    let scale = Float(1.5).squareRoot()
    #expect(abs(y[0] + 1 / scale) < 1e-6 && abs(y[1] - 1 / scale) < 1e-6)
    #expect(abs((layer.state["running_mean"]?.item ?? 0) - 0.2) < 1e-6)
    #expect(abs((layer.state["running_var"]?.item ?? 0) - (0.9 + 0.1)) < 1e-6)
    let later = layer([x], .inference())[0].tensor.scalars
    #expect(abs(later[0] - (1 - 0.2) / Float(1 + 0.5).squareRoot()) < 1e-6)
    // Of sequences the valid steps alone count.
    let timed = built(BatchNormalization(momentum: 0, epsilon: 1e-3), .sequence(1))
    let sequences = LayerValue(Tensor([1, 3, 100, 5], shape: [2, 2, 1]), mask: .lengths([1, 2]))
    _ = timed([sequences], .training(seed: 1, step: 0))
    #expect(abs((timed.state["running_mean"]?.item ?? 0) - 3) < 1e-6)
    #expect(BatchNormalization().options.momentum == 0.99 && BatchNormalization().options.epsilon == 1e-3)
  }

  @Test("Convolutions pad as Keras does")
  func padding() throws {
    func output(_ padding: Conv1D.Padding, _ kernel: Int, strides: Int = 1, steps: Int = 5) throws -> [Float]
    {
      let layer = built(Conv1D(1, kernel, strides: strides, padding: padding, useBias: false), .sequence(1))
      var state = layer.state
      state["weight"] = .full([1, 1, kernel], 1)
      try layer.load(state)
      let x = Tensor((1...steps).map(Float.init), shape: [steps, 1, 1])
      return layer(LayerValue(x)).tensor.scalars
    }
    #expect(try output(.valid, 3) == [6, 9, 12])
    #expect(try output(.same, 3) == [3, 6, 9, 12, 9])
    #expect(try output(.causal, 3) == [1, 3, 6, 9, 12])
    // One more zero at the end than in front.
    #expect(try output(.same, 2) == [3, 5, 7, 9, 5])
    #expect(try output(.same, 3, strides: 2) == [3, 9, 9])
    // Sequences that are shorter than a window have none.
    #expect(try output(.valid, 3, steps: 2) == [] && output(.causal, 3, steps: 1) == [1])
    #expect(MaxPooling1D(3)(LayerValue(.zeros([2, 1, 1]))).tensor.shape == [0, 1, 1])
    #expect(AveragePooling1D(3)(LayerValue(.zeros([2, 1, 1]))).tensor.shape == [0, 1, 1])
  }

  @Test("Convolutions that keep the mask give a sequence the same beside a longer one")
  func maskedConvolutions() throws {
    var options = Conv1D.Options(filters: 2, kernelSize: 3)
    (options.padding, options.keepsMask) = (.same, true)
    let layer = built(Conv1D(options), .sequence(1))
    let alone = layer(LayerValue(Tensor([1, 2], shape: [2, 1, 1]))).tensor.scalars
    // What stands past the end isn't looked at.
    let beside = layer(
      LayerValue(Tensor([1, 5, 2, 6, 9, 7], shape: [3, 2, 1]), mask: .lengths([2, 3])))
    #expect(beside.mask == .lengths([2, 3]))
    #expect(beside.tensor[0][0].scalars + beside.tensor[1][0].scalars == alone)
    options.padding = .valid
    #expect(options.problem?.contains("keeps_mask") == true)
  }

  @Test("Means, maxima and the last step are those of the valid steps")
  func pooling() {
    let x = Tensor([1, 10, 2, 20, 3, 30], shape: [3, 2, 1])
    let value = LayerValue(x, mask: SequenceMask(flags: [true, false, false, true, true, false], batch: 2))
    #expect(GlobalAveragePooling1D()(value).tensor.scalars == [2, 20])
    #expect(GlobalMaxPooling1D()(value).tensor.scalars == [3, 20])
    #expect(LastStep()(value).tensor.scalars == [3, 20])
    let none = LayerValue(x, mask: .lengths([0, 3]))
    #expect(GlobalAveragePooling1D()(none).tensor.scalars == [0, 20])
    #expect(GlobalMaxPooling1D()(none).tensor.scalars == [0, 30])
    #expect(LastStep()(none).tensor.scalars == [0, 30])
    #expect(MaxPooling1D(2, strides: 1)(LayerValue(x)).tensor.scalars == [2, 20, 3, 30])
    #expect(AveragePooling1D(3)(LayerValue(x)).tensor.scalars == [2, 20])
  }

  @Test func reverseTurnsStepsAndMaskRound() {
    let x = Tensor([1, 10, 2, 20, 3, 30], shape: [3, 2, 1])
    let turned = Reverse()(LayerValue(x, mask: .lengths([3, 1])))
    #expect(turned.tensor.scalars == [3, 30, 2, 20, 1, 10])
    #expect(turned.mask == .flags([true, false, true, false, true, true]))
    #expect(Reverse()(turned).mask == .lengths([3, 1]))
    #expect(Reverse()(LayerValue(x)).mask == nil)
  }

  @Test("Masks come from the symbol 0 and from steps of one value, and meet where values are merged")
  func masks() {
    let embedding = built(Embedding(3, 2, maskZero: true), .sequence())
    let symbols = LayerValue(Tensor([0, 1, 2, 0], shape: [2, 2]))
    #expect(embedding(symbols).mask == .flags([false, true, true, false]))
    let masked = Masking(maskValue: -1)(LayerValue(Tensor([1, -1, -1, -1], shape: [2, 1, 2])))
    #expect(masked.mask == .lengths([1]))
    let x = Tensor.zeros([2, 2, 1])
    let merged = Add()(
      [LayerValue(x, mask: .lengths([2, 1])), LayerValue(x, mask: .lengths([1, 2]))], .inference())
    #expect(merged[0].mask == .lengths([1, 1]))
    #expect(SequenceMask(flags: [true, true, false, true], batch: 2) == .lengths([1, 2]))
    #expect(SequenceMask(flags: [], batch: 0) == .lengths([]))
  }

  @Test("Losses have their values, weighed and masked")
  func losses() {
    let y = LayerValue(Tensor([0.5, 2], shape: [2, 1]))
    let target = Tensor([0, 0], shape: [2, 1])
    #expect(Loss.meanSquaredError(y, target: target).item == (0.25 + 4) / 2)
    #expect(Loss.meanSquaredError(y, target: target, weights: [3, 1]).item == (0.75 + 4) / 4)
    #expect(Loss.meanAbsoluteError(y, target: target).item == 1.25)
    #expect(Loss.huber(y, target: target).item == (0.125 + 1.5) / 2)
    let logits = ActivationLayer(.softmax)(LayerValue(Tensor([100, 0, 0, 100], shape: [2, 2])))
    // From the logits: the softmax itself has lost all digits.
    #expect(Loss.sparseCategoricalCrossEntropy(logits, target: Tensor([1, 1])).item == 50)
    #expect(
      Loss.categoricalCrossEntropy(logits, target: Tensor([0, 1, 0.5, 0.5], shape: [2, 2])).item == 75)
    let p = ActivationLayer(.sigmoid)(LayerValue(Tensor([200, -200], shape: [2, 1])))
    #expect(Loss.binaryCrossEntropy(p, target: Tensor([0, 0], shape: [2, 1])).item == 100)
    let timed = LayerValue(Tensor([1, 2, 3, 4], shape: [2, 2, 1]), mask: .lengths([1, 2]))
    #expect(abs(Loss.meanAbsoluteError(timed, target: .zeros([2, 2, 1])).item - 7 / 3) < 1e-6)
    #expect(
      Losses.named("binary_crossentropy") == .binaryCrossEntropy && Losses.named("mse") == .meanSquaredError)
    #expect(Losses.named("nothing") == nil)
  }
}
