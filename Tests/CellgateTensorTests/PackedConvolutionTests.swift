import CellgateTensor
import Testing

@Suite("Packed convolution")
struct PackedConvolutionTests {
  struct Shape: Sendable {
    var x: [Int], weight: [Int], stride: HeightWidth = 1, padding: HeightWidth = 0, dilation: HeightWidth = 1
    var groups = 1
  }

  static let shapes = [
    Shape(x: [2, 9, 7, 3], weight: [5, 3, 3, 3], padding: 1),
    Shape(x: [1, 20, 20, 16], weight: [40, 16, 1, 1]),
    Shape(x: [2, 8, 9, 4], weight: [6, 4, 1, 1], stride: 2),
    Shape(x: [2, 8, 9, 33], weight: [33, 1, 3, 3], stride: 2, padding: 1, groups: 33),
    Shape(x: [1, 8, 9, 4], weight: [8, 1, 3, 3], padding: 1, dilation: 2, groups: 4),
    Shape(x: [1, 6, 6, 6], weight: [4, 3, 2, 3], groups: 2), Shape(x: [0, 6, 6, 6], weight: [4, 6, 3, 3]),
  ]

  @Test(
    "A packed convolution gives the bits of the plain one, activations and sums included", arguments: shapes)
  func same(_ shape: Shape) {
    var stream = RandomStream(seed: 3, name: "packed convolution")
    let weight = Parameter(stream.normal(shape.weight))
    let (bias, x) = (stream.normal([shape.weight[0]]), stream.normal(shape.x))
    func packed(_ activation: PackedConvolution.Activation = .none, bias: Tensor?) -> PackedConvolution {
      PackedConvolution(
        weight: weight.value, bias: bias, stride: shape.stride, padding: shape.padding,
        dilation: shape.dilation,
        groups: shape.groups, activation: activation)
    }
    func plain(bias: Tensor?) -> Tensor {
      conv2d(
        x, weight: weight.value, bias: bias, stride: shape.stride, padding: shape.padding,
        dilation: shape.dilation, groups: shape.groups)
    }
    let expected = plain(bias: bias)
    let without = plain(bias: nil).scalars
    #expect(packed(bias: nil)(x).scalars == without)
    let added = stream.normal(expected.shape)
    let sum = zip(expected.scalars, added.scalars).map { $0 + $1 }
    let (own, relu, relu6) = (packed(bias: bias), packed(.relu, bias: bias), packed(.relu6, bias: bias))
    weight.assign(.zeros(shape.weight))
    #expect(own(x).scalars == expected.scalars && own(x).shape == expected.shape)
    #expect(own(x, adding: added).scalars == sum)
    #expect(relu(x, adding: added).scalars == sum.map { max($0, 0) })
    let large = Tensor(x.scalars.map { 5 * $0 }, shape: x.shape)
    #expect(relu6(large).scalars == own(large).scalars.map { min(max($0, 0), 6) })
    #expect(own.inputChannels == shape.x[3] && own.outputChannels == shape.weight[0])
  }

  @Test("NaN passes through activations")
  func notANumber() {
    let x = Tensor([.nan, 1], shape: [1, 1, 2, 1])
    for activation in [PackedConvolution.Activation.none, .relu, .relu6] {
      let y = PackedConvolution(weight: Tensor([1], shape: [1, 1, 1, 1]), activation: activation)(x).scalars
      #expect(y[0].isNaN && y[1] == 1)
    }
  }

  @Test("Any number of threads gives the same bits")
  func threads() {
    var stream = RandomStream(seed: 4, name: "threads")
    for (x, weight, groups) in [
      ([3, 17, 19, 24], [24, 1, 3, 3], 24), ([3, 17, 19, 24], [50, 24, 3, 3], 1),
    ] {
      let packed = PackedConvolution(
        weight: stream.normal(weight), padding: 1, groups: groups, activation: .relu)
      let x = stream.normal(x)
      let results = [1, 2, 5].map { threads in
        ThreadPool.$current.withValue(ThreadPool(threads: threads)) { packed(x).scalars }
      }
      #expect(results[0] == results[1] && results[0] == results[2])
    }
  }
}
