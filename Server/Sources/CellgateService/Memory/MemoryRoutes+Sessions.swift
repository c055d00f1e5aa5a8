import AgentMemory
import Cellgate
import HTTPTypes
import Hummingbird

/// Sessions and their messages.
extension MemoryRoutes {
  var sessions: [Endpoint] {
    [
      Endpoint(
        .post, Self.path + "/sessions", "createMemorySession", "Begins a conversation or a long task.",
        body: JSONSchema.object([
          ("id", JSONSchema.text), ("title", JSONSchema.text), ("metadata", Self.metadata),
        ]), status: .created,
        links: ["getMemorySession", "deleteMemorySession", "appendMemoryMessages", "getMemoryMessages"],
        answer: .init("The session.", schema: Self.session), failures: [409, 507]
      ) { request in
        let draft = try await request.decoded(SessionDraft.self, names: ["id", "title", "metadata"])
        return try await answer(status: .created) {
          try $0.createSession(draft.id, title: draft.title, metadata: draft.metadata ?? [:])
        }
      },
      Endpoint(
        .get, Self.path + "/sessions", "listMemorySessions", "Sessions, the latest first.",
        query: [("limit", JSONSchema.whole(1...1000)), ("offset", JSONSchema.whole(0...1 << 40))],
        answer: .init("Sessions.", schema: Self.list(Self.session))
      ) { request in
        let limit = try request.whole("limit", in: 1...1000) ?? 100
        let offset = try request.whole("offset", in: 0...1 << 40) ?? 0
        return try await answer { List(data: try $0.sessions(limit: limit, offset: offset)) }
      },
      Endpoint(
        .get, Self.path + "/sessions/{id}", "getMemorySession", "A session.",
        answer: .init("The session.", schema: Self.session), failures: [404]
      ) { request in
        let id = try request.parameter("id")
        return try await answer { try $0.session(id) }
      },
      Endpoint(
        .delete, Self.path + "/sessions/{id}", "deleteMemorySession",
        "Deletes a session with all that belongs to it, from the file's bytes too.",
        answer: .init("What was deleted.", schema: Self.deletion), failures: [404, 507]
      ) { request in
        try await deletion(DeletionRequest(sessions: [try request.parameter("id")]))
      },
      Endpoint(
        .post, Self.path + "/sessions/{id}/messages", "appendMemoryMessages",
        "Stores messages in their order, all of them or none.",
        body: JSONSchema.object(
          [
            (
              "messages",
              JSONSchema.list(
                JSONSchema.object(
                  [
                    ("role", JSONSchema.text), ("content", JSONSchema.text), ("created_at", Self.time),
                    ("token_count", JSONSchema.whole(0...1 << 31)), ("metadata", Self.metadata),
                  ], required: ["role", "content"]))
            )
          ], required: ["messages"]), status: .created,
        answer: .init("The messages as they are stored.", schema: Self.list(Self.record)),
        failures: [404, 507]
      ) { request in
        let id = try request.parameter("id")
        let drafts = try await request.decoded(Messages.self, names: ["messages"]).messages
        guard drafts.count <= request.settings.items else {
          throw ServiceError.expected(
            "at most \(request.settings.items) messages", found: "\(drafts.count)", at: "messages")
        }
        return try await answer(status: .created) { List(data: try $0.append(drafts, to: id)) }
      },
      Endpoint(
        .get, Self.path + "/sessions/{id}/messages", "getMemoryMessages",
        "The last messages of a session, or of those before a record, in their order.",
        query: [("limit", JSONSchema.whole(1...1000)), ("before", JSONSchema.whole(1...1 << 53))],
        answer: .init("Messages.", schema: Self.list(Self.record)), failures: [404]
      ) { request in
        let id = try request.parameter("id")
        let limit = try request.whole("limit", in: 1...1000) ?? 100
        let before = try request.whole("before", in: 1...1 << 53)
        return try await answer {
          List(data: try $0.messages(in: id, limit: limit, before: before.map { Int64($0) }))
        }
      },
    ]
  }
}
