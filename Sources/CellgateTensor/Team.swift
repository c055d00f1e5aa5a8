import CellgateKernels

/// Where the members of a team wait for each other.
@safe final class Barrier: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<cg_barrier>

  init(members: Int) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<cg_barrier>.size, alignment: 64)
    unsafe pointer = memory.bindMemory(to: cg_barrier.self, capacity: 1)
    var barrier = cg_barrier()
    barrier.members = UInt32(members)
    unsafe pointer.initialize(to: barrier)
  }

  deinit { unsafe UnsafeMutableRawPointer(pointer).deallocate() }
}

/// One of the threads that share a task of the ``ThreadPool``.
@safe public struct TeamMember: Sendable {
  /// From 0 on, and how many there are.
  public let index: Int, count: Int
  private let barrier: Barrier

  init(index: Int, count: Int, barrier: Barrier) {
    self.index = index
    self.count = count
    self.barrier = barrier
  }

  /// The only member of its team.
  public static let alone = TeamMember(index: 0, count: 1, barrier: Barrier(members: 1))

  /// Returns when all members have called it.
  public func wait() {
    unsafe cg_barrier_wait(barrier.pointer)
  }

  /// What kernels wait at; valid as long as the task runs.
  public var barrierPointer: UnsafeMutablePointer<cg_barrier> { unsafe barrier.pointer }

  /// The member's part of `count` things that are cut into whole blocks: in order, disjoint, of nearly the same size.
  public func share(of count: Int, block: Int = 1) -> Range<Int> {
    let blocks = (count + block - 1) / block
    let first = blocks * index / self.count, last = blocks * (index + 1) / self.count
    return min(count, first * block)..<min(count, last * block)
  }
}
