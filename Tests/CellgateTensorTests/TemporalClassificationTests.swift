import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

/// Agreement with all paths, and gradients in Double, are among the operations' cases.
@Suite("Loss of connectionist temporal classification")
struct TemporalClassificationTests {
  @Test("A target needs a step for each symbol, and one more between equal ones")
  func leastSteps() {
    #expect(ctcLeastSteps(of: []) == 0 && ctcLeastSteps(of: [3]) == 1)
    #expect(ctcLeastSteps(of: [1, 1, 2, 2, 2]) == 8 && ctcLeastSteps(of: [1, 2, 1]) == 3)
  }

  /// As PyTorch: ∞ and NaN, or 0 and 0, of the sequence alone.
  @Test("A target that no path says has the loss ∞ and the gradient NaN, or 0 where that is asked for")
  func impossible() {
    let targets: [[Int32]] = [[1, 1], [1, 2], [1]]
    for zeroInfinity in [false, true] {
      let x = Parameter(random([3, 3, 3], "logits"))
      let loss = ctcLoss(x.tensor, targets: targets, lengths: [2, 3, 0], zeroInfinity: zeroInfinity)
      let values = loss.scalars
      #expect(values[0] == (zeroInfinity ? 0 : .infinity) && values[2] == values[0])
      #expect(values[1] > 0 && values[1].isFinite)
      loss.sum().backward()
      let gradient = x.gradient.scalars
      for step in 0..<3 {
        let row = { (sequence: Int) in gradient[(step * 3 + sequence) * 3..<(step * 3 + sequence) * 3 + 3] }
        #expect(row(0).allSatisfy { step < 2 && !zeroInfinity ? $0.isNaN : $0 == 0 })
        #expect(row(1).allSatisfy { $0.isFinite && $0 != 0 })
        #expect(row(2).allSatisfy { $0 == 0 })
      }
    }
  }

  @Test(
    "Sequences side by side are those one by one, whatever stands after them, and large logits lose nothing")
  func batches() {
    let x = random([6, 3, 4], "logits", in: -40..<40)
    let targets: [[Int32]] = [[1, 3], [], [2, 2]]
    let lengths = [6, 4, 5]
    let all = ctcLoss(x, targets: targets, lengths: lengths).scalars
    for sequence in 0..<3 {
      let own = x.transposed(0, 1)[sequence].unsqueezed(axis: 1)[0..<lengths[sequence]]
      #expect(ctcLoss(own, targets: [targets[sequence]]).scalars == [all[sequence]])
    }
    let large = ctcLoss(x * 25, targets: targets, lengths: lengths).scalars
    #expect(large.allSatisfy { $0.isFinite })
  }
}
