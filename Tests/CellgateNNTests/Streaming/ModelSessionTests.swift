import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("ModelSession")
struct ModelSessionTests {
  private func stream() throws -> ModelStream {
    try ModelStreamTests.model(.lstmWM, layers: 2, symbols: true, units: 6).stream()
  }

  @Test("A session goes on from its bytes, and from JSON, with the same bits")
  func restoring() throws {
    let stream = try stream()
    var session = stream.session()
    for symbol: Float in [3, 1, 7] { _ = try stream.step(&session, [symbol]) }
    #expect(session.states.count == 2 * 2 * 6)
    #expect(stream.stateSize == session.states.count)
    #expect(session.bytes.count == 16 + 8 + 4 * session.states.count + 8)
    var restored = try stream.session(session.bytes)
    let decoded = try JSONDecoder().decode(ModelSession.self, from: try JSONEncoder().encode(session))
    #expect(restored == session)
    #expect(decoded == session)
    #expect(try stream.step(&restored, [2]) == stream.step(&session, [2]))
    #expect(restored == session)
    #expect(restored != decoded)
  }

  @Test("States that are no numbers are kept as they are")
  func notNumbers() throws {
    let model = Sequential(LSTM(4), input: .sequence(1))
    try model.build(seed: 1)
    let stream = try model.stream()
    var session = stream.session()
    #expect(try stream.step(&session, [.nan]).allSatisfy(\.isNaN))
    #expect(try stream.session(session.bytes) == session)
    let json = try JSONEncoder().encode(session)
    #expect(try JSONDecoder().decode(ModelSession.self, from: json) == session)
  }

  @Test("Another model's session is refused, and one of other weights")
  func others() throws {
    let stream = try stream()
    let model = try ModelStreamTests.model(.lstmWM, layers: 2, symbols: true, units: 6)
    var state = model.state
    state["dense.bias"] = state["dense.bias"].map { $0 + 1 }
    try model.load(state)
    let others = [
      try model.stream(), try ModelStreamTests.model(.gru, layers: 2, symbols: true, units: 6).stream(),
      try ModelStreamTests.model(.lstmWM, layers: 1, symbols: true, units: 6).stream(),
    ]
    for other in others {
      var session = other.session()
      #expect(throws: StreamError.self) { try stream.session(session.bytes) }
      do {
        _ = try stream.step(&session, [1])
        Issue.record("another model's session was taken")
      } catch {
        #expect(
          "\(error)"
            == "session: expected one of this model, found one of another model or of other weights")
      }
    }
    // The same model built again has the same sessions.
    #expect(try self.stream().signature == stream.signature)
  }

  @Test("Bytes that are no session are refused, whatever they are")
  func badBytes() throws {
    let stream = try stream()
    let bytes = stream.session().bytes
    func refusal(_ bytes: [UInt8]) -> String {
      do {
        _ = try stream.session(bytes)
        return "none"
      } catch { return "\(error)" }
    }
    #expect(refusal([]) == "session: expected 32 bytes or more that begin with CGSS, found others")
    for count in bytes.indices { #expect(refusal(Array(bytes[..<count])) != "none") }
    #expect(refusal(bytes + [0]) == "session: expected 24 states, found 97 bytes for them")
    for place in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[place] ^= 1 << bit
        #expect(refusal(changed) != "none", "bit \(bit) of byte \(place)")
      }
    }
    var version = bytes
    version[4] = 9
    #expect(refusal(version) == "session: expected bytes of version 1, found version 9")
    var random = SplitMix(state: 7)
    for _ in 0..<2000 {
      var made = bytes
      for _ in 0..<4 {
        made[Int(random.next() % UInt64(made.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      if made != bytes { #expect(refusal(made) != "none") }
    }
  }
}
