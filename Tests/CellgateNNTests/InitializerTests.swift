import CellgateNN
import CellgateTensor
import Foundation
import Testing

@Suite struct InitializerTests {
  let stream = RandomStream(seed: 1, name: "initialisation")

  @Test("An initialiser is a function of the shape and the stream")
  func pure() {
    for initializer in [
      Initializer.uniform(bound: 1), .normal(standardDeviation: 2), .xavierUniform(), .orthogonal(),
    ] {
      let first = initializer([8, 4], stream: stream).scalars
      #expect(initializer([8, 4], stream: stream).scalars == first)
      #expect(initializer([8, 4], stream: stream.child("x")).scalars != first)
    }
  }

  @Test("Constants, and the ranges of uniform and Xavier")
  func ranges() {
    #expect(Initializer.zeros([3], stream: stream).scalars == [0, 0, 0])
    #expect(Initializer.constant(2)([2], stream: stream).scalars == [2, 2])
    func largest(_ initializer: Initializer, _ shape: [Int]) -> Float {
      initializer(shape, stream: stream).scalars.map(abs).max() ?? 0
    }
    // The largest of thousands of uniform numbers comes within a hundredth of the bound.
    let uniform = largest(.uniform(bound: 0.3), [5000])
    #expect(uniform <= 0.3 && uniform > 0.297)
    let bound = (6 / Float(20 + 80)).squareRoot()
    let xavier = largest(.xavierUniform(), [20, 80])
    #expect(xavier <= bound && xavier > 0.99 * bound)
    let stacked = largest(.xavierUniform(gain: 2, blocks: 4), [80, 80])
    #expect(stacked <= 2 * bound && stacked > 1.98 * bound)
  }

  @Test(
    "Orthogonal blocks have orthonormal rows or columns, whichever are fewer",
    arguments: [[6, 6, 1], [24, 6, 4], [3, 10, 1], [20, 4, 2], [1, 1, 1]])
  func orthogonal(size: [Int]) {
    let (rows, columns, blocks) = (size[0] / size[2], size[1], size[2])
    let gain = 1.5
    let values = Initializer.orthogonal(gain: Float(gain), blocks: blocks)(
      [size[0], columns], stream: stream
    )
    .scalars.map(Double.init)
    for block in 0..<blocks {
      func entry(_ vector: Int, _ position: Int) -> Double {
        let (row, column) = rows <= columns ? (vector, position) : (position, vector)
        return values[(block * rows + row) * columns + column]
      }
      for first in 0..<min(rows, columns) {
        for second in 0...first {
          let product = (0..<max(rows, columns)).reduce(0) { $0 + entry(first, $1) * entry(second, $1) }
          // Entries are rounded to Float32.
          #expect(abs(product - (first == second ? gain * gain : 0)) < 1e-6)
        }
      }
    }
    if blocks > 1 {
      #expect(Array(values[0..<rows * columns]) != Array(values[rows * columns..<2 * rows * columns]))
    }
  }

  @Test("Chrono biases are logarithms of uniform memories")
  func chrono() {
    let values = Initializer.chrono(maximumSteps: 1000)([20_000], stream: stream).scalars.map(Double.init)
    #expect(values.allSatisfy { $0 >= 0 && $0 <= log(999) })
    let memories = values.map { exp($0) }
    // Uniform in 1 ..< 999: mean 500 with a standard error of 2.
    #expect(abs(memories.reduce(0, +) / 20_000 - 500) < 10)
  }
}
