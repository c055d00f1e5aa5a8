import CellgateBasics
import CellgateTensor

/// How a Transformer knows the order of its steps.
public enum TransformerPositions: String, Codable, Sendable, CaseIterable {
  /// It doesn't: all orders are alike, but for causal layers.
  case none
  /// A fixed vector for its place is added to each step (Vaswani et al. 2017): number 2i is sin(p / 10000^(2i/D)) and number
  /// 2i + 1 cos of the same. Where steps see a window of W, places are counted modulo W: within the window all differ.
  case sinusoidal
  /// Queries and keys are turned by their places (``RotaryPositions``): what counts is how far steps lie apart.
  case rotary
}

/// The vectors of sinusoidal positions.
enum SinusoidalPositions {
  /// Those of the first `places` places, [places, size].
  static func table(places: Int, size: Int) -> Tensor {
    let rates = (0..<(size + 1) / 2).map { pow(10_000, -2 * Double($0) / Double(size)) }
    return Tensor(
      (0..<places).flatMap { place in
        (0..<size).map { index in
          let angle = Double(place) * rates[index / 2]
          return Float(index % 2 == 0 ? sin(angle) : cos(angle))
        }
      }, shape: [places, size])
  }
}
