import CellgateBasics
import CellgateKernels

/// What the factors of a cell's matrix products are rounded to before they are multiplied.
///
/// With ``bfloat16`` the weights and the operands of products, forward and backward, are rounded to 8
/// significant bits, to the nearest and ties to even; subnormal numbers become 0. Sums, biases, states,
/// elementwise operations and the gradients of parameters are Float32 in both.
///
/// With ``int8``, which is for inference, each row of a matrix and each operand of a product is a scale times whole
/// numbers in -127 ... 127. The scale is 1 / 127 of the largest magnitude of the row, or of the operand at this step, rounded
/// up to 16 significant bits; the numbers are rounded to the nearest, ties to even, and their products summed
/// in integers. All else is Float32. A row with a NaN or infinity gives NaN; magnitudes below 2⁻¹⁰⁰ count as 0.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// Nothing is rounded.
  case float32 = "f32"
  /// bfloat16, on processors with AVX512-BF16.
  case bfloat16 = "bf16"
  /// Signed bytes with a scale, for inference, on every processor.
  case int8

  /// Whether gradients can be computed with it.
  public var trains: Bool { self != .int8 }

  /// The most factors of a row.
  public var mostFactors: Int { self == .int8 ? 1 << 17 : .max }

  /// Words of four bytes that a row of so many factors takes, with its scale if it has one.
  package func words(_ count: Int) -> Int {
    switch self {
    case .float32: count
    case .bfloat16: (count + 1) / 2
    case .int8: 1 + (count + 3) / 4
    }
  }

  /// The factors of a row as they are multiplied.
  package func factors(_ row: some Collection<Double>) -> [Double] {
    switch self {
    case .float32: return Array(row)
    case .bfloat16: return row.map(Self.bfloat16Factor)
    case .int8:
      let numbers = row.map { Float($0) }
      let scale = ByteScale(numbers)
      return scale.bytes(numbers)?.map { Double($0) * Double(scale.value) } ?? row.map { _ in .nan }
    }
  }

  private static func bfloat16Factor(_ x: Double) -> Double {
    if !x.isFinite { return x }
    let value = Float(x)
    if value.isSubnormal { return 0 }
    let bits = value.bitPattern
    return Double(Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000))
  }

  /// Why products can't be computed with this precision by an instruction set, in one line; nil where they can.
  public func problem(on instructions: InstructionSet) -> String? {
    if self != .bfloat16 || instructions.bfloat16 != nil { return nil }
    return "bf16 needs AVX512-BF16, which \(instructions) doesn't have here; use f32"
  }

  /// Why nothing can be trained with this precision by an instruction set, in one line; nil where something can.
  public func trainingProblem(on instructions: InstructionSet) -> String? {
    if trains { return problem(on: instructions) }
    return "\(rawValue) is for trained models alone; train with f32"
  }
}

/// The scale of numbers that become signed bytes: 1 / 127 of the largest magnitude, rounded up to 16 significant bits, so
/// that a byte times the scale is a Float, and such products have the same scale and bytes.
public struct ByteScale: Sendable, Equatable {
  /// The scale; 0 of numbers below 2⁻¹⁰⁰ alone, NaN where one is not finite.
  public let value: Float

  /// The scale of some numbers.
  public init(_ numbers: some Sequence<Float>) {
    var most: Float = 0
    for number in numbers {
      guard number.isFinite else {
        value = .nan
        return
      }
      most = max(most, abs(number))
    }
    value = most < 0x1p-100 ? 0 : Float(bitPattern: ((most / 127).bitPattern &+ 0xff) & ~0xff)
  }

  /// Whether a number is such a scale of finite numbers: 0, or one that has at most 16 significant bits.
  public static func isScale(_ value: Float) -> Bool {
    value == 0 || (value.isFinite && value > 0x1p-108 && value.bitPattern & 0xff == 0)
  }

  /// The numbers as bytes in -127 ... 127: nearest, ties to even; nil where one is not finite.
  public func bytes(_ numbers: some Collection<Float>) -> [Int8]? {
    if value.isNaN { return nil }
    if value == 0 { return Array(repeating: 0, count: numbers.count) }
    let inverse = 1 / value
    return numbers.map { Int8(max(-127, min(127, ($0 * inverse).rounded(.toNearestOrEven)))) }
  }
}

extension InstructionSet {
  /// Whether products can be computed with this precision.
  public func supports(_ precision: Precision) -> Bool { precision.problem(on: self) == nil }

  /// The same instruction set with products of bfloat16 numbers.
  fileprivate var bfloat16: InstructionSet? {
    unsafe cg_isa_bfloat16(handle).map { unsafe InstructionSet(handle: $0) }
  }

  /// The same instruction set with products of signed bytes.
  private var int8: InstructionSet? {
    unsafe cg_isa_int8(handle).map { unsafe InstructionSet(handle: $0) }
  }

  /// The kernels that compute products with this precision, which must be supported.
  package func products(_ precision: Precision) -> InstructionSet {
    let found =
      switch precision {
      case .float32: Optional(self)
      case .bfloat16: bfloat16
      case .int8: int8
      }
    guard let found else {
      fail("InstructionSet: expected a precision of \(self), found \(precision.problem(on: self) ?? "")")
    }
    return found
  }
}
