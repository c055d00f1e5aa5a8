import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("SteppedLinear")
struct SteppedLinearTests {
  @Test(
    "Steps have the values and the gradients of one linear map", arguments: [(3, 4), (70, 300), (300, 40)])
  func agreement(_ n: Int, _ k: Int) {
    let inputs = [5, 2, 5, 0, 1].enumerated().map { Parameter(random([$1, k], "x\($0)")) }
    func run(_ map: (Tensor) -> Tensor, _ weight: Parameter) -> (values: [[Float]], gradients: [[Float]]) {
      for parameter in inputs + [weight] { parameter.zeroGradient() }
      let outputs = inputs.map { map($0.tensor) }
      var loss = Tensor(0)
      for (index, output) in outputs.enumerated() {
        loss = loss + (output * random(output.shape, "weights \(index)")).sum()
      }
      loss.backward()
      return (outputs.map(\.scalars), (inputs + [weight]).map(\.gradient.scalars))
    }
    let weight = Parameter(random([n, k], "weight"))
    let stepped = SteppedLinear(weight: weight.tensor)
    #expect(stepped.outputSize == n)
    let found = run({ stepped($0) }, weight), expected = run({ linear($0, weight: weight.tensor) }, weight)
    #expect(found.values == expected.values)
    for (one, other) in zip(found.gradients, expected.gradients) {
      // The weight's gradient is added up in another order.
      let size = other.map(abs).max() ?? 0
      #expect(zip(one, other).allSatisfy { abs($0 - $1) <= 2e-6 * max(size, 1) })
    }
  }

  @Test("Gives the same bits on one thread and on several")
  func threads() {
    func results(_ threads: Int) -> [[Float]] {
      ThreadPool.$current.withValue(ThreadPool(threads: threads)) {
        let (x, weight) = (Parameter(random([60, 120], "x")), Parameter(random([700, 120], "weight")))
        let map = SteppedLinear(weight: weight.tensor)
        let (first, second) = (map(x.tensor), map(x.tensor * 2))
        (first + second).backward(gradient: (first + second).detached)
        return [first.scalars, x.gradient.scalars, weight.gradient.scalars]
      }
    }
    #expect(results(1) == results(4))
  }

  @Test("Without recording nothing is kept, and a map that no gradient reaches has none")
  func unrecorded() {
    let weight = Parameter(random([3, 4], "weight"))
    let map = withoutGradient { SteppedLinear(weight: weight.tensor) }
    #expect(!withoutGradient { map(random([2, 4])) }.needsGradient)
    let other = SteppedLinear(weight: weight.tensor)
    let x = Parameter(random([2, 4], "x"))
    _ = other(x.tensor)
    (x.tensor * 3).sum().backward()
    #expect(weight.gradient.scalars.allSatisfy { $0 == 0 })
  }
}
