import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite struct ParameterSetTests {
  let a = Parameter(Tensor([1, 2, 3, 4], shape: [2, 2]))
  let b = Parameter(Tensor([5]))

  @Test("The set lays all parameters into one buffer, keeps their numbers, and counts tied ones once")
  func layout() {
    (a.tensor * 2).sum().backward()
    let set = ParameterSet(
      Parts([.parameter("a", a), .module("m", Parts([.parameter("b", b), .parameter("tied", a)]))]))
    #expect(set.entries.map(\.name) == ["a", "m.b"])
    #expect(set.entries.map(\.offset) == [0, 4])
    #expect(set.entries.map(\.shape) == [[2, 2], [1]])
    #expect(set.count == 5)
    #expect(set.values.scalars == [1, 2, 3, 4, 5])
    #expect(set.gradients.scalars == [2, 2, 2, 2, 0])
    #expect(set["m.b"] === b)
    #expect(set["b"] == nil)
    unsafe set.values.pointer[4] = 7
    #expect(b.value.scalars == [7])
    set.zeroGradients()
    #expect(a.gradient.scalars == [0, 0, 0, 0])
    (b.tensor * 3).sum().backward()
    #expect(set.gradients.scalars == [0, 0, 0, 0, 3])
  }

  @Test("Clipping by norm scales all gradients to the norm, and leaves smaller and non-finite ones alone")
  func clipNorm() {
    let set = ParameterSet(Parts([.parameter("a", a), .parameter("b", b)]))
    set.fillGradients([3, 0, 0, 0, 4])
    #expect(set.gradientNorm() == 5)
    #expect(set.clipGradients(norm: 6) == 5)
    #expect(set.gradients.scalars == [3, 0, 0, 0, 4])
    #expect(set.clipGradients(norm: 1) == 5)
    #expect(abs(set.gradientNorm() - 1) < 1e-6)
    #expect(set.gradients.scalars == [3 * Float(0.2), 0, 0, 0, 4 * Float(0.2)])
    set.fillGradients([3, 0, .infinity, 0, 4])
    #expect(set.clipGradients(norm: 1) == .infinity)
    #expect(set.gradients.scalars == [3, 0, .infinity, 0, 4])
  }

  @Test("The norm of many gradients is summed in Double")
  func largeNorm() {
    let set = ParameterSet(Parts([.parameter("p", Parameter(.zeros([1_000_000])))]))
    set.fillGradients([Float](repeating: 0.1, count: 1_000_000))
    #expect(abs(set.gradientNorm() - Double(Float(0.1)) * 1000) < 1e-9)
  }

  @Test("Clipping by value bounds every gradient and lets NaN show")
  func clipValue() {
    let set = ParameterSet(Parts([.parameter("a", a), .parameter("b", b)]))
    set.fillGradients([3, -3, 0.5, .nan, -.infinity])
    set.clipGradients(value: 1)
    let clipped = set.gradients.scalars
    #expect(Array(clipped[0..<3]) == [1, -1, 0.5])
    #expect(clipped[3].isNaN)
    #expect(clipped[4] == -1)
  }

  @Test("The first tensor with a number that is not finite is found by name")
  func nonFinite() {
    let set = ParameterSet(Parts([.parameter("a", a), .parameter("b", b)]))
    #expect(set.firstNonFiniteValue() == nil)
    #expect(set.firstNonFiniteGradient() == nil)
    set.fillGradients([0, 0, 0, 0, .nan])
    #expect(set.firstNonFiniteGradient() == "b")
    set.fillGradients([0, 0, 0, -.infinity, .nan])
    #expect(set.firstNonFiniteGradient() == "a")
    #expect(set.firstNonFiniteValue() == nil)
    b.assign(Tensor([.infinity]))
    #expect(set.firstNonFiniteValue() == "b")
  }
}

extension ParameterSet {
  func fillGradients(_ values: [Float]) {
    precondition(values.count == count)
    for (index, value) in values.enumerated() { unsafe gradients.pointer[index] = value }
  }
}
