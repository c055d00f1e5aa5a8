import AgentMemory
import Cellgate
import Foundation
import HTTPTypes
import Testing

@testable import CellgateService

@Suite("An agent's memory over HTTP")
struct MemoryRoutesTests {
  private func service(_ change: (inout ServiceSettings) -> Void = { _ in }) throws -> CellgateService {
    var settings = ServiceSettings()
    change(&settings)
    let routes = MemoryRoutes(try MemoryStore(":memory:"), settings: settings)
    return try Fixtures.service([], endpoints: routes.endpoints, change: change)
  }

  @Test("A conversation is stored, found, condensed and deleted")
  func conversation() async throws {
    try await service().asked { client in
      let made = try await client.post(
        "/v1/memory/sessions", #"{"id": "trip", "title": "A trip", "metadata": {"user": 7}}"#)
      #expect(made.status == 201 && made["id"].string == "trip" && made["metadata"]["user"]?.integer == 7)
      #expect(try await client.post("/v1/memory/sessions", #"{"id": "trip"}"#).status == 409)
      let stored = try await client.post(
        "/v1/memory/sessions/trip/messages",
        #"{"messages": [{"role": "user", "content": "My train leaves at 7:40."}, {"role": "assistant", "content": "I noted it."}]}"#
      )
      #expect(stored.status == 201 && stored["data"].array?.count == 2)
      let found = try await client.post("/v1/memory/search", #"{"query": "when does the train leave?"}"#)
      let first = found["results"].array?.first
      #expect(first?["record"]?["content"]?.string == "My train leaves at 7:40.")
      #expect(first?["why"]?.string?.contains("train") == true)

      #expect(try await client.post("/v1/memory/sessions/trip/focus", #"{"topic": "tickets"}"#).status == 201)
      #expect(try await client.post("/v1/memory/sessions/trip/focus", #"{"topic": "more"}"#).status == 409)
      _ = try await client.post(
        "/v1/memory/sessions/trip/messages",
        #"{"messages": [{"role": "tool", "content": "Seat 12 is free. Seat 13 is not. Seat 14 is not either."}]}"#
      )
      let done = try await client.post(
        "/v1/memory/sessions/trip/focus/complete",
        #"{"summary": "Seat 12.", "learnings": ["Seats are few."]}"#)
      #expect(done.status == 200 && done["messages"].integer == 1 && done["learnings"].array?.count == 1)
      let context = try await client.post("/v1/memory/sessions/trip/context", #"{"budget": 400}"#)
      #expect(context.status == 200 && context.text.contains("Seats are few."))
      #expect(!context.text.contains("Seat 14"))

      let fact = try await client.post("/v1/memory/facts", #"{"content": "Lives in Turin", "key": "home"}"#)
      let id = try #require(fact["id"].integer)
      #expect(try await client.get("/v1/memory/facts?key=home")["data"].array?.count == 1)
      #expect(try await client.post("/v1/memory/facts/\(id)/end", "{}")["id"].integer == id)
      let all = try await client.get("/v1/memory/sessions/trip/messages?limit=2")
      #expect(all["data"].array?.count == 2)
      let gone = try await client.ask(.delete, "/v1/memory/sessions/trip", nil)
      #expect(gone.status == 200 && gone["sessions"].integer == 1)
      #expect(try await client.get("/v1/memory/sessions/trip").status == 404)
    }
  }

  @Test(
    "Sessions, records and what is old are deleted at once, or nothing; deletions side by side each say what they deleted"
  )
  func deletions() async throws {
    let file = try Fixtures.folder() + "/memory.sqlite"
    let routes = MemoryRoutes(try MemoryStore(file), settings: ServiceSettings())
    try await Fixtures.service([], endpoints: routes.endpoints).asked { client in
      var ids: [Int] = []
      for name in 0..<8 {
        _ = try await client.post("/v1/memory/sessions", ["id": .string("s\(name)")])
        let stored = try await client.post(
          "/v1/memory/sessions/s\(name)/messages",
          [
            "messages": [
              ["role": "user", "content": .string("quetzalcoatl\(name)"), "created_at": .integer(name)]
            ]
          ])
        ids.append(try #require(stored["data"].first["id"]?.integer))
      }
      func names() async throws -> [String] {
        (try await client.get("/v1/memory/sessions")["data"].array ?? []).compactMap { $0["id"]?.string }
      }
      func deleted(_ body: JSONTree) async throws -> Client.Answer {
        try await client.post("/v1/memory/deletions", body)
      }
      #expect(try await deleted(["sessions": ["s0", "none"]]).status == 404)
      #expect(try await names().count == 8)
      let some = try await deleted(["sessions": ["s0", "s1", "s1"], "records": [.integer(ids[2]), 999_999]])
      #expect(some["sessions"].integer == 2 && some["records"].integer == 3 && some["purged"].bool == true)
      let old = try await deleted(["before": 4])
      #expect(old["sessions"].integer == 0 && old["records"].integer == 1)
      let reports = try await withThrowingTaskGroup(of: Client.Answer.self) { group in
        for name in 4..<7 {
          group.addTask { try await client.ask(.delete, "/v1/memory/sessions/s\(name)") }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(reports.allSatisfy { $0["records"].integer == 1 && $0["purged"].bool == true })
      #expect(try await names() == ["s7", "s3", "s2"])
      #expect(try await deleted([:]).message == "body: expected sessions, records or before, found none")
      #expect(try await deleted(["before": "x"]).status == 400)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      #expect(bytes.range(of: Data("quetzalcoatl7".utf8)) != nil)
      for name in 0..<7 { #expect(bytes.range(of: Data("quetzalcoatl\(name)".utf8)) == nil, "\(name)") }
    }
  }

  @Test("Without a model there are the memory, its document, and no model")
  func alone() async throws {
    try await service().asked { client in
      let paths = try await client.get("/openapi.json")["paths"].object ?? []
      #expect(paths.count { $0.key.hasPrefix("/v1/memory/") } == 11)
      #expect(try await client.get("/v1/models")["data"].array?.isEmpty == true)
      let answer = try await client.post("/v1/completions", #"{"prompt": "a"}"#)
      #expect(answer.status == 404 && answer.message == "the service has no model")
    }
  }

  @Test("What is wrong with a request is said by its place")
  func wrong() async throws {
    try await service { $0.items = 1 }.asked { client in
      _ = try await client.post("/v1/memory/sessions", #"{"id": "a"}"#)
      for (path, body, message) in [
        ("sessions", #"{"name": "a"}"#, "name: expected one of id, title, metadata, found another name"),
        ("sessions/a/messages", "{}", "messages: expected a value, found none"),
        (
          "sessions/a/messages", #"{"messages": [{"role": "user"}]}"#,
          "messages[0].content: expected a value, found none"
        ),
        (
          "sessions/a/messages", #"{"messages": [{"role": 5, "content": "a"}]}"#,
          "messages[0].role: expected a value of another kind, found one that can't be used"
        ),
        (
          "sessions/a/messages",
          #"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}"#,
          "messages: expected at most 1 messages, found 2"
        ),
        ("search", #"{"query": "a", "kinds": ["secret"]}"#, "kinds[0]: expected"),
        ("sessions/a/context", #"{"budget": 0}"#, "budget: expected"),
        ("sessions/a/context", #"{"budget": 2147483649}"#, "budget: expected a number from 1 to 2147483648"),
        ("search", #"{"query": "a", "since": 1e13}"#, "since: expected a number from -1000000000000 to"),
        (
          "sessions/a/messages", #"{"messages": [{"role": "user", "content": "a", "token_count": -1}]}"#,
          "messages[0].token_count: expected a number from 0"
        ),
        ("deletions", #"{"records": [0]}"#, "records[0]: expected a number from 1"),
        ("deletions", #"{"records": [1, 9007199254740993]}"#, "records[1]: expected a number from 1"),
      ] {
        let answer = try await client.post("/v1/memory/" + path, body)
        #expect(answer.status == 400 && answer.message.hasPrefix(message), "\(answer.text)")
      }
      #expect(try await client.post("/v1/memory/sessions/b/messages", #"{"messages": []}"#).status == 404)
      #expect(try await client.get("/v1/memory/records/x").status == 404)
      for time in ["1e13", "nan", "x"] {
        #expect(
          try await client.get("/v1/memory/facts?valid_at=\(time)").message.hasPrefix("valid_at: expected"))
      }
      #expect(try await client.get("/v1/memory/sessions?limit=0").message.hasPrefix("limit: expected"))
    }
  }
}
