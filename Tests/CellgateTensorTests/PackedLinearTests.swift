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

  @Test(
    "In signed bytes rows and inputs are rounded to whole numbers times a scale, whose products are summed exactly"
  )
  func bytes() {
    var stream = RandomStream(seed: 2, name: "packed")
    for (n, k, rows) in [(1, 1, 1), (50, 33, 1), (17, 64, 5), (300, 20, 70), (700, 300, 3)] {
      let (weight, bias, x) = (stream.normal([n, k]), stream.normal([n]), stream.normal([rows, 1, k]))
      let map = PackedLinear(weight: weight, bias: bias, precision: .int8)
      func rounded(_ tensor: Tensor, _ row: Int) -> (scale: Float, bytes: [Int8]) {
        let numbers = tensor.scalars[row * k..<(row + 1) * k], scale = ByteScale(numbers)
        return (scale.value, scale.bytes(numbers) ?? [])
      }
      let columns = (0..<n).map { rounded(weight, $0) }, shift = bias.scalars
      let expected = (0..<rows).flatMap { row in
        let own = rounded(x, row)
        return columns.enumerated().map { column, factor in
          let sum = zip(own.bytes, factor.bytes).reduce(Int32(0)) { $0 + Int32($1.0) * Int32($1.1) }
          return own.scale * factor.scale * Float(sum) + shift[column]
        }
      }
      #expect(map(x).scalars == expected, "\(n), \(k), \(rows)")
      #expect(map(x).shape == [rows, 1, n])
      let odd = Tensor(x.scalars.dropLast() + [.nan], shape: x.shape)
      #expect(
        map(odd).scalars.suffix(n).allSatisfy(\.isNaN) && map(odd).scalars.dropLast(n) == expected.dropLast(n)
      )
    }
    #expect(PackedLinear(weight: .zeros([3, 4]), precision: .int8)(.zeros([0, 4])).shape == [0, 3])
  }
}
