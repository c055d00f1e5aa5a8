import CellgateTensor

/// Random numbers that a derived cell reads at each step: 1 with a probability, else 0, one for each unit.
package struct NoiseDefinition: Sendable {
  /// What it is for: the state's name. It names the stream of the numbers.
  package let name: String
  /// Hidden or projection.
  package let size: CellDimension
  /// How likely a 1 is, in 0 ..< 1.
  package let probability: Float
}
