import CellgateBasics
import CellgateKernels
import CellgateTensor

extension CellGrid {
  /// As the kernels read it.
  var kernelGrid: cg_grid { cg_grid(height: height, width: width, kernel: kernel) }
}

extension CellExecution {
  /// The neighbourhoods of x's rows of a chunk of steps, `[rows, kernel² · I]`, of which a team's member gathers the rows of
  /// some sequences.
  func gatherNeighbours(
    _ input: Tensor, _ microbatch: Microbatch, _ chunk: Range<Int>, into rows: UnsafeMutablePointer<Float>,
    member: TeamMember
  ) -> UnsafeMutablePointer<Float> {
    guard let grid = sizes.grid else { return unsafe rows }
    let batch = input.shape[1], size = sizes.input, width = layout.inputSize, places = grid.places
    var to = unsafe rows, turn = 0
    for step in chunk {
      let count = Int(microbatch.active[step])
      for first in stride(from: 0, to: count, by: places) {
        if turn % member.count == member.index {
          let time = microbatch.time(row: first, step: step)
          let from = unsafe input.pointer + (time * batch + microbatch.rows[first]) * size
          unsafe cg_gather_neighbours(
            grid.kernelGrid, 0, places, size, from, size, to + first * width, width, size)
        }
        turn += 1
      }
      unsafe to += count * width
    }
    return unsafe rows
  }
}
