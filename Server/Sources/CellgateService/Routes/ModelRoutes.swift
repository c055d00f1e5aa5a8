import Cellgate
import Hummingbird

/// The models, and what says whether the service is there.
struct ModelRoutes {
  let models: ModelList
  let metrics: ServiceMetrics

  private static let model = JSONSchema.answer([
    ("id", JSONSchema.text), ("object", JSONSchema.text), ("created", JSONSchema.integer),
    ("owned_by", JSONSchema.text),
    ("kind", JSONSchema.text),
  ])

  var endpoints: [Endpoint] {
    [
      Endpoint(
        .get, "/healthz", "health", "Says that the service is there.", needsKey: false,
        answer: .init("It is.", schema: JSONSchema.answer([("status", JSONSchema.text)]))
      ) { _ in .json(["status": "ok"]) },
      Endpoint(
        .get, "/metrics", "metrics", "Counts of requests, steps, tokens and sessions, for Prometheus.",
        answer: .init("Metrics.", types: ["text/plain"])
      ) { [metrics] _ in
        .text(metrics.registry.text, type: "text/plain; version=0.0.4; charset=utf-8")
      },
      Endpoint(
        .get, "/v1/models", "listModels", "The models that are served.",
        answer: .init(
          "Models.",
          schema: JSONSchema.answer([("object", JSONSchema.text), ("data", JSONSchema.list(Self.model))]))
      ) { [models] _ in
        .json(["object": "list", "data": .array(models.models.map(\.tree))])
      },
      Endpoint(
        .get, "/v1/models/{id}", "getModel", "A model: what it takes and gives.",
        answer: .init("The model.", schema: Self.model), failures: [404]
      ) { [models] request in .json(try models.model(try request.parameter("id")).tree) },
    ]
  }
}
