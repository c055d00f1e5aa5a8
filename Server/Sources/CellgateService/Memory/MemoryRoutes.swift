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
  struct SessionDraft: Codable {
    var id: String?
    var title: String?
    var metadata: [String: MetadataValue]?
  }
  struct Messages: Codable { var messages: [MessageDraft] }
  struct Topic: Codable { var topic: String }
  struct End: Codable {
    var validUntil: Double?
    enum CodingKeys: String, CodingKey { case validUntil = "valid_until" }
  }
  struct List<Value: Codable & Sendable>: Codable, Sendable { var data: [Value] }
  struct Ended: Codable, Sendable { var id: Int64 }

  /// The routes, for ``CellgateService/init(models:settings:keys:metrics:logger:endpoints:)``.
  public var endpoints: [Endpoint] { sessions + records + foci }

  static let path = "/v1/memory"
  static let times = -1e12...1e12
  static let time = JSONSchema.real(times)
  static let metadata: JSONTree = ["type": "object"]
  static let record = JSONSchema.answer([
    ("id", JSONSchema.integer), ("kind", JSONSchema.one(of: RecordKind.allCases.map(\.rawValue))),
    ("content", JSONSchema.text), ("created_at", JSONSchema.number), ("token_count", JSONSchema.integer),
    ("metadata", metadata), ("in_context", JSONSchema.flag),
  ])
  static let session = JSONSchema.answer([
    ("id", JSONSchema.text), ("created_at", JSONSchema.number), ("metadata", metadata),
  ])
  static let focus = JSONSchema.answer([
    ("id", JSONSchema.integer), ("session_id", JSONSchema.text), ("topic", JSONSchema.text),
    ("opened_at", JSONSchema.number),
  ])
  static func list(_ items: JSONTree) -> JSONTree {
    JSONSchema.answer([("data", JSONSchema.list(items))])
  }
  static let deletion = JSONSchema.answer([
    ("sessions", JSONSchema.integer), ("records", JSONSchema.integer), ("purged", JSONSchema.flag),
  ])

  /// The answer of a value that the store gives.
  func answer<Value: Encodable & Sendable>(
    status: HTTPResponse.Status = .ok, _ body: @Sendable (MemoryStore) throws -> Value
  ) async throws -> Response {
    try Self.response(try await worker.run(body), status)
  }

  /// The answer to a deletion.
  func deletion(_ request: DeletionRequest) async throws -> Response {
    try Self.response(try await worker.delete(request), .ok)
  }

  private static func response(_ value: some Encodable, _ status: HTTPResponse.Status) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data = try encoder.encode(value)
    return .json(try JSONTree(data: Array(data), file: "answer"), status: status)
  }
}
