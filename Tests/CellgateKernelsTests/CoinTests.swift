import CellgateKernels
import CellgateTestSupport
import Testing

@Suite("Random ones and zeros")
struct CoinTests {
  @Test(
    "The numbers are 16 bits of SplitMix64's each, from any place on, and nothing beside them is touched",
    arguments: [0, 16, 48, 64, 80, 208], [UInt64(0), 4, 4_294_967_308])
  func values(count: Int, first: UInt64) {
    for threshold in [UInt32(0), 3277, 40_000, 65_535, 65_536] {
      // The sequence's numbers before `first` are left out by beginning further on.
      var sequence = SplitMix(state: 77 &+ first / 4 &* 0x9E37_79B9_7F4A_7C15)
      let expected = (0..<count / 4).flatMap { _ in
        let word = sequence.next()
        return (0..<4).map { word >> (16 * UInt64($0)) & 0xFFFF < UInt64(threshold) ? Float(1) : 0 }
      }
      for kernels in Kernels.all {
        var found = [Float](repeating: 7, count: count + 16)
        unsafe cg_coins_with(kernels.isa, 77, first, threshold, count, &found)
        #expect(Array(found[..<count]) == expected, "\(kernels)")
        #expect(found[count...].allSatisfy { $0 == 7 })
      }
    }
  }

  @Test("Ones are as likely as they should be, wherever they stand")
  func share() {
    let count = 1 << 18
    var numbers = [Float](repeating: 0, count: count)
    unsafe cg_coins_with(Kernels.active.isa, 5, 0, 16_384, count, &numbers)
    // A quarter, with five standard deviations of room: √(3/16 / n).
    for place in 0..<4 {
      let own = stride(from: place, to: count, by: 4).map { numbers[$0] }
      #expect(abs(own.reduce(0, +) / Float(own.count) - 0.25) < 0.0085)
    }
    let both = (1..<count).count { numbers[$0] == 1 && numbers[$0 - 1] == 1 }
    #expect(abs(Double(both) / Double(count) - 1.0 / 16) < 0.0024)
  }
}
