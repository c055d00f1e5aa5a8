import Foundation
import GRDB
import Testing

@testable import AgentMemory

/// What happens when programs are killed and files are locked or damaged.
@Suite struct FaultTests {
  private static let probe = Bundle.main.bundleURL.appendingPathComponent("agent-memory-probe").path

  @Test(arguments: [3, 137, 611])
  func `Killing a program in the middle of 1,000 writes loses nothing that was acknowledged`(_ lines: Int)
    throws
  {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.probe)
    process.arguments = ["write", file, "1000"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    var output = Data()
    while output.count(where: { $0 == 0x0A }) < lines {
      let data = pipe.fileHandleForReading.availableData
      guard !data.isEmpty else { break }
      output.append(data)
    }
    kill(process.processIdentifier, SIGKILL)
    output.append(pipe.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal)
    let acknowledged = String(decoding: output, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    )
    .dropLast().map { $0.split(separator: " ") }
    #expect((lines..<1000).contains(acknowledged.count), "\(acknowledged.count) lines")

    let memory = try MemoryStore(file)
    try memory.check()
    for pair in acknowledged {
      let record = try memory.record(try #require(Int64(pair[0])))
      #expect(record.content == "message number\(pair[1]) of the test")
    }
    let last = try #require(acknowledged.last)
    let found = try memory.search(SearchRequest(query: "number\(last[1])"))
    #expect(found.results.first.map { "\($0.record.id)" } == String(last[0]))
    // At most the one that was being written came on top.
    #expect(try memory.recordCount() - acknowledged.count <= 1)
  }

  @Test func `A database that another program holds is reported, and can be used after`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    var options = MemoryStore.Options()
    options.busySeconds = 0.05
    let memory = try MemoryStore(file, options: options)
    try memory.createSession("s")
    let other = try DatabaseQueue(path: file)
    try other.inDatabase { database in
      try database.execute(sql: "BEGIN IMMEDIATE")
      #expect(throws: MemoryError.locked(path: file, seconds: 0.05)) { try memory.say("x", in: "s") }
      // Reading goes on.
      #expect(try memory.sessions().count == 1)
      try database.execute(sql: "COMMIT")
    }
    try memory.say("x", in: "s")
    #expect(
      MemoryError.locked(path: "m.sqlite", seconds: 0.05).description
        == "m.sqlite: another program has held the database for more than 0.05 s")
  }

  @Test func `While another program reads, a deletion says that it isn't complete`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    var options = MemoryStore.Options()
    options.busySeconds = 0.05
    let memory = try MemoryStore(file, options: options)
    try memory.createSession("s")
    let record = try memory.say("quetzalcoatl", in: "s")
    let reader = try DatabasePool(path: file)
    try reader.read { database in
      _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM record")
      #expect(try !memory.deleteRecords([record.id]).purged)
    }
    #expect(try memory.purge())
    let left = try #require(FileManager.default.contents(atPath: file))
    #expect(left.range(of: Data("quetzalcoatl".utf8)) == nil)
  }

  @Test func `On a full disk nothing of a request is stored, and what was acknowledged stays`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    let memory = try MemoryStore(file)
    try memory.createSession("s")
    let kept = try memory.say("kept", in: "s")
    func limit(_ pages: Int) throws {
      try memory.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") }
    }
    try limit(1)  // SQLite takes the pages that there are.
    let batch = (0..<500).map {
      MessageDraft(role: "u", content: "a longer message, the one with the number \($0)")
    }
    let error = #expect(throws: MemoryError.full(path: file)) { try memory.append(batch, to: "s") }
    #expect(error?.group == .failed)
    #expect(try memory.messages(in: "s") == [kept])
    try limit(1_000_000)
    try memory.append(batch, to: "s")
    #expect(try memory.recordCount() == 501)
    try memory.check()
  }

  @Test func `Files that are no memories are refused in one line and stay as they are`() throws {
    let folder = try Folder()
    func opening(_ file: String) -> String {
      do { _ = try MemoryStore(file) } catch { return error.description }
      return "opened"
    }
    let text = folder.file("text.txt")
    try "not a database, only a text".write(toFile: text, atomically: true, encoding: .utf8)
    #expect(
      opening(text)
        == "\(text): expected the database of an agent's memory, found a file that isn't an SQLite database")
    #expect(try String(contentsOfFile: text, encoding: .utf8) == "not a database, only a text")

    let foreign = folder.file("foreign.sqlite")
    try DatabaseQueue(path: foreign).write { try $0.execute(sql: "CREATE TABLE t(x)") }
    #expect(opening(foreign).hasSuffix("found an SQLite database of another program"))

    let newer = folder.file("newer.sqlite")
    _ = try MemoryStore(newer)
    try DatabaseQueue(path: newer).write {
      try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99: of the future')")
    }
    #expect(opening(newer) == "\(newer): written by a later version, which this one can't read")

    let changed = folder.file("changed.sqlite")
    _ = try MemoryStore(changed)
    try DatabaseQueue(path: changed).write {
      try $0.execute(sql: "ALTER TABLE record DROP COLUMN valid_until")
    }
    #expect(opening(changed).hasPrefix("\(changed): the database is damaged: "))

    #expect(opening(folder.file("no/such/folder.sqlite")).hasPrefix(folder.file("no/such/folder.sqlite")))
    #expect(opening(folder.path).hasPrefix(folder.path))
  }

  @Test func `A damaged file gives errors of one line, whatever is damaged, and no crash`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    do {
      let memory = try MemoryStore(file)
      try memory.createSession("s")
      try memory.append(
        (0..<60).map { MessageDraft(role: "user", content: "message \($0) about topic\($0 % 7)") }, to: "s")
      try memory.addFact(FactDraft(content: "a fact about topic3"))
    }
    let whole = try #require(FileManager.default.contents(atPath: file))
    var random = SystemRandomNumberGenerator()
    var failed = 0
    for round in 0..<45 {
      var bytes = whole
      if round % 3 == 0 {
        bytes = bytes.prefix(Int.random(in: 1..<bytes.count, using: &random))
      } else {
        for _ in 0..<(round % 3 == 1 ? 400 : 20) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
      }
      let copy = folder.file("copy\(round).sqlite")
      try bytes.write(to: URL(fileURLWithPath: copy))
      do {
        let memory = try MemoryStore(copy)
        _ = try memory.messages(in: "s", limit: 1000)
        _ = try memory.search(SearchRequest(query: "message about topic3"))
        _ = try memory.context(of: "s", ContextRequest(budget: 500))
        try memory.say("one more", in: "s")
        try memory.check()
      } catch {
        failed += 1
        let text = (error as? MemoryError)?.description ?? "no error of a memory: \(error)"
        #expect(!text.contains("\n") && !text.hasPrefix("no error"), "\(text)")
      }
    }
    #expect(failed >= 30)
  }
}
