import CellgateBasics

/// Brings sounds from one rate to another by a windowed sinc, in pieces of any size: as torchaudio's `resample` does, with its defaults
/// (Hann window, 6 zero crossings on each side, frequencies above 0.99 of the lower rate's half cut off).
///
///     var resampler = Resampler(from: 44_100, to: 8000)
///     var samples = resampler.append(first) + resampler.append(second)
///     samples += resampler.finish()
///
/// Source: https://ccrma.stanford.edu/~jos/resample/
public struct Resampler: Sendable {
  /// Samples a second of what comes and of what is given.
  public let from: Int, to: Int
  /// The rates without their common factor.
  private let old: Int, new: Int
  /// Samples on each side that a sample is made of.
  private let width: Int
  /// The factors of samples for each of `new` places between two of the old ones, from the sample `first` on.
  private let filters: [(first: Int, factors: [Float])]
  /// What came and is needed yet, from the sample `start` on.
  private var samples: [Float] = []
  private var start = 0
  private var given = 0

  private static let crossings = 6.0, rolloff = 0.99
  /// The highest rate, in hertz.
  public static let highest = 1_000_000

  /// A resampler of rates in 1 ... `highest`.
  public init(from: Int, to: Int) {
    require(
      min(from, to) > 0 && max(from, to) <= Self.highest,
      "Resampler: expected rates in 1...\(Self.highest), found \(from) and \(to)")
    (self.from, self.to) = (from, to)
    var (divisor, rest) = (from, to)
    while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
    let (old, new) = (from / divisor, to / divisor)
    (self.old, self.new) = (old, new)
    guard old != new else {
      (width, filters) = (0, [])
      return
    }
    let base = Double(min(old, new)) * Self.rolloff
    width = Int((Self.crossings * Double(old) / base).rounded(.up))
    let width = width
    filters = (0..<new).map { phase in
      // torchaudio's kernel begins `width` samples before the phase's first one.
      let centre = Double(phase) * Double(old) / Double(new)
      let first = Int(centre.rounded(.down)) - width
      let factors = (first...first + 2 * width + 1).map { place -> Float in
        let t = (Double(place) / Double(old) - Double(phase) / Double(new)) * base
        guard abs(t) < Self.crossings else { return 0 }
        let window = cos(t * Double.pi / Self.crossings / 2)
        let sinc = t == 0 ? 1 : sin(t * Double.pi) / (t * Double.pi)
        return Float(sinc * window * window * base / Double(old))
      }
      return (first, factors)
    }
  }

  /// The samples that can be given now that these have come.
  public mutating func append(_ more: [Float]) -> [Float] {
    guard old != new else { return more }
    samples += more
    let end = start + samples.count
    var output: [Float] = []
    // The last sample that one is made of is known.
    while place(given) + width + 2 <= end { output.append(next()) }
    let needed = max(0, min(place(given) - width - start, samples.count))
    samples.removeFirst(needed)
    start += needed
    return output
  }

  /// The samples that are left at the end, where silence follows.
  public mutating func finish() -> [Float] {
    guard old != new else { return [] }
    let total = (start + samples.count) * new
    let count = total / old + (total % old == 0 ? 0 : 1)
    return (given..<max(given, count)).map { _ in next() }
  }

  /// All samples of a sound at another rate.
  public static func resample(_ samples: [Float], from: Int, to: Int) -> [Float] {
    var resampler = Resampler(from: from, to: to)
    return resampler.append(samples) + resampler.finish()
  }

  /// The old sample at or before a new one.
  private func place(_ index: Int) -> Int {
    let (block, phase) = index.quotientAndRemainder(dividingBy: new)
    return block * old + phase * old / new
  }

  private mutating func next() -> Float {
    let (block, phase) = given.quotientAndRemainder(dividingBy: new)
    given += 1
    let filter = filters[phase]
    let first = block * old + filter.first - start
    var sum: Float = 0
    for (offset, factor) in filter.factors.enumerated() where samples.indices.contains(first + offset) {
      sum += factor * samples[first + offset]
    }
    return sum
  }
}
