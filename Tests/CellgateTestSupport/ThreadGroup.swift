import CellgateNN
import Foundation

/// Threads in the place of processes.
package final class ThreadGroup: ProcessGroup {
  package let rank: Int
  package var count: Int { meeting.count }
  package let servesOtherThreads: Bool
  private let meeting: Meeting

  private init(rank: Int, meeting: Meeting, _ servesOtherThreads: Bool) {
    (self.rank, self.meeting, self.servesOtherThreads) = (rank, meeting, servesOtherThreads)
  }

  /// Runs `body` once for each of `count` members, side by side, and returns what each gave; throws what the first one threw.
  package static func run<Result: Sendable>(
    _ count: Int, servesOtherThreads: Bool = true, _ body: @escaping @Sendable (ThreadGroup) throws -> Result
  ) throws -> [Result] {
    let meeting = Meeting(count)
    let results = Results<Result>(count)
    let ended = DispatchGroup()
    for rank in 0..<count {
      ended.enter()
      let thread = Thread {
        results.put(
          Swift.Result { try body(ThreadGroup(rank: rank, meeting: meeting, servesOtherThreads)) }, rank)
        ended.leave()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    ended.wait()
    return try results.all.map { try $0.get() }
  }

  package func gather(_ bytes: [UInt8]) -> [[UInt8]] { meeting.meet(bytes, rank) }

  package func exchange(_ parts: [[UInt8]]) -> [[UInt8]] {
    var all: [[UInt8]] = []
    for receiver in 0..<count {
      let found = gather(parts[receiver])
      if receiver == rank { all = found }
    }
    return all
  }
}

/// Where all wait until each has brought something.
private final class Meeting: @unchecked Sendable {
  let count: Int
  private let condition = NSCondition()
  private var brought: [[UInt8]?]
  private var result: [[UInt8]] = []
  private var round = 0

  init(_ count: Int) {
    self.count = count
    brought = Array(repeating: nil, count: count)
  }

  func meet(_ bytes: [UInt8], _ rank: Int) -> [[UInt8]] {
    condition.lock()
    defer { condition.unlock() }
    brought[rank] = bytes
    let own = round
    if brought.allSatisfy({ $0 != nil }) {
      result = brought.compactMap { $0 }
      brought = Array(repeating: nil, count: count)
      round += 1
      condition.broadcast()
    }
    while round == own { condition.wait() }
    return result
  }
}

private final class Results<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Result<Value, any Error>?]

  init(_ count: Int) { values = Array(repeating: nil, count: count) }

  func put(_ value: Result<Value, any Error>, _ rank: Int) {
    lock.withLock { values[rank] = value }
  }

  var all: [Result<Value, any Error>] { lock.withLock { values.compactMap { $0 } } }
}
