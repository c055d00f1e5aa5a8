import Foundation
import Synchronization
import Testing

@testable import CellgateTensor

@Suite struct ThreadPoolTests {
  @Test("Every task runs exactly once", arguments: [1, 2, 5], [0, 1, 2, 7, 1000])
  func once(threads: Int, tasks: Int) {
    let pool = ThreadPool(threads: threads)
    for _ in 0..<50 {
      let counts = Mutex([Int](repeating: 0, count: tasks))
      pool.run(tasks) { task in counts.withLock { $0[task] += 1 } }
      #expect(counts.withLock { $0 } == [Int](repeating: 1, count: tasks))
    }
  }

  @Test("Tasks run on another thread than the caller's when there is one")
  func parallel() {
    let pool = ThreadPool(threads: 2)
    let started = Atomic<Int>(0)
    // Each task waits for the other: only two threads at once get past it.
    pool.run(2) { _ in
      started.add(1, ordering: .sequentiallyConsistent)
      while started.load(ordering: .sequentiallyConsistent) < 2 { Thread.sleep(forTimeInterval: 0.0001) }
    }
    #expect(started.load(ordering: .relaxed) == 2)
  }

  @Test("A call from inside a task runs on its own thread, each task once")
  func nested() {
    let pool = ThreadPool(threads: 3)
    let total = Atomic<Int>(0)
    pool.run(10) { _ in pool.run(10) { _ in total.add(1, ordering: .relaxed) } }
    #expect(total.load(ordering: .relaxed) == 100)
  }

  @Test("Code finds the pool that is bound around it, in the workers too, and else the shared one")
  func current() {
    #expect(ThreadPool.current === ThreadPool.shared)
    let pool = ThreadPool(threads: 3)
    let own = Atomic<Int>(0)
    pool.run(30) { _ in
      // Long enough for the workers to take part.
      Thread.sleep(forTimeInterval: 0.001)
      if !Thread.isMainThread, Thread.current.name?.hasPrefix("cellgate-") == true {
        own.add(ThreadPool.current === pool ? 1 : -100, ordering: .relaxed)
      }
    }
    #expect(own.load(ordering: .relaxed) >= 0)
    ThreadPool.$current.withValue(pool) { #expect(ThreadPool.current === pool) }
  }

  @Test("Sleeping workers wake up for a later call, also after the number of threads changed")
  func sleepAndWake() {
    let pool = ThreadPool(threads: 4)
    let total = Atomic<Int>(0)
    for threads in [4, 2, 6, 1, 3] {
      pool.threads = threads
      #expect(pool.threads == threads)
      pool.run(64) { _ in total.add(1, ordering: .relaxed) }
      Thread.sleep(forTimeInterval: 0.01)
    }
    #expect(total.load(ordering: .relaxed) == 5 * 64)
  }

  @Test("Several callers at once each get their own tasks done")
  func callers() {
    let pool = ThreadPool(threads: 2)
    let total = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<200 { pool.run(5) { _ in total.add(1, ordering: .relaxed) } }
    }
    #expect(total.load(ordering: .relaxed) == 8 * 200 * 5)
  }
}
