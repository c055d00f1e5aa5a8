import CellgateNN
import CellgateTensor
import Foundation
import Testing

@Suite("ForecastLosses")
struct ForecastLossTests {
  /// Of 1 … 9 the share q lies below the minimum, found among halves; values are small and exact.
  @Test(
    "The quantile loss is least at the quantile", arguments: [(Float(0.1), Float(1)), (0.5, 5), (0.9, 9)])
  func quantile(_ quantile: Float, _ best: Float) {
    let target = Tensor((1...9).map { Float($0) })
    let losses = (0...20).map { place -> (Float, Float) in
      let value = Float(place) / 2
      let prediction = Tensor([Float](repeating: value, count: 9))
      return (value, quantileLoss(prediction, target: target, quantile: quantile).item)
    }
    #expect(losses.min { $0.1 < $1.1 }?.0 == best)
  }

  @Test("What has weight 0 changes neither loss nor gradient, NaN or not")
  func masks() {
    let mask = Tensor([1, 0, 1])
    func values(_ odd: Float) -> [[Float]] {
      let (y, v) = (Parameter(Tensor([1, odd, 3])), Parameter(Tensor([0.5, odd, 2])))
      let target = Tensor([0, odd, 5])
      let first = quantileLoss(y.tensor, target: target, quantile: 0.3, mask: mask)
      let second = gaussianNLL(mean: y.tensor, variance: v.tensor, target: target, mask: mask)
      (first + second).backward()
      return [[first.item, second.item], y.gradient.scalars, v.gradient.scalars]
    }
    #expect(values(.nan) == values(7))
    #expect(abs(values(7)[0][0] - 0.65) < 1e-6)
  }

  /// With very many degrees of freedom Student's distribution is the normal one, and with a large shape that of counts is Poisson's.
  @Test("The limits of the distributions with heavy tails are those without")
  func limits() {
    let (y, t) = (Tensor([0.5, -1, 3]), Tensor([0, 2, 2.5]))
    let scale = Tensor([1, 0.5, 2])
    let student = studentTNLL(location: y, scale: scale, degrees: .full([3], 1e8), target: t)
    #expect(abs(student.item - gaussianNLL(mean: y, variance: scale * scale, target: t).item) < 1e-5)
    let counts = negativeBinomialNLL(
      mean: Tensor([2, 3]), shape: .full([2], 1e7), target: Tensor([0, 4]))
    let poisson = (2 + 3 - 4 * log(3.0) + log(24.0)) / 2
    #expect(abs(Double(counts.item) - poisson) < 1e-5)
  }

  @Test("What is no distribution or no count gives NaN, unless it has weight 0")
  func domain() {
    let one = Tensor([1])
    #expect(studentTNLL(location: one, scale: Tensor([0]), degrees: one, target: Tensor([2])).item.isNaN)
    #expect(studentTNLL(location: one, scale: one, degrees: Tensor([-1]), target: one).item.isNaN)
    #expect(negativeBinomialNLL(mean: Tensor([0]), shape: one, target: one).item.isNaN)
    #expect(negativeBinomialNLL(mean: one, shape: one, target: Tensor([-1])).item.isNaN)
    let odd = Tensor([Float.nan])
    let mask = Tensor([0])
    #expect(negativeBinomialNLL(mean: odd, shape: odd, target: odd, mask: mask).item == 0)
    #expect(studentTNLL(location: odd, scale: odd, degrees: odd, target: odd, mask: mask).item == 0)
  }

  @Test("NaN gives NaN")
  func nan() {
    let y = Tensor([Float.nan, 1])
    #expect(quantileLoss(y, target: Tensor([0, 0]), quantile: 0.5).item.isNaN)
    #expect(gaussianNLL(mean: y, variance: Tensor([1, 1]), target: Tensor([0, 0])).item.isNaN)
  }

  @Test("A variance below epsilon counts as epsilon")
  func epsilon() {
    let loss = gaussianNLL(mean: Tensor([1]), variance: Tensor([-3]), target: Tensor([1]), epsilon: 1)
    #expect(abs(loss.item - 0.5 * log(2 * Float.pi)) < 1e-6)
  }
}
