import CellgateKernels
import Foundation
import Testing

/// Sums, largest numbers and softmax of rows.
@Suite("Rows")
struct RowTests {
  static let sizes = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 100]

  private func numbers(_ count: Int, seed: Int = 0) -> [Float] {
    (0..<count).map { 4 * sin(Float($0 * 7 + seed)) }
  }

  @Test(
    "Sums and products are those of Double, with the same bits on every instruction set", arguments: sizes)
  func sums(_ size: Int) {
    let (x, y) = (numbers(size), numbers(size, seed: 3))
    let sum = x.reduce(0) { $0 + Double($1) }
    let products = zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    let found = Kernels.all.map { kernels in
      unsafe [cg_sum_with(kernels.isa, size, x), cg_dot_with(kernels.isa, size, x, y)]
    }
    // Sums of a hundred numbers in another order.
    #expect(abs(found[0][0] - sum) < 1e-13 && abs(found[0][1] - products) < 1e-12)
    #expect(Set(found).count == 1)
  }

  @Test("The largest number is found at every place, and NaN wherever it is", arguments: sizes)
  func largest(_ size: Int) {
    for kernels in Kernels.all {
      #expect(unsafe cg_largest_with(kernels.isa, size, numbers(size)) == numbers(size).max() ?? -.infinity)
      for place in 0..<size {
        var x = numbers(size)
        x[place] = 5
        #expect(unsafe cg_largest_with(kernels.isa, size, x) == 5)
        x[place] = .nan
        #expect(unsafe cg_largest_with(kernels.isa, size, x).isNaN)
      }
    }
  }

  @Test(
    "Softmax agrees with Double in every row, and returns largest numbers and sums",
    arguments: sizes.dropFirst())
  func softmax(_ size: Int) {
    let x = numbers(3 * size)
    for kernels in Kernels.all {
      var (y, largest, sums) = (
        [Float](repeating: 0, count: x.count), [Float](repeating: 0, count: 3), [0.0, 0, 0]
      )
      unsafe cg_softmax_with(kernels.isa, 3, size, x, &y, &largest, &sums)
      for row in 0..<3 {
        let part = x[row * size..<(row + 1) * size].map(Double.init)
        let most = part.max() ?? 0
        let sum = part.reduce(0) { $0 + exp($1 - most) }
        #expect(Double(largest[row]) == most)
        #expect(abs(sums[row] - sum) < 1e-6 * sum)
        for (column, value) in part.enumerated() {
          #expect(abs(Double(y[row * size + column]) - exp(value - most) / sum) < 3e-7)
        }
      }
    }
  }

  @Test("A standardised row has mean 0 and variance 1", arguments: sizes.dropFirst())
  func standardize(_ size: Int) {
    let x = numbers(size).map { $0 + 3 }
    let mean = x.reduce(0) { $0 + Double($1) } / Double(size)
    let variance = x.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(size)
    let exact = 1 / (variance + 1e-3).squareRoot()
    for kernels in Kernels.all {
      var y = [Float](repeating: 0, count: size)
      let factor = unsafe cg_standardize_with(kernels.isa, size, x, 1e-3, &y)
      #expect(abs(Double(factor) - exact) < 1e-6 * exact)
      for (number, found) in zip(x, y) {
        #expect(abs(Double(found) - (Double(number) - mean) * exact) < 2e-6 * exact)
      }
    }
  }

  @Test(
    "The gradient of softmax keeps its digits where one number is nearly all", arguments: sizes.dropFirst(2))
  func softmaxGradient(_ size: Int) {
    // In each row another number has nearly the whole sum.
    for row in 0..<size {
      let x = numbers(size).enumerated().map { Double($1) + ($0 == row ? 25 : 0) }
      let sum = x.reduce(0) { $0 + exp($1) }
      let (y, g) = (x.map { exp($0) / sum }, numbers(size, seed: 5))
      // The deviations from the g of the largest y, of which the sum has no digits to lose.
      let mean = zip(y, g).reduce(0) { $0 + $1.0 * (Double($1.1) - Double(g[row])) }
      let exact = zip(y, g).map { $0 * (Double($1) - Double(g[row]) - mean) }
      let scale = exact.reduce(0) { max($0, abs($1)) }
      for kernels in Kernels.all {
        var found = [Float](repeating: 0, count: size)
        unsafe cg_softmax_gradient_with(kernels.isa, 1, size, g, y.map { Float($0) }, &found)
        for (value, expected) in zip(found, exact) { #expect(abs(Double(value) - expected) <= 1e-6 * scale) }
      }
    }
  }
}
