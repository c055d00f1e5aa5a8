import Metrics

/// What the service counts. A value of its own, so that services in one process don't share numbers.
public struct ServiceMetrics: Sendable {
  /// Where the numbers are.
  public let registry: PrometheusRegistry

  /// Numbers that begin with 0.
  public init(registry: PrometheusRegistry = PrometheusRegistry()) { self.registry = registry }

  func answered(method: String, route: String, status: Int, _ seconds: Double) {
    Counter(
      label: "cellgate_requests_total",
      dimensions: [("method", method), ("route", route), ("status", "\(status)")], factory: registry
    ).increment()
    Recorder(
      label: "cellgate_request_seconds", dimensions: [("route", route)], aggregate: true, factory: registry
    ).record(seconds)
  }

  func stepped(_ model: String, rows: Int) {
    Counter(label: "cellgate_steps_total", dimensions: [("model", model)], factory: registry)
      .increment(by: rows)
    Counter(label: "cellgate_batches_total", dimensions: [("model", model)], factory: registry).increment()
  }

  func tokens(_ model: String, prompt: Int, written: Int) {
    for (kind, count) in [("prompt", prompt), ("completion", written)] {
      Counter(
        label: "cellgate_tokens_total", dimensions: [("kind", kind), ("model", model)], factory: registry
      ).increment(by: count)
    }
  }

  func sessions(resident: Int, stored: Int) {
    for (place, count) in [("memory", resident), ("store", stored)] {
      Gauge(label: "cellgate_sessions", dimensions: [("place", place)], factory: registry).record(count)
    }
  }
}
