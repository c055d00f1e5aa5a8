import Cellgate
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Turns errors into answers, counts and logs each request. Nothing of what is in a request or an answer is logged.
struct RequestMiddleware: RouterMiddleware {
  let metrics: ServiceMetrics
  let endpoints: [Endpoint]

  /// The answer to a request that no endpoint takes.
  private func unserved(_ request: Request) -> Response {
    let methods = endpoints.filter { $0.matches(request.uri.path) }.map(\.method.rawValue)
    if methods.isEmpty {
      return ServiceError(
        .notFound, "expected a path of the service, see /openapi.json, found another", code: "unknown_path"
      ).response
    }
    let allowed = methods.sorted().joined(separator: ", ")
    var response =
      ServiceError(
        .methodNotAllowed, "expected one of \(allowed), found another method", code: "method_not_allowed"
      ).response
    response.headers[.allow] = allowed
    return response
  }

  func handle(
    _ request: Request, context: ServiceContext,
    next: (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    var response: Response
    do { response = try await next(request, context) } catch let error as ServiceError {
      response = error.response
      context.logger.debug("refused", metadata: ["code": "\(error.code ?? error.type)"])
    } catch let error as HTTPError where error.status == .notFound {
      response = unserved(request)
    } catch let error as HTTPParserError {
      // What is no HTTP is answered by the server, which closes the connection then.
      throw error
    } catch is CancellationError {
      response = ServiceError(.serviceUnavailable, "the request was ended", code: "cancelled").response
    } catch let error as any HTTPResponseError {
      response =
        ServiceError(error.status, "the request can't be served: \(error.status.reasonPhrase)").response
    } catch {
      context.logger.error("failed", metadata: ["error": "\(type(of: error))"])
      response =
        ServiceError(.internalServerError, "the service failed; its log says more", code: "internal").response
    }
    response.headers[.init("X-Request-Id")!] = context.id
    response.headers[.xContentTypeOptions] = "nosniff"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let route = context.endpointPath ?? "unknown"
    metrics.answered(method: request.method.rawValue, route: route, status: response.status.code, seconds)
    context.logger.info(
      "request",
      metadata: [
        "method": "\(request.method.rawValue)", "route": "\(route)", "status": "\(response.status.code)",
        "seconds": "\(seconds)",
      ])
    return response
  }
}

/// Lets in who has a key; where there are none, all. A service of the local host without keys answers to local names alone, so that
/// no page of the web reaches it by a name that leads here.
struct AccessMiddleware: RouterMiddleware {
  let keys: APIKeys?
  let isLocal: Bool
  /// Paths that need no key.
  let open: Set<String>

  func handle(
    _ request: Request, context: ServiceContext,
    next: (Request, ServiceContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    if let keys {
      if !open.contains(request.uri.path) {
        let name = try keys.check(request.headers, now: Date().timeIntervalSince1970)
        context.logger[metadataKey: "key"] = "\(name)"
        context.keyName = name
      }
    } else if isLocal, let host = request.head.authority ?? request.headers[.init("Host")!],
      !Self.isLocal(host)
    {
      throw ServiceError(
        .forbidden, "Host: expected a name of the local host, as the service has no keys, found another",
        code: "foreign_host")
    }
    return try await next(request, context)
  }

  /// Whether "name:port" is of the local host.
  static func isLocal(_ host: String) -> Bool {
    var name = host.lowercased()
    if name.hasPrefix("["), let end = name.firstIndex(of: "]") {
      name = String(name[name.index(after: name.startIndex)..<end])
    } else if name.filter({ $0 == ":" }).count == 1, let colon = name.firstIndex(of: ":") {
      name = String(name[..<colon])
    }
    return name == "localhost" || name == "::1" || name.hasSuffix(".localhost")
      || (name.hasPrefix("127.") && name.allSatisfy { $0.isNumber || $0 == "." })
  }
}
