import Cellgate
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// A route of the service with what the OpenAPI document says of it: routes and document are made from one list, so that they can't
/// differ.
///
/// Other parts of a service, such as a memory for agents, give their endpoints to ``CellgateService/init(models:settings:keys:metrics:logger:endpoints:)``.
public struct Endpoint: Sendable {
  /// What an answer is.
  public struct Answer: Sendable {
    /// What it says.
    public var text: String
    /// Its media types; none of an answer without a body.
    public var types: [String]
    /// The schema of JSON; nil for any.
    public var schema: JSONTree?

    /// An answer of JSON.
    public init(_ text: String, schema: JSONTree? = nil, types: [String] = ["application/json"]) {
      (self.text, self.schema, self.types) = (text, schema, types)
    }
  }

  /// The method.
  public var method: HTTPRequest.Method
  /// The path, with parameters in braces: "/v1/sessions/{id}".
  public var path: String
  /// What programs call it: "createSession".
  public var name: String
  /// What it does, in a line.
  public var summary: String
  /// Whether a key is needed where the service has keys.
  public var needsKey = true
  /// What may stand after a question mark, with schemas.
  public var query: [(name: String, schema: JSONTree)]
  /// The schema of the body; nil where there is none.
  public var body: JSONTree?
  /// The media type of the body.
  public var bodyType = "application/json"
  /// The answer where all is well, and its status.
  public var status: HTTPResponse.Status
  public var answer: Answer
  /// Operations whose path takes the "id" of the answer.
  public var links: [String]
  /// What else may be answered, besides 400, 401, 413, 415, 429 and 503: 404, 409.
  public var failures: [Int]
  /// What is done.
  public var handle: @Sendable (ServiceRequest) async throws -> Response

  /// A route.
  public init(
    _ method: HTTPRequest.Method, _ path: String, _ name: String, _ summary: String, needsKey: Bool = true,
    query: [(name: String, schema: JSONTree)] = [], body: JSONTree? = nil,
    bodyType: String = "application/json", status: HTTPResponse.Status = .ok,
    links: [String] = [], answer: Answer, failures: [Int] = [],
    handle: @escaping @Sendable (ServiceRequest) async throws -> Response
  ) {
    (self.method, self.path, self.name, self.summary, self.needsKey) = (method, path, name, summary, needsKey)
    (self.body, self.bodyType, self.status, self.answer) = (body, bodyType, status, answer)
    (self.query, self.links) = (query, links)
    (self.failures, self.handle) = (failures, handle)
  }

  /// Whether a path is one of the endpoint's.
  func matches(_ path: String) -> Bool {
    let own = self.path.split(separator: "/"), other = path.split(separator: "/")
    return own.count == other.count && zip(own, other).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
  }

  /// The names of the parameters in the path.
  var parameters: [String] {
    path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
  }
}

/// A request to an endpoint.
public struct ServiceRequest: Sendable {
  /// The request.
  public let request: Request
  /// Its context.
  public let context: ServiceContext
  /// The limits.
  public let settings: ServiceSettings
  /// The schema of the body; nil for none.
  let schema: JSONTree?

  /// The logger of the request, which says nothing of what is in it.
  public var logger: Logger { context.logger }

  /// A parameter of the path.
  public func parameter(_ name: String) throws(ServiceError) -> String {
    guard let value = context.parameters.get(name) else {
      throw ServiceError(.notFound, "expected a path with \(name), found none")
    }
    return value
  }

  /// The whole body; throws 413 for one that is too large. The connection of one that takes too long to come is closed.
  public func bytes() async throws -> ByteBuffer {
    let limit = settings.bodyBytes
    let length = request.headers[.contentLength].flatMap { Int($0) }
    if let length, length > limit { throw tooLarge(limit) }
    var body = ByteBuffer()
    // A body that comes byte by byte would hold its connection for ever.
    var guardian: Task<Void, any Error>?
    defer { guardian?.cancel() }
    for try await piece in request.body {
      if guardian == nil, let channel = context.channel, piece.readableBytes < length ?? .max {
        guardian = Task { [seconds = settings.seconds] in
          try await Task.sleep(for: .seconds(seconds))
          try await channel.close()
        }
      }
      guard body.readableBytes + piece.readableBytes <= limit else { throw tooLarge(limit) }
      var piece = piece
      body.writeBuffer(&piece)
    }
    return body
  }

  private func tooLarge(_ limit: Int) -> ServiceError {
    ServiceError(
      .contentTooLarge, "body: expected at most \(limit) bytes, found more", code: "body_too_large")
  }

  /// The members of the body, a JSON object of the media type application/json. Another media type is refused, with which
  /// a page of another site could send without being asked for leave.
  public func json() async throws -> JSONFields {
    let type = request.headers[.contentType] ?? ""
    guard type.lowercased().split(separator: ";").first.map({ $0.trimming() == "application/json" }) == true
    else {
      throw ServiceError(
        .unsupportedMediaType,
        "Content-Type: expected application/json, found \(type.isEmpty ? "none" : "another")",
        code: "unsupported_media_type")
    }
    let body = try await bytes()
    let tree: JSONTree
    do throws(JSONError) {
      tree = try JSONTree(data: Array(body.readableBytesView), file: "body")
    } catch { throw ServiceError.bad("\(error)", code: "invalid_json") }
    return try JSONFields(tree)
  }
}

extension Substring {
  fileprivate func trimming() -> String {
    String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}

/// What belongs to a request while it is answered.
public struct ServiceContext: RequestContext {
  public var coreContext: CoreRequestContextStorage
  /// The connection; nil in tests without one.
  let channel: (any Channel)?
  /// The name of the key that the request has; "" where the service has no keys.
  public internal(set) var keyName = ""

  public init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}
