import CellgateCells
import CellgateTensor

/// Sees what a recurrent layer did in a training step. Layers are named as in parameters: "l0", "l0_reverse".
public typealias LayerObserver = (_ layer: String, _ observation: CellObservation) -> Void

/// What a forward pass needs to know besides its input: whether it trains, and where its noise comes from.
///
/// Made anew for each pass. The noise depends on the seed, the step, the part and the layer's name alone, so that a
/// resumed run draws the same masks.
public final class ForwardContext {
  /// Whether dropout and its like are on.
  public let isTraining: Bool
  /// The run's seed.
  public let seed: UInt64
  /// The update that this pass is for, counted from 0.
  public let step: UInt64
  /// Which part of the update's batch this pass is for; nil for all of it.
  public let part: Int?
  /// Who wants to see the recurrent layers; nil for nobody.
  public let observer: LayerObserver?
  /// Who may want the pass to end before it is done; nil for nobody.
  public let stop: StopRequest?
  /// The processes that make an evaluation together; nil for this one alone.
  public let group: (any ProcessGroup)?

  private var uses: [String: UInt64] = [:]
  private var observed: [String: Int] = [:]

  private init(
    isTraining: Bool, seed: UInt64, step: UInt64, part: Int? = nil, observer: LayerObserver? = nil,
    stop: StopRequest? = nil, group: (any ProcessGroup)? = nil
  ) {
    self.isTraining = isTraining
    self.seed = seed
    self.step = step
    self.part = part
    self.observer = observer
    self.stop = stop
    self.group = group
  }

  /// A pass that trains. An `observer` is shown each recurrent layer in the course of the backward pass; it takes
  /// time and memory, and changes no result. The parts of a batch that is computed in several passes have noise of their own.
  public static func training(
    seed: UInt64, step: UInt64, part: Int? = nil, observer: LayerObserver? = nil
  ) -> ForwardContext {
    ForwardContext(isTraining: true, seed: seed, step: step, part: part, observer: observer)
  }

  /// A pass without noise, or several one after the other, which may be asked to `stop`, and which the processes of a `group` share.
  public static func inference(
    stop: StopRequest? = nil, group: (any ProcessGroup)? = nil
  ) -> ForwardContext {
    ForwardContext(isTraining: false, seed: 0, step: 0, stop: stop, group: group)
  }

  /// The same pass without noise, of the same observer.
  var withoutNoise: ForwardContext {
    ForwardContext(isTraining: false, seed: seed, step: step, part: part, observer: observer, stop: stop)
  }

  /// Whether the pass is wanted no longer: what it gives is thrown away.
  public var shouldStop: Bool { stop?.check() ?? false }

  /// What stands before the layers' names of the recurrent part `name`, and after them at a second use within this
  /// pass: nothing for the usual name, else "encoder.", and "#2".
  func observedName(_ name: String) -> (prefix: String, suffix: String) {
    let use = observed[name, default: 0] + 1
    observed[name] = use
    return (name == "recurrent" ? "" : name + ".", use == 1 ? "" : "#\(use)")
  }

  /// The noise of the layer `name`; of its second use within this pass another one, and so on.
  public func stream(_ name: String) -> RandomStream {
    let use = uses[name, default: 0]
    uses[name] = use + 1
    let place = part.map { "/\($0)" } ?? ""
    return RandomStream(seed: seed, name: "noise/\(name)/\(use)\(place)", step: step)
  }
}
