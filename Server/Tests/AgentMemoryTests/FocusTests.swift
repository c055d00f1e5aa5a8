import AgentMemory
import Foundation
import Testing

@Suite struct FocusTests {
  @Test func `Messages of a finished focus leave the context, and what was learned takes their place`() throws
  {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    try memory.say("Please fix the build.", in: "s")
    let focus = try memory.startFocus("the linker error", in: "s")
    let raw = try memory.append(
      (0..<5).map { MessageDraft(role: "tool", content: "ld: step \($0)", tokenCount: 100) }, to: "s")
    #expect(raw.allSatisfy { $0.focusID == focus.id && $0.inContext })
    let during = try memory.context(of: "s", ContextRequest(budget: 2000, query: ""))
    #expect(
      during.parts.map(\.kind) == [.message, .focus] + [ContextPart.Kind](repeating: .message, count: 5))

    let outcome = try memory.completeFocus(
      in: "s",
      FocusCompletion(summary: "The library was missing.", learnings: ["Link with -lz.", "CI has no zlib."]))
    #expect(outcome.messages == 5 && outcome.tokensBefore == 500 && !outcome.isExtracted)
    #expect(outcome.tokensSaved == 500 - outcome.tokensAfter && outcome.tokensAfter > 0)
    let after = try memory.context(of: "s", ContextRequest(budget: 2000, query: ""))
    #expect(after.parts.map(\.kind) == [.knowledge, .message])
    #expect(
      after.parts[0].content
        == "# Knowledge\n\n## the linker error\nThe library was missing.\n- Link with -lz.\n- CI has no zlib."
    )
    #expect(after.tokenCount == after.parts.map(\.tokenCount).reduce(0, +))
    #expect(
      after.savedTokens == outcome.tokensSaved
        && after.sessionTokens == 500 + TokenEstimate.count("Please fix the build."))
    // Everything stays and is found.
    #expect(try memory.messages(in: "s").count == 6)
    #expect(try memory.search(SearchRequest(query: "ld: step 3")).results.first?.record.id == raw[3].id)
    #expect(try memory.foci(in: "s") == [outcome.focus])
  }

  @Test func `One focus is open at a time, and it can be cancelled`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    let nothing = MemoryError.conflict(what: "session s has no open focus")
    #expect(throws: nothing) { try memory.completeFocus(in: "s") }
    #expect(throws: nothing) { try memory.cancelFocus(in: "s") }
    #expect(throws: MemoryError.self) { try memory.startFocus("  ", in: "s") }
    let focus = try memory.startFocus("one", in: "s")
    #expect(
      throws: MemoryError.conflict(
        what: "the focus \(focus.id) of session s is still open: complete or cancel it first")
    ) { try memory.startFocus("two", in: "s") }
    try memory.say("kept", in: "s")
    try memory.cancelFocus(in: "s")
    #expect(try memory.foci(in: "s").isEmpty)
    #expect(
      try memory.context(of: "s", ContextRequest(budget: 50, query: "")).parts.map(\.content) == ["kept"])
    try memory.startFocus("two", in: "s")
  }

  @Test func `Without a summary, central sentences are taken, without repeats and within their tokens`()
    throws
  {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    try memory.startFocus("pump", in: "s")
    let texts = [
      "The pump in the cellar stopped at noon. Birds sang.", "The pump in the cellar stopped at noon!",
      "The valve of the pump in the cellar was stuck. Yes.", "Lunch was late.",
      "I opened the valve and the pump in the cellar started again.",
      String(repeating: "Numbers: 1 2 3. ", count: 40),
    ]
    for text in texts { try memory.say(text, in: "s") }
    let outcome = try memory.completeFocus(in: "s")
    #expect(outcome.isExtracted)
    let summary = outcome.summary.content
    #expect(summary.contains("pump") && summary.contains("valve"))
    // One of the two that say the same.
    #expect(summary.components(separatedBy: "stopped at noon").count <= 2)
    #expect(outcome.summary.tokenCount <= max(20, outcome.tokensBefore / 5) + 5)
    let sentences = Set(
      texts.flatMap { $0.components(separatedBy: ". ") }.map {
        $0.trimmingCharacters(in: .punctuationCharacters)
      })
    for sentence in summary.components(separatedBy: ". ") {
      #expect(
        sentences.contains { $0.contains(sentence.trimmingCharacters(in: .punctuationCharacters)) },
        "\(sentence)")
    }
  }

  @Test func `A focus without messages or words is finished with an empty summary`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    try memory.startFocus("nothing", in: "s")
    let outcome = try memory.completeFocus(in: "s")
    #expect(outcome.summary.content == "" && outcome.tokensSaved == 0 && outcome.messages == 0)
    let context = try memory.context(of: "s", ContextRequest(budget: 50))
    #expect(context.parts.map(\.content) == ["# Knowledge\n\n## nothing"])
  }

  @Test(arguments: [1, 7, 30, 60, 200, 1000, 20_000])
  func `A context fits its budget, and larger ones hold more`(_ budget: Int) throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    for focus in 0..<6 {
      try memory.startFocus("part \(focus)", in: "s")
      for step in 0..<4 {
        try memory.say("step \(step) of part \(focus) found a thing called t\(focus)\(step)", in: "s")
      }
      try memory.completeFocus(
        in: "s", FocusCompletion(summary: "Did part \(focus).", learnings: ["Thing t\(focus)0 matters."]))
    }
    for number in 0..<30 { try memory.say("message \(number) of the rest, with some words in it", in: "s") }
    try memory.startFocus("open part", in: "s")
    try memory.say("what is t31 for?", in: "s")
    let context = try memory.context(of: "s", ContextRequest(budget: budget))
    #expect(context.tokenCount <= budget)
    let records = context.parts.flatMap(\.records)
    #expect(Set(records).count == records.count)
    let own = context.parts.count { $0.kind == .message }
    #expect(own + context.omittedMessages == 31)
    if budget >= 60 {
      #expect(context.parts.last?.content == "what is t31 for?")
      #expect(context.parts[context.parts.count - 2].kind == .focus)
    }
    if budget >= 200 {
      #expect(context.parts.contains { $0.kind == .retrieved && $0.content.contains("t31") })
    }
    if budget == 20_000 { #expect(context.omittedMessages == 0 && context.omittedFoci == 0) }
    #expect(throws: MemoryError.self) { try memory.context(of: "s", ContextRequest(budget: 0)) }
    #expect(throws: MemoryError.unknown(what: "session", name: "t")) {
      try memory.context(of: "t", ContextRequest(budget: 9))
    }
  }

  /// A task of 200 steps in ten foci, with a fact planted in every fifth step. A long tool output stands in each.
  @Test func `After a task of 200 steps every planted fact is found, and the context has shrunk to a tenth`()
    throws
  {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("task")
    let subjects = [
      "parser", "cache", "scheduler", "logger", "gateway", "index", "mailer", "renderer", "importer",
      "monitor",
    ]
    let things = ["port", "owner", "timeout", "version"]
    var planted: [(question: String, answer: String)] = []
    var largest = 0
    for (part, subject) in subjects.enumerated() {
      try memory.startFocus("look at the \(subject)", in: "task")
      for step in 0..<20 {
        let number = 20 * part + step
        try memory.say(
          "Read file \(subject)\(step).swift and check how it handles errors.", "assistant", in: "task")
        var output = (0..<12).map {
          "line \($0): let value\(number)\($0) = try handle(\(subject), \($0 * number))"
        }
        .joined(separator: "\n")
        if step % 5 == 2 {
          let thing = things[step / 5]
          output += "\nThe \(thing) of the \(subject) is \(1000 + 7 * number)."
          planted.append(("What is the \(thing) of the \(subject)?", "\(1000 + 7 * number)"))
        }
        try memory.say(output, "tool", in: "task")
      }
      largest = max(
        largest, try memory.context(of: "task", ContextRequest(budget: 1_000_000, query: "")).tokenCount)
      // No summary: the store extracts it, so that nobody chooses the facts.
      try memory.completeFocus(in: "task", FocusCompletion(learnings: ["The \(subject) is read."]))
    }
    let context = try memory.context(of: "task", ContextRequest(budget: 1_000_000, query: ""))
    #expect(context.parts.map(\.kind) == [.knowledge])
    #expect(context.sessionTokens > 30_000)
    #expect(
      10 * context.tokenCount < context.sessionTokens, "\(context.tokenCount) of \(context.sessionTokens)")
    #expect(context.savedTokens > context.sessionTokens * 9 / 10)
    #expect(planted.count == 40)
    for (question, answer) in planted {
      let found = try memory.search(SearchRequest(query: question, limit: 5)).results
      let place = try #require(found.firstIndex { $0.record.content.contains(answer) }, "\(question)")
      // The learning "The parser is read." may come before it.
      #expect(found[place].textRank == 1)
      let asked = try memory.context(of: "task", ContextRequest(budget: 3000, query: question))
      #expect(asked.tokenCount <= 3000 && asked.parts.contains { $0.content.contains(answer) }, "\(question)")
    }
    #expect(largest < 6000)
  }

  @Test func `Values are written in snake case and read again`() throws {
    let memory = try MemoryStore.inMemory()
    try memory.createSession("s")
    try memory.startFocus("x", in: "s")
    try memory.say("a thing", in: "s")
    let outcome = try memory.completeFocus(in: "s")
    let context = try memory.context(of: "s", ContextRequest(budget: 100, query: "thing"))
    let found = try memory.search(SearchRequest(query: "thing"))
    func written(_ value: some Codable & Equatable) throws -> String {
      let data = try JSONEncoder().encode(value)
      func again<Value: Codable & Equatable>(_ value: Value) throws -> Bool {
        try JSONDecoder().decode(Value.self, from: data) == value
      }
      #expect(try again(value))
      return String(decoding: data, as: UTF8.self)
    }
    let texts = try [written(outcome), written(context), written(found)]
    #expect(texts[0].contains("\"tokens_saved\"") && texts[1].contains("\"omitted_messages\""))
    #expect(texts[2].contains("\"vector_rank\"") && texts[2].contains("\"ignored_terms\""))
    #expect(texts.allSatisfy { !$0.contains(/"[a-z]+[A-Z]/) })
    let request = try JSONDecoder().decode(
      SearchRequest.self, from: Data(#"{"query":"x","half_life":5,"metadata":{"a":1}}"#.utf8))
    #expect(request == SearchRequest(query: "x", metadata: ["a": 1], halfLife: 5))
  }
}
