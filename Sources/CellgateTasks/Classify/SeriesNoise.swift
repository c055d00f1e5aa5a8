import CellgateBasics
import CellgateTensor

/// What changes a series by chance while training, so that a model of few series learns what matters: a shift in time, where the
/// end that is left stays as it was; a factor of each feature; and noise on each number.
struct SeriesNoise {
  /// F, the numbers of a step that are changed.
  let width: Int
  /// What comes beside them in each step, and only moves with it.
  let marks: Int
  /// 0 for nothing; 1 for shifts of up to a fifth of the steps, factors of deviation 0.5 and noise of deviation 0.2.
  let strength: Float

  /// Nil for nothing to do.
  init?(width: Int?, marks: Int = 0, strength: Double) {
    guard let width, strength > 0 else { return nil }
    (self.width, self.marks, self.strength) = (width, marks, Float(strength))
  }

  private static let shift: Float = 0.2, factor: Float = 0.5, noise: Float = 0.2

  /// The example, changed by what the stream gives.
  func callAsFunction(
    _ example: SequenceEncoder.Example, _ stream: inout RandomStream
  ) -> SequenceEncoder.Example {
    var changed = example
    let most = Int(Self.shift * strength * Float(example.steps))
    let shift = stream.integer(below: 2 * most + 1) - most
    let factors = (0..<width).map { _ in Float(CLibrary.exp(Double(Self.factor * strength * stream.normal())))
    }
    for step in 0..<example.steps {
      let from = min(max(step + shift, 0), example.steps - 1)
      let (own, other) = (step * (width + marks), from * (width + marks))
      for feature in 0..<width {
        changed.values[own + feature] =
          example.values[other + feature] * factors[feature] + Self.noise * strength * stream.normal()
      }
      for mark in width..<width + marks { changed.values[own + mark] = example.values[other + mark] }
    }
    return changed
  }
}
