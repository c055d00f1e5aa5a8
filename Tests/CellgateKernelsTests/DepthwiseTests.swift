import CellgateKernels
import Testing

@Suite("Convolutions of single channels")
struct DepthwiseTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var columns: Int, channels: Int, rowTaps = 3, columnTaps = 3, step = 1, dilation = 1, before = 1
    /// Row taps beside the input.
    var missing: Set<Int> = []
    var hasBias = true
    var testDescription: String {
      "\(columns) columns, \(channels) channels, \(rowTaps) by \(columnTaps), step \(step), dilation \(dilation)"
    }
    var places: Int { max(0, columns + 2 * before - dilation * (columnTaps - 1) - 1) / step + 1 }
  }

  static let shapes = [
    Shape(columns: 7, channels: 16), Shape(columns: 8, channels: 35, step: 2),
    Shape(columns: 112, channels: 32, missing: [0]), Shape(columns: 1, channels: 48),
    Shape(columns: 2, channels: 64, hasBias: false), Shape(columns: 9, channels: 20, dilation: 2, before: 2),
    Shape(columns: 5, channels: 3, rowTaps: 1, columnTaps: 5, before: 2),
    Shape(columns: 6, channels: 17, rowTaps: 2, columnTaps: 2, step: 3, before: 0),
    Shape(columns: 4, channels: 16, before: 3), Shape(columns: 3, channels: 32, missing: [0, 1, 2]),
    Shape(columns: 10, channels: 16, step: 4, before: 0),
  ]

  /// Whole numbers, whose sums are exact in any order; the kernels end the process if they read past an operand.
  @Test("Each place is the sum over the taps that meet the picture", arguments: shapes)
  func definition(_ shape: Shape) {
    var numbers = Numbers(17)
    let (columns, channels) = (shape.columns, shape.channels)
    let rows = (0..<shape.rowTaps).map { _ in numbers.integers(columns * channels) }
    let weight = numbers.integers(shape.rowTaps * shape.columnTaps * channels)
    let bias = numbers.integers(channels)
    for kernels in Kernels.all {
      let (guardedRows, guardedWeight, guardedBias) = (
        rows.map { Guarded($0) }, Guarded(weight), Guarded(bias)
      )
      let result = Guarded([Float](repeating: .nan, count: shape.places * channels))
      let pointers = unsafe guardedRows.indices.map { index -> UnsafePointer<Float>? in
        shape.missing.contains(index) ? nil : unsafe UnsafePointer(guardedRows[index].start)
      }
      unsafe pointers.withUnsafeBufferPointer { pointers in
        unsafe cg_depthwise_with(
          kernels.isa, shape.places, channels, shape.rowTaps, pointers.baseAddress, shape.columnTaps, columns,
          shape.step, shape.dilation, shape.before, guardedWeight.start,
          shape.hasBias ? UnsafePointer(guardedBias.start) : nil, result.start)
      }
      withExtendedLifetime((guardedRows, guardedWeight, guardedBias)) {}
      var expected: [Float] = []
      for place in 0..<shape.places {
        for channel in 0..<channels {
          var sum = shape.hasBias ? bias[channel] : 0
          for row in 0..<shape.rowTaps where !shape.missing.contains(row) {
            for tap in 0..<shape.columnTaps {
              let column = place * shape.step + tap * shape.dilation - shape.before
              guard column >= 0, column < columns else { continue }
              let place = (row * shape.columnTaps + tap) * channels + channel
              sum += weight[place] * rows[row][column * channels + channel]
            }
          }
          expected.append(sum)
        }
      }
      #expect(same(result.values, expected), "\(kernels.name)")
    }
  }
}
