import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `frames`.
enum FramesOptions {
  static let given = TaskOption.whole("given", "frames that go in", default: 10, in: 1...10_000)
  static let predicted = TaskOption.whole(
    "predicted", "frames after them that are predicted", default: 10, in: 1...10_000)
  static let test = TaskOption.file(
    "test", "frames to test on; a share of the sequences of --data if you leave it out")
  static let validation = TaskOption.file(
    "valid", "frames to validate on; a share of the sequences of --data if you leave it out")
  static let validPercent = TaskOption.whole(
    "valid-percent", "share of the sequences for validation, without --valid", default: 10, in: 1...90)
  static let testPercent = TaskOption.whole(
    "test-percent", "share of the sequences for the test, without --test", default: 10, in: 1...90)
  static let axes = TaskOption.choice(
    "axes", "which axis of an array is first; found by how alike neighbours are if you leave it out",
    of: FrameSequences.Axes.allCases.map(\.rawValue))
  static let digits = TaskOption.whole(
    "digits", "digits that move in each sequence that is made, without --data", default: 2, in: 1...10)
  static let patch = TaskOption.whole(
    "patch",
    "the side of the patches whose pixels are the channels of a place; by the frames' size if you leave it out",
    in: 1...64)
  static let kernel = TaskOption.whole(
    "kernel", "the side of the neighbourhood that each map reads, an odd number of places", default: 3,
    in: 1...31)
  static let loss = TaskOption.choice(
    "loss", "what is made small: the cross-entropy of brightness as a probability, or the squared error",
    default: Loss.crossEntropy.rawValue, of: Loss.allCases.map(\.rawValue))

  static let all = [
    given, predicted, test, validation, validPercent, testPercent, axes, digits, patch, kernel, loss,
  ]
  static let ofModel = [given, predicted, patch, kernel]

  enum Loss: String, CaseIterable {
    case crossEntropy = "cross-entropy"
    case squaredError = "squared-error"
  }

  /// The side of patches of frames of a size: that which was asked for, else the least of 4 or more that makes a grid of at most 64
  /// places, or the largest that there is; nil where it divides neither side.
  static func patch(_ settings: TrainingSettings, height: Int, width: Int) -> Int? {
    func fits(_ side: Int) -> Bool { height % side == 0 && width % side == 0 }
    if let patch = settings.optionalWhole(patch) { return fits(patch) ? patch : nil }
    let sides = (1...64).filter(fits)
    return sides.first { $0 >= 4 && height / $0 * (width / $0) <= 64 } ?? sides.last
  }
}

extension TrainingSettings {
  /// The model of frames: layers on the grid of patches read the frames that are given, and layers that begin with their states write
  /// the ones after them.
  func framePredictor(cell: Cell, _ frames: Preprocessing.FrameSource) -> ModelDescription {
    var reading = recurrentOptions(cell)
    reading.kernel = whole(FramesOptions.kernel)
    reading.returnState = true
    var writing = reading
    (writing.returnSequences, writing.returnState) = (true, false)
    (writing.inputDropout, writing.noise) = (0, "forecaster")
    reading.inputDropout = inputDropout ?? 0
    let states = reading.layers * (reading.isBidirectional ? 2 : 1) * cell.states.count
    let input = LayerShape.sequence(frames.height / frames.patch, frames.width / frames.patch, frames.depth)
    return ModelDescription(
      inputs: [.init("frames", input)],
      layers: [
        LayerDescription(Recurrent(reading), name: "encoder"),
        LayerDescription(RepeatVector(frames.predicted), name: "steps"),
        LayerDescription(Recurrent(writing), name: "forecaster"),
        LayerDescription(Dense(frames.depth), name: "head"),
      ],
      calls: [
        .init("encoder", [.init(node: 0)]), .init("steps", [.init(node: 1)]),
        .init("forecaster", [.init(node: 2)] + (1...states).map { .init(node: 1, output: $0) }),
        .init("head", [.init(node: 3)]),
      ], outputs: [.init(node: 4)])
  }
}
