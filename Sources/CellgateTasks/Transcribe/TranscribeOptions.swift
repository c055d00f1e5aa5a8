import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `transcribe`.
enum TranscribeOptions {
  static let test = TaskOption.file(
    "test", "recordings to test on, a folder or a manifest; those of --data whose split is test, or a share")
  static let validation = TaskOption.file(
    "valid", "recordings to validate on; those of --data whose split is valid, or a share")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the recordings for validation, where nothing else says which", default: 10,
    in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the recordings for the test, where nothing else says which", default: 10,
    in: 1...90)
  static let audio = TaskOption.choice(
    "audio", "what goes in of a window: the logarithm of the power in bands, or cepstral coefficients",
    default: AudioFeatures.Kind.logMel.rawValue, of: AudioFeatures.Kind.allCases.map(\.rawValue))
  static let rate = TaskOption.whole(
    "rate",
    "samples a second that recordings are brought to; the least of the training part, 16000 at most, if you leave it out",
    in: 1000...384_000)
  static let window = TaskOption.real("window", "milliseconds of a window", default: 25, in: 2...1000)
  static let hop = TaskOption.real(
    "hop", "milliseconds from one window to the next", default: 10, in: 1...1000)
  static let bands = TaskOption.whole("bands", "bands of frequencies", default: 40, in: 2...512)
  static let coefficients = TaskOption.whole(
    "coefficients", "coefficients of a window with --audio mfcc", default: 13, in: 1...512)
  static let stack = TaskOption.whole(
    "stack", "windows that are put together to a step", default: 2, in: 1...64)
  static let timeMasks = TaskOption.whole(
    "time-masks", "runs of windows that are masked in each recording while training", default: 2, in: 0...100)
  static let timeMask = TaskOption.whole(
    "time-mask", "the most windows of such a run; all together at most half of the recording", default: 10,
    in: 0...100_000)
  static let bandMasks = TaskOption.whole(
    "band-masks", "runs of bands that are masked in each recording while training", default: 2, in: 0...100)
  static let bandMask = TaskOption.whole("band-mask", "the most bands of such a run", default: 6, in: 0...512)
  static let directions = TaskOption.choice(
    "directions", "in which directions the layers run; forward transcribes sound as it comes",
    default: "both",
    of: ["both", "forward"])

  static let all = [
    test, validation, validPercent, testPercent, audio, rate, window, hop, bands, coefficients, stack,
    timeMasks, timeMask, bandMasks, bandMask, directions,
  ]

  static let ofModel = [audio, rate, window, hop, bands, coefficients, stack, directions]
}

extension TrainingSettings {
  /// The features of recordings at a rate.
  func audioFeatures(rate: Int) -> AudioFeatures {
    AudioFeatures(
      text(TranscribeOptions.audio).flatMap(AudioFeatures.Kind.init) ?? .logMel, rate: rate,
      window: real(TranscribeOptions.window), hop: real(TranscribeOptions.hop),
      bands: whole(TranscribeOptions.bands), coefficients: whole(TranscribeOptions.coefficients))
  }

  /// Masks while training.
  var spectrumMasks: SpectrumMasks {
    SpectrumMasks(
      times: whole(TranscribeOptions.timeMasks), timeWidth: whole(TranscribeOptions.timeMask),
      bands: whole(TranscribeOptions.bandMasks), bandWidth: whole(TranscribeOptions.bandMask))
  }

  /// The model that gives the logits of the blank and of `symbols` at each step of `inputSize` numbers.
  func transcriber(cell: Cell, inputSize: Int, outputs: Int) -> ModelDescription {
    var layers: [LayerDescription] = []
    if let inputDropout, inputDropout > 0 {
      layers.append(LayerDescription(Dropout(inputDropout), name: "input_dropout"))
    }
    var options = recurrentOptions(cell)
    options.isBidirectional = bidirectional || text(TranscribeOptions.directions) != "forward"
    options.returnSequences = true
    layers.append(LayerDescription(Recurrent(options), name: "recurrent"))
    if headDropout > 0 { layers.append(LayerDescription(Dropout(headDropout), name: "head_dropout")) }
    layers.append(LayerDescription(Dense(outputs), name: "head"))
    return ModelDescription(chain: layers, input: .init("features", .sequence(inputSize)))
  }
}
