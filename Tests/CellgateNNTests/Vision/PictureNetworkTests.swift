import CellgateData
import CellgateFiles
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateNN

/// Networks with weights of a formula against torchvision's: `Golden/pictures/generate_pictures.py` made the numbers.
@Suite("Networks for pictures")
struct PictureNetworkTests {
  struct Golden: Decodable, Sendable {
    struct Network: Decodable, Sendable {
      var pooled: [[Float]], lengths: [Double], grid: [[Float]]
    }
    struct Tensors: Decodable, Sendable { var count: Int, checksum: UInt32 }
    var networks: [String: Network], tensors: [String: Tensors]

    static func load() throws -> Golden {
      let file = try #require(
        Bundle.module.url(forResource: "Golden/pictures/pictures", withExtension: "json"))
      return try JSONDecoder().decode(Golden.self, from: try Data(contentsOf: file))
    }
  }

  private static let sizes = [
    (96, 72), (72, 96), (100, 100), (73, 80), (300, 90), (64, 64), (50, 40), (333, 501), (72, 72), (200, 73),
  ]

  private static func picture(_ index: Int, _ width: Int, _ height: Int) -> RGBPicture {
    var bytes: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        for c in 0..<3 {
          bytes.append(
            UInt8(truncatingIfNeeded: (x * x * (3 + c) + y * y * 5 + x * y * (2 + c) + 37 * index) >> 5))
        }
      }
    }
    return RGBPicture(width: width, height: height, bytes: bytes)
  }

  /// One bottleneck a stage: torchvision's `ResNet(Bottleneck, [1, 1, 1, 1])`.
  static let small = PictureArchitecture.residual("residual", blocks: [1, 1, 1, 1])
  static let architectures = [small, .mobileNetV2]

  /// Sums of some thousand products in another order, through some fifty layers.
  @Test("Ten pictures give torchvision's features to 1e-4", arguments: architectures)
  func parity(_ architecture: PictureArchitecture) throws {
    let golden = try #require(try Golden.load().networks[architecture.name])
    let network = try PictureNetwork(architecture, weights: FormulaWeights(architecture).file())
    let preprocessing = PicturePreprocessing(size: 72, crop: 64)
    let regions = network(preprocessing(Self.sizes.enumerated().map { Self.picture($0, $1.0, $1.1) }))
    #expect(regions.shape == [10, 2, 2, architecture.features])
    let pooled = PictureNetwork.pooled(regions)
    #expect(pooled.shape == [10, architecture.features])
    let scalars = pooled.scalars
    for picture in 0..<10 {
      let row = Array(scalars[picture * architecture.features..<(picture + 1) * architecture.features])
      let length = row.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(abs(length - golden.lengths[picture]) <= 1e-4 * golden.lengths[picture])
      let every = stride(from: 0, to: row.count, by: 32).map { row[$0] }
      try expectNear(every, golden.pooled[picture])
    }
    let grid = PictureNetwork.grid(regions, height: 3, width: 3)
    #expect(grid.shape == [10, 9, architecture.features])
    let numbers = grid.scalars
    for picture in 0..<2 {
      let every = (0..<9).flatMap { region in
        stride(from: 0, to: architecture.features, by: 256).map {
          numbers[(picture * 9 + region) * architecture.features + $0]
        }
      }
      try expectNear(every, golden.grid[picture])
    }
  }

  /// To 1e-4 of the largest number.
  private func expectNear(_ found: [Float], _ expected: [Float]) throws {
    try #require(found.count == expected.count)
    let largest = expected.map(abs).max() ?? 0
    let distance = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(largest > 0 && distance <= 1e-4 * largest, "\(distance) of \(largest)")
  }

  @Test(
    "Every architecture has the names and shapes of torchvision's tensors", arguments: PictureArchitecture.all
  )
  func names(_ architecture: PictureArchitecture) throws {
    let golden = try #require(try Golden.load().tensors[architecture.name])
    let lines = FormulaWeights(architecture).shapes.map { "\($0.name) \($0.shape)" }.sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    var checksum = CRC32()
    checksum.update(Array(lines.joined(separator: "\n").utf8))
    #expect(lines.count == golden.count && checksum.value == golden.checksum)
    #expect(PictureArchitecture.named(architecture.name) == architecture)
  }

  @Test("A grid of parts that don't divide the regions covers them as PyTorch's adaptive pooling")
  func grid() {
    let regions = Tensor((0..<15).map { Float($0) }, shape: [1, 3, 5, 1])
    // Rows 0..<2 and 1..<3; columns 0..<3 and 2..<5.
    #expect(PictureNetwork.grid(regions, height: 2, width: 2).scalars == [3.5, 5.5, 8.5, 10.5])
    #expect(PictureNetwork.grid(regions, height: 3, width: 5).scalars == regions.scalars)
    #expect(PictureNetwork.grid(regions, height: 1, width: 10).scalars == [5, 5, 6, 6, 7, 7, 8, 8, 9, 9])
    #expect(PictureNetwork.pooled(regions).scalars == [7])
  }

  @Test("A missing, wrongly shaped, foreign or senseless tensor is named")
  func wrongWeights() throws {
    let architecture = PictureArchitecture(
      name: "tiny",
      layers: [.convolution(PictureConvolution("c", norm: "n", 3, 2, kernel: 1))], features: 2, reduction: 1,
      otherTensors: ["fc."])
    func weights(_ changes: [String: ([Int], [Float])?]) throws -> Safetensors {
      var tensors: [String: ([Int], [Float])] = [
        "c.weight": ([2, 3, 1, 1], [1, 0, 0, 0, 1, 0]), "n.weight": ([2], [1, 2]), "n.bias": ([2], [0, 1]),
        "n.running_mean": ([2], [0, 0]), "n.running_var": ([2], [1, 1]), "fc.weight": ([1], [0]),
      ]
      for (name, change) in changes { tensors[name] = change }
      var writer = Safetensors.Writer()
      for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
        writer.add(name, shape: tensor.0, floats: tensor.1)
      }
      return try Safetensors(data: Array(writer.encode()), file: "w")
    }
    func message(_ changes: [String: ([Int], [Float])?]) throws -> String {
      let weights = try weights(changes)
      do throws(PictureNetworkError) {
        _ = try PictureNetwork(architecture, weights: weights)
        return "no error"
      } catch { return error.description }
    }
    #expect(try message([:]) == "no error")
    let gone: ([Int], [Float])? = nil
    #expect(try message(["n.bias": gone]) == "w: tensor 'n.bias': expected [2] for tiny, found none")
    #expect(
      try message(["c.weight": ([3, 2, 1, 1], [0, 0, 0, 0, 0, 0])])
        == "w: tensor 'c.weight': expected shape [2, 3, 1, 1], found [3, 2, 1, 1]")
    #expect(
      try message(["layer9.weight": ([1], [0])])
        == "w: expected the tensors of tiny alone, found 'layer9.weight', which is another network's")
    #expect(
      try message(["n.running_mean": ([2], [.nan, 0])])
        == "w: tensor 'n.running_mean': expected finite numbers, found NaN or infinity")
    #expect(
      try message(["n.running_var": ([2], [1, -1])])
        == "w: tensor 'n.running_var': expected variances of 0 or more, found one below")
    let y = try PictureNetwork(architecture, weights: weights([:]))(Tensor([1, 2, 3], shape: [1, 1, 1, 3]))
    for (found, expected) in zip(y.scalars, [1 / (1 + 1e-5).squareRoot(), 1 + 4 / (1 + 1e-5).squareRoot()]) {
      #expect(abs(Double(found) - expected) < 1e-6)
    }
  }

  @Test("Files of PyTorch's own are refused with the way to convert them")
  func pyTorch() throws {
    let scratch = try Scratch()
    for bytes in [Array("PK\u{3}\u{4}".utf8), [0x80, 2, 0x8A]] as [[UInt8]] {
      let path = try scratch.write(bytes, as: "weights.pth")
      #expect(throws: PictureNetworkError.isPyTorch(file: path)) {
        try PictureNetwork(.mobileNetV2, weights: path)
      }
    }
    let missing = scratch.file("none.safetensors")
    #expect(throws: PictureNetworkError.weights(.file(.missing(file: missing)))) {
      try PictureNetwork(.mobileNetV2, weights: missing)
    }
    let empty = try scratch.write([], as: "empty.safetensors")
    #expect(throws: PictureNetworkError.weights(.tooShort(file: empty, bytes: 0))) {
      try PictureNetwork(.mobileNetV2, weights: empty)
    }
  }

  @Test("A request to stop ends an inference")
  func stop() throws {
    let architecture = PictureArchitecture(
      name: "tiny", layers: [.convolution(PictureConvolution("c", norm: "n", 3, 2, kernel: 1))], features: 2,
      reduction: 1, otherTensors: [])
    let network = try PictureNetwork(architecture, weights: FormulaWeights(architecture).file())
    let stop = StopRequest { true }
    _ = network(.zeros([1, 2, 2, 3]), stop: stop)
    #expect(stop.isMade)
  }
}

/// Weights of a formula: three rounds of a multiplicative hash of the place and of the name's checksum.
struct FormulaWeights {
  let shapes: [(name: String, shape: [Int])]

  init(_ architecture: PictureArchitecture) {
    shapes = architecture.convolutions.flatMap { convolution in
      [(name: convolution.name + ".weight", shape: convolution.weightShape)]
        + ["weight", "bias", "running_mean", "running_var"].map {
          (name: convolution.norm + "." + $0, shape: [convolution.outputs])
        }
    }
  }

  /// All of them as a file in memory.
  func file() throws -> Safetensors {
    var writer = Safetensors.Writer()
    for (name, shape) in shapes { writer.add(name, shape: shape, floats: Self.numbers(name, shape)) }
    return try Safetensors(data: Array(writer.encode()), file: "weights")
  }

  private static func numbers(_ name: String, _ shape: [Int]) -> [Float] {
    var checksum = CRC32()
    checksum.update(Array(name.utf8))
    let seed = UInt64(checksum.value) & 0x7FFF_FFFF
    let count = shape.reduce(1, *)
    let isKernel = shape.count == 4
    let isScale = name.hasSuffix("running_var") || name.hasSuffix("weight")
    let (low, high): (Double, Double) =
      isKernel
      ? (-(6 / Double(count / shape[0])).squareRoot(), (6 / Double(count / shape[0])).squareRoot())
      : name.hasSuffix("bn3.weight") ? (0.1, 0.3) : isScale ? (0.6, 1.4) : (-0.2, 0.2)
    return unsafe [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      for index in 0..<count {
        var hash = (UInt64(index) &+ seed) & 0x7FFF_FFFF
        hash = round(hash, 1_103_515_245)
        hash = round(hash, 1_664_525)
        hash = round(hash, 22_695_477)
        let share = Double(hash >> 7) * 0x1p-24
        unsafe buffer[index] = Float(low + (high - low) * share)
      }
      filled = count
    }
  }

  private static func round(_ hash: UInt64, _ factor: UInt64) -> UInt64 {
    let next = (hash &* factor &+ 12345) & 0x7FFF_FFFF
    return next ^ (next >> 15)
  }
}
