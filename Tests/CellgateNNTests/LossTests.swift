import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

/// Gradients by `gradientError`, whose tolerance of 2e-4 is explained there.
@Suite struct LossTests {
  @Test("The mean squared error is the mean of squares")
  func meanSquared() {
    let loss = meanSquaredError(Tensor([1, 2, 5]), target: Tensor([1, 4, 4]))
    #expect(loss.item == Float(5.0 / 3))
    let target = random([3, 4], "t")
    #expect(gradientError(at: [random([3, 4])]) { meanSquaredError($0[0], target: target) } < 2e-4)
  }

  // MARK: Cross-entropy

  /// The definition, in Double.
  func definition(
    _ logits: Tensor, _ classes: [Int32], mask: [Float]?, smoothing: Double
  ) -> Double {
    let width = logits.shape[1]
    var (sum, total) = (0.0, 0.0)
    for row in classes.indices where mask?[row] != 0 {
      let x = logits[row].scalars.map(Double.init)
      let partition = x.reduce(0) { $0 + exp($1) }
      let weight = Double(mask?[row] ?? 1)
      for column in 0..<width {
        let q = smoothing / Double(width) + (column == Int(classes[row]) ? 1 - smoothing : 0)
        sum -= weight * q * log(exp(x[column]) / partition)
      }
      total += weight
    }
    return sum / total
  }

  @Test(
    "Cross-entropy has the value of its definition and the gradient of its central differences",
    arguments: [nil, [1, 0, 1, 1, 0], [2, 0.5, 0, 1, 1]] as [[Float]?], [0, 0.1, 1] as [Float])
  func crossEntropyDefinition(mask: [Float]?, smoothing: Float) {
    let logits = random([5, 4], in: -3..<3)
    // A row that the mask leaves out may have any class.
    var classes: [Int32] = [3, 0, 2, 1, 1]
    for row in classes.indices where mask?[row] == 0 { classes[row] = -100 }
    let loss = crossEntropy(logits, classes: classes, mask: mask, labelSmoothing: smoothing)
    let expected = definition(logits, classes, mask: mask, smoothing: Double(smoothing))
    #expect(loss.shape == [])
    #expect(abs(Double(loss.item) - expected) < 1e-6)
    let error = gradientError(at: [logits]) {
      crossEntropy($0[0], classes: classes, mask: mask, labelSmoothing: smoothing)
    }
    #expect(error < 2e-4)
  }

  @Test("Cross-entropy of logits [T, B, C] is that of its T·B rows")
  func crossEntropyShape() {
    let logits = random([2, 3, 4])
    let classes: [Int32] = [0, 1, 2, 3, 0, 1]
    #expect(
      crossEntropy(logits, classes: classes).item
        == crossEntropy(logits.reshaped([6, 4]), classes: classes).item)
  }

  @Test("Huge logits give exact cross-entropies and finite gradients")
  func crossEntropyExtremes() {
    let logits = Parameter(Tensor([1e4, -1e4, 0, -3e38, 3e38, 0, 1e30, 1e30, -1e30], shape: [3, 3]))
    crossEntropy(logits.tensor, classes: [0, 1, 1]).backward()
    #expect(crossEntropy(logits.value[0..<2], classes: [0, 1]).item == 0)
    #expect(crossEntropy(logits.value[0..<1], classes: [1]).item == 2e4)
    #expect(crossEntropy(logits.value[0..<2], classes: [1, 0], mask: [1, 0]).item == 2e4)
    #expect(logits.gradient.scalars.allSatisfy { $0.isFinite })
    #expect(Array(logits.gradient.scalars[0..<6]) == [0, 0, 0, 0, 0, 0])
    #expect(abs(logits.gradient.scalars[7] + 1 / 6) < 1e-6)
  }

  @Test("NaN logits give NaN unless the mask leaves them out")
  func crossEntropyNaN() {
    let logits = Parameter(Tensor([0, 1, .nan, 2], shape: [2, 2]))
    let loss = crossEntropy(logits.tensor, classes: [0, 0])
    #expect(loss.item.isNaN)
    loss.backward()
    #expect(logits.gradient.scalars[3].isNaN)
    logits.zeroGradient()
    let masked = crossEntropy(logits.tensor, classes: [0, 0], mask: [1, 0])
    #expect(abs(masked.item - Float(log(1 + exp(1.0)))) < 1e-6)
    masked.backward()
    #expect(Array(logits.gradient.scalars[2...]) == [0, 0])
    let nothing = crossEntropy(logits.tensor, classes: [0, 0], mask: [0, 0])
    #expect(nothing.item == 0)
  }

  @Test("A class out of range stops the program")
  func crossEntropyBadClass() async {
    await #expect(processExitsWith: .failure) { _ = crossEntropy(.zeros([1, 3]), classes: [3]) }
    await #expect(processExitsWith: .failure) { _ = crossEntropy(.zeros([1, 3]), classes: [-1]) }
  }

  // MARK: Binary cross-entropy

  @Test("Binary cross-entropy has the value of its definition and the gradient of its central differences")
  func binaryDefinition() {
    let logits = random([4, 3], in: -4..<4)
    let targets = random([4, 3], "t", in: 0..<1)
    let mask = Tensor([1, 0, 2, 1, 1, 0, 0.5, 1, 1, 1, 0, 1], shape: [4, 3])
    for mask in [nil, mask] {
      var (sum, total) = (0.0, 0.0)
      for index in 0..<12 {
        let (x, t) = (Double(logits.scalars[index]), Double(targets.scalars[index]))
        let p = 1 / (1 + exp(-x))
        let weight = Double(mask?.scalars[index] ?? 1)
        sum -= weight * (t * log(p) + (1 - t) * log(1 - p))
        total += weight
      }
      let loss = binaryCrossEntropy(logits, targets: targets, mask: mask)
      #expect(abs(Double(loss.item) - sum / total) < 1e-6)
      #expect(
        gradientError(at: [logits]) { binaryCrossEntropy($0[0], targets: targets, mask: mask) } < 2e-4)
    }
  }

  @Test("Huge logits give exact binary cross-entropies, NaN gives NaN, and the mask hides it")
  func binaryExtremes() {
    let targets = Tensor([1, 0, 1, 0])
    #expect(binaryCrossEntropy(Tensor([1e5, -1e5, 3e38, -3e38]), targets: targets).item == 0)
    #expect(binaryCrossEntropy(Tensor([-1e5, 1e5, -1e5, 1e5]), targets: targets).item == 1e5)
    let logits = Parameter(Tensor([.nan, 0, 0, 0]))
    #expect(binaryCrossEntropy(logits.tensor, targets: targets).item.isNaN)
    let masked = binaryCrossEntropy(logits.tensor, targets: targets, mask: Tensor([0, 1, 1, 1]))
    #expect(abs(masked.item - Float(log(2.0))) < 1e-6)
    masked.backward()
    #expect(logits.gradient.scalars[0] == 0)
  }
}
