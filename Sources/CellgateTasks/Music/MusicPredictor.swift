import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Finds how likely each key sounds in each frame of tunes, given the frames before it, with a model that `music` trained.
public struct MusicPredictor {
  private let model: Model
  private let encoder: MusicEncoder

  /// The predictor of a model; nil of one of other data.
  public init?(_ model: Model) {
    guard let encoder = MusicEncoder(model.preprocessing), model.outputShapes.count == 1,
      model.outputShapes[0].count == encoder.outputs
    else { return nil }
    (self.model, self.encoder) = (model, encoder)
  }

  /// All tunes of files, as ``PianoRollFiles`` reads them; throws what is wrong with them.
  public func tunes(_ path: String) throws(TaskDataError) -> [PianoRoll] {
    try PianoRollFiles(path, step: encoder.music.step).tunes
  }

  /// For each frame of a tune the probability of each of a piano's 88 keys.
  public func probabilities(_ roll: PianoRoll) -> [[Float]] {
    MusicObjective.probabilities(model, encoder, roll)
  }

  /// How well the model predicts the frames of all tunes of files: the values of ``MusicTask``'s metrics, in their order. Throws what
  /// is wrong with the files.
  public func score(_ path: String) throws(TaskDataError) -> (tunes: Int, evaluation: Evaluation) {
    let tunes = try tunes(path)
    try MusicTask.check(tunes, of: path)
    let batches = MusicBatches(
      encoder: encoder, training: [], validation: [], test: tunes, settings: MusicTask.defaults, checksum: nil
    )
    let evaluation = withoutGradient {
      MusicObjective(encoder: encoder).evaluate(
        model, on: .test, batches.batches(of: .test), metrics: MusicTask.description.metrics,
        context: .inference())
    }
    return (tunes.count, evaluation)
  }

  /// Writes CSV: `tune`, `frame` from 1 on, `prediction`, the MIDI numbers of the keys that are likelier to sound than not, and
  /// `probability_KEY` of each key. Throws `FileError`.
  public func write(_ tunes: [PianoRoll], to path: String) throws(FileError) {
    let keys = Array(Chord.piano)
    try AtomicFile.write(to: path) { file throws(FileError) in
      try file.write(
        Data(
          CSVWriter.line(["tune", "frame", "prediction"] + keys.map { "probability_\($0)" }).utf8))
      for tune in tunes {
        var text = ""
        for (frame, values) in probabilities(tune).enumerated() {
          let likely = zip(keys, values).filter { $0.1 > 0.5 }.map { "\($0.0)" }
          text += CSVWriter.line(
            [tune.name, "\(frame + 1)", likely.joined(separator: " ")] + values.map { "\($0)" })
        }
        try file.write(Data(text.utf8))
      }
    }
  }
}
