import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Transcribes recordings with a model that `transcribe` trained.
///
///     let transcriber = Transcriber(try Model.load("runs/transcribe-lstm"))
///     let transcript = try transcriber?.transcript(of: "a.wav").text
public struct Transcriber {
  /// How transcripts are looked for.
  public struct Search: Sendable {
    /// Prefixes that are kept at each step; 1 takes the likeliest path.
    public var beam = 1
    /// A language model of the characters; nil for none.
    public var language: CTCBeam.Language?
    /// What each character adds to the score.
    public var bonus = 0.0

    /// The likeliest path.
    public init() {}

    /// Whether the likeliest path is taken.
    public var isGreedy: Bool { beam == 1 && language == nil && bonus == 0 }
  }

  /// A transcript.
  public struct Transcript: Sendable, Equatable {
    /// What was said.
    public let text: String
    /// ln p of the likeliest path, or the score of a beam search.
    public let score: Double
    /// Steps of the model.
    public let steps: Int
    /// Seconds of sound.
    public let seconds: Double
  }

  let model: Model
  let encoder: SpeechEncoder
  /// The model a step at a time; nil of one that needs the whole sound.
  let stream: ModelStream?

  /// The transcriber of a model; nil of one of other data.
  public init?(_ model: Model) {
    guard let encoder = SpeechEncoder(model.preprocessing), model.outputShapes.count == 1,
      model.outputShapes[0].features == [encoder.speech.outputs],
      model.inputs.map(\.shape) == [.sequence(encoder.speech.width)]
    else { return nil }
    (self.model, self.encoder) = (model, encoder)
    stream = try? model.stream()
  }

  /// Whether sound is transcribed as it comes: of models that run in one direction.
  public var streams: Bool { stream != nil }

  /// The characters that there are.
  public var alphabet: String { encoder.speech.alphabet }

  /// The sound of each step that must have come before it is transcribed, in seconds: a step's windows.
  public var secondsPerStep: (shift: Double, sound: Double) {
    let (features, stack) = (encoder.speech.features, encoder.speech.stack)
    let shift = features.hop * stack
    return (
      Double(shift) / Double(features.rate),
      Double(shift - features.hop + features.size) / Double(features.rate)
    )
  }

  /// A WAV file of a rate that can be brought to others. Throws what is wrong with it.
  public static func sound(_ path: String) throws(TaskDataError) -> WAVFile { try SpeechEncoder.sound(path) }

  /// Throws for a rate that can't be brought to others; `file` is what it is of.
  public static func check(rate: Int, of file: String) throws(WAVError) {
    try SpeechEncoder.check(rate: rate, of: file)
  }

  /// The transcript of a WAV file. Throws what is wrong with it.
  public func transcript(of path: String, search: Search = Search()) throws(TaskDataError) -> Transcript {
    let sound = try Self.sound(path)
    return transcript(of: sound.samples, rate: sound.rate, search: search)
  }

  /// The transcript of samples of a rate.
  public func transcript(of samples: [Float], rate: Int, search: Search = Search()) -> Transcript {
    var running = TranscriptStream(self, rate: rate, search: search)
    _ = running.append(samples)
    return running.finish()
  }

  /// Writes CSV, `audio,text`, with the likeliest path's transcript of each recording of a WAV file, a folder or a manifest, which needs
  /// no transcripts; returns how many. Throws what is wrong with the data, or that the file can't be written.
  public func write(_ data: String, to path: String) throws(TaskDataError) -> Int {
    let items =
      SpeechFiles.isSound(data) && !Paths.isFolder(data)
      ? [SpeechFiles.Item(audio: data, name: Paths.name(of: data), text: nil, split: nil, place: data)]
      : try SpeechFiles(data).items
    var text = CSVWriter.line(["audio", "text"])
    for item in items {
      text += CSVWriter.line([item.name, try transcript(of: item.audio).text])
    }
    do throws(FileError) { try AtomicFile.write(Data(text.utf8), to: path) } catch { throw .file(error) }
    return items.count
  }

  /// The logits of all steps of a whole sound.
  func logits(_ numbers: [Float]) -> [Float] {
    let steps = numbers.count / encoder.speech.width
    guard steps > 0 else { return [] }
    let input = LayerValue(Tensor(numbers, shape: [steps, 1, encoder.speech.width]))
    return withoutGradient { model([input], .inference())[0].tensor.scalars }
  }
}
