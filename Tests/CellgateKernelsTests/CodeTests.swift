import CellgateKernels
import CellgateTestSupport
import Testing

@Suite("Keys known by codes")
struct CodeTests {
  @Test(
    "Scores are the sums of the entries that the codes pick, and nothing beside them is touched",
    arguments: [0, 1, 3], [0, 8, 24, 512])
  func sums(blocks: Int, parts: Int) {
    var random = SplitMix(state: UInt64(blocks * 1000 + parts))
    let codes = (0..<16 * blocks * parts).map { _ in UInt8(truncatingIfNeeded: random.next() >> 20) }
    let tables = (0..<16 * parts).map { _ in UInt8(truncatingIfNeeded: random.next() >> 20) & 127 }
    let less = (0..<32 * blocks).map { _ in Float(random.next() >> 40) * 0x1p-20 }
    let expected = (0..<32 * blocks).map { key -> Float in
      let (block, place) = (key / 32, key % 32)
      let sum = (0..<parts).reduce(0) { sum, part in
        let byte = codes[(block * parts + part) * 16 + place % 16]
        return sum + Int(tables[16 * part + Int(place < 16 ? byte & 15 : byte >> 4)])
      }
      return Float(sum) * 0.25 + 3
    }
    for kernels in Kernels.all {
      for isLess in [false, true] {
        var found = [Float](repeating: 7, count: 32 * blocks + 16)
        unsafe less.withUnsafeBufferPointer { less in
          unsafe cg_code_scores_with(
            kernels.isa, blocks, parts, codes, tables, 0.25, 3, isLess ? less.baseAddress : nil, &found)
        }
        let wanted = isLess ? zip(expected, less).map { $0 - $1 } : expected
        #expect(Array(found[..<(32 * blocks)]) == wanted, "\(kernels)")
        #expect(found[(32 * blocks)...].allSatisfy { $0 == 7 })
      }
    }
  }
}
