import CellgateBasics
import CellgateTensor

/// SpecAugment (Park et al. 2019, https://arxiv.org/abs/1904.08779): some steps of a sound, and some of the numbers of all steps, are
/// 0 while training, which is their mean once they are standardised. Nothing is warped.
public struct SpectrumMasks: Equatable, Sendable {
  /// How many runs of steps, and of how many steps at most each; never more than half of a sound's steps in all.
  public var times: Int, timeWidth: Int
  /// How many runs of numbers, and of how many at most each.
  public var bands: Int, bandWidth: Int

  /// Masks of these numbers.
  public init(times: Int = 2, timeWidth: Int = 10, bands: Int = 2, bandWidth: Int = 8) {
    (self.times, self.timeWidth, self.bands, self.bandWidth) = (times, timeWidth, bands, bandWidth)
  }

  /// The steps · width numbers with masks that the stream gives; as many numbers are drawn for every sound.
  public func callAsFunction(_ numbers: [Float], width: Int, _ stream: inout RandomStream) -> [Float] {
    var changed = numbers
    let steps = numbers.count / max(1, width)
    func run(_ most: Int, of count: Int, _ stream: inout RandomStream) -> Range<Int> {
      let (length, place) = (stream.uniform(), stream.uniform())
      let own = min(Int(length * Float(min(most, count) + 1)), count)
      let start = min(Int(place * Float(count - own + 1)), count - own)
      return start..<start + own
    }
    for _ in 0..<times {
      let range = run(min(timeWidth, steps / 2 / max(1, times)), of: steps, &stream)
      for place in range.lowerBound * width..<range.upperBound * width { changed[place] = 0 }
    }
    for _ in 0..<bands {
      let range = run(bandWidth, of: width, &stream)
      for step in 0..<steps {
        for band in range { changed[step * width + band] = 0 }
      }
    }
    return changed
  }
}
