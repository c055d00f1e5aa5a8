import CellgateKernels
import Testing

@Suite("Peak")
struct PeakTests {
  func peak(_ kernels: Kernels, rounds: Int, factor: Float) -> (operations: Int, sum: Float) {
    var sum: Float = .nan
    let operations = unsafe cg_peak_with(kernels.isa, rounds, factor, &sum)
    return (operations, sum)
  }

  @Test(
    "As many multiply-adds are done as are counted", arguments: Kernels.all + Kernels.bfloat16 + Kernels.int8)
  func count(_ kernels: Kernels) {
    let start = peak(kernels, rounds: 0, factor: 2)
    #expect(start.operations == 0)
    for rounds in [1, 7, 100] {
      let (operations, sum) = peak(kernels, rounds: rounds, factor: 2)
      #expect(operations > 0)
      // Each adds 2² to one lane; the sums are small whole numbers, hence exact.
      #expect(sum - start.sum == 4 * Float(operations / 2))
    }
  }
}
