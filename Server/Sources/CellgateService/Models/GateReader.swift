import Cellgate
import Synchronization

/// What the gates of a model do at a step, for any thread.
final class GateReader: Sendable {
  private let observer: Mutex<GateObserver>

  /// Nil of a model whose gates can't be seen.
  init?(_ model: Model) {
    guard let observer = GateObserver(model) else { return nil }
    nonisolated(unsafe) let own = observer
    self.observer = unsafe Mutex(own)
  }

  /// The mean of each gate of each layer at a step, as JSON.
  func activities(input: [Float], before: ModelSession, after: ModelSession) -> JSONTree {
    observer.withLock { observer in
      .array(
        observer.activities(input: input, before: before, after: after).map {
          ["layer": .integer($0.layer), "gate": .string($0.name), "mean": .real(Float($0.mean))]
        })
    }
  }
}
