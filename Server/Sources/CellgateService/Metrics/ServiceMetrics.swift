import Metrics
import Synchronization

/// What the service counts. A value of its own, so that services in one process don't share numbers.
public struct ServiceMetrics: Sendable {
  /// Where the numbers are.
  public let registry: PrometheusRegistry
  private let known = Known()

  /// Numbers that begin with 0.
  public init(registry: PrometheusRegistry = PrometheusRegistry()) { self.registry = registry }

  /// What is counted at each request and step, found by fewer texts than a name of Prometheus has.
  private final class Known: Sendable {
    struct Answer: Hashable {
      let method, route: String
      let status: Int
    }

    let answers = Mutex<[Answer: (count: Counter, seconds: Recorder)]>([:])
    let steps = Mutex<[String: (steps: Counter, batches: Counter)]>([:])
    let tokens = Mutex<[String: (prompt: Counter, completion: Counter)]>([:])
  }

  /// The most kinds of answers that are kept: a method may be any word.
  private static let most = 1000

  func answered(method: String, route: String, status: Int, _ seconds: Double) {
    let (count, recorder) = known.answers.withLock { known in
      let key = Known.Answer(method: method, route: route, status: status)
      if let own = known[key] { return own }
      let own = (
        Counter(
          label: "cellgate_requests_total",
          dimensions: [("method", method), ("route", route), ("status", "\(status)")], factory: registry),
        Recorder(
          label: "cellgate_request_seconds", dimensions: [("route", route)], aggregate: true,
          factory: registry)
      )
      if known.count < Self.most { known[key] = own }
      return own
    }
    count.increment()
    recorder.record(seconds)
  }

  func stepped(_ model: String, rows: Int) {
    let (steps, batches) = known.steps.withLock { known in
      if let own = known[model] { return own }
      let own = (counter("cellgate_steps_total", model), counter("cellgate_batches_total", model))
      known[model] = own
      return own
    }
    steps.increment(by: rows)
    batches.increment()
  }

  func tokens(_ model: String, prompt: Int, written: Int) {
    let counters = known.tokens.withLock { known in
      if let own = known[model] { return own }
      let own = (
        counter("cellgate_tokens_total", model, kind: "prompt"),
        counter("cellgate_tokens_total", model, kind: "completion")
      )
      known[model] = own
      return own
    }
    counters.prompt.increment(by: prompt)
    counters.completion.increment(by: written)
  }

  private func counter(_ label: String, _ model: String, kind: String? = nil) -> Counter {
    Counter(
      label: label, dimensions: (kind.map { [("kind", $0)] } ?? []) + [("model", model)], factory: registry)
  }

  func sessions(resident: Int, stored: Int) {
    for (place, count) in [("memory", resident), ("store", stored)] {
      Gauge(label: "cellgate_sessions", dimensions: [("place", place)], factory: registry).record(count)
    }
  }
}
