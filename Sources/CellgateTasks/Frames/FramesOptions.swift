import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `frames`.
enum FramesOptions {
  static let given = TaskOption.whole("given", "frames that go in", default: 10, in: 1...10_000)
  static let predicted = TaskOption.whole(
    "predicted", "frames after them that are predicted", default: 10, in: 1...1000)
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
  static let reading = TaskOption.real(
    "reading-loss",
    "λ of a loss of the frame after each one that is given; 0 for those after all of them alone",
    default: 1, in: 0...1000)

  static let all = [
    given, predicted, test, validation, validPercent, testPercent, axes, digits, patch, kernel, loss,
    reading,
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
  /// The model of frames: layers on the grid of patches read the frames that are given and take each for the next one; then they go on with what
  /// they predict themselves. Its outputs are the frames after those that are given, one after another, and what is predicted after each that is
  /// given.
  func framePredictor(cell: Cell, _ frames: Preprocessing.FrameSource) -> ModelDescription {
    var options = recurrentOptions(cell)
    options.kernel = whole(FramesOptions.kernel)
    (options.returnSequences, options.returnState) = (true, true)
    let states = options.layers * cell.states.count
    let input = LayerShape.sequence(frames.height / frames.patch, frames.width / frames.patch, frames.depth)
    var calls: [ModelDescription.Call] = []
    /// Calls a layer, and gives the call's node.
    func call(_ layer: String, _ values: [ModelDescription.Value]) -> Int {
      calls.append(.init(layer, values))
      return calls.count
    }
    var read = call("recurrent", [.init(node: 0)])
    let following = call("head", [.init(node: read)])
    let last = call("last", [.init(node: following)])
    var found = [call("step", [.init(node: last)])]
    while found.count < frames.predicted {
      let frame = call("brightness", [.init(node: found[found.count - 1])])
      read = call("recurrent", [.init(node: frame)] + (1...states).map { .init(node: read, output: $0) })
      found.append(call("head", [.init(node: read)]))
    }
    let layers = [
      LayerDescription(Recurrent(options), name: "recurrent"),
      LayerDescription(Dense(frames.depth), name: "head"), LayerDescription(LastStep(), name: "last"),
      LayerDescription(RepeatVector(1), name: "step"),
      LayerDescription(ActivationLayer(.sigmoid), name: "brightness"),
    ]
    return ModelDescription(
      inputs: [.init("frames", input)],
      layers: layers.filter { layer in calls.contains { $0.layer == layer.name } },
      calls: calls, outputs: (found + [following]).map { .init(node: $0) })
  }
}
