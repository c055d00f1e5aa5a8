import CellgateCells

/// Some sequences of a stage that has states, a step at a time, in memory of its own.
protocol SteppedStage {
  /// A step of the first `rows` sequences: x `[rows, I]` gives the output `[rows, O]`.
  func step(_ x: UnsafePointer<Float>, rows: Int, output: UnsafeMutablePointer<Float>)
  /// Writes the states of a sequence, as many numbers as the stage has.
  func copyStates(of row: Int, to numbers: UnsafeMutablePointer<Float>)
  /// Makes the states of a sequence those at `numbers`.
  func setStates(of row: Int, to numbers: UnsafePointer<Float>)
}

extension CellStream.Session: SteppedStage {}
