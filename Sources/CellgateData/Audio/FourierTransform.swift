import CellgateBasics

/// The discrete Fourier transform of n real numbers, of any n, in Double:
///
///     X_k = Σ_j x_j e^(−2πi jk / n)        for k = 0 ... n / 2
///
/// A power of two is halved again and again (Cooley and Tukey 1965); any other length is a convolution of a power of two (Bluestein
/// 1970).
package struct FourierTransform: Sendable {
  /// n.
  package let size: Int
  private let plan: Plan

  private enum Plan {
    case halves(PowerOfTwoTransform)
    /// The chirp e^(−πi j² / n), and the transform of its inverse around 0.
    case chirp(PowerOfTwoTransform, chirp: ComplexNumbers, inverse: ComplexNumbers)
  }

  /// A transform of `size` numbers, at least one.
  package init(size: Int) {
    require(size > 0, "FourierTransform: expected a size above 0, found \(size)")
    self.size = size
    if size & (size - 1) == 0 {
      plan = .halves(PowerOfTwoTransform(size: size))
      return
    }
    var padded = 1
    while padded < 2 * size - 1 { padded *= 2 }
    var (chirp, inverse) = (ComplexNumbers(count: size), ComplexNumbers(count: padded))
    for j in 0..<size {
      // j² modulo 2n keeps all digits of the angle.
      let angle = Double.pi * Double(j * j % (2 * size)) / Double(size)
      (chirp.real[j], chirp.imaginary[j]) = (cos(angle), -sin(angle))
      for place in [j, (padded - j) % padded] {
        (inverse.real[place], inverse.imaginary[place]) = (cos(angle), sin(angle))
      }
    }
    let transform = PowerOfTwoTransform(size: padded)
    transform(&inverse)
    plan = .chirp(transform, chirp: chirp, inverse: inverse)
  }

  /// X_0 ... X_(n / 2) of n numbers.
  package func callAsFunction(_ x: [Double]) -> ComplexNumbers {
    require(x.count == size, "FourierTransform: expected \(size) numbers, found \(x.count)")
    var values: ComplexNumbers
    switch plan {
    case .halves(let transform):
      values = ComplexNumbers(real: x, imaginary: [Double](repeating: 0, count: size))
      transform(&values)
    case .chirp(let transform, let chirp, let inverse):
      values = ComplexNumbers(count: transform.size)
      for j in 0..<size {
        (values.real[j], values.imaginary[j]) = (x[j] * chirp.real[j], x[j] * chirp.imaginary[j])
      }
      transform(&values)
      for k in 0..<transform.size {
        let (a, b) = (values.real[k], values.imaginary[k])
        let (c, d) = (inverse.real[k], inverse.imaginary[k])
        // The transform of the conjugate is that back, conjugated and times n.
        (values.real[k], values.imaginary[k]) = (a * c - b * d, -(a * d + b * c))
      }
      transform(&values)
      let scale = 1 / Double(transform.size)
      for k in 0..<size {
        let (a, b) = (values.real[k] * scale, -values.imaginary[k] * scale)
        let (c, d) = (chirp.real[k], chirp.imaginary[k])
        (values.real[k], values.imaginary[k]) = (a * c - b * d, a * d + b * c)
      }
    }
    let count = size / 2 + 1
    return ComplexNumbers(
      real: Array(values.real[..<count]), imaginary: Array(values.imaginary[..<count]))
  }

  /// |X_k|².
  package func power(_ x: [Double]) -> [Double] {
    let values = self(x)
    return zip(values.real, values.imaginary).map { $0 * $0 + $1 * $1 }
  }
}

/// Complex numbers, their parts apart.
package struct ComplexNumbers: Sendable, Equatable {
  package var real: [Double], imaginary: [Double]

  init(real: [Double], imaginary: [Double]) { (self.real, self.imaginary) = (real, imaginary) }

  init(count: Int) {
    real = [Double](repeating: 0, count: count)
    imaginary = real
  }
}

/// The discrete Fourier transform of a power of two of complex numbers, in place.
private struct PowerOfTwoTransform: Sendable {
  let size: Int
  /// e^(−2πi k / n) for k below n / 2.
  private let waves: ComplexNumbers

  init(size: Int) {
    self.size = size
    var waves = ComplexNumbers(count: size / 2)
    for k in 0..<size / 2 {
      let angle = 2 * Double.pi * Double(k) / Double(size)
      (waves.real[k], waves.imaginary[k]) = (cos(angle), -sin(angle))
    }
    self.waves = waves
  }

  func callAsFunction(_ x: inout ComplexNumbers) {
    var reversed = 0
    for place in 1..<max(1, size) {
      var bit = size >> 1
      while reversed & bit != 0 {
        reversed ^= bit
        bit >>= 1
      }
      reversed |= bit
      if place < reversed {
        x.real.swapAt(place, reversed)
        x.imaginary.swapAt(place, reversed)
      }
    }
    var half = 1
    while half < size {
      let stride = size / (2 * half)
      for start in Swift.stride(from: 0, to: size, by: 2 * half) {
        for k in 0..<half {
          let (c, d) = (waves.real[k * stride], waves.imaginary[k * stride])
          let (low, high) = (start + k, start + k + half)
          let a = x.real[high] * c - x.imaginary[high] * d
          let b = x.real[high] * d + x.imaginary[high] * c
          (x.real[high], x.imaginary[high]) = (x.real[low] - a, x.imaginary[low] - b)
          (x.real[low], x.imaginary[low]) = (x.real[low] + a, x.imaginary[low] + b)
        }
      }
      half *= 2
    }
  }
}
