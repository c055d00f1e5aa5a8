import Cellgate
import Dispatch
import HTTPTypes
import Synchronization

/// Steps the sequences of a model that have something to do, all of them together at each step.
///
/// A sequence joins between two steps and leaves after its last one, so that a long text doesn't keep a single step waiting. As
/// a stream gives a sequence the same bits alone and with others, no result depends on who else is served. What waits is bounded: more is
/// refused with 429. The steps are computed on a thread of their own, which leaves those of the requests free.
actor StepBatcher {
  private struct Entry {
    var driver: any StepDriver
    let deadline: ContinuousClock.Instant
    let stop: StopFlag
    let done: CheckedContinuation<(any StepDriver, ModelSession), any Error>
  }

  private let executor = ThreadExecutor(label: "cellgate.steps")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let stepper: ModelStepper
  private let limit: Int
  private let seconds: Double
  /// Is called with the number of sequences of each step.
  private let onStep: @Sendable (Int) -> Void
  /// Those that are stepped, with their states; and those that wait for room, the first ones first.
  private var entries: [Entry] = []
  private var sessions: [ModelSession] = []
  private var waiting: [(Entry, ModelSession)] = []
  private var isRunning = false
  private var inputs: [Float] = []
  private var outputs: [Float]

  init(
    _ stream: ModelStream, batch: Int, limit: Int, seconds: Double,
    onStep: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    stepper = stream.stepper(batch: batch)
    outputs = [Float](repeating: 0, count: batch * stream.outputSize)
    (self.limit, self.seconds, self.onStep) = (limit, seconds, onStep)
  }

  /// Takes all steps of a driver from a session on; gives both back. Throws 429 where too many wait already, 503 after the time that a request may
  /// take, and `CancellationError`.
  func run<Driver: StepDriver>(
    _ driver: Driver, from session: ModelSession
  ) async throws -> (driver: Driver, session: ModelSession) {
    guard entries.count + waiting.count < limit else {
      throw ServiceError.tooMany("the model is busy: expected fewer than \(limit) sequences at a time")
    }
    let stop = StopFlag()
    let deadline = ContinuousClock.now.advanced(by: .seconds(seconds))
    let (ended, last) = try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { done in
        waiting.append((Entry(driver: driver, deadline: deadline, stop: stop, done: done), session))
        if !isRunning {
          isRunning = true
          Task { await self.work() }
        }
      }
    } onCancel: {
      stop.set()
    }
    guard let ended = ended as? Driver else {
      throw ServiceError(.internalServerError, "a driver came back as another")
    }
    return (ended, last)
  }

  /// Steps until nobody is left. Between two steps others may join.
  private func work() async {
    while !entries.isEmpty || !waiting.isEmpty {
      step()
      await Task.yield()
    }
    isRunning = false
  }

  private func step() {
    let room = stepper.batch - entries.count
    for (entry, session) in waiting.prefix(room) {
      entries.append(entry)
      sessions.append(session)
    }
    waiting.removeFirst(min(room, waiting.count))
    let now = ContinuousClock.now
    if waiting.contains(where: { $0.0.stop.isSet || $0.0.deadline <= now }) {
      for (entry, _) in waiting { if let error = failure(entry, now) { entry.done.resume(throwing: error) } }
      waiting.removeAll { failure($0.0, now) != nil }
    }
    inputs.removeAll(keepingCapacity: true)
    var row = 0
    while row < entries.count {
      if let error = failure(entries[row], now) {
        remove(row).done.resume(throwing: error)
      } else if entries[row].driver.next(&inputs) {
        row += 1
      } else {
        let session = sessions[row]
        let entry = remove(row)
        entry.done.resume(returning: (entry.driver, session))
      }
    }
    guard !entries.isEmpty else { return }
    onStep(entries.count)
    let before = entries.indices.map { entries[$0].driver.watches ? sessions[$0] : nil }
    do throws(StreamError) {
      try stepper.step(&sessions, inputs, into: &outputs)
    } catch {
      // Inputs are checked before they come here: this is a mistake of the program, and ends these requests alone.
      for entry in entries { entry.done.resume(throwing: ServiceError(.internalServerError, "\(error)")) }
      entries.removeAll()
      sessions.removeAll()
      return
    }
    let size = stepper.stream.outputSize, width = stepper.stream.inputSize
    for row in entries.indices {
      let watched = before[row].map {
        WatchedStep(
          input: Array(inputs[row * width..<(row + 1) * width]), before: $0, after: sessions[row])
      }
      entries[row].driver.take(outputs[row * size..<(row + 1) * size], watched)
    }
  }

  private func failure(_ entry: Entry, _ now: ContinuousClock.Instant) -> (any Error)? {
    if entry.stop.isSet { return CancellationError() }
    return entry.deadline <= now ? ServiceError.late(seconds) : nil
  }

  /// Takes a row out; those after it move up, as their inputs are in this order.
  private func remove(_ row: Int) -> Entry {
    sessions.remove(at: row)
    return entries.remove(at: row)
  }
}

/// Batches of a model side by side, each on a thread: a sequence goes to the one with the fewest.
final class StepEngine: Sendable {
  /// The model.
  let stream: ModelStream
  private let lanes: [StepBatcher]
  private let loads: Mutex<[Int]>

  init(
    _ stream: ModelStream, settings: ServiceSettings, onStep: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.stream = stream
    let count = settings.lanes
    lanes = (0..<count).map { _ in
      StepBatcher(
        stream, batch: settings.batch, limit: max(1, settings.queue / count), seconds: settings.seconds,
        onStep: onStep)
    }
    loads = Mutex([Int](repeating: 0, count: count))
  }

  /// As ``StepBatcher/run(_:from:)``.
  func run<Driver: StepDriver>(
    _ driver: Driver, from session: ModelSession
  ) async throws -> (driver: Driver, session: ModelSession) {
    let lane = loads.withLock { loads in
      let lane = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
      loads[lane] += 1
      return lane
    }
    defer { loads.withLock { $0[lane] -= 1 } }
    return try await lanes[lane].run(driver, from: session)
  }
}

/// Set once, from any thread.
final class StopFlag: Sendable {
  private let value = Atomic(false)
  func set() { value.store(true, ordering: .releasing) }
  var isSet: Bool { value.load(ordering: .acquiring) }
}

/// Runs the jobs of an actor one after another on a queue of its own, so that computing doesn't take the threads of requests.
final class ThreadExecutor: SerialExecutor {
  private let queue: DispatchQueue

  init(label: String) { queue = DispatchQueue(label: label, qos: .userInitiated) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let own = unsafe asUnownedSerialExecutor()
    queue.async { unsafe job.runSynchronously(on: own) }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
