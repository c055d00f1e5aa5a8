import CellgateKernels
import Foundation
import Testing

@Suite("Instruction sets")
struct InstructionSetTests {
  @Test("Each has a name of its own, by which it is found; the portable one is there, and last")
  func names() {
    let names = Kernels.all.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(names.last == "portable")
    #expect(names.count == cg_isa_count())
    for kernels in Kernels.all { #expect(unsafe cg_isa_named(kernels.name) == kernels.isa) }
    #expect(names.contains(Kernels.active.name))
  }

  @Test("An unknown name or index finds nothing")
  func unknown() {
    #expect(unsafe cg_isa_named("mmx") == nil)
    #expect(unsafe cg_isa_named("") == nil)
    #expect(unsafe cg_isa_at(cg_isa_count()) == nil)
  }

  @Test("Products of bfloat16 numbers belong to AVX-512 alone, and are no instruction set of their own")
  func bfloat16() {
    for kernels in Kernels.all where kernels.name != "avx512" {
      #expect(unsafe cg_isa_bfloat16(kernels.isa) == nil)
    }
    for kernels in Kernels.bfloat16 {
      #expect(!Kernels.all.map(\.name).contains(kernels.name))
      #expect(unsafe cg_isa_named(kernels.name) == nil)
    }
  }

  @Test("Where words are floats, words are copies", arguments: Kernels.all)
  func copies(_ kernels: Kernels) {
    var numbers = Numbers(6)
    let source = numbers.floats(3 * 20)
    let rows = (0..<3).map { Array(source[$0 * 20..<$0 * 20 + 17]) }
    let expected = rows[0] + [7] + rows[1] + [7] + rows[2]
    #expect(kernels.convert(source, rows: 3, k: 17, ld: 20, ldWords: 18) == expected)
    #expect(kernels.interleave(source, rows: 3, n: 17, ld: 20, ldWords: 18) == expected)
  }

  @Test("CELLGATE_ISA chooses")
  func environment() async {
    await #expect(processExitsWith: .success) {
      unsafe setenv("CELLGATE_ISA", "portable", 1)
      precondition(Kernels.active.name == "portable")
    }
  }

  @Test("An unknown CELLGATE_ISA ends the process with a line that names the known ones")
  func badEnvironment() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(64), observing: [\.standardErrorContent]
    ) {
      unsafe setenv("CELLGATE_ISA", "mmx", 1)
      _ = Kernels.active
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("portable") && message.contains("found 'mmx'"))
  }
}
