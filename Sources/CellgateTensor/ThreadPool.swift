import CellgateBasics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Threads that stay and share out numbered tasks.
///
/// The one place where the numeric core runs concurrently. A task writes only what belongs to its
/// number, and what the numbers mean never depends on `threads`; so neither do results.
@safe public final class ThreadPool: @unchecked Sendable {
  /// The pool that all of Cellgate uses by default; at first with a thread for each of `Processors.available`.
  public static let shared = ThreadPool(threads: Processors.available)

  /// The pool that the numeric core uses here: `shared`, or what the caller has bound. Jobs that run side by side
  /// bind one each, so that none finds the threads taken by another:
  ///
  /// ```swift
  /// ThreadPool.$current.withValue(ThreadPool(threads: 1)) { train() }
  /// ```
  @TaskLocal public static var current = ThreadPool.shared

  // A task is claimed by taking it from an end of `unclaimed`. A claim succeeds only while its job is set up, and
  // the job stays until every claimed task has been counted off in `unfinished`; so `body` is read only between a
  // claim and its count-off.
  private let unclaimed = Atomic<TaskRange>(TaskRange(0, 0))
  private let unfinished = Atomic<Int>(0)
  private let busy = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  private let activeWorkers: Atomic<Int>
  /// Workers that may take part in the job that is set up.
  private let jobWorkers = Atomic<Int>(0)
  private var body: ((Int) -> Void)?
  /// The owner of `busy` alone touches it.
  private var contention = Contention()
  private let starter = ThreadStarter.current

  // Under `lock`: how many workers were ever started, and both conditions.
  private var runningWorkers = 0
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>
  private let done: UnsafeMutablePointer<pthread_cond_t>

  /// How long a thread looks for more work, or for the end of the work, before it sleeps: as long as the others may need
  /// for the tasks they have begun, and the caller between two operations. Waking up takes as long, and milliseconds
  /// where other programs want the processors.
  private static let patience = Duration.microseconds(25)
  /// How often it looks between two looks at the clock.
  private static let looks = 500

  /// A pool of `threads` threads, the caller's included. Threads that it starts live until the process ends.
  public init(threads: Int) {
    require(threads > 0, "ThreadPool: expected 1 or more threads, found \(threads)")
    unsafe lock = .allocate(capacity: 1)
    unsafe wake = .allocate(capacity: 1)
    unsafe done = .allocate(capacity: 1)
    unsafe lock.initialize(to: pthread_mutex_t())
    unsafe wake.initialize(to: pthread_cond_t())
    unsafe done.initialize(to: pthread_cond_t())
    activeWorkers = Atomic(threads - 1)
    unsafe pthread_mutex_init(lock, nil)
    unsafe pthread_cond_init(wake, nil)
    unsafe pthread_cond_init(done, nil)
  }

  /// Threads that take part, the caller's included; at least 1. A change concerns the calls of `run` that begin
  /// after it. Results do not depend on it. Threads are started when they are first needed; if the system refuses
  /// one, this becomes the number of those that run, and ``ThreadShortage/first`` says why.
  public var threads: Int {
    get { activeWorkers.load(ordering: .relaxed) + 1 }
    set {
      require(newValue > 0, "ThreadPool: expected 1 or more threads, found \(newValue)")
      activeWorkers.store(newValue - 1, ordering: .sequentiallyConsistent)
    }
  }

  /// Runs `body` once for each of 0 ..< tasks, on any thread and in any order, and returns when all are
  /// done. The caller takes part. A call from inside a task, or while another caller has the threads,
  /// runs on the calling thread alone.
  public func run(_ tasks: Int, _ body: (Int) -> Void) {
    require(
      tasks >= 0 && tasks <= UInt32.max, "ThreadPool: expected 0...\(UInt32.max) tasks, found \(tasks)")
    guard tasks > 1, activeWorkers.load(ordering: .relaxed) > 0,
      busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else {
      for task in 0..<tasks { body(task) }
      return
    }
    defer { busy.store(false, ordering: .releasing) }
    work(on: tasks, workers: startedWorkers(), body)
  }

  /// Runs `body` once for each of 0 ..< tasks and each member of the team that shares the task, and returns when
  /// all are done. A team's members run at the same time and may wait for each other. There are as many as the
  /// threads that run allow, at most `mostMembers`; a call from inside a task, or while another caller has the
  /// threads, or while other programs take the processors away, has teams of one.
  public func run(_ tasks: Int, mostMembers: Int, _ body: (_ task: Int, _ member: TeamMember) -> Void) {
    require(
      tasks >= 0 && tasks <= UInt32.max && mostMembers > 0,
      "ThreadPool: expected 0...\(UInt32.max) tasks of teams of 1 or more, found \(tasks) of \(mostMembers)")
    func members(_ workers: Int) -> Int { tasks == 0 ? 1 : min(mostMembers, (workers + 1) / tasks) }
    guard members(activeWorkers.load(ordering: .relaxed)) > 1 else { return run(tasks) { body($0, .alone) } }
    guard busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      for task in 0..<tasks { body(task, .alone) }
      return
    }
    defer { busy.store(false, ordering: .releasing) }
    let workers = startedWorkers()
    let members = members(workers)
    if members <= 1 || contention.advisesAgainstTeams() {
      work(on: tasks, workers: workers) { body($0, .alone) }
      return
    }
    let barriers = (0..<tasks).map { _ in Barrier(members: members) }
    let switches = Atomic<Int>(0)
    let time = ContinuousClock().measure {
      work(on: tasks * members, workers: workers) { index in
        let task = index / members
        let before = Contention.involuntarySwitches()
        body(task, TeamMember(index: index % members, count: members, barrier: barriers[task]))
        switches.add(Contention.involuntarySwitches() - before, ordering: .relaxed)
      }
    }
    contention.note(switches: switches.load(ordering: .relaxed), milliseconds: time / .milliseconds(1))
  }

  /// Shares out the tasks; the caller owns `busy`.
  private func work(on tasks: Int, workers: Int, _ body: (Int) -> Void) {
    jobWorkers.store(workers, ordering: .relaxed)
    withoutActuallyEscaping(body) { body in
      self.body = body
      unfinished.store(tasks, ordering: .relaxed)
      unclaimed.store(TaskRange(0, UInt32(tasks)), ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wakeUp(tasks - 1, of: workers) }
      while takeTask(fromFront: true) {}
      waitUntilDone()
      self.body = nil
    }
  }

  /// Runs `body` once for each of the disjoint ranges of `grain` numbers (the last may be shorter) that
  /// cover 0 ..< count. A count up to `grain` runs on the calling thread.
  public func run(over count: Int, grain: Int = 1 << 14, _ body: (Range<Int>) -> Void) {
    require(
      count >= 0 && grain > 0,
      "ThreadPool: expected a count of 0 or more in chunks of 1 or more, found \(count) in \(grain)")
    let chunks = count / grain + (count % grain == 0 ? 0 : 1)
    if chunks <= 1 {
      body(0..<count)
    } else {
      run(chunks) { chunk in body(chunk * grain..<min(count, (chunk + 1) * grain)) }
    }
  }

  // MARK: Both sides

  /// Claims one task and runs it; false when none is left to claim. The threads take their tasks from two ends, so that
  /// of jobs with the same number of tasks each gets much the same ones, whose numbers are in its cache.
  private func takeTask(fromFront: Bool) -> Bool {
    var left = unclaimed.load(ordering: .relaxed)
    while left.first < left.end {
      let next = fromFront ? TaskRange(left.first + 1, left.end) : TaskRange(left.first, left.end - 1)
      let attempt = unclaimed.weakCompareExchange(
        expected: left, desired: next, successOrdering: .acquiring, failureOrdering: .relaxed)
      guard attempt.exchanged else {
        left = attempt.original
        continue
      }
      perform(Int(fromFront ? left.first : next.end))
      if unfinished.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        unsafe pthread_mutex_lock(lock)
        unsafe pthread_cond_signal(done)
        unsafe pthread_mutex_unlock(lock)
      }
      return true
    }
    return false
  }

  /// Runs one task. Not inlined, so that its reference to `body` is gone before the task is counted off.
  @inline(never)
  private func perform(_ task: Int) {
    body?(task)
  }

  /// Waits for a condition without sleeping, for as long as `patience`; whether it came to hold.
  @inline(__always)
  private static func spin(until condition: () -> Bool) -> Bool {
    var end: ContinuousClock.Instant?
    while true {
      for _ in 0..<looks where condition() { return true }
      let now = ContinuousClock.now
      guard let last = end else {
        end = now + patience
        continue
      }
      if now >= last { return false }
    }
  }

  // MARK: The caller

  private func waitUntilDone() {
    if Self.spin(until: { unfinished.load(ordering: .acquiring) == 0 }) { return }
    unsafe pthread_mutex_lock(lock)
    while unfinished.load(ordering: .acquiring) != 0 { unsafe pthread_cond_wait(done, lock) }
    unsafe pthread_mutex_unlock(lock)
  }

  private func wakeUp(_ wanted: Int, of workers: Int) {
    unsafe pthread_mutex_lock(lock)
    if wanted < sleepers.load(ordering: .relaxed) && runningWorkers <= workers {
      for _ in 0..<wanted { unsafe pthread_cond_signal(wake) }
    } else {
      unsafe pthread_cond_broadcast(wake)
    }
    unsafe pthread_mutex_unlock(lock)
  }

  /// The workers of the job that begins: those that are wanted, or as many as the system lets run.
  /// Only the owner of `busy` calls it.
  private func startedWorkers() -> Int {
    let wanted = activeWorkers.load(ordering: .relaxed)
    guard let shortage = startWorkers(wanted) else { return wanted }
    shortage.note()
    return runningWorkers
  }

  /// Starts the threads now that else are started when they are first needed; returns what the system refused.
  package func start() -> ThreadShortage? {
    guard busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      return nil
    }
    defer { busy.store(false, ordering: .releasing) }
    return startWorkers(activeWorkers.load(ordering: .relaxed))
  }

  /// Starts the workers that are still missing; those that the system refuses are wanted no longer.
  private func startWorkers(_ wanted: Int) -> ThreadShortage? {
    while runningWorkers < wanted {
      let index = runningWorkers
      // A call from inside a task finds this pool, which is busy, and no other one.
      let code = starter.start("cellgate-\(index + 1)", 4 << 20) { [self] in
        ThreadPool.$current.withValue(self) { work(index) }
      }
      guard code == 0 else {
        // Unless another number is wanted in the meantime.
        _ = activeWorkers.compareExchange(expected: wanted, desired: index, ordering: .sequentiallyConsistent)
        return ThreadShortage(running: index + 1, wanted: wanted + 1, errorNumber: code)
      }
      unsafe pthread_mutex_lock(lock)
      runningWorkers += 1
      unsafe pthread_mutex_unlock(lock)
    }
    return nil
  }

  // MARK: A worker

  private func work(_ index: Int) {
    while true {
      if mayWork(index), takeTask(fromFront: 2 * (index + 1) < threads) { continue }
      if Self.spin(until: { mayWork(index) }) { continue }
      unsafe pthread_mutex_lock(lock)
      sleepers.add(1, ordering: .sequentiallyConsistent)
      while !mayWork(index) { unsafe pthread_cond_wait(wake, lock) }
      sleepers.subtract(1, ordering: .relaxed)
      unsafe pthread_mutex_unlock(lock)
    }
  }

  private func mayWork(_ index: Int) -> Bool {
    !unclaimed.load(ordering: .sequentiallyConsistent).isEmpty
      && index < jobWorkers.load(ordering: .relaxed)
  }
}

/// Tasks that nobody has claimed yet, in one word.
private struct TaskRange: AtomicRepresentable {
  var first: UInt32, end: UInt32

  init(_ first: UInt32, _ end: UInt32) { (self.first, self.end) = (first, end) }

  var isEmpty: Bool { first >= end }

  typealias AtomicRepresentation = UInt64.AtomicRepresentation

  static func encodeAtomicRepresentation(_ value: consuming TaskRange) -> AtomicRepresentation {
    UInt64.encodeAtomicRepresentation(UInt64(value.end) << 32 | UInt64(value.first))
  }

  static func decodeAtomicRepresentation(_ representation: consuming AtomicRepresentation) -> TaskRange {
    let bits = UInt64.decodeAtomicRepresentation(representation)
    return TaskRange(UInt32(truncatingIfNeeded: bits), UInt32(bits >> 32))
  }
}
