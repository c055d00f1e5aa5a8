import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor

/// The transcript of sound that comes in pieces of any size: that of all pieces is that of the whole.
///
///     var running = TranscriptStream(transcriber, rate: 16_000)
///     for samples in pieces { print(running.append(samples), terminator: "") }
///     print(running.finish().text)
///
/// A model of one direction takes each step as soon as its sound has come, in memory that doesn't grow with the sound; one of both
/// directions waits for the end.
public struct TranscriptStream {
  private let transcriber: Transcriber
  private let rate: Int
  private var resampler: Resampler
  private var frames: AudioFrames
  private var decoder: TranscriptDecoder
  private let stepper: ModelStepper?
  /// Numbers of windows that make no whole step yet; of models of both directions those of all.
  private var waiting: [Float] = []
  private var samples = 0, steps = 0

  /// A sound of `rate` samples a second that has not begun.
  public init(_ transcriber: Transcriber, rate: Int, search: Transcriber.Search = .init()) {
    self.transcriber = transcriber
    self.rate = rate
    resampler = Resampler(from: rate, to: transcriber.encoder.speech.features.rate)
    frames = AudioFrames(transcriber.encoder.speech.features)
    decoder = TranscriptDecoder(search, outputs: transcriber.encoder.speech.outputs)
    stepper = transcriber.stream?.stepper()
  }

  /// Takes the next samples, and gives the characters that are sure by now: those of a beam search, and of a model of both directions,
  /// are given at the end.
  @discardableResult
  public mutating func append(_ more: [Float]) -> String {
    samples += more.count
    return take(frames.append(resampler.append(more)))
  }

  private mutating func take(_ numbers: [Float]) -> String {
    waiting += transcriber.encoder.standardized(numbers)
    guard stepper != nil else { return "" }
    let width = transcriber.encoder.speech.width
    let whole = waiting.count / width * width
    let logits = logits(waiting[..<whole])
    waiting.removeFirst(whole)
    return transcriber.encoder.speech.decode(decoder.take(logits))
  }

  private mutating func logits(_ numbers: ArraySlice<Float>) -> [Float] {
    guard let stepper else { return [] }
    let (width, outputs) = (transcriber.encoder.speech.width, transcriber.encoder.speech.outputs)
    var all: [Float] = []
    var row = [Float](repeating: 0, count: outputs)
    for start in stride(from: numbers.startIndex, to: numbers.endIndex, by: width) {
      do throws(StreamError) { try stepper.step(Array(numbers[start..<start + width]), into: &row) } catch {
        fail("TranscriptStream: \(error)")
      }
      all += row
      steps += 1
    }
    return all
  }

  /// The transcript of all that came. Nothing more may come.
  public mutating func finish() -> Transcriber.Transcript {
    _ = take(frames.append(resampler.finish()))
    _ = take(frames.finish())
    let rest = transcriber.encoder.stacked(waiting)
    waiting = []
    if stepper == nil {
      steps = rest.count / transcriber.encoder.speech.width
      decoder.take(transcriber.logits(rest))
    } else {
      decoder.take(logits(rest[...]))
    }
    let found = decoder.finished()
    return Transcriber.Transcript(
      text: transcriber.encoder.speech.decode(found.symbols), score: found.score, steps: steps,
      seconds: Double(samples) / Double(rate))
  }
}
