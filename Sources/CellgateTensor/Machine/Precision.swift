import CellgateBasics
import CellgateKernels

/// What the factors of a cell's matrix products are rounded to before they are multiplied.
///
/// With ``bfloat16`` the weights and the operands of products, forward and backward, are rounded to 8
/// significant bits, to the nearest and ties to even; subnormal numbers become 0. Sums, biases, states,
/// elementwise operations and the gradients of parameters are Float32 in both.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// Nothing is rounded.
  case float32 = "f32"
  /// bfloat16, on processors with AVX512-BF16.
  case bfloat16 = "bf16"

  /// Words of four bytes that so many factors take side by side.
  package func words(_ count: Int) -> Int { self == .float32 ? count : (count + 1) / 2 }

  /// A factor of a product as it is multiplied.
  package func factor(_ x: Double) -> Double {
    if self == .float32 || !x.isFinite { return x }
    let value = Float(x)
    if value.isSubnormal { return 0 }
    let bits = value.bitPattern
    return Double(Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000))
  }

  /// Why products can't be computed with this precision by an instruction set, in one line; nil where they can.
  public func problem(on instructions: InstructionSet) -> String? {
    if self == .float32 || instructions.bfloat16 != nil { return nil }
    return "bf16 needs AVX512-BF16, which \(instructions) doesn't have here; use f32"
  }
}

extension InstructionSet {
  /// Whether products can be computed with this precision.
  public func supports(_ precision: Precision) -> Bool { precision.problem(on: self) == nil }

  /// The same instruction set with products of bfloat16 numbers.
  fileprivate var bfloat16: InstructionSet? {
    unsafe cg_isa_bfloat16(handle).map { unsafe InstructionSet(handle: $0) }
  }

  /// The kernels that compute products with this precision, which must be supported.
  package func products(_ precision: Precision) -> InstructionSet {
    guard precision == .bfloat16 else { return self }
    guard let bfloat16 else {
      fail("InstructionSet: expected a precision of \(self), found \(precision.problem(on: self) ?? "")")
    }
    return bfloat16
  }
}
