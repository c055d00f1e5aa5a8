import AgentMemory
import Foundation
import GRDB
import Testing

@Suite struct MemoryStoreTests {
  @Test func `What is stored is there when the file is opened again`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    var stored: MemoryRecord?
    do {
      let memory = try MemoryStore(file)
      try memory.createSession("trip", title: "A trip", metadata: ["team": "red", "size": 3])
      stored = try memory.append(
        [
          MessageDraft(
            role: "user", content: "Zürich, 7:40\nplatform 3", createdAt: 12.5, tokenCount: 9,
            metadata: ["tags": .array(["a", nil]), "deep": .object(["x": 1.5]), "ok": true])
        ], to: "trip")[0]
    }
    let memory = try MemoryStore(file)
    #expect(try memory.session("trip").metadata == ["team": "red", "size": 3])
    #expect(try memory.messages(in: "trip") == [try #require(stored)])
    #expect(stored?.tokenCount == 9 && stored?.createdAt == 12.5)
    let mode = try DatabaseQueue(path: file).read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
    #expect(mode == "wal")
    try memory.check()
  }

  @Test func `Messages come in pages, the last ones first`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    for number in 0..<10 { try memory.say("message \(number)", in: "s") }
    let last = try memory.messages(in: "s", limit: 3)
    #expect(last.map(\.content) == ["message 7", "message 8", "message 9"])
    let before = try memory.messages(in: "s", limit: 3, before: last[0].id)
    #expect(before.map(\.content) == ["message 4", "message 5", "message 6"])
  }

  @Test func `A batch is stored as a whole or not at all`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    #expect(throws: MemoryError.self) {
      try memory.append(
        [MessageDraft(role: "user", content: "good"), MessageDraft(role: "", content: "no role")], to: "s")
    }
    #expect(try memory.recordCount() == 0)
  }

  @Test func `Values that can't be stored are refused, and named`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    func message(_ draft: MessageDraft, to session: String = "s") -> String {
      do { _ = try memory.append([draft], to: session) } catch { return error.description }
      return "stored"
    }
    #expect(message(MessageDraft(role: "u", content: "a\0b")).hasPrefix("content: expected a text"))
    #expect(message(MessageDraft(role: "u", content: "x", createdAt: .nan)).hasPrefix("created_at: "))
    #expect(message(MessageDraft(role: "u", content: "x", tokenCount: -1)).hasPrefix("token_count: "))
    #expect(
      message(MessageDraft(role: "u", content: "x", metadata: ["x": .number(.infinity)])).hasPrefix(
        "metadata: "))
    #expect(message(MessageDraft(role: "u", content: "x"), to: "other") == "there is no session other")
    #expect(throws: MemoryError.conflict(what: "there is already a session s")) {
      try memory.createSession("s")
    }
    #expect(throws: MemoryError.unknown(what: "record", name: "7")) { try memory.record(7) }
    #expect(try memory.recordCount() == 0)
  }

  @Test func `A fact takes the place of the one with its key, and both can be asked for`() throws {
    let clock = Clock()
    let memory = try MemoryStore.inMemory(clock)
    try memory.createSession("s")
    let message = try memory.say("I moved to Bern.", in: "s")
    let old = try memory.addFact(FactDraft(content: "Ada lives in Basel", key: "home", validFrom: 100))
    let other = try memory.addFact(
      FactDraft(content: "Ada rents in Basel", key: "home", sessionID: "s", validFrom: 100))
    let new = try memory.addFact(
      FactDraft(content: "Ada lives in Bern", key: "home", validFrom: 500, source: message.id))
    #expect(try memory.record(old.id).validUntil == 500)
    #expect(try memory.record(old.id).supersededBy == new.id)
    #expect(try memory.record(other.id).validUntil == nil)
    #expect(try memory.facts(validAt: 300, key: "home").map(\.id) == [old.id, other.id])
    #expect(try memory.facts(validAt: 500, key: "home").map(\.id) == [other.id, new.id])
    #expect(
      try Set(memory.links(of: new.id)) == [
        MemoryLink(from: new.id, to: old.id, relation: "supersedes"),
        MemoryLink(from: new.id, to: message.id, relation: "source"),
      ])
    // Only what holds is found, unless asked otherwise.
    func found(_ request: SearchRequest) throws -> Set<Int64> {
      Set(try memory.search(request).results.map(\.record.id))
    }
    #expect(try found(SearchRequest(query: "Ada lives", kinds: [.fact])) == [new.id, other.id])
    #expect(try found(SearchRequest(query: "Ada lives", kinds: [.fact], validAt: 300)) == [old.id, other.id])
    #expect(try found(SearchRequest(query: "Ada lives", kinds: [.fact], includeExpired: true)).count == 3)
    try memory.endFact(new.id, at: 600)
    #expect(try memory.facts(validAt: 700, key: "home").map(\.id) == [other.id])
    #expect(throws: MemoryError.self) { try memory.endFact(message.id) }
    #expect(throws: MemoryError.self) {
      try memory.addFact(FactDraft(content: "x", validFrom: 5, validUntil: 4))
    }
  }

  @Test func `What is deleted is gone from the file, its log, the full-text index and the vectors`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    let memory = try MemoryStore(file)
    try memory.createSession("secret", metadata: ["note": "quetzalsession"])
    try memory.createSession("kept")
    for number in 0..<300 { try memory.say("the kept message \(number)", in: "kept") }
    try memory.startFocus("quetzaltopic", in: "secret")
    let hidden = try memory.say("my password is quetzalcoatl", in: "secret")
    try memory.completeFocus(
      in: "secret", FocusCompletion(summary: "quetzalsummary", learnings: ["quetzallearning"]))
    let fact = try memory.addFact(FactDraft(content: "quetzalfact", sessionID: "secret", source: hidden.id))
    let lone = try memory.say("also quetzalalone", in: "kept")
    #expect(try memory.search(SearchRequest(query: "quetzalcoatl")).results.first?.record.id == hidden.id)

    func contains(_ word: String) throws -> Bool {
      for ending in ["", "-wal", "-shm"] {
        guard let data = FileManager.default.contents(atPath: file + ending) else { continue }
        if data.range(of: Data(word.utf8)) != nil { return true }
      }
      return false
    }
    #expect(try contains("quetzalcoatl") && contains("quetzaltopic") && contains("quetzalsession"))
    // Of the record's vector too.
    let numbers = try DatabaseQueue(path: file).read {
      try Data.fetchOne($0, sql: "SELECT numbers FROM vector WHERE record_id = ?", arguments: [hidden.id])
    }
    let vector = try #require(numbers)
    func containsVector() -> Bool {
      ["", "-wal"].contains { ending in
        let data = FileManager.default.contents(atPath: file + ending) ?? Data()
        return data.range(of: vector) != nil
      }
    }
    #expect(containsVector())

    let report = try memory.deleteSession("secret")
    #expect(report == DeletionReport(sessions: 1, records: 4, purged: true))
    #expect(
      try memory.deleteRecords([lone.id, 9999]) == DeletionReport(sessions: 0, records: 1, purged: true))
    // The index keeps words without what they begin with in common.
    for word in ["quetzal", "coatl", "lcoatl", "zaltopic", "zalsession"] {
      #expect(try !contains(word), "\(word) is still there")
    }
    #expect(!containsVector())
    #expect(
      try memory.search(SearchRequest(query: "quetzalcoatl")).results.allSatisfy {
        $0.record.sessionID == "kept"
      })
    #expect(throws: MemoryError.unknown(what: "record", name: "\(fact.id)")) { try memory.record(fact.id) }
    try memory.check()
    try memory.compact()
    try memory.check()
    #expect(try memory.recordCount() == 300)
  }

  @Test func `Old records are deleted, facts that hold are not`() throws {
    let clock = Clock()
    let memory = try MemoryStore.inMemory(clock)
    try memory.createSession("s")
    clock.now = 100
    try memory.say("old", in: "s")
    let fact = try memory.addFact(FactDraft(content: "holds"))
    try memory.addFact(FactDraft(content: "held", validFrom: 10, validUntil: 50))
    clock.now = 200
    let young = try memory.say("young", in: "s")
    #expect(try memory.deleteRecords(before: 150).records == 2)
    #expect(try memory.recordCount() == 2)
    #expect(try [memory.record(fact.id).content, memory.record(young.id).content] == ["holds", "young"])
  }

  @Test func `An export read into another store holds the same, with numbers of its own`() throws {
    let folder = try Folder()
    let memory = try MemoryStore.inMemory()
    try memory.createSession("a", title: "A", metadata: ["x": 1])
    try memory.createSession("b")
    try memory.startFocus("the lamp", in: "a")
    let message = try memory.say("the lamp needs a fuse of 5 A", in: "a")
    try memory.completeFocus(
      in: "a", FocusCompletion(summary: "Looked at the lamp.", learnings: ["Fuse: 5 A"]))
    try memory.addFact(FactDraft(content: "fuse is 4 A", key: "fuse", validFrom: 5))
    try memory.addFact(FactDraft(content: "fuse is 5 A", key: "fuse", source: message.id))
    try memory.say("elsewhere", in: "b")
    let file = folder.file("memory.jsonl")
    let report = try memory.export(to: file)
    #expect(report.sessions == 2 && report.foci == 1 && report.records == 6 && report.links == 2)

    let copy = try MemoryStore.inMemory()
    try copy.createSession("before")
    for number in 0..<3 { try copy.say("\(number)", in: "before") }
    #expect(try copy.importLines(from: file) == report)
    let again = folder.file("again.jsonl")
    #expect(try copy.export(to: again, sessions: ["a", "b"]).records == 6)
    // The numbers differ by what was there before; the rest is the same.
    func lines(_ file: String, less: Int64) throws -> [String] {
      let text = try String(contentsOfFile: file, encoding: .utf8)
      return try text.split(separator: "\n").map { line in
        guard var object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: [String: Any]]
        else { return "" }
        for (kind, fields) in object {
          for field in ["id", "from", "to", "superseded_by"] where kind == "record" || kind == "link" {
            if let number = fields[field] as? Int64 { object[kind]?[field] = number - less }
          }
        }
        return String(
          decoding: try JSONSerialization.data(withJSONObject: object, options: .sortedKeys), as: UTF8.self)
      }
    }
    #expect(try lines(again, less: 3) == lines(file, less: 0))
    #expect(try copy.search(SearchRequest(query: "fuse of the lamp")).results.first?.vectorRank != nil)
    let known = try copy.context(of: "a", ContextRequest(budget: 200))
    #expect(known.parts.first?.content.contains("Fuse: 5 A") == true)
    // A second time its names are taken; nothing is stored.
    let error = #expect(throws: MemoryError.self) { try copy.importLines(from: file) }
    #expect(error?.description == "\(file), line 2: there is already a session a; nothing was imported")
    #expect(try copy.recordCount() == 9)
  }

  @Test(arguments: [
    ("", "line 1: the file is empty"), ("hello\n", "line 1: expected an object of an exported memory"),
    ("{\"session\":{\"id\":\"x\",\"created_at\":1,\"metadata\":{}}}\n", "line 1: header: expected format"),
    ("HEADER{\"record\":{}}\n", "line 2: expected an object"),
    ("HEADER{}\n", "line 2: line: expected session, focus, record or link, found none of them"),
    (
      "HEADER{\"record\":{\"id\":1,\"kind\":\"message\",\"session_id\":\"x\",\"content\":\"\",\"created_at\":1,"
        + "\"token_count\":0,\"metadata\":{},\"in_context\":true}}\n",
      "line 2: there is no session in this file x"
    ),
    (
      "HEADER{\"link\":{\"from\":1,\"to\":2,\"relation\":\"r\"}}\n",
      "line 2: there is no record in this file 1"
    ),
  ])
  func `A file that can't be imported is refused with its line`(_ text: String, _ expected: String) throws {
    let folder = try Folder()
    let file = folder.file("in.jsonl")
    let header = "{\"header\":{\"format\":\"cellgate-agent-memory\",\"format_version\":1}}\n"
    try text.replacing("HEADER", with: header).write(toFile: file, atomically: true, encoding: .utf8)
    let memory = try MemoryStore.inMemory()
    let error = #expect(throws: MemoryError.self) { try memory.importLines(from: file) }
    #expect(error?.description.contains(expected) == true, "\(String(describing: error))")
    #expect(try memory.recordCount() == 0)
  }
}
