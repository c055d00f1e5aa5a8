import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `music`.
enum MusicOptions {
  static let form = TaskOption.choice(
    "form", "what is predicted of a frame: each key, or its chord as one symbol", default: "keys",
    of: ["keys", "chords"])
  static let step = TaskOption(
    "step", "quarter notes of a frame; of MIDI 0.25 and of other files 0.5 if you leave it out",
    .real(0.001...64), default: nil)
  static let length = TaskOption.whole(
    "length", "frames of a tune that are learned together", default: 200, in: 1...1_000_000)
  static let transpose = TaskOption(
    "transpose",
    "semitones up or down that tunes are moved by at random while training; of MIDI 5 and of other files 0 if you leave it out",
    .whole(0...11), default: nil)
  static let embedding = TaskOption.whole(
    "embedding", "numbers that a dense layer makes of a frame; 0 for its keys as they are", default: 128,
    in: 0...65_536)
  static let leastCount = TaskOption.whole(
    "least-count", "chords that the training part has less often are unknown", default: 2, in: 1...1_000_000)
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the tunes for validation, of files without parts", default: 15, in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the tunes for the test, of files without parts", default: 15, in: 1...90)

  static let all = [
    form, step, length, transpose, embedding, leastCount, validPercent, testPercent,
  ]

  static let ofModel = [form, step, embedding]
}

extension TrainingSettings {
  /// The model that gives so many logits for each frame from the frames before it.
  func musicModel(cell: Cell, outputs: Int) -> ModelDescription {
    var layers: [LayerDescription] = []
    let embedding = whole(MusicOptions.embedding)
    // Of the keys, before the dense layer.
    if let inputDropout, inputDropout > 0 {
      layers.append(LayerDescription(Dropout(inputDropout), name: "input_dropout"))
    }
    if embedding > 0 { layers.append(LayerDescription(Dense(embedding), name: "embedding")) }
    var options = recurrentOptions(cell)
    options.isBidirectional = false
    options.returnSequences = true
    layers.append(LayerDescription(Recurrent(options), name: "recurrent"))
    if headDropout > 0 { layers.append(LayerDescription(Dropout(headDropout), name: "head_dropout")) }
    layers.append(LayerDescription(Dense(outputs), name: "head"))
    return ModelDescription(chain: layers, input: .init("x", .sequence(Chord.piano.count)))
  }
}
