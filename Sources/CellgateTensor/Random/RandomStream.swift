import CellgateBasics

/// A named sequence of random numbers that depends on a seed, its name and nothing else.
///
/// Streams of different names are independent, so that drawing more from one leaves the others as they
/// are. All that changes is `position`: saved and set again, it continues with the same bits.
public struct RandomStream: Sendable, Equatable {
  /// What the stream was made from.
  public let seed: UInt64
  /// The 32-bit words drawn so far.
  public var position: UInt64

  private let stream: UInt64
  private var block: SIMD4<UInt32> = .zero
  private var blockIndex: UInt64?

  /// The stream `name` of `seed`, at its beginning; streams of one name differ by `step`.
  public init(seed: UInt64, name: String, step: UInt64 = 0) {
    self.seed = seed
    position = 0
    stream = Self.mixed(Self.hash(name) &+ Self.mixed(step &* 0x9E37_79B9_7F4A_7C15))
  }

  private init(seed: UInt64, stream: UInt64) {
    self.seed = seed
    self.stream = stream
    position = 0
  }

  /// A stream of its own for a part of what this one is for; it does not depend on `position`.
  public func child(_ name: String) -> RandomStream {
    RandomStream(seed: seed, stream: Self.mixed(stream &+ Self.mixed(Self.hash(name))))
  }

  /// Two streams are equal when they will give the same numbers.
  public static func == (left: RandomStream, right: RandomStream) -> Bool {
    left.seed == right.seed && left.stream == right.stream && left.position == right.position
  }

  // MARK: By counter

  /// The 32-bit word at `counter`.
  public func word(at counter: UInt64) -> UInt32 {
    words(ofBlock: counter / 4)[Int(counter % 4)]
  }

  /// The float in [0, 1) at `counter`, a multiple of 2⁻²⁴.
  public func uniform(at counter: UInt64) -> Float {
    Self.unit(word(at: counter))
  }

  /// The words 4·index ..< 4·index + 4.
  func words(ofBlock index: UInt64) -> SIMD4<UInt32> {
    Philox.block(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  // MARK: In sequence

  /// The next 32-bit word.
  public mutating func nextWord() -> UInt32 {
    let index = position / 4
    if blockIndex != index {
      block = words(ofBlock: index)
      blockIndex = index
    }
    defer { position += 1 }
    return block[Int(position % 4)]
  }

  /// The next 64 bits, low word first.
  public mutating func nextLong() -> UInt64 {
    let low = nextWord()
    return UInt64(nextWord()) << 32 | UInt64(low)
  }

  /// The next float in [0, 1).
  public mutating func uniform() -> Float {
    Self.unit(nextWord())
  }

  /// The next float of the uniform distribution over `range`, its upper bound excluded.
  public mutating func uniform(in range: Range<Float>) -> Float {
    let value = range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
    return value < range.upperBound ? value : range.lowerBound
  }

  /// The next float of the normal distribution (Box and Muller 1958); takes two words.
  public mutating func normal() -> Float {
    let radius = (-2 * log((Double(nextWord()) + 1) * 0x1p-32)).squareRoot()
    return Float(radius * cos(2 * Double.pi * Double(nextWord()) * 0x1p-32))
  }

  /// The next integer in 0 ..< bound, each equally likely (Lemire 2019, with rejection).
  public mutating func integer(below bound: Int) -> Int {
    require(bound > 0, "RandomStream: expected a bound of 1 or more, found \(bound)")
    let width = UInt64(bound)
    var product = nextLong().multipliedFullWidth(by: width)
    if product.low < width {
      let rejected = (0 &- width) % width
      while product.low < rejected { product = nextLong().multipliedFullWidth(by: width) }
    }
    return Int(product.high)
  }

  /// The numbers 0 ..< count in random order (Fisher and Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    shuffle(&order)
    return order
  }

  /// Puts `elements` in random order (Fisher and Yates).
  public mutating func shuffle<Element>(_ elements: inout [Element]) {
    for last in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(last, integer(below: last + 1))
    }
  }

  // MARK: Tensors

  /// Floats of the uniform distribution over `range`, one word each.
  public mutating func uniform(_ shape: [Int], in range: Range<Float> = 0..<1) -> Tensor {
    let result = Tensor.uninitialized(shape)
    for index in 0..<result.count { unsafe result.pointer[index] = uniform(in: range) }
    return result
  }

  /// Floats of the normal distribution, two words each.
  public mutating func normal(
    _ shape: [Int], mean: Float = 0, standardDeviation: Float = 1
  ) -> Tensor {
    let result = Tensor.uninitialized(shape)
    for index in 0..<result.count { unsafe result.pointer[index] = mean + standardDeviation * normal() }
    return result
  }

  // MARK: Parts

  static func unit(_ word: UInt32) -> Float {
    Float(word >> 8) * 0x1p-24
  }

  /// FNV-1a over the bytes of `name`.
  private static func hash(_ name: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
  }

  /// The finaliser of SplitMix64 (Steele et al. 2014).
  private static func mixed(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
