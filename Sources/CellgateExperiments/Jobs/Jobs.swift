import CellgateBasics
import CellgateTensor
import CellgateTraining

/// Works through numbered pieces of work, several at a time, each job on a thread of its own.
///
/// The threads of the caller's `ThreadPool.current` are shared out among the jobs; a job that finds nothing left
/// gives its threads to the others. There are no more jobs than threads that the system starts. What the jobs report is received by the calling thread, in whose hands all that is
/// shared stays. Nothing outlives the call.
struct Jobs {
  /// How many pieces of work are done at a time.
  let count: Int

  /// What a piece of work does: it reports messages as it goes on, and ends early when it is asked to stop.
  typealias Work<Message> =
    @Sendable (
      _ piece: Int, _ job: Int, _ report: (Message) -> Void, _ shouldStop: () -> Bool
    ) throws(TrainingError) -> Void

  /// Does the pieces 0 ..< pieces; false when it was asked to stop before all were done. The first error, of `work` or
  /// of `receive`, stops the other jobs and is thrown when they have ended.
  func run<Message: Sendable>(
    _ pieces: Int, _ work: @escaping Work<Message>,
    receive: (_ piece: Int, _ job: Int, Message) throws(TrainingError) -> Void, shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    let count = min(count, pieces)
    guard count > 1 else { return try runHere(pieces, work, receive, shouldStop) }
    let mailbox = Mailbox<Message>(pieces: pieces)
    let threads = ThreadPool.current.threads
    var (jobs, refusal) = (0, Int32(0))
    while jobs < count, refusal == 0 {
      refusal = start(jobs, mailbox, work)
      if refusal == 0 { jobs += 1 }
    }
    guard jobs > 0 else {
      ThreadShortage(running: 1, wanted: threads, errorNumber: refusal).note()
      return try runHere(pieces, work, receive, shouldStop)
    }
    let pools = (0..<jobs).map { job in
      ThreadPool(threads: max(1, threads / jobs + (job < threads % jobs ? 1 : 0)))
    }
    var running = jobs
    for pool in pools where refusal == 0 {
      if let shortage = pool.start() { refusal = shortage.errorNumber }
      running += pool.threads - 1
    }
    if refusal != 0 {
      ThreadShortage(running: running, wanted: max(threads, count), errorNumber: refusal).note()
    }
    mailbox.open(pools)
    var failure: TrainingError?
    var hasStopped = false
    while let letters = mailbox.take(seconds: 0.05) {
      for letter in letters {
        do throws(TrainingError) {
          switch letter {
          case .reported(let piece, let job, let message): try receive(piece, job, message)
          case .failed(let error): throw error
          }
        } catch {
          if failure == nil { failure = error }
          mailbox.stop()
        }
      }
      if !hasStopped, shouldStop() {
        hasStopped = true
        mailbox.stop()
      }
    }
    if let failure { throw failure }
    return !hasStopped
  }

  /// Starts the thread of a job, which begins when the mailbox opens; returns 0, or why the system refused it.
  private func start<Message: Sendable>(
    _ job: Int, _ mailbox: Mailbox<Message>, _ work: @escaping Work<Message>
  ) -> Int32 {
    ThreadStarter.current.start("cellgate-job-\(job + 1)", 16 << 20) {
      ThreadPool.$current.withValue(mailbox.pool(of: job)) {
        while let piece = mailbox.next() {
          do throws(TrainingError) {
            try work(piece, job, { mailbox.post(.reported(piece, job, $0)) }, { mailbox.isStopped })
          } catch {
            mailbox.post(.failed(error))
          }
        }
      }
      mailbox.leave(job)
    }
  }

  /// One piece after the other, on the calling thread with all its threads.
  private func runHere<Message>(
    _ pieces: Int, _ work: @escaping Work<Message>,
    _ receive: (_ piece: Int, _ job: Int, Message) throws(TrainingError) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    for piece in 0..<pieces {
      var failure: TrainingError?
      func report(_ message: Message) {
        guard failure == nil else { return }
        do throws(TrainingError) { try receive(piece, 0, message) } catch { failure = error }
      }
      var hasStopped = false
      try work(piece, 0, report) {
        hasStopped = hasStopped || shouldStop()
        return hasStopped || failure != nil
      }
      if let failure { throw failure }
      if hasStopped { return false }
    }
    return true
  }
}

/// What the jobs and the calling thread share.
private final class Mailbox<Message: Sendable>: @unchecked Sendable {
  enum Letter {
    case reported(Int, Int, Message)
    case failed(TrainingError)
  }

  private let pieces: Int
  private let condition = Condition()
  // Under `condition`.
  private var letters: [Letter] = []
  private var claimed = 0
  private var stopped = false
  private var pools: [ThreadPool] = []
  private var working: [Int] = []

  init(pieces: Int) { self.pieces = pieces }

  private func locked<Result>(_ body: () -> Result) -> Result {
    condition.lock()
    defer { condition.unlock() }
    return body()
  }

  /// As many jobs as pools begin.
  func open(_ pools: [ThreadPool]) {
    locked {
      self.pools = pools
      working = Array(pools.indices)
      condition.broadcast()
    }
  }

  /// The threads of a job, once the mailbox is open.
  func pool(of job: Int) -> ThreadPool {
    locked {
      while pools.isEmpty { condition.wait() }
      return pools[job]
    }
  }

  var isStopped: Bool { locked { stopped } }

  func stop() { locked { stopped = true } }

  /// A piece that nobody has begun.
  func next() -> Int? {
    locked {
      guard !stopped, claimed < pieces else { return nil }
      claimed += 1
      return claimed - 1
    }
  }

  func post(_ letter: Letter) {
    locked {
      letters.append(letter)
      condition.signal()
    }
  }

  /// A job ends; its threads go to those that still work, one by one.
  func leave(_ job: Int) {
    locked {
      working.removeAll { $0 == job }
      if !stopped, !working.isEmpty {
        for thread in 0..<pools[job].threads { pools[working[thread % working.count]].threads += 1 }
      }
      condition.signal()
    }
  }

  /// The letters so far, after some time if there is none; nil once all jobs have ended and all letters are read.
  func take(seconds: Double) -> [Letter]? {
    locked {
      if letters.isEmpty, !working.isEmpty { condition.wait(seconds: seconds) }
      if letters.isEmpty, working.isEmpty { return nil }
      defer { letters.removeAll(keepingCapacity: true) }
      return letters
    }
  }
}
