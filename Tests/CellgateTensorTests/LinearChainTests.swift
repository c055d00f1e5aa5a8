import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("Linear-chain conditional random fields")
struct LinearChainTests {
  /// The paths of so many steps over so many tags.
  private func paths(_ steps: Int, _ count: Int) -> [[Int]] {
    DoubleArray.indices([Int](repeating: count, count: steps))
  }

  private func score(_ path: [Int], _ x: [Tensor], _ sequence: Int) -> Double {
    let scores = DoubleArray(x[0]), moves = DoubleArray(x[1])
    var sum = Double(x[2].scalars[path[0]]) + Double(x[3].scalars[path[path.count - 1]])
    for (step, tag) in path.enumerated() {
      sum += scores[[step, sequence, tag]]
      if step > 0 { sum += moves[[path[step - 1], tag]] }
    }
    return sum
  }

  private func chain(_ steps: Int, _ batch: Int, _ count: Int, _ range: Range<Float> = -2..<2) -> [Tensor] {
    [
      random([steps, batch, count], "scores", in: -2..<2), random([count, count], "transitions", in: range),
      random([count], "first"), random([count], "last"),
    ]
  }

  @Test("The decoded path has the largest score of all, and sequences end where their lengths say")
  func decode() {
    let (steps, batch, count) = (5, 4, 4)
    let x = chain(steps, batch, count)
    let lengths = [5, 2, 0, 1]
    let found = crfDecode(x[0], transitions: x[1], first: x[2], last: x[3], lengths: lengths)
    #expect(found.map(\.count) == lengths)
    for (sequence, length) in lengths.enumerated() where length > 0 {
      let best = paths(length, count).max { score($0, x, sequence) < score($1, x, sequence) }
      #expect(found[sequence].map(Int.init) == best)
    }
    // One by one as side by side.
    for sequence in 0..<batch {
      let own = x[0].transposed(0, 1)[sequence].unsqueezed(axis: 1)
      let one = crfDecode(own, transitions: x[1], first: x[2], last: x[3], lengths: [lengths[sequence]])
      #expect(one[0] == found[sequence])
    }
  }

  /// In Double it is 1 where the path goes, less the share of the paths that go there. Transitions up to 800 apart are summed one by one.
  @Test(
    "The gradient is that of going through all paths",
    arguments: [Float(1), 200])
  func gradient(width: Float) {
    let (steps, count) = (4, 3)
    let x = chain(steps, 1, count, -2 * width..<2 * width).map { Parameter($0) }
    let values = x.map(\.value)
    let tags: [Int32] = [0, 2, 2, 1]
    let likelihood = crfLogLikelihood(
      x[0].tensor, tags: tags, transitions: x[1].tensor, first: x[2].tensor, last: x[3].tensor)
    likelihood.sum().backward()
    let all = paths(steps, count)
    let scores = all.map { score($0, values, 0) }
    let most = scores.max() ?? 0
    let weights = scores.map { exp($0 - most) }
    let total = weights.reduce(0, +)
    var expected = [
      [Double](repeating: 0, count: steps * count), [Double](repeating: 0, count: count * count),
    ]
    func add(_ path: [Int], _ weight: Double) {
      for (step, tag) in path.enumerated() {
        expected[0][step * count + tag] += weight
        if step > 0 { expected[1][path[step - 1] * count + tag] += weight }
      }
    }
    for (path, weight) in zip(all, weights) { add(path, -weight / total) }
    add(tags.map(Int.init), 1)
    let own = score(tags.map(Int.init), values, 0) - most - log(total)
    #expect(abs(Double(likelihood.scalars[0]) - own) <= 1e-6 * max(1, abs(own)))
    for (parameter, exact) in zip(x, expected) {
      for (found, value) in zip(parameter.gradient.scalars, exact) {
        #expect(abs(Double(found) - value) < 1e-6)
      }
    }
    #expect(x[2].gradient.scalars == Array(x[0].gradient.scalars[0..<count]))
    #expect(x[3].gradient.scalars == Array(x[0].gradient.scalars[(steps - 1) * count..<steps * count]))
  }

  @Test("NaN gives NaN, and scores of any size are safe")
  func extremes() {
    let x = chain(3, 1, 2)
    func value(_ scores: Tensor, _ transitions: Tensor) -> Float {
      crfLogLikelihood(scores, tags: [0, 1, 0], transitions: transitions, first: x[2], last: x[3]).scalars[0]
    }
    #expect(value(x[0] * .nan, x[1]).isNaN)
    #expect(value(x[0], x[1] * .nan).isNaN)
    #expect(value(x[0] * 1e30, x[1]).isFinite)
    // A forbidden move: all paths that avoid it share the probability.
    let forbidden = Tensor([0, -1e30, 0, 0], shape: [2, 2])
    let none = Tensor.zeros([2, 1, 2]), ends = Tensor.zeros([2])
    func two(_ tags: [Int32]) -> Float {
      crfLogLikelihood(none, tags: tags, transitions: forbidden, first: ends, last: ends).scalars[0]
    }
    #expect(abs(two([1, 1]) + log(Float(3))) < 1e-6)
    #expect(two([0, 1]) < -1e29)
  }
}
