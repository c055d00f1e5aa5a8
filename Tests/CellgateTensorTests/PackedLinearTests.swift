import CellgateTensor
import Testing

@Suite("Packed linear")
struct PackedLinearTests {
  @Test("A packed map gives the bits of the plain one, and later changes of the weight don't matter")
  func same() {
    var stream = RandomStream(seed: 1, name: "packed")
    for (n, k, rows) in [(1, 1, 1), (50, 33, 1), (17, 64, 5), (300, 20, 70)] {
      let weight = Parameter(stream.normal([n, k]))
      let (bias, x) = (stream.normal([n]), stream.normal([rows, 1, k]))
      let packed = PackedLinear(weight: weight.value, bias: bias)
      let expected = linear(x, weight: weight.value, bias: bias).scalars
      let plain = linear(x, weight: weight.value).scalars
      #expect(PackedLinear(weight: weight.value)(x).scalars == plain)
      weight.assign(.zeros([n, k]))
      #expect(packed(x).scalars == expected)
      #expect(packed(x).shape == [rows, 1, n] && packed.inputSize == k && packed.outputSize == n)
    }
  }
}
