import Cellgate
import HTTPTypes
import Hummingbird

/// What a request is answered with that can't be served: a status and OpenAI's shape of an error,
/// `{"error": {"message", "type", "param", "code"}}`.
public struct ServiceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The status.
  public var status: HTTPResponse.Status
  /// One line: what was expected and what was found.
  public var message: String
  /// The name of what is wrong in the request; nil where it is no part of it.
  public var parameter: String?
  /// A word for programs; nil for none.
  public var code: String?

  /// An answer.
  public init(
    _ status: HTTPResponse.Status, _ message: String, parameter: String? = nil, code: String? = nil
  ) {
    (self.status, self.message, self.parameter, self.code) = (status, message, parameter, code)
  }

  /// A request that is wrong.
  public static func bad(_ message: String, _ parameter: String? = nil, code: String? = nil) -> ServiceError {
    ServiceError(.badRequest, message, parameter: parameter, code: code)
  }

  /// A value of a request that is wrong: "name: expected …, found …".
  public static func expected(_ expected: String, found: String, at name: String) -> ServiceError {
    .bad("\(name): expected \(expected), found \(found)", name)
  }

  /// More than the service takes at a time.
  public static func tooMany(_ message: String, code: String = "rate_limit_exceeded") -> ServiceError {
    ServiceError(.tooManyRequests, message, code: code)
  }

  /// A request that took too long.
  public static func late(_ seconds: Double) -> ServiceError {
    ServiceError(
      .serviceUnavailable, "expected an answer within \(NumberText.short(seconds)) seconds", code: "timeout")
  }

  /// The message.
  public var description: String { message }

  /// The kind of error, as OpenAI names them.
  var type: String {
    switch status.code {
    case 401: "authentication_error"
    case 403: "permission_error"
    case 404: "not_found_error"
    case 409: "conflict_error"
    case 429: "rate_limit_error"
    case 500...: "server_error"
    default: "invalid_request_error"
    }
  }

  /// The body.
  var tree: JSONTree {
    .object([
      .init(
        "error",
        .object([
          .init("message", .string(message)), .init("type", .string(type)),
          .init("param", parameter.map { .string($0) } ?? .null),
          .init("code", code.map { .string($0) } ?? .null),
        ]))
    ])
  }

  /// The answer.
  var response: Response {
    var response = Response.json(tree, status: status)
    if status == .tooManyRequests { response.headers[.retryAfter] = "1" }
    if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
  }
}

extension HTTPResponse.Status {
  /// The disk refuses.
  static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}

/// Numbers in messages.
enum NumberText {
  /// A number without a needless ".0".
  static func short(_ number: Double) -> String {
    Int(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}

extension Response {
  /// A JSON value as an answer.
  public static func json(_ tree: JSONTree, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: tree.text)))
  }

  /// A text as an answer.
  static func text(_ text: String, type: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: type],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
