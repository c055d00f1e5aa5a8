import CellgateTensor

/// What a forward pass needs to know besides its input: whether it trains, and where its noise comes from.
///
/// Made anew for each pass. The noise depends on the seed, the step and the layer's name alone, so that a
/// resumed run draws the same masks.
public final class ForwardContext {
  /// Whether dropout and its like are on.
  public let isTraining: Bool
  /// The run's seed.
  public let seed: UInt64
  /// The update that this pass is for, counted from 0.
  public let step: UInt64

  private var uses: [String: UInt64] = [:]

  private init(isTraining: Bool, seed: UInt64, step: UInt64) {
    self.isTraining = isTraining
    self.seed = seed
    self.step = step
  }

  /// A pass that trains.
  public static func training(seed: UInt64, step: UInt64) -> ForwardContext {
    ForwardContext(isTraining: true, seed: seed, step: step)
  }

  /// A pass without noise.
  public static func inference() -> ForwardContext {
    ForwardContext(isTraining: false, seed: 0, step: 0)
  }

  /// The noise of the layer `name`; of its second use within this pass another one, and so on.
  public func stream(_ name: String) -> RandomStream {
    let use = uses[name, default: 0]
    uses[name] = use + 1
    return RandomStream(seed: seed, name: "noise/\(name)/\(use)", step: step)
  }
}
