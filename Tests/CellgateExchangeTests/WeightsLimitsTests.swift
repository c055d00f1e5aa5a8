import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateExchange

/// What files may ask for, and what tensors may be made of.
@Suite struct WeightsLimitsTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  // MARK: Files made by hand

  private static func text(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = [0x8C, UInt8(text.utf8.count)]
    bytes += text.utf8
    return bytes
  }

  /// LONG1 of each.
  private static func integers(_ values: [Int]) -> [UInt8] {
    var bytes: [UInt8] = []
    for value in values {
      bytes += [0x8A, 8]
      for place in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
    }
    return bytes
  }

  /// `_rebuild_tensor_v2` of a view of storage 0.
  private static func tensor(_ numbers: Int, sizes: [Int], strides: [Int]) -> [UInt8] {
    var bytes = Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8)
    bytes += text("storage")
    bytes += "ctorch\nFloatStorage\n".utf8
    bytes += text("0")
    bytes += text("cpu")
    bytes += integers([numbers])
    // The end of the id, and the offset 0.
    bytes += [0x74, 0x51, 0x4B, 0]
    for tuple in [sizes, strides] {
      bytes.append(0x28)
      bytes += integers(tuple)
      bytes.append(0x74)
    }
    bytes += [0x89, 0x7D, 0x74, 0x52]
    return bytes
  }

  private func file(_ tensors: [(String, [UInt8])], storage: Int, isCompressed: Bool = false) throws -> String
  {
    var pickle: [UInt8] = [0x80, 2, 0x7D, 0x28]
    for (name, tensor) in tensors {
      pickle += Self.text(name)
      pickle += tensor
    }
    pickle += [0x75, 0x2E]
    var writer = ZipArchive.Writer()
    writer.add("a/data.pkl", bytes: pickle)
    writer.add("a/data/0", bytes: [UInt8](repeating: 0, count: storage), isCompressed: isCompressed)
    return try scratch.write([UInt8](writer.encode()), as: "file.pt")
  }

  // MARK: Limits

  @Test("A storage that expands more than 1,000 times is refused unless its size is allowed")
  func expansion() throws {
    let path = try file(
      [("w", Self.tensor(1 << 20, sizes: [1 << 20], strides: [1]))], storage: 4 << 20, isCompressed: true)
    #expect(throws: ImportError.self) { try ModelImporter.read(path) }
    var options = ImportOptions()
    options.maxSize = 4 << 20
    #expect(try ModelImporter.read(path, options: options).state["w"]?.count == 1 << 20)
  }

  @Test("Tensors that repeat the numbers of a file may be a few, not many")
  func repeats() throws {
    let small = try file([("w", Self.tensor(1, sizes: [1000, 10], strides: [0, 0]))], storage: 4)
    #expect(try ModelImporter.read(small).state["w"]?.shape == [1000, 10])
    let large = try file([("w", Self.tensor(1, sizes: [1 << 23], strides: [0]))], storage: 4)
    #expect(throws: ImportError.self) { try ModelImporter.read(large) }
    let many = try file(
      (0..<9).map { ("w\($0)", Self.tensor(1, sizes: [1 << 19, $0 + 1], strides: [0, 0])) }, storage: 4)
    #expect(throws: ImportError.self) { try ModelImporter.read(many) }
    let same = try file(
      (0..<50).map { ("w\($0)", Self.tensor(1, sizes: [1 << 20], strides: [0])) }, storage: 4)
    #expect(throws: ImportError.self) { try ModelImporter.read(same) }
  }

  @Test(
    "Sizes that can't be counted are refused",
    arguments: [
      ([1 << 62, 1 << 62, 0], [0, 0, 0]), ([0, 1 << 62, 4], [0, 0, 0]), ([1 << 62, 2], [0, 0]),
      ([2, 2], [1 << 62, 1 << 62]),
      ([-1], [1]), ([1], [-1]), ([2], [1]),
    ] as [([Int], [Int])])
  func uncountable(sizes: [Int], strides: [Int]) throws {
    let path = try file([("w", Self.tensor(1, sizes: sizes, strides: strides))], storage: 4)
    #expect(throws: ImportError.self) { try ModelImporter.read(path) }
  }

  @Test("An empty tensor and one without a dimension are tensors")
  func small() throws {
    let path = try file(
      [
        ("e", Self.tensor(1, sizes: [0, 3], strides: [3, 1])), ("s", Self.tensor(1, sizes: [], strides: [])),
      ], storage: 4)
    let state = try ModelImporter.read(path).state
    #expect(state.entries.map(\.tensor.shape) == [[0, 3], []])
  }

  // MARK: Numbers

  @Test("float16 becomes Float exactly")
  func half() {
    for (bits, number) in [
      (0x0000, 0), (0x3C00, 1), (0xC000, -2), (0x7BFF, 65504), (0x0001, 0x1p-24), (0x0400, 0x1p-14),
      (0x3555, 0.333251953125),
      (0x7C00, .infinity),
    ] as [(UInt16, Float)] {
      #expect(Float(half: bits) == number)
    }
    #expect(Float(half: 0x7E00).isNaN)
    #expect(Float(half: 0x8000).sign == .minus)
  }

  @Test("Views are read in the order of their sizes, in either byte order")
  func views() {
    let little: [UInt8] = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    let big: [UInt8] = [0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5]
    let transposed = NumberLayout(offset: 0, sizes: [3, 2], strides: [1, 3])
    #expect(Tensor(little, .int16, layout: transposed).scalars == [0, 3, 1, 4, 2, 5])
    #expect(Tensor(big, .int16, isBigEndian: true, layout: transposed).scalars == [0, 3, 1, 4, 2, 5])
    #expect(
      Tensor(little, .int16, layout: .init(offset: 1, sizes: [2, 2], strides: [3, 0])).scalars == [
        1, 1, 4, 4,
      ])
    #expect(Tensor(little, .int16, layout: .init(contiguous: [2, 3])).scalars == [0, 1, 2, 3, 4, 5])
    #expect(Tensor(little, .int16, layout: .init(offset: 5, sizes: [], strides: [])).item == 5)
    #expect(NumberLayout(offset: 1, sizes: [2, 2], strides: [3, 0]).extent?.end == 5)
  }

  // MARK: Weight normalisation

  @Test("Weight normalisation is folded under its names of either form, over any dimension")
  func weightNorm() {
    func tensor(_ name: String, _ values: [Float], _ shape: [Int]) -> ForeignTensor {
      ForeignTensor(name: name, dtype: "float32", shape: shape, tensor: Tensor(values, shape: shape))
    }
    let rows = WeightNorm.folded([
      tensor("a.b", [1], [1]), tensor("a.parametrizations.w.original0", [10, 1], [2, 1]),
      tensor("a.parametrizations.w.original1", [3, 4, 0, 2], [2, 2]),
    ])
    #expect(rows.names == ["a.w"])
    #expect(rows.tensors.map(\.name) == ["a.b", "a.w"])
    #expect(rows.tensors[1].tensor?.scalars == [6, 8, 0, 1])
    let columns = WeightNorm.folded([tensor("w_g", [5, 2], [1, 2]), tensor("w_v", [3, 1, 4, 0], [2, 2])])
    #expect(columns.tensors.map(\.name) == ["w"])
    #expect(columns.tensors[0].tensor?.scalars == [3, 2, 4, 0])
    // Names alone don't make a pair.
    #expect(WeightNorm.folded([tensor("w_g", [5, 2], [1, 2])]).tensors.map(\.name) == ["w_g"])
  }
}
