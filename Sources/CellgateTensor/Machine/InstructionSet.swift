import CellgateKernels

/// A set of vector instructions that this processor has and the kernels are compiled for.
@safe public struct InstructionSet: Sendable, Equatable, CustomStringConvertible {
  package nonisolated(unsafe) let handle: OpaquePointer

  /// The one in use: what the environment variable `CELLGATE_ISA` names, else the best.
  public static var active: InstructionSet { unsafe InstructionSet(handle: cg_isa_active()) }

  /// All that this processor has, the best first.
  public static var all: [InstructionSet] {
    (0..<cg_isa_count()).map { unsafe InstructionSet(handle: cg_isa_at($0)) }
  }

  /// "avx512", "avx2", "neon" or "portable".
  public var description: String { unsafe String(cString: cg_isa_name(handle)) }

  /// Whether both are the same.
  public static func == (a: InstructionSet, b: InstructionSet) -> Bool { unsafe a.handle == b.handle }
}
