import Cellgate
import Foundation
import GRDB
import HTTPTypes
import Testing

@testable import AgentMemory
@testable import CellgateService

/// What is answered where the memory's file is held by another program, damaged, or its disk full.
@Suite("A memory that can't be used")
struct MemoryFaultTests {
  private func service(_ store: MemoryStore) throws -> CellgateService {
    try Fixtures.service([], endpoints: MemoryRoutes(store, settings: ServiceSettings()).endpoints)
  }

  private static let message = #"{"messages": [{"role": "user", "content": "a message"}]}"#
  private static let path = "/v1/memory/sessions/s/messages"

  @Test("While another program writes, requests to write are answered with 503, and others as ever")
  func locked() async throws {
    let file = try Fixtures.folder() + "/memory.sqlite"
    var options = MemoryStore.Options()
    options.busySeconds = 0.05
    let store = try MemoryStore(file, options: options)
    try store.createSession("s")
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: file, configuration: configuration)
    try await service(store).asked { client in
      try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
      let held = try await client.post(Self.path, Self.message)
      #expect(held.status == 503 && held.code == "memory_locked", "\(held.text)")
      #expect(!held.message.contains(file))
      #expect(try await client.get(Self.path)["data"].array?.isEmpty == true)
      try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
      #expect(try await client.post(Self.path, Self.message).status == 201)
    }
  }

  @Test("On a full disk the answer is 507, nothing of the request is stored, and what was acknowledged stays")
  func full() async throws {
    let file = try Fixtures.folder() + "/memory.sqlite"
    let store = try MemoryStore(file)
    try store.createSession("s")
    @Sendable func limit(_ pages: Int) throws {
      try store.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") }
    }
    let many = JSONTree.object([
      .init(
        "messages",
        .array((0..<500).map { ["role": "user", "content": .string("a longer message, number \($0)")] }))
    ])
    try await service(store).asked { client in
      #expect(try await client.post(Self.path, Self.message).status == 201)
      try limit(1)
      let answer = try await client.post(Self.path, many)
      #expect(answer.status == 507 && answer.code == "disk_full", "\(answer.text)")
      #expect(try await client.get(Self.path)["data"].array?.count == 1)
      try limit(1 << 30)
      #expect(try await client.post(Self.path, many).status == 201)
      #expect(try await client.get(Self.path + "?limit=1000")["data"].array?.count == 501)
    }
  }

  @Test(
    "A damaged file is answered with 500 where it is read, without the file's name, and the service goes on")
  func damaged() async throws {
    let file = try Fixtures.folder() + "/memory.sqlite"
    let store = try MemoryStore(file)
    try store.createSession("s")
    try store.append(
      (0..<900).map { MessageDraft(role: "user", content: "message \($0) about topic\($0 % 7)") }, to: "s")
    #expect(try store.purge())
    // Two thirds of the file are overwritten while it is open.
    let handle = try #require(FileHandle(forUpdatingAtPath: file))
    let (size, from) = (try handle.seekToEnd(), try handle.offset() / 3)
    try handle.seek(toOffset: from)
    try handle.write(contentsOf: Data((from..<size).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 3) }))
    try handle.close()
    try await service(store).asked { client in
      var failed = 0
      for _ in 0..<2 {
        for answer in [
          try await client.get(Self.path + "?limit=1000"),
          try await client.post("/v1/memory/search", #"{"query": "message about topic3"}"#),
          try await client.post("/v1/memory/sessions/s/context", #"{"budget": 500}"#),
          try await client.post(Self.path, Self.message),
          try await client.ask(.delete, "/v1/memory/sessions/s"),
        ] {
          #expect([200, 201, 404, 500].contains(answer.status), "\(answer.status) \(answer.text)")
          guard answer.status == 500 else { continue }
          failed += 1
          #expect(answer.code == "memory_failed" && !answer.message.contains("sqlite"), "\(answer.text)")
        }
      }
      #expect(failed > 0)
      #expect(try await client.get("/healthz").status == 200)
    }
  }
}
