import AgentMemory
import Foundation

/// Times insertions and searches with so many messages of made sentences.
struct Measurement {
  let messages: Int
  let folder: String

  private static let perSession = 200, perBatch = 100, samples = 500, deletions = 20

  func run() throws {
    let file = folder + "/agent-memory-\(ProcessInfo.processInfo.processIdentifier).sqlite"
    defer {
      for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + ending) }
    }
    var writer = SentenceWriter()
    let memory = try MemoryStore(file)
    let start = Date()
    var session = ""
    var stored = 0
    while stored < messages {
      if stored % Self.perSession == 0 { session = try memory.createSession("session \(stored)").id }
      let drafts = (0..<min(Self.perBatch, messages - stored)).map { _ in
        MessageDraft(role: writer.next(2) == 0 ? "user" : "assistant", content: writer.message())
      }
      try memory.append(drafts, to: session)
      stored += drafts.count
    }
    let seconds = Date().timeIntervalSince(start)
    print(
      "\(messages) messages stored in batches of \(Self.perBatch): \(Int(seconds)) s, "
        + "\(Int(Double(messages) / seconds)) a second")
    try time("insert one message") {
      try memory.append([MessageDraft(role: "user", content: writer.message())], to: session)
    }
    var normal = MemoryStore.Options()
    normal.outlivesPowerFailure = false
    let quick = try MemoryStore(file, options: normal)
    try time("insert one message, without waiting for the disk") {
      try quick.append([MessageDraft(role: "user", content: writer.message())], to: session)
    }
    let loading = Date()
    _ = try memory.search(SearchRequest(query: "first"))
    print(String(format: "first search, which reads the vectors: %.2f s", Date().timeIntervalSince(loading)))
    try time("search all, 5 words") { _ = try memory.search(SearchRequest(query: writer.sentence(5))) }
    try time("search one session, 5 words") {
      _ = try memory.search(SearchRequest(query: writer.sentence(5), sessions: [session]))
    }
    try time("context of 2000 tokens") {
      _ = try memory.context(of: session, ContextRequest(budget: 2000, query: writer.sentence(5)))
    }
    try time("write the full-text index anew", 1) { try memory.purge() }
    let sessions = try memory.sessions(limit: Self.deletions, offset: messages / Self.perSession / 2)
    var next = sessions.makeIterator()
    try time("delete a session of \(Self.perSession)", min(Self.deletions, sessions.count)) {
      if let session = next.next() { try memory.deleteSession(session.id) }
    }
    let more = try memory.sessions(limit: 100, offset: messages / Self.perSession / 4).map(\.id)
    try time("delete \(more.count) sessions in one call", 1) {
      try memory.delete(DeletionRequest(sessions: more))
    }
    let records = try memory.messages(in: session, limit: Self.deletions).map(\.id)
    var nextRecord = records.makeIterator()
    try time("delete one message", records.count) {
      if let record = nextRecord.next() { try memory.deleteRecords([record]) }
    }
    let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
    print("file: \(size >> 20) MiB, \(size / messages) bytes a message")
  }

  private func time(_ name: String, _ count: Int = Self.samples, _ body: () throws -> Void) throws {
    var seconds: [Double] = []
    for _ in 0..<count {
      let start = DispatchTime.now().uptimeNanoseconds
      try body()
      seconds.append(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }
    seconds.sort()
    let (median, slow) = (seconds[count / 2] * 1000, seconds[count * 99 / 100] * 1000)
    print(String(format: "%@: p50 %.2f ms, p99 %.2f ms", name, median, slow))
  }
}

/// Sentences of 50,000 made words whose frequencies fall as those of a language do (Zipf).
struct SentenceWriter {
  private var state: UInt64 = 1
  private let words: [String]
  private let sums: [Double]

  init() {
    let syllables = [
      "ba", "de", "ki", "lo", "mu", "na", "po", "ri", "sa", "tu", "ve", "zo", "fe", "ga", "hi", "jo",
    ]
    words = (0..<50_000).map { number in
      var (word, rest) = ("", number + 16)
      while rest > 0 {
        word += syllables[rest % 16]
        rest /= 16
      }
      return word
    }
    var sum = 0.0
    sums = (0..<50_000).map { rank in
      sum += 1 / Double(rank + 3)
      return sum
    }
  }

  mutating func next(_ count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(count))
  }

  private mutating func word() -> String {
    let target = Double(next(1 << 30)) / Double(1 << 30) * sums[sums.count - 1]
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] < target { low = middle + 1 } else { high = middle }
    }
    return words[low]
  }

  mutating func sentence(_ count: Int) -> String { (0..<count).map { _ in word() }.joined(separator: " ") }

  mutating func message() -> String { sentence(8 + next(25)) + "." }
}
