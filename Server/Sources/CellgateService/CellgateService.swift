import Cellgate
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// Models as a service over HTTP.
///
/// ```swift
/// let settings = ServiceSettings()
/// let model = try ServedModel(id: "text", path: "model.safetensors", settings: settings, now: 0)
/// let service = try CellgateService(models: ModelList([model]), settings: settings)
/// try await service.application.runService()
/// ```
public struct CellgateService: Sendable {
  /// All routes, in the order of the document.
  public let endpoints: [Endpoint]
  let settings: ServiceSettings
  let pool: SessionPool
  private let keys: APIKeys?
  private let metrics: ServiceMetrics
  private let logger: Logger

  /// The version of the service's interface.
  public static let version = "1"

  /// A service of models. `endpoints` are those of other parts, such as a memory: their paths are served and documented with
  /// the others, with the same keys and limits. Throws `store`.
  public init(
    models: ModelList, settings: ServiceSettings, keys: APIKeys? = nil,
    metrics: ServiceMetrics = ServiceMetrics(), logger: Logger = Logger(label: "cellgate-server"),
    endpoints others: [Endpoint] = []
  ) throws(ServiceSetupError) {
    pool = try SessionPool(settings: settings, metrics: metrics, logger: logger)
    (self.settings, self.keys, self.metrics, self.logger) = (settings, keys, metrics, logger)
    var all =
      ModelRoutes(models: models, metrics: metrics).endpoints
      + CompletionRoutes(models: models, settings: settings, metrics: metrics).endpoints
      + EmbeddingRoutes(models: models, settings: settings, metrics: metrics).endpoints
      + PredictionRoutes(models: models, settings: settings).endpoints
      + SessionRoutes(models: models, settings: settings, metrics: metrics, pool: pool).endpoints + others
    all.append(
      Endpoint(
        .get, "/", "page", "A page to write with a model and to watch its gates.", needsKey: false,
        answer: .init("The page.", types: ["text/html"])
      ) { _ in
        var response = Response.text(Page.text, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] =
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
          + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        return response
      })
    let (documented, hasKeys) = (all, keys != nil)
    all.append(
      Endpoint(
        .get, "/openapi.json", "openapi", "This document.", needsKey: false, answer: .init("The document.")
      ) { _ in .json(OpenAPI.document(documented, version: Self.version, hasKeys: hasKeys)) })
    self.endpoints = all
  }

  /// The routes.
  public var router: Router<ServiceContext> {
    let router = Router(context: ServiceContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: RequestMiddleware(metrics: metrics, endpoints: endpoints))
    router.add(
      middleware: AccessMiddleware(
        keys: keys, isLocal: AccessMiddleware.isLocal(settings.host),
        open: Set(endpoints.filter { !$0.needsKey }.map(\.path))))
    let settings = settings
    for endpoint in endpoints {
      router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context in
        try await endpoint.handle(
          ServiceRequest(request: request, context: context, settings: settings, schema: endpoint.body))
      }
    }
    return router
  }

  /// The service as an application, which listens when it is run and ends its streams before it stops.
  public var application: some ApplicationProtocol { application { _ in } }

  /// The same; `onRunning` is given the channel that listens.
  func application(
    onRunning: @escaping @Sendable (any Channel) async -> Void
  ) -> some ApplicationProtocol {
    var application = Application(
      router: router,
      server: .http1(
        configuration: .init(idleTimeout: .milliseconds(Int64(settings.idleSeconds * 1000)))),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port), serverName: "cellgate",
        backlog: 1024,
        availableConnectionsDelegate: MaximumAvailableConnections(settings.connections, logger: logger)),
      services: [pool], onServerRunning: onRunning, logger: logger)
    application.beforeServerStarts { [pool] in await pool.open() }
    return application
  }
}
