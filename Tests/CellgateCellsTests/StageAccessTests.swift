import Testing

@testable import CellgateCells

/// Stages of a step by what they read of all columns and write of their own.
@Suite("What the members of a team wait for")
struct StageAccessTests {
  private func stage(
    reads: [StepProgram.Slot] = [], writes: [StepProgram.Slot] = []
  ) -> StageAccess {
    StageAccess(reads: reads.map { .slot($0) }, writes: writes.map { .slot($0) })
  }

  @Test("An LSTM's members wait once in a step, before the products, and so on their way back")
  func lstm() {
    let forward = [
      stage(reads: [.stateBefore(0)], writes: [.accumulator(0)]),
      stage(writes: [.saved(0), .stateAfter(0), .stateAfter(1)]),
    ]
    #expect(StageAccess.waits(forward) == [true, false])
    let backward = [
      stage(writes: [.delta(0), .departing(1)]), stage(reads: [.delta(0)], writes: [.departing(0)]),
    ]
    #expect(StageAccess.waits(backward) == [false, true])
  }

  @Test("Products that read what the step computes wait once more")
  func workingMemory() {
    let stages = [
      stage(reads: [.stateBefore(0), .stateBefore(1)], writes: [.accumulator(0), .accumulator(1)]),
      stage(writes: [.stateAfter(1)]), stage(reads: [.stateAfter(1)], writes: [.accumulator(2)]),
      stage(writes: [.stateAfter(0)]),
    ]
    #expect(StageAccess.waits(stages) == [true, false, true, false])
  }

  /// Nothing of the step before a product of x alone keeps a member from running ahead of those that still multiply.
  @Test("A value that is overwritten at every step waits for those that still read it")
  func overwriting() {
    let stages = [
      stage(writes: [.accumulator(0)]), stage(writes: [.step(0)]),
      stage(reads: [.step(0), .stateBefore(0)], writes: [.accumulator(1)]), stage(writes: [.stateAfter(0)]),
    ]
    #expect(StageAccess.waits(stages) == [false, true, true, false])
    #expect(StageAccess.waits([stage(writes: [.step(0)]), stage(reads: [.step(0)])]) == [true, true])
  }

  @Test("Converted factors have two places in turn, so that only the products wait")
  func conversions() {
    let stages = [
      StageAccess(writes: [.converted(.stateBefore(0))]),
      StageAccess(reads: [.converted(.stateBefore(0))], writes: [.slot(.accumulator(0))]),
      stage(writes: [.stateAfter(0)]),
    ]
    #expect(StageAccess.waits(stages) == [false, true, false])
  }

  @Test("A reduction of what arrives from the next step waits for those that compute it")
  func arriving() {
    let stages = [
      stage(reads: [.arriving(0)], writes: [.step(0)]), stage(writes: [.departing(0)]),
    ]
    #expect(StageAccess.waits(stages) == [true, false])
  }
}
