import CellgateBasics
import CellgateTensor

/// Sounds as series: the logarithm of the power in bands of frequencies, in windows of 32 ms every 16 ms.
///
///     let plan = SpectrumFrames(highest: 4000).plan(rate: 8000)
///     plan(samples)                            // T · 32 numbers, window by window
///
/// The bands are triangles, equally wide on the mel scale (O'Shaughnessy 1987) from 60 Hz up to `highest`; the windows are Hann's.
/// Sounds of any rate of twice `highest` or more give like numbers.
package struct SpectrumFrames {
  /// The highest frequency, in hertz.
  package let highest: Int
  /// How many numbers a window gives.
  package static let bands = 32

  private static let lowest = 60.0, window = 0.032, hop = 0.016

  /// Bands up to a frequency in hertz, above 100.
  package init(highest: Int) {
    require(highest > 100, "SpectrumFrames: expected a frequency above 100 Hz, found \(highest)")
    self.highest = highest
  }

  /// What makes windows of sounds of a rate, in samples a second.
  package func plan(rate: Int) -> SpectrumPlan {
    let size = max(2, Int(Double(rate) * Self.window))
    func waves(_ wave: (Double) -> Double) -> Tensor {
      let frequencies = size / 2 + 1
      let values = (0..<frequencies * size).map { place -> Float in
        let (frequency, index) = (place / size, place % size)
        let weight = 0.5 - 0.5 * cos(2 * Double.pi * Double(index) / Double(size))
        return Float(weight * wave(2 * Double.pi * Double(frequency * index % size) / Double(size)))
      }
      return Tensor(values, shape: [frequencies, size])
    }
    return SpectrumPlan(
      size: size, hop: max(1, Int(Double(rate) * Self.hop)), cosines: waves { cos($0) },
      sines: waves { sin($0) },
      bands: bands(size, rate: rate))
  }

  /// What each band takes of each frequency.
  private func bands(_ size: Int, rate: Int) -> Tensor {
    func mel(_ hertz: Double) -> Double { CLibrary.log1p(hertz / 700) }
    let (low, high) = (mel(Self.lowest), mel(Double(highest)))
    let width = (high - low) / Double(Self.bands + 1)
    let frequencies = size / 2 + 1
    var values = [Float](repeating: 0, count: Self.bands * frequencies)
    for band in 0..<Self.bands {
      let centre = low + Double(band + 1) * width
      for frequency in 0..<frequencies {
        let distance = abs(mel(Double(frequency * rate) / Double(size)) - centre) / width
        values[band * frequencies + frequency] = Float(max(0, 1 - distance))
      }
    }
    return Tensor(values, shape: [Self.bands, frequencies])
  }
}

/// The waves and bands of sounds of one rate.
package struct SpectrumPlan {
  let size, hop: Int
  let cosines, sines, bands: Tensor

  private static let floor: Float = 1e-6

  /// The numbers of a sound's windows, one after the other; a sound that is shorter than a window gives one.
  package func callAsFunction(_ samples: [Float]) -> [Float] {
    let count = samples.count < size ? 1 : (samples.count - size) / hop + 1
    var values = [Float](repeating: 0, count: count * size)
    for window in 0..<count {
      for index in 0..<size where window * hop + index < samples.count {
        values[window * size + index] = samples[window * hop + index]
      }
    }
    return withoutGradient {
      let windows = Tensor(values, shape: [count, size])
      let power = linear(windows, weight: cosines).square() + linear(windows, weight: sines).square()
      return linear(power, weight: bands).scalars.map {
        Float(CLibrary.log(Double($0 / Float(size) + Self.floor)))
      }
    }
  }
}
