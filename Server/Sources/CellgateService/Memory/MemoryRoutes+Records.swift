import AgentMemory
import Cellgate
import HTTPTypes
import Hummingbird

/// Facts, records and searches.
extension MemoryRoutes {
  var records: [Endpoint] {
    [
      Endpoint(
        .post, Self.path + "/facts", "addMemoryFact",
        "Stores a fact; one with a key takes the place of the one with that key that holds.",
        body: JSONSchema.object(
          [
            ("content", JSONSchema.text), ("key", JSONSchema.text), ("session_id", JSONSchema.text),
            ("valid_from", Self.time), ("valid_until", Self.time),
            ("supersedes", JSONSchema.whole(1...1 << 53)), ("source", JSONSchema.whole(1...1 << 53)),
            ("metadata", Self.metadata),
          ], required: ["content"]), status: .created,
        links: ["endMemoryFact", "getMemoryRecord", "deleteMemoryRecord"],
        answer: .init("The fact.", schema: Self.record), failures: [404, 409, 507]
      ) { request in
        let draft = try await request.decoded(
          FactDraft.self,
          names: [
            "content", "key", "session_id", "valid_from", "valid_until", "supersedes", "source", "metadata",
          ])
        return try await answer(status: .created) { try $0.addFact(draft) }
      },
      Endpoint(
        .get, Self.path + "/facts", "listMemoryFacts",
        "Facts that hold at a time, or all; of a session and those of none, or all; with a key, or all.",
        query: [("valid_at", Self.time), ("session_id", JSONSchema.text), ("key", JSONSchema.text)],
        answer: .init("Facts.", schema: Self.list(Self.record)), failures: [404]
      ) { request in
        let time = try request.real("valid_at", in: Self.times)
        let (session, key) = (request.queryText("session_id"), request.queryText("key"))
        return try await answer { List(data: try $0.facts(validAt: time, in: session, key: key)) }
      },
      Endpoint(
        .post, Self.path + "/facts/{id}/end", "endMemoryFact", "Ends a fact, now or at a time.",
        body: JSONSchema.object([("valid_until", Self.time)]),
        answer: .init("Its number.", schema: JSONSchema.answer([("id", JSONSchema.integer)])),
        failures: [404, 507]
      ) { request in
        let id = try request.number("id")
        let end = try await request.decoded(End.self, names: ["valid_until"])
        return try await answer { memory in
          try memory.endFact(id, at: end.validUntil)
          return Ended(id: id)
        }
      },
      Endpoint(
        .get, Self.path + "/records/{id}", "getMemoryRecord", "A message, fact, summary or learning.",
        answer: .init("The record.", schema: Self.record), failures: [404]
      ) { request in
        let id = try request.number("id")
        return try await answer { try $0.record(id) }
      },
      Endpoint(
        .delete, Self.path + "/records/{id}", "deleteMemoryRecord",
        "Deletes a record, from the file's bytes too.",
        answer: .init("What was deleted.", schema: Self.deletion), failures: [404, 507]
      ) { request in
        try await deletion(DeletionRequest(records: [try request.number("id")]))
      },
      Endpoint(
        .post, Self.path + "/deletions", "deleteMemory",
        "Deletes sessions, records, and records written before a time but for facts that hold, from the file's bytes too: all or nothing, and far faster than one by one.",
        body: JSONSchema.object([
          ("sessions", JSONSchema.list(JSONSchema.text)),
          ("records", JSONSchema.list(JSONSchema.whole(1...1 << 53))), ("before", Self.time),
        ]),
        answer: .init("What was deleted.", schema: Self.deletion), failures: [404, 507]
      ) { request in
        let asked = try await request.decoded(DeletionRequest.self, names: ["sessions", "records", "before"])
        let count = (asked.sessions?.count ?? 0) + (asked.records?.count ?? 0)
        guard count > 0 || asked.before != nil else {
          throw ServiceError.bad(
            "body: expected sessions, records or before, found none", code: "missing_parameter")
        }
        guard count <= request.settings.items else {
          throw ServiceError.bad("body: expected at most \(request.settings.items) items, found \(count)")
        }
        return try await deletion(asked)
      },
      Endpoint(
        .post, Self.path + "/search", "searchMemory",
        "Finds records by words and by meaning; each says why it was found.",
        body: JSONSchema.object(
          [
            ("query", JSONSchema.text), ("limit", JSONSchema.whole(1...1000)),
            ("sessions", JSONSchema.list(JSONSchema.text)), ("include_global", JSONSchema.flag),
            ("kinds", JSONSchema.list(JSONSchema.one(of: RecordKind.allCases.map(\.rawValue)))),
            ("roles", JSONSchema.list(JSONSchema.text)), ("since", Self.time), ("until", Self.time),
            ("metadata", Self.metadata), ("valid_at", Self.time), ("include_expired", JSONSchema.flag),
            ("half_life", JSONSchema.real(1e-3...1e12)), ("recency_weight", JSONSchema.real(0...1)),
          ], required: ["query"]),
        answer: .init(
          "What was found.",
          schema: JSONSchema.answer([
            (
              "results",
              JSONSchema.list(
                JSONSchema.answer([
                  ("record", Self.record), ("score", JSONSchema.number), ("why", JSONSchema.text),
                  ("matched_terms", JSONSchema.list(JSONSchema.text)), ("age", JSONSchema.number),
                ]))
            ), ("ignored_terms", JSONSchema.list(JSONSchema.text)),
          ])), failures: [404]
      ) { request in
        let search = try await request.decoded(
          SearchRequest.self,
          names: [
            "query", "limit", "sessions", "include_global", "kinds", "roles", "since", "until", "metadata",
            "valid_at", "include_expired", "half_life", "recency_weight",
          ])
        return try await answer { try $0.search(search) }
      },
    ]
  }
}
