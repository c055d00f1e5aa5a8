import CellgateTasks
import CellgateTestSupport
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

  @Test("Threads take their tasks from two ends, so that of equal jobs each has much the same ones")
  func ends() {
    let pool = ThreadPool(threads: 2)
    let here = pthread_self()
    let own = Mutex([Int]())
    pool.run(40) { task in
      // Long enough for the worker to take part.
      Thread.sleep(forTimeInterval: 0.001)
      if pthread_self() == here { own.withLock { $0.append(task) } }
    }
    let tasks = own.withLock { $0 }
    #expect(!tasks.isEmpty && tasks == Array(0..<tasks.count))
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
    let here = pthread_self()
    let own = Atomic<Int>(0)
    pool.run(30) { _ in
      // Long enough for the workers to take part.
      Thread.sleep(forTimeInterval: 0.001)
      if pthread_self() != here { own.add(ThreadPool.current === pool ? 1 : -100, ordering: .relaxed) }
    }
    #expect(own.load(ordering: .relaxed) > 0)
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

  @Test(
    "Teams are as large as the threads that the system starts, and everything is done once",
    arguments: [0, 1, 2, 6], [1, 2, 3])
  func refused(started: Int, tasks: Int) {
    let pool = ThreadStarter.$current.withValue(.allowing(started)) { ThreadPool(threads: 8) }
    let shares = Mutex([[Int]](repeating: [], count: tasks))
    for round in 1...3 {
      pool.run(tasks, mostMembers: 4) { task, member in
        // Who waits for a member that doesn't run waits forever.
        member.wait()
        shares.withLock { $0[task].append(contentsOf: member.share(of: 12)) }
      }
      for share in shares.withLock({ $0 }) {
        #expect(share.sorted() == (0..<12).flatMap { Array(repeating: $0, count: round) })
      }
    }
    #expect(pool.threads == started + 1)
    let total = Atomic<Int>(0)
    pool.run(100) { _ in total.add(1, ordering: .relaxed) }
    #expect(total.load(ordering: .relaxed) == 100)
  }

  @Test("What the system refused can be asked for, and is asked for again when threads are")
  func shortage() {
    let pool = ThreadStarter.$current.withValue(.allowing(2)) { ThreadPool(threads: 8) }
    let shortage = pool.start()
    #expect(shortage == ThreadShortage(running: 3, wanted: 8, errorNumber: EAGAIN))
    #expect(
      shortage?.description
        == "3 of 8 threads could be started: Resource temporarily unavailable; results don't change")
    #expect(pool.threads == 3)
    #expect(pool.start() == nil)
    pool.threads = 4
    #expect(pool.start() == ThreadShortage(running: 3, wanted: 4, errorNumber: EAGAIN))
    pool.threads = 2
    pool.run(64) { _ in }
    #expect(pool.threads == 2)
  }
}
