import CellgateBasics

/// The angles by which rotary position encoding turns vectors of `size` d numbers (Su et al. 2021,
/// https://arxiv.org/abs/2104.09864): at place p the pair of the numbers i and i + d/2 by p / 10000^(2i/d). The product of two vectors
/// then depends on how far their places lie apart.
@safe public final class RotaryPositions: Sendable {
  /// d, an even number.
  public let size: Int
  /// How many places there are, from 0 on.
  public let places: Int
  /// cos and sin of each place, [places, d/2] each.
  private let cosines: [Float], sines: [Float]

  /// The angles of the first `places` places.
  public init(size: Int, places: Int) {
    require(
      size > 0 && size % 2 == 0 && places >= 0,
      "RotaryPositions: expected an even size and places, found \(size) and \(places)")
    (self.size, self.places) = (size, places)
    let half = size / 2
    let rates = Self.rates(size)
    var (cosines, sines): ([Float], [Float]) = ([], [])
    cosines.reserveCapacity(places * half)
    sines.reserveCapacity(places * half)
    for place in 0..<places {
      for rate in rates {
        cosines.append(Float(cos(Double(place) * rate)))
        sines.append(Float(sin(Double(place) * rate)))
      }
    }
    (self.cosines, self.sines) = (cosines, sines)
  }

  /// The angle of each pair from one place to the next.
  package static func rates(_ size: Int) -> [Double] {
    (0..<size / 2).map { pow(10_000, -2 * Double($0) / Double(size)) }
  }

  /// The vectors of each head of x [T, B, heads · d] turned by the angles of the places from `first` on.
  public func callAsFunction(_ x: Tensor, first: Int = 0) -> Tensor {
    require(
      x.rank == 3 && x.shape[2] % size == 0 && first >= 0 && first + x.shape[0] <= places,
      "RotaryPositions: expected an input [T, B, heads · \(size)] of places up to \(places), found \(x.shape) from \(first) on"
    )
    let output = turned(x, first, 1)
    return RecordedOperation.record("rotaryPositions", inputs: [x], output: output) { [self] gradient, _ in
      [.tensor(turned(gradient, first, -1))]
    }
  }

  private func turned(_ x: Tensor, _ first: Int, _ sign: Float) -> Tensor {
    let result = Tensor.uninitialized(x.shape)
    guard x.count > 0 else { return result }
    let (half, width) = (size / 2, x.shape[1] * x.shape[2])
    let (input, output) = unsafe (x.pointer, result.pointer)
    Elementwise.chunks(x.shape[0], grain: max(1, Elementwise.grain / width)) { steps in
      unsafe cosines.withUnsafeBufferPointer { cosines in
        unsafe sines.withUnsafeBufferPointer { sines in
          guard let allC = cosines.baseAddress, let allS = sines.baseAddress else { return }
          for step in steps {
            let (c, s) = unsafe (allC + (first + step) * half, allS + (first + step) * half)
            for start in stride(from: step * width, to: (step + 1) * width, by: size) {
              let (a, b) = unsafe (input + start, input + start + half)
              let (y, z) = unsafe (output + start, output + start + half)
              for pair in 0..<half {
                let sine = unsafe sign * s[pair]
                unsafe y[pair] = a[pair] * c[pair] - b[pair] * sine
                unsafe z[pair] = b[pair] * c[pair] + a[pair] * sine
              }
            }
          }
        }
      }
    }
    return result
  }
}
