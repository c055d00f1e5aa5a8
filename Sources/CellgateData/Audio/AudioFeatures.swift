import CellgateBasics

/// What of sounds goes into a model: the logarithm of the power in bands of frequencies, or cepstral coefficients of them, in windows
/// that follow on one another.
///
///     let features = AudioFeatures(rate: 8000)
///     features.width                           // 40
///     features(samples)                        // T · 40 numbers, window by window
///
/// The numbers are torchaudio's `MelSpectrogram(sample_rate, n_fft, win_length, hop_length, f_min, f_max, n_mels, center=False)`, in
/// the form ln(x + 10⁻⁶), and `MFCC(n_mfcc, log_mels=True)` with the same settings: Hann's window, periodic, in the middle of n_fft
/// samples; the square of the magnitude; triangles that are equally wide on HTK's mel scale, 2595 log₁₀(1 + f / 700), each of height
/// 1; and the orthonormal DCT II. There is a window wherever a whole one fits, and one of a sound that is shorter, after which silence
/// follows. Source: https://docs.pytorch.org/audio/stable/transforms.html
public struct AudioFeatures: Codable, Equatable, Sendable {
  /// What a window gives.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// The logarithm of the power in each band.
    case logMel = "log-mel"
    /// Mel-frequency cepstral coefficients: the first numbers of the DCT of these logarithms.
    case mfcc
  }

  /// What a window gives.
  public var kind: Kind
  /// Samples a second; other sounds are brought to it.
  public var rate: Int
  /// Samples of a window.
  public var window: Int
  /// Samples from one window to the next.
  public var hop: Int
  /// Samples that are transformed, those of the window with zeros on both sides.
  public var size: Int
  /// Bands of frequencies.
  public var bands: Int
  /// Coefficients of a window; nil where the bands go in.
  public var coefficients: Int?
  /// The edges of the first and the last band, in hertz.
  public var lowest: Double, highest: Double

  /// Features of windows of `window` ms every `hop` ms, of the next power of two of samples; bands up to half the rate.
  public init(
    _ kind: Kind = .logMel, rate: Int, window: Double = 25, hop: Double = 10, bands: Int = 40,
    coefficients: Int = 13
  ) {
    func samples(_ milliseconds: Double) -> Int {
      max(1, Int((Double(rate) * milliseconds / 1000).rounded()))
    }
    self.kind = kind
    self.rate = rate
    (self.window, self.hop) = (max(2, samples(window)), samples(hop))
    size = 2
    while size < self.window { size *= 2 }
    self.bands = bands
    self.coefficients = kind == .mfcc ? coefficients : nil
    (lowest, highest) = (0, Double(rate) / 2)
  }

  /// Numbers of a window.
  public var width: Int { coefficients ?? bands }

  /// What is wrong with the settings; nil for nothing.
  package var problem: String? {
    func outside(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> String? {
      range.contains(value)
        ? nil : "\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)"
    }
    return outside("rate", rate, 100...Resampler.highest) ?? outside("window", window, 2...1 << 20)
      ?? outside("size", size, window...1 << 21) ?? outside("hop", hop, 1...size)
      ?? outside("bands", bands, 1...4096)
      ?? coefficients.flatMap { outside("coefficients", $0, 1...bands) }
      ?? (lowest >= 0 && lowest < highest && highest <= Double(rate)
        ? nil : "highest: expected more than lowest, \(lowest), found \(highest)")
  }

  /// How many windows a sound of so many samples at the rate has.
  public func count(_ samples: Int) -> Int { samples < size ? 1 : (samples - size) / hop + 1 }

  /// The numbers of a sound's windows, T · width, one after the other.
  public func callAsFunction(_ samples: [Float]) -> [Float] {
    var frames = AudioFrames(self)
    return frames.append(samples) + frames.finish()
  }

  /// The same of a sound of another rate.
  public func callAsFunction(_ samples: [Float], rate: Int) -> [Float] {
    self(rate == self.rate ? samples : Resampler.resample(samples, from: rate, to: self.rate))
  }
}

/// The windows of a sound that comes in pieces: those of all pieces are those of the whole.
///
///     var frames = AudioFrames(AudioFeatures(rate: 8000))
///     var numbers = frames.append(first) + frames.append(second)
///     numbers += frames.finish()
public struct AudioFrames: Sendable {
  /// What they are.
  public let features: AudioFeatures
  private let plan: AudioPlan
  private var samples: [Double] = []
  private var count = 0

  /// The windows of a sound that has not begun.
  public init(_ features: AudioFeatures) {
    self.init(AudioPlan(features))
  }

  init(_ plan: AudioPlan) { (features, self.plan) = (plan.features, plan) }

  /// The same windows of another sound.
  package var restarted: AudioFrames { AudioFrames(plan) }

  /// The numbers of the windows that are whole now that these samples have come.
  public mutating func append(_ more: [Float]) -> [Float] {
    samples.append(contentsOf: more.lazy.map(Double.init))
    var (numbers, start): ([Float], Int) = ([], 0)
    while start + features.size <= samples.count {
      numbers += plan.numbers(samples[start..<start + features.size])
      start += features.hop
      count += 1
    }
    samples.removeFirst(min(start, samples.count))
    return numbers
  }

  /// The numbers of the only window of a sound that is shorter than one; nothing of any other.
  public mutating func finish() -> [Float] {
    guard count == 0 else { return [] }
    return append([Float](repeating: 0, count: features.size - samples.count))
  }
}
