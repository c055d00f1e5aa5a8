import CellgateTensor
import CellgateTestSupport
import Foundation
import Synchronization
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("Jobs")
struct JobsTests {
  private static let error = TrainingError.run(.notARun(folder: "x"))

  @Test("Every job runs once, and every report reaches the caller", arguments: [1, 2, 5], [0, 1, 7])
  func once(jobs: Int, pieces: Int) throws {
    var heard = [Int](repeating: 0, count: pieces)
    let isWhole = try Jobs(count: jobs).run(
      pieces, { (piece, _, report: (Int) -> Void, _) in for number in 1...3 { report(number * piece) } },
      receive: { (piece, _, number) in heard[piece] += number }, shouldStop: { false })
    #expect(isWhole)
    #expect(heard == (0..<pieces).map { 6 * $0 })
  }

  @Test("Jobs run at the same time, each with its share of the threads")
  func sideBySide() throws {
    let started = Atomic<Int>(0)
    var threads: [Int] = []
    try ThreadPool.$current.withValue(ThreadPool(threads: 5)) {
      _ = try Jobs(count: 2).run(
        2,
        { (_, _, report: (Int) -> Void, _) in
          let own = ThreadPool.current.threads
          started.add(1, ordering: .sequentiallyConsistent)
          // Each waits for the other: only two at once get past it.
          while started.load(ordering: .sequentiallyConsistent) < 2 { Thread.sleep(forTimeInterval: 0.001) }
          report(own)
        }, receive: { (_, _, count) in threads.append(count) }, shouldStop: { false })
    }
    #expect(threads.sorted() == [2, 3])
  }

  @Test("A job that finds nothing left gives its threads to the other")
  func handsOver() throws {
    var last = 0
    try ThreadPool.$current.withValue(ThreadPool(threads: 4)) {
      _ = try Jobs(count: 2).run(
        2,
        { (piece, _, report: (Int) -> Void, _) in
          guard piece == 0 else { return }
          while ThreadPool.current.threads < 4 { Thread.sleep(forTimeInterval: 0.001) }
          report(ThreadPool.current.threads)
        }, receive: { (_, _, count) in last = count }, shouldStop: { false })
    }
    #expect(last == 4)
  }

  @Test("The first error stops the others and is thrown", arguments: [1, 2])
  func fails(jobs: Int) throws {
    let begun = Atomic<Int>(0)
    #expect(throws: Self.error) {
      _ = try Jobs(count: jobs).run(
        50,
        { (piece, _, _: (Int) -> Void, shouldStop) throws(TrainingError) in
          begun.add(1, ordering: .relaxed)
          if piece == 1 { throw Self.error }
          if piece > 1 { while !shouldStop() { Thread.sleep(forTimeInterval: 0.001) } }
        }, receive: { (_, _, _) in }, shouldStop: { false })
    }
    #expect(begun.load(ordering: .relaxed) < 10)
  }

  @Test("An error of the receiver stops the jobs too", arguments: [1, 2])
  func receiverFails(jobs: Int) throws {
    #expect(throws: Self.error) {
      _ = try Jobs(count: jobs).run(
        2,
        { (_, _, report: (Int) -> Void, shouldStop) in
          report(1)
          while !shouldStop() { Thread.sleep(forTimeInterval: 0.001) }
        }, receive: { (_, _, _) throws(TrainingError) in throw Self.error }, shouldStop: { false })
    }
  }

  @Test("Who is asked to stop says that not all is done", arguments: [1, 2])
  func stops(jobs: Int) throws {
    var count = 0
    let isWhole = try Jobs(count: jobs).run(
      4,
      { (_, _, report: (Int) -> Void, shouldStop) in
        report(1)
        while !shouldStop() { Thread.sleep(forTimeInterval: 0.001) }
      }, receive: { (_, _, _) in count += 1 }, shouldStop: { count > 0 })
    #expect(!isWhole)
    #expect(count <= jobs)
  }

  @Test(
    "Where the system refuses threads, those that run do all the work", arguments: [0, 1, 3, 5], [2, 4])
  func refused(started: Int, jobs: Int) throws {
    var heard: [Int] = []
    let isWhole = try ThreadStarter.$current.withValue(.allowing(started)) {
      try ThreadPool.$current.withValue(ThreadPool(threads: 8)) {
        try Jobs(count: jobs).run(
          9,
          { (piece, _, report: (Int) -> Void, _) in
            // Members of a team wait for each other.
            ThreadPool.current.run(1, mostMembers: 4) { $1.wait() }
            report(piece)
          }, receive: { (_, _, piece) in heard.append(piece) }, shouldStop: { false })
      }
    }
    #expect(isWhole)
    #expect(heard.sorted() == Array(0..<9))
  }
}
