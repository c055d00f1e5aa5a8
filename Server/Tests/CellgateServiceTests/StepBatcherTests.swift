import Cellgate
import HTTPTypes
import Testing

@testable import CellgateService

@Suite("Steps of many sequences")
struct StepBatcherTests {
  /// The outputs of steps one at a time.
  private func alone(_ stream: ModelStream, _ inputs: [Float]) throws -> (
    outputs: [Float], session: ModelSession
  ) {
    var session = stream.session()
    var outputs: [Float] = []
    let width = stream.inputSize
    for start in stride(from: 0, to: inputs.count, by: width) {
      outputs += try stream.step(&session, Array(inputs[start..<start + width]))
    }
    return (outputs, session)
  }

  @Test("Sequences of different lengths that come together have the bits of each alone", arguments: [1, 2])
  func bits(lanes: Int) async throws {
    let stream = try Model.load(Fixtures.sensor()).stream()
    var settings = ServiceSettings()
    (settings.batch, settings.lanes) = (8, lanes)
    let engine = StepEngine(stream, settings: settings)
    // More than fit into a batch, so that some join while others go on.
    let inputs = (0..<40).map { place in
      (0..<(1 + place % 7) * 3).map { Float(($0 * 7 + place * 3) % 11) / 5 - 1 }
    }
    let found = try await withThrowingTaskGroup(of: (Int, [Float], ModelSession).self) { group in
      for (place, own) in inputs.enumerated() {
        group.addTask {
          let (driver, session) = try await engine.run(
            InputDriver(own, width: 3, wanted: .all), from: stream.session())
          return (place, driver.outputs, session)
        }
      }
      var found: [Int: ([Float], ModelSession)] = [:]
      for try await (place, outputs, session) in group { found[place] = (outputs, session) }
      return found
    }
    for (place, own) in inputs.enumerated() {
      let expected = try alone(stream, own)
      #expect(found[place]?.0.map(\.bitPattern) == expected.outputs.map(\.bitPattern), "\(place)")
      #expect(found[place]?.1 == expected.session, "\(place)")
    }
  }

  /// Goes on until it is stopped.
  private struct Endless: StepDriver {
    let watches = false
    mutating func next(_ inputs: inout [Float]) -> Bool {
      inputs += [0, 0, 0]
      return true
    }
    mutating func take(_ output: ArraySlice<Float>, _ watched: WatchedStep?) {}
  }

  @Test("More sequences than may wait are refused, and a sequence ends when its request does")
  func limits() async throws {
    let stream = try Model.load(Fixtures.sensor()).stream()
    let batcher = StepBatcher(stream, batch: 1, limit: 2, seconds: 60)
    let tasks = (0..<2).map { _ in Task { _ = try await batcher.run(Endless(), from: stream.session()) } }
    // Both are there once a third is refused.
    var refusal: ServiceError?
    while refusal == nil {
      do {
        _ = try await batcher.run(InputDriver([], width: 3, wanted: .none), from: stream.session())
      } catch let error as ServiceError { refusal = error }
    }
    #expect(refusal?.status == .tooManyRequests)
    for task in tasks { task.cancel() }
    for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
    let (driver, _) = try await batcher.run(
      InputDriver([1, 2, 3], width: 3, wanted: .last), from: stream.session())
    #expect(driver.outputs.count == 2)
  }

  @Test("A sequence that takes too long ends")
  func time() async throws {
    let stream = try Model.load(Fixtures.sensor()).stream()
    let batcher = StepBatcher(stream, batch: 2, limit: 2, seconds: 0.05)
    await #expect(throws: ServiceError.late(0.05)) {
      try await batcher.run(Endless(), from: stream.session())
    }
  }
}
