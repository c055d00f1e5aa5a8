/// Processes that train one model together: each computes some of the micro-batches of every batch, and all make the same
/// updates. What one of them does with the group the others do at the same point.
public protocol ProcessGroup: AnyObject {
  /// Which of the processes this one is, from 0 on; process 0 keeps the run's folder.
  var rank: Int { get }
  /// How many there are.
  var count: Int { get }
  /// Whether another thread than the one that joined may use the group too, one at a time.
  var servesOtherThreads: Bool { get }

  /// Gives bytes to all; returns those of every process, in the order of ranks.
  func gather(_ bytes: [UInt8]) -> [[UInt8]]
  /// Gives `parts[r]` to process r; returns what each process gave to this one, in the order of ranks.
  func exchange(_ parts: [[UInt8]]) -> [[UInt8]]
}
