/// Times of something in seconds.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  try ContinuousClock().measure(body) / .seconds(1)
}

/// The median of `repeats` times after one that isn't counted, in seconds.
func medianSeconds(_ repeats: Int, _ body: () -> Void) -> Double {
  body()
  return (0..<repeats).map { _ in seconds(body) }.median
}
