import CellgateTensor
import CellgateTraining

/// Errors of predicted frames, each summed over a frame's pixels and averaged over frames.
struct FrameScores: Codable {
  private var squared: [Double] = []
  private var absolute = 0.0
  private var similarity = 0.0, similarityCount = 0
  private var black = 0.0, last = 0.0
  private var sequences = 0, baselineFrames = 0

  /// Adds what was found of a batch.
  mutating func add(_ found: Tensor, _ batch: FrameBatch) {
    let steps = found.shape[0], size = found.count / max(1, steps)
    if squared.isEmpty { squared = Array(repeating: 0, count: steps) }
    let (one, other) = (found.scalars, batch.expected.scalars)
    for step in 0..<steps {
      for place in step * size..<(step + 1) * size {
        let difference = Double(one[place]) - Double(other[place])
        squared[step] += difference * difference
        absolute += abs(difference)
      }
    }
    sequences += batch.count
  }

  /// Adds the errors of black frames, and of the last frame repeated.
  mutating func addBaselines(_ batch: FrameBatch) {
    let steps = batch.expected.shape[0], size = batch.expected.count / max(1, steps)
    let expected = batch.expected.scalars, shown = batch.given[batch.given.shape[0] - 1].scalars
    for step in 0..<steps {
      for place in 0..<size {
        let value = Double(expected[step * size + place])
        let difference = value - Double(shown[place])
        black += value * value
        last += difference * difference
      }
    }
    baselineFrames += steps * batch.count
  }

  /// Adds the similarity of a frame.
  mutating func addSimilarity(_ value: Double) {
    similarity += value
    similarityCount += 1
  }

  /// Adds the scores of other batches.
  mutating func add(_ other: FrameScores) {
    squared = squared.isEmpty ? other.squared : zip(squared, other.squared).map { $0 + $1 }
    absolute += other.absolute
    similarity += other.similarity
    similarityCount += other.similarityCount
    black += other.black
    last += other.last
    sequences += other.sequences
    baselineFrames += other.baselineFrames
  }

  /// The squared error of a frame at each step.
  var squaredErrorOfSteps: [Double] { squared.map { $0 / Double(sequences) } }

  /// A metric by its name; NaN of none.
  func value(_ name: String) -> Double {
    let frames = Double(squared.count * sequences)
    return switch name {
    case FramesTask.squaredError.name: squared.reduce(0, +) / frames
    case FramesTask.absoluteError.name: absolute / frames
    case FramesTask.similarity.name: similarity / Double(similarityCount)
    case FramesTask.black.name: black / Double(baselineFrames)
    case FramesTask.lastFrame.name: last / Double(baselineFrames)
    default: .nan
    }
  }
}
