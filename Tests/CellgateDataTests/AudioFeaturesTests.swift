import CellgateFiles
import CellgateTensor
import Foundation
import Testing

@testable import CellgateData

@Suite("Features of sounds")
struct AudioFeaturesTests {
  /// What torchaudio makes of the sound of `generate_features.py`.
  private struct Expected: Decodable {
    struct Features: Decodable {
      var kind: AudioFeatures.Kind
      var rate, window, hop, size, bands: Int
      var coefficients: Int?
      var lowest, highest: Double
      var numbers: [Double]

      var features: AudioFeatures {
        var features = AudioFeatures(kind, rate: rate)
        (features.window, features.hop, features.size, features.bands) = (window, hop, size, bands)
        (features.coefficients, features.lowest, features.highest) = (coefficients, lowest, highest)
        return features
      }
    }

    struct Resampled: Decodable {
      var from, to: Int
      var samples: [Double]
    }

    struct Recording: Decodable {
      var file: String
      var features: [Features]
    }

    var features: [Features]
    var resampled: [Resampled]
    var recording: Recording?
  }

  private func expected() throws -> Expected {
    let other = ProcessInfo.processInfo.environment["CELLGATE_AUDIO_FEATURES"]
    let file =
      other.map { URL(fileURLWithPath: $0) }
      ?? Bundle.module.bundleURL.appendingPathComponent("AudioFeatures/expected.json")
    return try JSONDecoder().decode(Expected.self, from: Data(contentsOf: file))
  }

  /// The sound of `generate_features.py`.
  private func sound(_ count: Int, rate: Int) -> [Float] {
    var state = 1
    return (0..<count).map { index in
      let time = Double(index) / Double(rate)
      state = (state * 1_103_515_245 + 12345) % (1 << 31)
      let rising = 0.5 * sin(2 * .pi * 440 * time) * (1 + sin(2 * .pi * 7 * time)) / 2
      let noise = 0.01 * (Double(state) / Double(1 << 31) - 0.5)
      return Float(rising + 0.25 * sin(2 * .pi * 1234.5 * time) + noise)
    }
  }

  /// torchaudio makes its bands in Float32.
  @Test("Bands and coefficients are torchaudio's to 5e-5, for sizes that are powers of two and others")
  func features() throws {
    func compare(_ own: Expected.Features, _ samples: [Float], rate: Int, _ tolerance: Double) throws {
      let features = own.features
      #expect(features.problem == nil)
      let found = features(samples, rate: rate)
      try #require(found.count == own.numbers.count)
      for (value, exact) in zip(found, own.numbers) {
        #expect(abs(Double(value) - exact) < tolerance * max(1, abs(exact)), "\(own.kind), \(own.size)")
      }
    }
    let expected = try expected()
    for own in expected.features {
      let samples = sound(own.size + 5 * own.hop + 3, rate: own.rate)
      try compare(own, samples, rate: own.rate, 5e-5)
      #expect(own.numbers.count == own.features.count(samples.count) * own.features.width)
    }
    guard let recording = expected.recording else { return }
    let sound = try WAVFile(recording.file)
    for own in recording.features { try compare(own, sound.samples, rate: sound.rate, 1e-4) }
  }

  /// Sums of some hundred numbers of Float32.
  @Test("Other rates are torchaudio's to 2e-6, and pieces of any size give the samples of the whole")
  func rates() throws {
    for own in try expected().resampled {
      let samples = sound(200, rate: own.from)
      let whole = Resampler.resample(samples, from: own.from, to: own.to)
      try #require(whole.count == own.samples.count, "\(own.from) to \(own.to)")
      for (value, exact) in zip(whole, own.samples) {
        #expect(abs(Double(value) - exact) < 2e-6, "\(own.from) to \(own.to)")
      }
      for size in [1, 7, 63] {
        var resampler = Resampler(from: own.from, to: own.to)
        var found: [Float] = []
        for start in stride(from: 0, to: samples.count, by: size) {
          found += resampler.append(Array(samples[start..<min(start + size, samples.count)]))
        }
        #expect(found + resampler.finish() == whole)
      }
    }
    #expect(Resampler.resample([0.5, 1], from: 8000, to: 8000) == [0.5, 1])
    #expect(Resampler.resample([], from: 44_100, to: 8000) == [])
  }

  @Test(
    "The transform is its definition, of powers of two and of other sizes",
    arguments: [1, 2, 3, 4, 5, 8, 12, 31, 64, 100, 127])
  func transform(size: Int) {
    var stream = RandomStream(seed: 1, name: "sound")
    let x = (0..<size).map { _ in Double(stream.normal()) }
    let found = FourierTransform(size: size)(x)
    #expect(found.real.count == size / 2 + 1)
    for k in 0...size / 2 {
      var (real, imaginary) = (0.0, 0.0)
      for j in 0..<size {
        let angle = 2 * Double.pi * Double(j * k % size) / Double(size)
        real += x[j] * cos(angle)
        imaginary -= x[j] * sin(angle)
      }
      #expect(abs(found.real[k] - real) < 1e-11 && abs(found.imaginary[k] - imaginary) < 1e-11)
    }
  }

  @Test("The windows of pieces are those of the whole, and a sound that is shorter than one gives one")
  func pieces() {
    let features = AudioFeatures(rate: 8000)
    #expect(features.size == 256 && features.window == 200 && features.hop == 80 && features.width == 40)
    let samples = sound(1000, rate: 8000)
    let whole = features(samples)
    for size in [1, 33, 500] {
      var frames = AudioFrames(features)
      var found: [Float] = []
      for start in stride(from: 0, to: samples.count, by: size) {
        found += frames.append(Array(samples[start..<min(start + size, samples.count)]))
      }
      #expect(found + frames.finish() == whole)
    }
    for few in [0, 1, 255] {
      let found = features(Array(samples.prefix(few)))
      #expect(found.count == 40 && found.allSatisfy(\.isFinite))
    }
    // Silence is the floor, 10⁻⁶.
    #expect(features([0, 0, 0]).allSatisfy { abs($0 + 13.815_511) < 1e-5 })
    #expect(features(samples, rate: 16_000) == features(Resampler.resample(samples, from: 16_000, to: 8000)))
  }

  @Test("Settings that give no features are named")
  func problems() {
    func problem(_ change: (inout AudioFeatures) -> Void) -> String? {
      var features = AudioFeatures(.mfcc, rate: 8000)
      change(&features)
      return features.problem
    }
    #expect(problem { _ in } == nil)
    #expect(problem { $0.size = 100 } == "size: expected 200 to 2097152, found 100")
    #expect(problem { $0.hop = 300 } == "hop: expected 1 to 256, found 300")
    #expect(problem { $0.coefficients = 41 } == "coefficients: expected 1 to 40, found 41")
    #expect(problem { $0.highest = 0 } == "highest: expected more than lowest, 0.0, found 0.0")
  }

  @Test(
    "Masks leave all but runs of steps and bands as it was, at most half of the steps, the same for a stream")
  func masks() {
    let (width, steps) = (8, 30)
    let numbers = (0..<width * steps).map { Float($0 + 1) }
    let masks = SpectrumMasks(times: 2, timeWidth: 20, bands: 1, bandWidth: 3)
    var most = (steps: 0, bands: 0)
    for seed in 0..<50 {
      var stream = RandomStream(seed: UInt64(seed), name: "masks")
      var same = stream
      let found = masks(numbers, width: width, &stream)
      #expect(found == masks(numbers, width: width, &same) && stream == same)
      #expect(zip(found, numbers).allSatisfy { $0 == 0 || $0 == $1 })
      let hidden = (0..<steps).filter { step in (0..<width).allSatisfy { found[step * width + $0] == 0 } }
      let bands = (0..<width).filter { band in (0..<steps).allSatisfy { found[$0 * width + band] == 0 } }
      for step in 0..<steps where !hidden.contains(step) {
        #expect((0..<width).filter { found[step * width + $0] == 0 } == bands)
      }
      most = (max(most.steps, hidden.count), max(most.bands, bands.count))
    }
    #expect(most.steps > 5 && most.steps <= steps / 2 && most.bands == 3)
    var stream = RandomStream(seed: 1, name: "masks")
    #expect(SpectrumMasks(times: 0, bands: 0)(numbers, width: width, &stream) == numbers)
    #expect(masks([], width: width, &stream) == [])
  }

  @Test("Errors of transcripts are edits over all characters and words")
  func errors() {
    #expect(editDistance(Array("kitten"), Array("sitting")) == 3)
    #expect(editDistance([Int](), [1, 2]) == 2 && editDistance([1, 2], []) == 2)
    var errors = TranscriptErrors()
    errors.add("one two", reference: "one too")
    errors.add("", reference: "six")
    errors.add("a", reference: "")
    #expect(errors.characterErrorRate == 5 / 10.0 && errors.wordErrorRate == 3 / 3.0)
    #expect(errors.transcriptErrorRate == 1)
    #expect(TranscriptErrors().characterErrorRate == 0)
  }

  @Test("A transcript's symbols are those of the alphabet, with single spaces")
  func symbols() {
    let speech = SpeechPreprocessing(features: AudioFeatures(rate: 8000), stack: 2, alphabet: " abé")
    let (symbols, unknown) = speech.encode("  ab\té x\n")
    #expect(symbols == [2, 3, 1, 4, 1] && unknown == 1)
    #expect(speech.decode([2, 3, 1, 4]) == "ab é" && speech.outputs == 5 && speech.width == 80)
    var preprocessing = Preprocessing()
    preprocessing.speech = speech
    #expect(try! Preprocessing(metadata: preprocessing.metadata) == preprocessing)
    preprocessing.speech?.features.hop = 0
    #expect(throws: PreprocessingError(reason: "speech.features.hop: expected 1 to 256, found 0")) {
      try Preprocessing(metadata: preprocessing.metadata)
    }
  }
}
