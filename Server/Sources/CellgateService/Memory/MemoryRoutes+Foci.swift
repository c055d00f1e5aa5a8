import AgentMemory
import Cellgate
import HTTPTypes
import Hummingbird

/// Foci and working contexts.
extension MemoryRoutes {
  var foci: [Endpoint] {
    [
      Endpoint(
        .post, Self.path + "/sessions/{id}/focus", "startMemoryFocus",
        "Begins a part of the task: the messages from here on belong to it.",
        body: JSONSchema.object([("topic", JSONSchema.text)], required: ["topic"]), status: .created,
        answer: .init("The focus.", schema: Self.focus), failures: [404, 409, 507]
      ) { request in
        let id = try request.parameter("id")
        let topic = try await request.decoded(Topic.self, names: ["topic"]).topic
        return try await answer(status: .created) { try $0.startFocus(topic, in: id) }
      },
      Endpoint(
        .post, Self.path + "/sessions/{id}/focus/complete", "completeMemoryFocus",
        "Finishes the open focus: its messages leave the working context, its summary and learnings stand there instead.",
        body: JSONSchema.object([
          ("summary", JSONSchema.text), ("learnings", JSONSchema.list(JSONSchema.text)),
        ]),
        answer: .init(
          "What stands there, and the tokens that are saved.",
          schema: JSONSchema.answer([
            ("focus", Self.focus), ("summary", Self.record), ("learnings", JSONSchema.list(Self.record)),
            ("is_extracted", JSONSchema.flag), ("messages", JSONSchema.integer),
            ("tokens_before", JSONSchema.integer), ("tokens_after", JSONSchema.integer),
            ("tokens_saved", JSONSchema.integer),
          ])), failures: [404, 409, 507]
      ) { request in
        let id = try request.parameter("id")
        let completion = try await request.decoded(FocusCompletion.self, names: ["summary", "learnings"])
        return try await answer { try $0.completeFocus(in: id, completion) }
      },
      Endpoint(
        .delete, Self.path + "/sessions/{id}/focus", "cancelMemoryFocus",
        "Ends the open focus as if it had not been: its messages stay.",
        answer: .init("The foci of the session.", schema: Self.list(Self.focus)), failures: [404, 409, 507]
      ) { request in
        let id = try request.parameter("id")
        return try await answer { memory in
          try memory.cancelFocus(in: id)
          return List(data: try memory.foci(in: id))
        }
      },
      Endpoint(
        .post, Self.path + "/sessions/{id}/context", "getMemoryContext",
        "What fits a number of tokens: the knowledge block, what is found, the open focus, the latest messages.",
        body: JSONSchema.object(
          [
            ("budget", JSONSchema.whole(1...1 << 31)), ("query", JSONSchema.text),
            ("all_sessions", JSONSchema.flag),
          ], required: ["budget"]),
        answer: .init("The context.", schema: ["type": "object"]), failures: [404]
      ) { request in
        let id = try request.parameter("id")
        let context = try await request.decoded(
          ContextRequest.self, names: ["budget", "query", "all_sessions"])
        return try await answer { try $0.context(of: id, context) }
      },
    ]
  }
}
