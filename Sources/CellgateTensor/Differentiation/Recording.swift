/// Whether operations are recorded for a backward pass, per task or thread.
enum Recording {
  @TaskLocal static var isOn = true
}

/// Runs `body` without recording: what it computes has no gradient and saves nothing for one.
public func withoutGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  try Recording.$isOn.withValue(false, operation: body)
}

/// Runs `body` with recording, also inside of `withoutGradient`.
public func withGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  try Recording.$isOn.withValue(true, operation: body)
}

extension Tensor {
  /// Whether a gradient of this tensor leads to a parameter.
  public var needsGradient: Bool { source != nil }

  /// The same numbers, through which no gradient flows.
  public var detached: Tensor {
    var tensor = self
    tensor.source = nil
    return tensor
  }
}
