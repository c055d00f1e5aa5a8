import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Writes tunes with a model that `music` trained, a frame at a time.
///
///     let generator = try MusicGenerator(model: "runs/music-lstm")
///     let tune = generator.roll(frames: 400, sampling: Sampling(temperature: 0.9), seed: 7)
///     try tune.midi(step: generator.step).write(to: "tune.mid")
///
/// Immutable: any threads may share it. The same seed gives the same tune, whatever the number of threads.
public struct MusicGenerator: Sendable {
  private let stream: ModelStream
  private let encoder: MusicEncoder

  /// Quarter notes of a frame.
  public var step: Double { encoder.music.step }
  /// Whether chords are drawn, and not each key by itself: then `Sampling.topK` and `topP` count, too.
  public var hasChords: Bool { encoder.hasChords }

  /// A generator of a model; nil of one of other data.
  public init?(_ model: Model) {
    guard let encoder = MusicEncoder(model.preprocessing) else { return nil }
    self.init(model, encoder)
  }

  init?(_ model: Model, _ encoder: MusicEncoder) {
    guard let stream = try? model.stream(), stream.symbols == nil, stream.inputSize == Chord.piano.count,
      stream.outputSize == encoder.outputs
    else { return nil }
    (self.stream, self.encoder) = (stream, encoder)
  }

  /// The generator of the model in a file or in the folder of a run. Throws `notOfMusic`, or `run`.
  public init(model path: String, trustingWeights: Bool = false) throws(GenerationError) {
    let model: Model
    do throws(RunError) { model = try Model.load(path, trustingWeights: trustingWeights) } catch {
      throw .run(error)
    }
    guard let generator = MusicGenerator(model) else { throw .notOfMusic(path: path) }
    self = generator
  }

  /// Whether the model in a file or in the folder of a run is one of music, as far as can be said without reading it whole.
  public static func isOne(_ path: String) -> Bool {
    let file = Paths.isFolder(path) ? path + "/model.safetensors" : path
    guard let metadata = try? ModelFile.metadata(of: file),
      let preprocessing = try? Preprocessing(metadata: metadata)
    else { return false }
    return preprocessing.music != nil
  }

  /// A tune of so many `frames` after those of `prime`, which it begins with.
  public func roll(
    frames count: Int, after prime: PianoRoll? = nil, sampling: Sampling = Sampling(), seed: UInt64 = 1,
    shouldStop: () -> Bool = { false }
  ) -> PianoRoll {
    let stepper = stream.stepper()
    var random = RandomStream(seed: seed, name: "generation")
    var input = [Float](repeating: 0, count: stream.inputSize)
    var logits = [Float](repeating: 0, count: stream.outputSize)
    var frames: [Chord] = []
    func take(_ chord: Chord) {
      for (place, key) in Chord.piano.enumerated() { input[place] = chord.contains(key) ? 1 : 0 }
      do throws(StreamError) { try stepper.step(input, into: &logits) } catch {
        fail("MusicGenerator: \(error)")
      }
    }
    take(.silence)
    for chord in prime?.frames ?? [] {
      frames.append(chord)
      take(chord)
    }
    for _ in 0..<count {
      if shouldStop() { break }
      let chord = encoder.draw(logits, sampling, from: &random)
      frames.append(chord)
      take(chord)
    }
    return PianoRoll(name: prime.map { "\($0.name), gone on" } ?? "a new tune", frames: frames)
  }
}
