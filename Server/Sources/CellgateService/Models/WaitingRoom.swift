import Synchronization

/// Counts the requests that wait for a thread or use it; more than so many are refused with 429.
final class WaitingRoom: Sendable {
  private let waiting = Atomic(0)
  private let limit: Int
  private let refusal: String

  /// A room for so many, of a part of the service such as "the model", for what it does, such as "predictions".
  init(limit: Int, of part: String, for what: String) {
    self.limit = limit
    refusal = "\(part) is busy: expected at most \(limit) \(what) at a time"
  }

  /// Lets a request in. Throws 429. What comes in must `leave`.
  func enter() throws(ServiceError) {
    guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
      leave()
      throw .tooMany(refusal)
    }
  }

  /// Lets a request out.
  func leave() { waiting.subtract(1, ordering: .relaxed) }
}
