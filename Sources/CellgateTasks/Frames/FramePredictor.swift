import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Predicts frames with a model that `frames` trained.
///
///     let predictor = FramePredictor(try Model.load("runs/frames-lstm"))
///     try predictor?.predict("clips.npy", to: "next.npy")
public struct FramePredictor {
  private let model: Model
  /// The frames that go in and come out.
  public let source: Preprocessing.FrameSource

  /// The predictor of a model; nil of one that takes other data.
  public init?(_ model: Model) {
    guard let source = model.preprocessing.frames, source.isRight,
      model.inputs.map(\.shape) == [
        .sequence(source.height / source.patch, source.width / source.patch, source.depth)
      ], model.outputShapes.allSatisfy({ $0 == model.inputs.first?.shape }),
      model.outputShapes.count == source.predicted + 1
    else { return nil }
    (self.model, self.source) = (model, source)
  }

  /// The frames after the first ones of each sequence of a file or folder, `[sequences, predicted, height, width]` with a last axis of channels
  /// where there are several, and how many frames the longest sequence has. Throws what is wrong with the frames.
  public func frames(_ path: String, batch: Int = 16) throws(TaskDataError) -> (frames: Tensor, steps: Int) {
    let read = try FrameSequences(path: path, axes: nil)
    func unfit(_ reason: String) -> TaskDataError { .unfit(file: path, reason: reason) }
    guard (read.height, read.width, read.channels) == (source.height, source.width, source.channels) else {
      throw unfit(
        "expected frames of \(source.width) by \(source.height) pixels and \(source.channels) channels, found \(read.width) by \(read.height) and \(read.channels)"
      )
    }
    if let short = read.sequences.first(where: { $0.steps < source.given }) {
      throw unfit("\(short.name): expected \(source.given) frames or more, found \(short.steps)")
    }
    var numbers: [Float] = []
    for start in stride(from: 0, to: read.sequences.count, by: max(1, batch)) {
      let own = Array(read.sequences[start..<min(start + max(1, batch), read.sequences.count)])
      let given = read.patches(own, steps: 0..<source.given, patch: source.patch)
      let found = FramesObjective.frames(model, FrameBatch(given: given, expected: given), source)
      for row in own.indices { for step in found { numbers += step[row] } }
    }
    let shape = [read.sequences.count, source.predicted, source.height, source.width]
    return (
      Tensor(numbers, shape: shape + (source.channels > 1 ? [source.channels] : [])),
      read.sequences.map(\.steps).max() ?? 0
    )
  }

  /// Writes the predicted frames as an npy file of Float32; throws what is wrong with the frames, or that it can't be written. Gives the
  /// shape, and how many frames the longest sequence has.
  @discardableResult
  public func predict(
    _ path: String, to out: String, batch: Int = 16
  ) throws(TaskDataError) -> (shape: [Int], steps: Int) {
    let (frames, steps) = try frames(path, batch: batch)
    do throws(FileError) {
      try NumpyArray(shape: frames.shape, floats: frames.scalars).write(to: out)
    } catch { throw .file(error) }
    return (frames.shape, steps)
  }
}
