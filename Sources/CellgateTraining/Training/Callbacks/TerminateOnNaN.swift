/// Stops training where it would end with an error: when a loss, a norm of gradients or a parameter is NaN or infinite.
/// The parameters are those before the update.
public final class TerminateOnNaN: TrainingCallback {
  /// What was found; nil for nothing.
  public private(set) var found: NonFinite?

  /// A callback that has found nothing.
  public init() {}

  /// Stops.
  public func foundNonFinite(_ loop: TrainingLoop, _ found: NonFinite) {
    self.found = found
    let place =
      switch found.place {
      case .loss: "the loss"
      case .gradientNorm: "the gradient norm"
      case .parameter(let name): name
      }
    loop.stop("\(place) is \(found.found) at step \(found.step)")
  }
}
