import CellgateKernels
import Testing

@Suite("Transposition")
struct TranspositionTests {
  @Test(
    "Rows become columns, and nothing beside them is touched", arguments: [0, 1, 5, 16, 17, 35],
    [0, 1, 4, 16, 19, 33])
  func transpose(rows: Int, columns: Int) {
    let (ld, ldTarget) = (columns + 3, rows + 2)
    let source = (0..<rows * ld).map(Float.init)
    for kernels in Kernels.all {
      var target = [Float](repeating: -1, count: columns * ldTarget)
      unsafe cg_transpose_with(kernels.isa, rows, columns, source, ld, &target, ldTarget)
      for column in 0..<columns {
        for row in 0..<ldTarget {
          #expect(target[column * ldTarget + row] == (row < rows ? source[row * ld + column] : -1))
        }
      }
    }
  }
}
