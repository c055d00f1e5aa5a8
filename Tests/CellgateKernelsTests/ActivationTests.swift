import CellgateKernels
import Foundation
import Testing

/// Powers, GELU by tanh, and the slopes of activations, against Double.
@Suite("Activations and powers")
struct ActivationTests {
  /// What is tested here.
  static let codes = [CG_POWER, CG_GELU_TANH, CG_SILU_GRADIENT, CG_GELU_GRADIENT, CG_GELU_TANH_GRADIENT]

  static let samples = stride(from: Float(-30), through: 30, by: 0.003).map { $0 }

  private static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  private func apply(_ code: cg_code, _ a: [Float], _ b: [Float], _ kernels: Kernels, constant: Float = 0)
    -> [Float]
  {
    var y = a
    unsafe cg_apply_with(kernels.isa, code, a.count, a, b, nil, constant, &y)
    return y
  }

  @Test("Slopes agree with Double to 3e-7", arguments: Kernels.all)
  func slopes(_ kernels: Kernels) {
    func check(_ code: cg_code, _ slope: (Double) -> Double) {
      let found = apply(code, Self.samples.map { _ in 2 }, Self.samples, kernels)
      for (x, y) in zip(Self.samples, found) {
        #expect(abs(Double(y) - 2 * slope(Double(x))) < 6e-7, "\(code) at \(x)")
      }
    }
    check(CG_SILU_GRADIENT) { Self.logistic($0) * (1 + $0 * Self.logistic(-$0)) }
    check(CG_GELU_GRADIENT) {
      0.5 * erfc(-$0 / 2.0.squareRoot()) + $0 * exp(-$0 * $0 / 2) / (2 * .pi).squareRoot()
    }
    check(CG_GELU_TANH_GRADIENT) { x in
      let z = (8 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
      let inner = (8 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * x * x)
      return Self.logistic(z) * (1 + x * inner * Self.logistic(-z))
    }
  }

  @Test("GELU by tanh agrees with Double to 4e-7 of a number's size", arguments: Kernels.all)
  func geluByTanh(_ kernels: Kernels) {
    for (x, y) in zip(Self.samples, apply(CG_GELU_TANH, Self.samples, Self.samples, kernels)) {
      let exact =
        Double(x) * Self.logistic((8 / Double.pi).squareRoot() * (Double(x) + 0.044715 * pow(Double(x), 3)))
      #expect(abs(Double(y) - exact) < 4e-7 * max(1, abs(exact)), "\(x)")
    }
  }

  @Test(
    "Powers are within 1.1 units in the last place of C's, special cases included", arguments: Kernels.all)
  func powers(_ kernels: Kernels) {
    var numbers: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, 1, -1, -2, 2, .leastNonzeroMagnitude, 0x1p-127,
    ]
    numbers += stride(from: Float(-6), to: 6, by: 0.01).map { pow(10, $0) }
    numbers += stride(from: Float(-6), to: 6, by: 0.3).map { -pow(10, $0) }
    for exponent: Float in [0, 1, 2, 3, -1, 0.5, -2.5, 7.3, 100, 101, -3, 1e30] {
      let found = apply(CG_POWER, numbers, numbers, kernels, constant: exponent)
      for (x, y) in zip(numbers, found) {
        let exact = pow(Double(x), Double(exponent))
        #expect(FunctionTests.error(abs(y), abs(exact)) <= 1.1, "\(x) to the power \(exponent): \(y)")
        #expect(exact.isNaN || Double(y).sign == exact.sign, "\(x) to the power \(exponent)")
      }
    }
  }
}
