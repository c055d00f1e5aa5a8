import AgentMemory
import Cellgate
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// An agent's memory under `/v1/memory`: sessions and their messages, facts, foci, searches and working contexts, in the values of
/// `AgentMemory`, whose keys are those of the JSON.
public struct MemoryRoutes: Sendable {
  private let worker: MemoryWorker

  /// The routes of a store.
  public init(_ store: MemoryStore, settings: ServiceSettings) {
    worker = MemoryWorker(store, settings: settings)
  }

  /// What a request to make a session has.
  private struct SessionDraft: Codable {
    var id: String?
    var title: String?
    var metadata: [String: MetadataValue]?
  }
  private struct Messages: Codable { var messages: [MessageDraft] }
  private struct Topic: Codable { var topic: String }
  private struct End: Codable {
    var validUntil: Double?
    enum CodingKeys: String, CodingKey { case validUntil = "valid_until" }
  }
  private struct List<Value: Codable & Sendable>: Codable, Sendable { var data: [Value] }
  private struct Ended: Codable, Sendable { var id: Int64 }

  /// The routes, for ``CellgateService/init(models:settings:keys:metrics:logger:endpoints:)``.
  public var endpoints: [Endpoint] { sessions + records + foci }

  private static let path = "/v1/memory"
  private static let time = JSONSchema.real(-1e12...1e12)
  private static let metadata: JSONTree = ["type": "object"]
  private static let record = JSONSchema.answer([
    ("id", JSONSchema.integer), ("kind", JSONSchema.one(of: RecordKind.allCases.map(\.rawValue))),
    ("content", JSONSchema.text), ("created_at", JSONSchema.number), ("token_count", JSONSchema.integer),
    ("metadata", metadata), ("in_context", JSONSchema.flag),
  ])
  private static let session = JSONSchema.answer([
    ("id", JSONSchema.text), ("created_at", JSONSchema.number), ("metadata", metadata),
  ])
  private static let focus = JSONSchema.answer([
    ("id", JSONSchema.integer), ("session_id", JSONSchema.text), ("topic", JSONSchema.text),
    ("opened_at", JSONSchema.number),
  ])
  private static func list(_ items: JSONTree) -> JSONTree {
    JSONSchema.answer([("data", JSONSchema.list(items))])
  }
  private static let deletion = JSONSchema.answer([
    ("sessions", JSONSchema.integer), ("records", JSONSchema.integer), ("purged", JSONSchema.flag),
  ])

  // MARK: Sessions and messages

  private var sessions: [Endpoint] {
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
        let id = try request.parameter("id")
        return try await answer { try $0.deleteSession(id) }
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

  // MARK: Facts and searches

  private var records: [Endpoint] {
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
          ], required: ["content"]), status: .created, links: ["endMemoryFact"],
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
        let time = try request.real("valid_at")
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
        let id = try request.number("id")
        return try await answer { try $0.deleteRecords([id]) }
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

  // MARK: Foci and contexts

  private var foci: [Endpoint] {
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

  /// The answer of a value that the store gives.
  private func answer<Value: Encodable & Sendable>(
    status: HTTPResponse.Status = .ok, _ body: @Sendable (MemoryStore) throws -> Value
  ) async throws -> Response {
    let value = try await worker.run(body)
    let data = try JSONEncoder().encode(value)
    return .json(try JSONTree(data: Array(data), file: "answer"), status: status)
  }
}

extension ServiceRequest {
  /// The body as a value whose keys are these names. Throws what is wrong, by its place.
  fileprivate func decoded<Value: Decodable>(_ type: Value.Type, names: [String]) async throws -> Value {
    let fields = try await json()
    try fields.check(names: names)
    do {
      return try JSONDecoder().decode(type, from: Data(fields.tree.text.utf8))
    } catch let error as DecodingError { throw ServiceError(error) }
  }

  /// A number of the path.
  fileprivate func number(_ name: String) throws(ServiceError) -> Int64 {
    let text = try parameter(name)
    guard let number = Int64(text), number > 0 else {
      throw ServiceError(.notFound, "there is no record \(text.prefix(40))", code: "not_found")
    }
    return number
  }

  /// A text after the question mark; nil for none.
  fileprivate func queryText(_ name: String) -> String? {
    request.uri.queryParameters[Substring(name)].map(String.init)
  }

  /// A whole number after the question mark; nil for none.
  fileprivate func whole(_ name: String, in range: ClosedRange<Int>) throws(ServiceError) -> Int? {
    guard let text = queryText(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw ServiceError.expected(
        "a whole number from \(range.lowerBound) to \(range.upperBound)", found: "'\(text.prefix(40))'",
        at: name)
    }
    return number
  }

  /// A finite number after the question mark; nil for none.
  fileprivate func real(_ name: String) throws(ServiceError) -> Double? {
    guard let text = queryText(name) else { return nil }
    guard let number = Double(text), number.isFinite else {
      throw ServiceError.expected("a number", found: "'\(text.prefix(40))'", at: name)
    }
    return number
  }
}

extension ServiceError {
  /// A body that isn't the value that is expected, with the place of the first difference.
  fileprivate init(_ error: DecodingError) {
    func place(_ path: [any CodingKey], _ key: (any CodingKey)? = nil) -> String {
      (path + (key.map { [$0] } ?? [])).reduce("") { text, key in
        key.intValue.map { "\(text)[\($0)]" }
          ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
      }
    }
    switch error {
    case .keyNotFound(let key, let context):
      let name = place(context.codingPath, key)
      self = .bad("\(name): expected a value, found none", name, code: "missing_parameter")
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      let name = place(context.codingPath)
      self = .expected("a value of another kind", found: "one that can't be used", at: name)
    @unknown default: self = .bad("body: expected another value, found one that can't be used")
    }
  }
}
