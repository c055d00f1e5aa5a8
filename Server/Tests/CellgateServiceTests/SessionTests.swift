import Cellgate
import Foundation
import HTTPTypes
import Logging
import Testing

@testable import CellgateService

@Suite("Sessions")
struct SessionTests {
  @Test("Steps of a session are those of the model, and its state goes on elsewhere")
  func steps() async throws {
    let path = try Fixtures.sensor()
    let model = try Model.load(path)
    let (stream, scaler) = (try model.stream(), try #require(model.preprocessing.inputScaler))
    let rows: [[Float]] = [[1, 2, 3], [0.5, -1, 2], [3, 3, 3]]
    var (session, expected) = (stream.session(), [[Float]]())
    for row in rows {
      expected.append(try stream.step(&session, scaler(Tensor(row, shape: [1, 3])).scalars))
    }
    let outputs = expected
    try await Fixtures.service([("sensor", path)]).asked { client in
      let id = try await client.post("/v1/sessions")["id"].string ?? ""
      let first = try await client.post("/v1/sessions/\(id)/steps", ["inputs": [1, 2, 3]])
      #expect(first["outputs"].array?.map(\.numbers) == [outputs[0]])
      let state = try await client.get("/v1/sessions/\(id)/state")
      let rest = try await client.post(
        "/v1/sessions/\(id)/steps", ["inputs": [[0.5, -1, 2], [3, 3, 3]], "outputs": "all"])
      #expect(rest["outputs"].array?.map(\.numbers) == Array(outputs[1...]))
      #expect(rest["steps"].integer == 3)
      // From the state after the first step the same comes again, in another session and in the same one.
      let other = try await client.post("/v1/sessions", ["state": state["state"], "steps": 1])
      #expect(other.status == 201 && other["steps"].integer == 1)
      let name = other["id"].string ?? ""
      let again = try await client.post(
        "/v1/sessions/\(name)/steps", ["inputs": [[0.5, -1, 2], [3, 3, 3]]])
      #expect(again["outputs"].array?.map(\.numbers) == [outputs[2]])
      #expect(
        try await client.ask(.put, "/v1/sessions/\(id)/state", "{\"state\": \(state["state"].text)}").status
          == 200)
      let streamed = try await client.post(
        "/v1/sessions/\(id)/steps",
        ["inputs": [[0.5, -1, 2], [3, 3, 3]], "outputs": "last", "stream": true, "gates": true])
      #expect(streamed.events.compactMap { $0["outputs"]?.first.numbers } == Array(outputs[1...]))
      #expect(streamed.events.allSatisfy { $0["gates"]?.array?.count == 3 })
    }
  }

  @Test("A session writes what a completion of the whole text writes")
  func texts() async throws {
    let path = try Fixtures.text()
    try await Fixtures.service([("text", path)]).asked { client in
      let whole = try await client.post(
        "/v1/completions", ["prompt": "abc de", "max_tokens": 12, "temperature": 0])
      let id = try await client.post("/v1/sessions")["id"].string ?? ""
      let next = try await client.post("/v1/sessions/\(id)/steps", ["text": "abc", "top": 3])
      #expect(next["next"].array?.count == 3)
      var text = ""
      for body in [
        ["text": " de", "max_tokens": 5, "temperature": 0],
        ["max_tokens": 7, "temperature": 0, "stream": true],
      ] as [JSONTree] {
        let answer = try await client.post("/v1/sessions/\(id)/completions", body)
        let choices =
          body["stream"] != nil
          ? answer.events.flatMap { $0["choices"]?.array ?? [] } : answer["choices"].array ?? []
        text += choices.compactMap { $0["text"]?.string }.joined()
      }
      #expect(text == whole["choices"].first["text"]?.string)
    }
  }

  @Test("What is wrong with a session's request changes nothing")
  func problems() async throws {
    let path = try Fixtures.sensor(), text = try Fixtures.text()
    let service = try Fixtures.service([("sensor", path), ("text", text)]) { $0.sessions = 2 }
    try await service.asked { client in
      let id = try await client.post("/v1/sessions", ["model": "sensor"])["id"].string ?? ""
      let before = try await client.get("/v1/sessions/\(id)/state")["state"]
      for (body, words) in [
        ("{}", "inputs: expected a value"), ("{\"inputs\": []}", "inputs: expected a value"),
        ("{\"inputs\": [1, 2]}", "expected 3 numbers"),
        ("{\"inputs\": [[1, 2, 3], [1]]}", "inputs[1]: expected 3"),
        ("{\"inputs\": [1, null, 2]}", "a finite number"), ("{\"inputs\": [1, 1e39, 2]}", "a finite number"),
        ("{\"inputs\": [NaN, 1, 2]}", "inputs[0]: expected a value"), ("{\"text\": \"a\"}", "text"),
        ("{\"inputs\": 3}", "a list"),
        ("{\"inputs\": [1, 2, 3], \"outputs\": \"some\"}", "last, all or none"),
      ] {
        let answer = try await client.post("/v1/sessions/\(id)/steps", body)
        #expect(answer.status == 400 && answer.message.contains(words), "\(body): \(answer.message)")
      }
      #expect(try await client.get("/v1/sessions/\(id)/state")["state"] == before)
      var bytes = try #require(before.string.flatMap { Data(base64Encoded: $0) })
      bytes[40] ^= 1
      for (state, words) in [
        ("?", "base 64"), ("AAAA", "CGSS"), (bytes.base64EncodedString(), "checksum"),
      ] {
        let answer = try await client.post("/v1/sessions", ["model": "sensor", "state": .string(state)])
        #expect(answer.status == 400 && answer.message.contains(words), "\(answer.message)")
      }
      let foreign = try await client.post("/v1/sessions", ["model": "text", "state": before])
      #expect(foreign.status == 400 && foreign.message.contains("another model"))
      #expect(try await client.post("/v1/sessions", ["model": "text"]).status == 201)
      let full = try await client.post("/v1/sessions", ["model": "text"])
      #expect(full.status == 429 && full.code == "too_many_sessions" && full.headers[.retryAfter] == "1")
      #expect(try await client.ask(.delete, "/v1/sessions/\(id)").status == 200)
      #expect(try await client.get("/v1/sessions/\(id)").status == 404)
      #expect(try await client.post("/v1/sessions/\(id)/save").status == 404)
      #expect(try await client.get("/v1/sessions?limit=0").status == 400)
      #expect(try await client.get("/v1/sessions")["data"].array?.count == 1)
    }
  }

  private func pool(_ folder: String?, now: @escaping @Sendable () -> Double) throws -> SessionPool {
    var settings = ServiceSettings()
    (settings.store, settings.sessionIdleSeconds, settings.sessionLifeSeconds) = (folder, 10, 100)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return try SessionPool(settings: settings, metrics: ServiceMetrics(), logger: logger, now: now)
  }

  @Test(
    "A session that stands still is moved to the store and comes back with the same bits, also after the service"
  )
  func store() async throws {
    let stream = try Model.load(Fixtures.sensor()).stream()
    var session = stream.session()
    _ = try stream.step(&session, [1, 2, 3])
    let folder = try Fixtures.folder()
    let clock = Clock()
    let pool = try pool(folder) { clock.now }
    let id = try await pool.create(model: "sensor", owner: "me", session: session, pending: 3, steps: 1).id
    func place(_ pool: SessionPool) async throws -> String? {
      try await pool.description(id, owner: "me")["place"]?.string
    }
    await pool.sweep()
    #expect(try await place(pool) == "memory")
    clock.now = 11
    await pool.sweep()
    #expect(try await place(pool) == "store")
    // Another service with the same folder.
    let other = try self.pool(folder) { clock.now }
    await other.open()
    let taken = try await other.take(id, owner: "me")
    #expect(taken.session == session && taken.record.pending == 3 && taken.record.steps == 1)
    await #expect(throws: ServiceError.self) { try await other.take(id, owner: "me") }
    await #expect(throws: ServiceError.self) { try await other.take(id, owner: "you") }
    await other.give(id, taken.session, pending: nil)
    // A damaged file is an error of this session alone.
    let file = folder + "/\(id).session"
    var data = try Data(contentsOf: URL(fileURLWithPath: file))
    data[data.count - 20] ^= 1
    try data.write(to: URL(fileURLWithPath: file))
    await #expect(throws: ServiceError.self) { try await pool.take(id, owner: "me") }
    #expect(try await place(pool) == "store")
    // After its life it ends, and its file goes.
    clock.now = 200
    await pool.sweep()
    await #expect(throws: ServiceError.self) { try await place(pool) }
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  @Test("Sessions that can't be written to the store stay in memory")
  func refused() async throws {
    let stream = try Model.load(Fixtures.sensor()).stream()
    let folder = try Fixtures.folder()
    let clock = Clock()
    let pool = try pool(folder) { clock.now }
    let id = try await pool.create(model: "sensor", owner: "", session: stream.session()).id
    // A file stands where the folder was: nobody can write there, not even who may do everything.
    try FileManager.default.removeItem(atPath: folder)
    try Data().write(to: URL(fileURLWithPath: folder))
    clock.now = 11
    await pool.sweep()
    #expect(try await pool.description(id, owner: "")["place"] == "memory")
    let error = await #expect(throws: ServiceError.self) { try await pool.save(id, owner: "") }
    #expect(error?.status.code == 507)
    #expect(try await pool.take(id, owner: "").session == stream.session())
  }

  /// A time that tests set.
  private final class Clock: @unchecked Sendable { var now = 0.0 }

  @Test("A session that is taken ends when it is given back")
  func deletion() async throws {
    let stream = try Model.load(Fixtures.sensor()).stream()
    let pool = try pool(nil) { 0 }
    let id = try await pool.create(model: "sensor", owner: "", session: stream.session()).id
    _ = try await pool.take(id, owner: "")
    try await pool.delete(id, owner: "")
    await #expect(throws: ServiceError.self) { try await pool.description(id, owner: "") }
    await pool.give(id, stream.session(), pending: nil)
    #expect(await pool.list(owner: "", after: "", limit: 10).sessions.isEmpty)
  }
}
