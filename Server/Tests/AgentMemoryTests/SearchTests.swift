import Foundation
import Testing

@testable import AgentMemory

@Suite struct SearchTests {
  private func store(_ clock: Clock = Clock()) throws -> MemoryStore {
    let memory = try MemoryStore.inMemory(clock)
    for session in ["garden", "kitchen"] { try memory.createSession(session) }
    try memory.append(
      [
        MessageDraft(
          role: "user", content: "The tomatoes need water every morning.",
          metadata: ["topic": "plants", "bed": 2]),
        MessageDraft(
          role: "assistant", content: "I noted: water for the tomatoes.", metadata: ["topic": "plants"]),
        MessageDraft(role: "user", content: "The fence is broken near the gate.", metadata: ["done": false]),
      ], to: "garden")
    try memory.append(
      [
        MessageDraft(
          role: "user", content: "Tomatoes and basil make a sauce.", metadata: ["topic": "recipes"]),
        MessageDraft(role: "tool", content: "The oven is at 180 degrees."),
      ], to: "kitchen")
    return memory
  }

  @Test func `A result says by which ways it was found`() throws {
    let clock = Clock()
    let memory = try store(clock)
    clock.now += 7 * 86_400
    let found = try memory.search(SearchRequest(query: "When do the tomatoes need water?"))
    let first = try #require(found.results.first)
    #expect(first.record.content == "The tomatoes need water every morning.")
    #expect(first.textRank == 1 && first.vectorRank == 1)
    #expect(first.matchedTerms == ["the", "tomatoes", "need", "water"])
    #expect(first.age == 604_800)
    // A week is the half-life: 1 − 0.2 + 0.2 / 2.
    #expect(abs(first.recencyFactor - 0.9) < 1e-12)
    #expect(abs(first.score - 0.9 * 2 / 61) < 1e-12)
    #expect(try #require(first.textScore) > 0)
    #expect(first.why.hasPrefix("1. by words (BM25 ") && first.why.hasSuffix("; 7 d old"))
  }

  @Test func `Filters keep what they say, and nothing else`() throws {
    let clock = Clock()
    let memory = try store(clock)
    clock.now += 100
    let global = try memory.addFact(FactDraft(content: "Tomatoes are fruits"))
    func found(_ change: (inout SearchRequest) -> Void) throws -> [String] {
      var request = SearchRequest(query: "tomatoes the")
      change(&request)
      return try memory.search(request).results.map(\.record.content).sorted()
    }
    #expect(
      try found { $0.sessions = ["kitchen"] } == [
        "The oven is at 180 degrees.", "Tomatoes and basil make a sauce.",
      ])
    #expect(
      try found {
        $0.sessions = ["kitchen"]
        $0.includeGlobal = true
      }.contains(global.content))
    #expect(try found { $0.kinds = [.fact] } == [global.content])
    #expect(try found { $0.roles = ["tool"] } == ["The oven is at 180 degrees."])
    #expect(try found { $0.since = 1_000_050 } == [global.content])
    #expect(try found { $0.until = 1_000_050 }.count == 5)
    #expect(try found { $0.metadata = ["topic": "recipes"] } == ["Tomatoes and basil make a sauce."])
    #expect(
      try found { $0.metadata = ["topic": "plants", "bed": 2] } == ["The tomatoes need water every morning."])
    #expect(try found { $0.metadata = ["done": false] } == ["The fence is broken near the gate."])
    #expect(try found { $0.metadata = ["bed": "2"] } == [])
    #expect(try found { $0.metadata = ["topic\" OR 1": "x"] } == [])
    #expect(try found { $0.sessions = [] } == [])
    #expect(try found { $0.limit = 1 }.count == 1)
    #expect(throws: MemoryError.unknown(what: "session", name: "cellar")) {
      try found { $0.sessions = ["cellar"] }
    }
    #expect(throws: MemoryError.self) { try found { $0.limit = 0 } }
    #expect(throws: MemoryError.self) { try found { $0.halfLife = 0 } }
    #expect(throws: MemoryError.self) { try found { $0.metadata = ["x": .array([])] } }
  }

  @Test(arguments: [
    "", "   ", "\"", "AND OR NOT", "a* (b", "NEAR(x, y)", "content:x", "' ; DROP TABLE record", "🙂", "a\0b",
  ])
  func `Any query can be asked`(_ query: String) throws {
    _ = try store().search(SearchRequest(query: query))
  }

  @Test func `Words are found without their accents, and their other forms by the vectors`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    let cafe = try memory.say("Wir treffen uns im Café Müller.", in: "s")
    let deploy = try memory.say("The deployment failed twice.", in: "s")
    for number in 0..<50 { try memory.say("nothing of note on day \(number)", in: "s") }
    #expect(try memory.search(SearchRequest(query: "cafe muller")).results.first?.record.id == cafe.id)
    let other = try #require(try memory.search(SearchRequest(query: "deployments")).results.first)
    #expect(other.record.id == deploy.id && other.textRank == nil && other.vectorRank == 1)
  }

  @Test func `Of equal records the later one comes first, the more so the shorter the half-life`() throws {
    let clock = Clock()
    let memory = try MemoryStore.inMemory(clock)
    try memory.createSession("s")
    let early = try memory.say("the lamp in the hall", in: "s")
    clock.now += 1000
    try memory.say("the lamp in the hall was repaired", in: "s")
    func order(_ weight: Double) throws -> Int64? {
      try memory.search(SearchRequest(query: "the lamp in the hall", halfLife: 100, recencyWeight: weight))
        .results.first?.record.id
    }
    #expect(try order(0) == early.id)
    #expect(try order(1) != early.id)
  }

  @Test func `A word that very many records have doesn't decide, and is named`() throws {
    var options = MemoryStore.Options()
    options.mostPostings = 50
    let memory = try MemoryStore(":memory:", options: options)
    try memory.createSession("s")
    try memory.append(
      (0..<60).map { MessageDraft(role: "u", content: "common\($0 % 9 == 0 ? " word\($0)" : "")") }, to: "s")
    let found = try memory.search(SearchRequest(query: "common word18", limit: 3))
    #expect(found.ignoredTerms == ["common"])
    #expect(found.results.first?.record.content == "common word18")
    let only = try memory.search(SearchRequest(query: "common", limit: 3))
    #expect(only.ignoredTerms == [] && only.results.count == 3 && only.results[0].textScore == nil)
  }

  @Test func `Vectors in memory follow what is written and deleted, here and by others`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    let (one, other) = (try MemoryStore(file), try MemoryStore(file))
    try one.createSession("s")
    let query = SearchRequest(query: "zebras")
    #expect(try one.search(query).results.isEmpty)
    let record = try other.say("a zebra stood there", in: "s")
    #expect(try one.search(query).results.map(\.record.id) == [record.id])
    #expect(try one.search(query).results[0].vectorRank == 1)
    try other.deleteRecords([record.id])
    #expect(try one.search(query).results.isEmpty)
  }

  @Test func `Vectors of another encoder are made when asked for, and never compared`() throws {
    let folder = try Folder()
    let file = folder.file("memory.sqlite")
    do {
      let memory = try MemoryStore(file)
      try memory.createSession("s")
      for number in 0..<20 { try memory.say("zebra number \(number)", in: "s") }
      try memory.say("?!", in: "s")
    }
    var options = MemoryStore.Options()
    options.encoder = HashedWordEncoder(dimension: 64)
    let memory = try MemoryStore(file, options: options)
    let query = SearchRequest(query: "zebras")
    #expect(try memory.search(query).results.isEmpty)
    #expect(try memory.encodeMissing(batch: 7) == 20)
    #expect(try memory.search(query).results.count == 10)
    #expect(try memory.encodeMissing() == 0)
  }

  @Test func `An encoder that fails stores nothing and is named`() throws {
    struct Failing: MemoryEncoder {
      let name = "failing", dimension = 4
      func vectors(_ texts: [String]) throws -> [[Float]] { [[1, 0, 0]] }
    }
    var options = MemoryStore.Options()
    options.encoder = Failing()
    let memory = try MemoryStore(":memory:", options: options)
    try memory.createSession("s")
    let error = #expect(throws: MemoryError.self) { try memory.say("x", in: "s") }
    #expect(error?.description == "encoder: expected 1 vectors of 4 numbers, found 1 of 3")
    #expect(try memory.recordCount() == 0)
  }

  @Test func `The search in the table of vectors agrees with inner products`() throws {
    var random = SystemRandomNumberGenerator()
    func vector() -> [Float] {
      let numbers = (0..<24).map { _ in Float.random(in: -1...1, using: &random) }
      let length = numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return numbers.map { $0 / length }
    }
    final class Given: MemoryEncoder {
      let name = "given", dimension = 24
      let known: [String: [Float]]
      init(_ known: [String: [Float]]) { self.known = known }
      func vectors(_ texts: [String]) -> [[Float]] {
        texts.map { known[$0] ?? [Float](repeating: 0, count: 24) }
      }
    }
    let texts = (0..<500).map { "text \($0)" }
    var known = Dictionary(uniqueKeysWithValues: texts.map { ($0, vector()) })
    known["?"] = vector()
    var options = MemoryStore.Options()
    options.encoder = Given(known)
    let memory = try MemoryStore(":memory:", options: options)
    try memory.createSession("s")
    try memory.append(texts.map { MessageDraft(role: "u", content: $0) }, to: "s")
    let query = try #require(known["?"])
    func product(_ text: String) -> Float { zip(known[text] ?? [], query).reduce(0) { $0 + $1.0 * $1.1 } }
    let results = try memory.search(SearchRequest(query: "?", limit: 20)).results
    let best = texts.map(product).sorted(by: >)
    #expect(results.count == 20)
    for (place, result) in results.enumerated() {
      let similarity = Float(try #require(result.similarity))
      // Two roundings to a 254th of the largest number, over 24 numbers.
      #expect(abs(similarity - product(result.record.content)) < 0.01)
      #expect(abs(similarity - best[place]) < 0.01)
    }
  }
}
