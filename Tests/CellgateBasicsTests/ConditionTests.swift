import CellgateBasics
import CellgateTensor
import Testing

@Suite("Waiting for a condition")
struct ConditionTests {
  private final class Shared: @unchecked Sendable {
    let condition = Condition()
    var count = 0
  }

  @Test("Threads that wait are woken, and add up under the lock")
  func threads() {
    let shared = Shared()
    for _ in 0..<4 {
      let code = ThreadStarter.current.start("adds", 1 << 20) {
        for _ in 0..<1000 {
          shared.condition.lock()
          shared.count += 1
          shared.condition.signal()
          shared.condition.unlock()
        }
      }
      #expect(code == 0)
    }
    shared.condition.lock()
    while shared.count < 4000 { shared.condition.wait() }
    shared.condition.unlock()
    #expect(shared.count == 4000)
  }

  @Test("A wait for a time ends without anyone's help")
  func time() {
    let condition = Condition()
    let clock = ContinuousClock()
    condition.lock()
    let spent = clock.measure { condition.wait(seconds: 0.02) }
    condition.unlock()
    // The system's clock may be set while it waits, and wake it early; it never waits for ever.
    #expect(spent < .seconds(60))
  }
}
