import CellgateBasics

/// What features of sounds are computed with: the window, the transform, the bands and the cosines.
final class AudioPlan: Sendable {
  let features: AudioFeatures
  private let transform: FourierTransform
  private let window: [Double]
  /// The samples before the window.
  private let margin: Int
  /// The factors of the frequencies that each band takes, from the frequency `first` on.
  private let bands: [(first: Int, factors: [Double])]
  /// The DCT, a row for each coefficient.
  private let cosines: [[Double]]

  private static let floor = 1e-6

  init(_ features: AudioFeatures) {
    if let problem = features.problem { fail("AudioFeatures: \(problem)") }
    self.features = features
    transform = FourierTransform(size: features.size)
    window = (0..<features.window).map {
      0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(features.window))
    }
    margin = (features.size - features.window) / 2
    bands = Self.bands(features)
    cosines = (0..<(features.coefficients ?? 0)).map { coefficient in
      let scale = ((coefficient == 0 ? 1 : 2) / Double(features.bands)).squareRoot()
      return (0..<features.bands).map { band in
        scale * cos(Double.pi / Double(features.bands) * (Double(band) + 0.5) * Double(coefficient))
      }
    }
  }

  private static func bands(_ features: AudioFeatures) -> [(first: Int, factors: [Double])] {
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    func hertz(_ mel: Double) -> Double { 700 * (pow(10, mel / 2595) - 1) }
    let (low, high) = (mel(features.lowest), mel(features.highest))
    let edges = (0..<features.bands + 2).map { place in
      hertz(low + (high - low) * Double(place) / Double(features.bands + 1))
    }
    let count = features.size / 2 + 1
    // The highest frequency is half the rate, without what is left of an odd one.
    let step = count > 1 ? Double(features.rate / 2) / Double(count - 1) : 0
    return (0..<features.bands).map { band in
      let factors = (0..<count).map { frequency -> Double in
        let hertz = Double(frequency) * step
        let up = (hertz - edges[band]) / (edges[band + 1] - edges[band])
        let down = (edges[band + 2] - hertz) / (edges[band + 2] - edges[band + 1])
        return max(0, min(up, down))
      }
      guard let first = factors.firstIndex(where: { $0 > 0 }),
        let last = factors.lastIndex(where: { $0 > 0 })
      else { return (0, []) }
      return (first, Array(factors[first...last]))
    }
  }

  /// The numbers of `size` samples.
  func numbers(_ samples: ArraySlice<Double>) -> [Float] {
    var windowed = [Double](repeating: 0, count: features.size)
    for place in window.indices {
      windowed[margin + place] = samples[samples.startIndex + margin + place] * window[place]
    }
    let power = transform.power(windowed)
    let logarithms = bands.map { band in
      var sum = 0.0
      for (offset, factor) in band.factors.enumerated() { sum += factor * power[band.first + offset] }
      return CLibrary.log(sum + Self.floor)
    }
    guard features.kind == .mfcc else { return logarithms.map { Float($0) } }
    return cosines.map { row in Float(zip(row, logarithms).reduce(0) { $0 + $1.0 * $1.1 }) }
  }
}
