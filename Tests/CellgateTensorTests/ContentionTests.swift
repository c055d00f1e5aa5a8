import Testing

@testable import CellgateTensor

@Suite("Contention")
struct ContentionTests {
  /// Jobs without teams until one is tried again.
  private func pauses(_ contention: inout Contention) -> Int {
    var count = 0
    while contention.advisesAgainstTeams() { count += 1 }
    return count
  }

  @Test("A thread that keeps its processor has teams")
  func free() {
    var contention = Contention()
    for _ in 0..<3 {
      contention.note(switches: 2, milliseconds: 1)
      #expect(pauses(&contention) == 0)
    }
    // A few in a long job are the system's own.
    contention.note(switches: 100, milliseconds: 1000)
    #expect(pauses(&contention) == 0)
  }

  @Test("A thread that loses it often goes without for longer and longer, and recovers")
  func contended() {
    var contention = Contention()
    var found: [Int] = []
    for _ in 0..<9 {
      contention.note(switches: 50, milliseconds: 10)
      found.append(pauses(&contention))
    }
    #expect(found == [1, 2, 4, 8, 16, 32, 64, 64, 64])
    contention.note(switches: 0, milliseconds: 10)
    #expect(pauses(&contention) == 0)
    contention.note(switches: 50, milliseconds: 10)
    #expect(pauses(&contention) == 1)
  }
}
