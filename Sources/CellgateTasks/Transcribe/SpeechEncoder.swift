import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes what a model takes of recordings, and the symbols of their transcripts.
struct SpeechEncoder {
  /// A recording as the model takes it, and its transcript.
  struct Example {
    /// What it is called.
    var name: String
    /// The features of each window, standardised.
    var values: [Float]
    /// T, once windows are put together.
    var steps: Int
    /// The transcript as it stands there, with single spaces.
    var text: String
    /// Its symbols, those that are known.
    var symbols: [Int32]
    /// How many of its characters are not known.
    var unknown: Int

    /// Whether the steps are too few to say the transcript.
    var isImpossible: Bool { ctcLeastSteps(of: symbols) > steps }
  }

  /// What a model's file keeps.
  let preprocessing: Preprocessing
  let speech: SpeechPreprocessing
  let scaler: Scaler

  /// What a model knows; nil of a model of other data.
  init?(_ preprocessing: Preprocessing) {
    guard let speech = preprocessing.speech, let scaler = preprocessing.inputScaler,
      scaler.means.count == speech.features.width
    else { return nil }
    (self.preprocessing, self.speech, self.scaler) = (preprocessing, speech, scaler)
  }

  /// What is learned of the features and the transcripts of the training part.
  init(features: AudioFeatures, stack: Int, training: [[Float]], texts: [String]) {
    var preprocessing = Preprocessing()
    var alphabet = String.UnicodeScalarView()
    alphabet.append(
      contentsOf: Set(texts.flatMap { SpeechPreprocessing.normalized($0).unicodeScalars }).sorted())
    preprocessing.speech = SpeechPreprocessing(
      features: features, stack: stack, alphabet: String(alphabet))
    let width = features.width
    let count = training.reduce(0) { $0 + $1.count } / width
    let all = Tensor(Array(training.joined()), shape: [count, width])
    let fitted = Scaler(fitting: all)
    preprocessing.inputScaler = fitted
    (self.preprocessing, scaler) = (preprocessing, fitted)
    speech = preprocessing.speech ?? SpeechPreprocessing(features: features, stack: stack, alphabet: "")
  }

  /// Numbers of windows, standardised.
  func standardized(_ numbers: [Float]) -> [Float] {
    let width = speech.features.width
    return numbers.indices.map { place in
      (numbers[place] - scaler.means[place % width]) / scaler.deviations[place % width]
    }
  }

  /// A recording by the features of its windows.
  func example(_ item: SpeechFiles.Item, _ numbers: [Float]) -> Example {
    let text = SpeechPreprocessing.normalized(item.text ?? "")
    let (symbols, unknown) = speech.encode(text)
    let windows = numbers.count / speech.features.width
    return Example(
      name: item.name, values: standardized(numbers), steps: (windows - 1) / speech.stack + 1, text: text,
      symbols: symbols, unknown: unknown)
  }

  /// The numbers of steps, of which the last one may have fewer windows: its last one stands there again and again.
  func stacked(_ values: [Float]) -> [Float] {
    let width = speech.features.width
    let missing = (speech.width - values.count % speech.width) % speech.width
    guard missing > 0, values.count >= width else { return values }
    return values + (0..<missing / width).flatMap { _ in values.suffix(width) }
  }

  /// Recordings side by side with their lengths, [T, B, I].
  func batch(_ examples: [Example]) -> SpeechBatch {
    let (steps, count) = (examples.map(\.steps).max() ?? 0, examples.count)
    let width = speech.width
    var numbers = [Float](repeating: 0, count: steps * count * width)
    for (column, example) in examples.enumerated() {
      let own = stacked(example.values)
      for step in 0..<example.steps {
        let start = (step * count + column) * width
        for place in 0..<width { numbers[start + place] = own[step * width + place] }
      }
    }
    return SpeechBatch(
      input: LayerValue(
        Tensor(numbers, shape: [steps, count, width]), mask: .lengths(examples.map(\.steps))),
      targets: examples.map(\.symbols), texts: examples.map(\.text), unknown: examples.map(\.unknown))
  }

  /// The likeliest paths' transcripts of logits [T, B, K] with these lengths.
  func transcripts(_ logits: Tensor, _ lengths: [Int]) -> [String] {
    let (scores, width) = (logits.scalars, speech.outputs)
    return lengths.enumerated().map { sequence, length in
      var decoder = CTCGreedy()
      for step in 0..<length {
        let start = (step * lengths.count + sequence) * width
        decoder.step(scores[start..<start + width])
      }
      return speech.decode(decoder.symbols)
    }
  }

  /// The features of a WAV file. Throws what is wrong with it.
  static func numbers(_ path: String, _ features: AudioFeatures) throws(TaskDataError) -> [Float] {
    let sound = try Self.sound(path)
    return features(sound.samples, rate: sound.rate)
  }

  /// A WAV file of a rate that can be brought to others.
  static func sound(_ path: String) throws(TaskDataError) -> WAVFile {
    do throws(WAVError) {
      let sound = try WAVFile(path)
      try check(rate: sound.rate, of: path)
      return sound
    } catch { throw .sound(error) }
  }

  static func check(rate: Int, of file: String) throws(WAVError) {
    guard rate <= Resampler.highest else {
      throw .damaged(
        file: file, reason: "expected a rate of 1 to \(Resampler.highest) samples a second, found \(rate)")
    }
  }
}

/// Recordings of any lengths with their transcripts.
public struct SpeechBatch {
  /// The features of each step, `[T, B, I]`, with the lengths.
  public let input: LayerValue
  /// The symbols of each transcript.
  public let targets: [[Int32]]
  /// The transcripts as they stand there.
  public let texts: [String]
  /// How many characters of each transcript are not known.
  let unknown: [Int]

  /// The steps of each recording.
  var lengths: [Int] { if case .lengths(let lengths)? = input.mask { lengths } else { [] } }
}
