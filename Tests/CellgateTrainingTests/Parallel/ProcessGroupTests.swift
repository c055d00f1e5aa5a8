import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTraining

@Suite("Process groups")
struct ProcessGroupTests {
  /// What a run leaves: the bits of its parameters, its evaluations and its result without times.
  struct Trace: Equatable, Sendable {
    var parameters: [UInt32]
    var evaluations: [Double]
    var losses: [Double]
    var step: Int
    var test: Double?
  }

  private static func trace(_ trainer: Trainer, _ outcome: TrainingOutcome) -> Trace {
    let test: Double? = if case .completed(let result) = outcome { result.value } else { nil }
    return Trace(
      parameters: trainer.parameters.values.scalars.map(\.bitPattern),
      evaluations: trainer.records.map(\.validation.value), losses: trainer.records.map(\.trainingLoss),
      step: trainer.step, test: test)
  }

  private static func settings(_ task: any SequenceTask.Type, parts: Int) -> TrainingSettings {
    var settings = task.defaults
    settings.microBatches = parts
    settings.dropout = 0.25
    settings.layers = 2
    settings.averageWeights = .exponential(decay: 0.9)
    settings.schedule = ScheduleSettings(name: "plateau")
    settings.batch = 6
    return settings
  }

  private static func made(_ carries: Bool, _ settings: TrainingSettings) -> any SequenceTask {
    carries ? CarryingTask(settings: settings) : MeanTask(settings: settings)
  }

  @Test(
    "Any number of processes gives the bits of one, with dropout, averaged weights and states that are carried",
    arguments: [(2, 4), (3, 4), (4, 4), (3, 5), (5, 6)], [false, true])
  func sameBits(_ sizes: (processes: Int, parts: Int), carries: Bool) throws {
    let settings = Self.settings(carries ? CarryingTask.self : MeanTask.self, parts: sizes.parts)
    let alone = try Trainer(task: Self.made(carries, settings), settings: settings)
    let expected = Self.trace(alone, try alone.run())
    #expect(expected.test != nil)
    let traces = try ThreadGroup.run(sizes.processes) { group in
      let trainer = try Trainer(task: Self.made(carries, settings), settings: settings, group: group)
      return Self.trace(trainer, try trainer.run())
    }
    for trace in traces { #expect(trace == expected) }
  }

  @Test(
    "Gradients that are summed in pieces while others are computed give the same bits, by another thread or the same",
    arguments: [1, 7], [true, false])
  func pieces(of least: Int, servesOtherThreads: Bool) throws {
    let settings = Self.settings(CarryingTask.self, parts: 5)
    let alone = try Trainer(task: CarryingTask(settings: settings), settings: settings)
    let expected = Self.trace(alone, try alone.run())
    let traces = try ThreadGroup.run(3, servesOtherThreads: servesOtherThreads) { group in
      try GradientExchange.$leastPiece.withValue(least) {
        let trainer = try Trainer(
          task: CarryingTask(settings: settings), settings: settings, group: group)
        return Self.trace(trainer, try trainer.run())
      }
    }
    for trace in traces { #expect(trace == expected) }
  }

  @Test("A thread that can't be started is done without")
  func refusedThread() throws {
    let settings = Self.settings(MeanTask.self, parts: 2)
    let alone = try Trainer(task: MeanTask(settings: settings), settings: settings)
    let expected = Self.trace(alone, try alone.run())
    let traces = try ThreadGroup.run(2) { group in
      try ThreadStarter.$current.withValue(ThreadStarter { _, _, _ in 11 }) {
        try GradientExchange.$leastPiece.withValue(1) {
          let trainer = try Trainer(task: MeanTask(settings: settings), settings: settings, group: group)
          return Self.trace(trainer, try trainer.run())
        }
      }
    }
    for trace in traces { #expect(trace == expected) }
  }

  @Test("The parts of any process are summed to the tree of all, in one piece or with the last part apart")
  func tree() {
    // Texts show how numbers are put together.
    func sum(_ a: inout String, _ b: String) { a = "(\(a) \(b))" }
    for count in 1...17 {
      let tree = SumTree(count), whole = SumTree.sum(0..<count, { "\($0)" }, add: sum)
      for processes in 1...count {
        var known: [Range<Int>: String] = [:]
        for rank in 0..<processes {
          let own = Shard(rank, of: processes).range(of: count)
          let (ranges, path) = tree.within(own)
          for range in ranges { known[range] = SumTree.sum(range, { "\($0)" }, add: sum) }
          let last = path.before.reversed().reduce("\(path.last)") { node, range in
            var before = SumTree.sum(range, { "\($0)" }, add: sum)
            sum(&before, node)
            return before
          }
          #expect(path.last == own.upperBound - 1)
          known[tree.ranges(within: own)[ranges.count]] = last
          #expect(tree.ranges(within: own).flatMap { $0 } == Array(own))
        }
        #expect(tree.sum(of: known, add: sum) == whole)
      }
    }
  }

  @Test("The sum of micro-batches is that of a whole batch, but for rounding")
  func sum() throws {
    var settings = MeanTask.defaults
    settings.steps = 4
    let whole = try Trainer(task: MeanTask(settings: settings), settings: settings)
    _ = try whole.run()
    settings.microBatches = 4
    let parts = try Trainer(task: MeanTask(settings: settings), settings: settings)
    _ = try parts.run()
    for (one, other) in zip(whole.parameters.values.scalars, parts.parameters.values.scalars) {
      #expect(abs(one - other) < 1e-5)
    }
  }

  @Test(
    "A run of four processes that is stopped is continued by one or by three, with the same bits",
    arguments: [1, 3])
  func continued(by processes: Int) throws {
    let settings = Self.settings(CarryingTask.self, parts: 4)
    let alone = try Trainer(task: CarryingTask(settings: settings), settings: settings)
    let expected = Self.trace(alone, try alone.run())
    let scratch = try Scratch()
    let path = scratch.file("run")
    let stopped = try ThreadGroup.run(4) { group in
      let folder = group.rank == 0 ? try RunDirectory(creating: path, settings: settings) : nil
      let trainer = try Trainer(
        task: CarryingTask(settings: settings), settings: settings, directory: folder, group: group)
      // Asked for in one process alone.
      let outcome = try trainer.run(shouldStop: { group.rank == 2 && trainer.step == 6 })
      return Self.trace(trainer, outcome)
    }
    for trace in stopped { #expect(trace.step == 6 && trace.test == nil) }
    let ends = try ThreadGroup.run(processes) { group in
      let folder = group.rank == 0 ? try RunDirectory(resuming: path, expecting: settings) : nil
      let trainer = try Trainer(
        task: CarryingTask(settings: settings), settings: settings, directory: folder,
        group: processes == 1 ? nil : group)
      return Self.trace(trainer, try trainer.run())
    }
    for (rank, end) in ends.enumerated() {
      #expect(end.parameters == expected.parameters && end.test == expected.test)
      if rank == 0 { #expect(end.evaluations == expected.evaluations && end.losses == expected.losses) }
    }
  }

  @Test(
    "Each process computes its share of an evaluation, and all have all of it, to the bit",
    arguments: [1, 2, 3, 9])
  func evaluation(processes: Int) throws {
    let numbers = [0.1, -0.0, .infinity, .nan, 1 / 3, .leastNonzeroMagnitude, 7]
    let shares = try ThreadGroup.run(processes) { group in
      var (computed, batches, found): ([Int], [Int], [UInt64]) = ([], [], [])
      ForwardContext.inference(group: group).each(of: numbers.indices) {
        computed.append($0)
        return numbers[$0]
      } use: {
        batches.append($0)
        found.append($1.bitPattern)
      }
      #expect(batches == Array(numbers.indices))
      #expect(found == numbers.map(\.bitPattern))
      return computed
    }
    #expect(shares.allSatisfy { $0.count <= (numbers.count + processes - 1) / processes })
    #expect(shares.joined().sorted() == Array(numbers.indices))
  }

  @Test("Where one process is to stop in an evaluation, all end it")
  func stoppedEvaluation() throws {
    let counts = try ThreadGroup.run(3) { group in
      var count = 0
      let stop = StopRequest { group.rank == 1 }
      ForwardContext.inference(stop: stop, group: group).each(of: 0..<10) {
        $0
      } use: { _, _ in
        count += 1
      }
      return count
    }
    #expect(counts == [1, 1, 1])
  }

  @Test("A complete run has nothing left for any process")
  func complete() throws {
    let settings = Self.settings(MeanTask.self, parts: 2)
    let scratch = try Scratch()
    let path = scratch.file("run")
    for round in 0..<2 {
      let ends = try ThreadGroup.run(2) { group in
        let folder =
          try group.rank > 0
          ? nil
          : round == 0
            ? RunDirectory(creating: path, settings: settings)
            : RunDirectory(resuming: path, expecting: settings)
        let trainer = try Trainer(
          task: MeanTask(settings: settings), settings: settings, directory: folder, group: group)
        return Self.trace(trainer, try trainer.run())
      }
      #expect(ends[0].test != nil && (ends[1].test != nil) == (round == 0))
    }
  }

  @Test("Fewer micro-batches than processes, and diagnostics of micro-batches, are refused")
  func refused() throws {
    var settings = MeanTask.defaults
    settings.microBatches = 2
    let own = settings
    let messages = try ThreadGroup.run(3) { group in
      do {
        _ = try Trainer(task: MeanTask(settings: own), settings: own, group: group)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      messages.allSatisfy { $0.contains("micro-batches: expected 3 or more, one for each process, found 2") })
    settings.microBatches = 7
    #expect(throws: TrainingError.self) {
      try Trainer(task: MeanTask(settings: settings), settings: settings)
    }
    settings.microBatches = 2
    let scratch = try Scratch()
    let folder = try RunDirectory(creating: scratch.file("run"), settings: settings)
    #expect(throws: TrainingError.self) {
      try Trainer(
        task: MeanTask(settings: settings), settings: settings, directory: folder,
        recording: RunRecording(diagnosticsEvery: 2))
    }
  }
}
