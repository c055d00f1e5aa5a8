import Cellgate
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Testing

@testable import CellgateService

/// Models of a few units, whose files are made here, and services of them.
enum Fixtures {
  /// A folder that nobody else has.
  static func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("cellgate-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// A model of the characters of "\n abcde.", as `cellgate train text` makes it.
  static func text(seed: UInt64 = 3) throws -> String {
    let characters = "\n abcde."
    let model = Sequential(
      Embedding(characters.unicodeScalars.count, 7), Recurrent(.lstmWM, 12, returnSequences: true),
      Dense(characters.unicodeScalars.count), input: .sequence())
    return try saved(
      model, seed: seed, ["vocabulary": characters, "vocabulary_unknown": "false", "cell": "lstm-wm"])
  }

  /// Three numbers a step, two out.
  static func sensor(seed: UInt64 = 5) throws -> String {
    let model = Sequential(
      Recurrent(.lstmWM, 16, returnSequences: true), Dense(2), input: .sequence(3))
    var own = Preprocessing()
    own.inputScaler = Scaler(means: [1, 2, 3], deviations: [2, 1, 0.5])
    return try saved(model, seed: seed, [:], own)
  }

  /// Texts of two classes.
  static func reviews(seed: UInt64 = 2) throws -> String {
    let words = ["good", "bad", "film", "a"]
    let model = Sequential(Embedding(words.count + 2, 5), LSTM(6), Dense(2), input: .sequence())
    var own = Preprocessing()
    (own.words, own.length, own.labels) = (words, 6, ["no", "yes"])
    var rows = Preprocessing.RowSource()
    (rows.text, rows.label) = ("review", "liked")
    own.rows = rows
    return try saved(model, seed: seed, [:], own)
  }

  private static func saved(
    _ model: Model, seed: UInt64, _ metadata: [String: String], _ preprocessing: Preprocessing? = nil
  ) throws -> String {
    try model.build(seed: seed)
    model.metadata = metadata
    if let preprocessing { model.preprocessing = preprocessing }
    let path = try folder() + "/model.safetensors"
    try model.save(path)
    return path
  }

  /// A service of models by name.
  static func service(
    _ models: [(id: String, path: String)], keys: APIKeys? = nil, endpoints: [Endpoint] = [],
    change: (inout ServiceSettings) -> Void = { _ in }
  ) throws -> CellgateService {
    var settings = ServiceSettings()
    settings.port = 0
    change(&settings)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let metrics = ServiceMetrics()
    let served = try models.map {
      try ServedModel(id: $0.id, path: $0.path, settings: settings, metrics: metrics, now: 0)
    }
    return try CellgateService(
      models: ModelList(served), settings: settings, keys: keys, metrics: metrics, logger: logger,
      endpoints: endpoints)
  }
}

extension CellgateService {
  /// Calls `body` with a client of the service's router.
  func asked(_ body: @escaping @Sendable (Client) async throws -> Void) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    try await Application(router: router, logger: logger).test(.router) { client in
      try await body(Client(client: client))
    }
  }
}

/// Asks a service in JSON.
struct Client: Sendable {
  let client: any TestClientProtocol
  var headers: HTTPFields = [.contentType: "application/json"]

  /// The status and the body of an answer.
  struct Answer: Sendable {
    let status: Int
    let text: String
    let headers: HTTPFields
    /// The body as JSON; null where it is none.
    var tree: JSONTree { (try? JSONTree(data: Array(text.utf8), file: "answer")) ?? .null }
    subscript(name: String) -> JSONTree { tree[name] ?? .null }
    /// The message of an error.
    var message: String { tree["error"]?["message"]?.string ?? "" }
    var code: String { tree["error"]?["code"]?.string ?? "" }
    /// The events of a stream but the last, which must be [DONE].
    var events: [JSONTree] {
      let parts = text.components(separatedBy: "\n\n")
      guard parts.suffix(2) == ["data: [DONE]", ""] else { return [] }
      return parts.dropLast(2).compactMap {
        try? JSONTree(data: Array($0.dropFirst("data: ".count).utf8), file: "event")
      }
    }
  }

  func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) async throws -> Answer {
    let response = try await client.execute(
      uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
    return Answer(
      status: response.status.code, text: String(buffer: response.body), headers: response.headers)
  }
  func get(_ path: String) async throws -> Answer { try await ask(.get, path) }
  func post(_ path: String, _ body: String = "{}") async throws -> Answer { try await ask(.post, path, body) }
  func post(_ path: String, _ body: JSONTree) async throws -> Answer { try await ask(.post, path, body.text) }
}

extension JSONTree {
  /// The numbers of a list.
  var numbers: [Float] { (array ?? []).compactMap { $0.number.map { Float($0) } } }
  /// The first of a list.
  var first: JSONTree { array?.first ?? .null }
}
