import CoreMetrics
import Synchronization

/// Metrics of swift-metrics as Prometheus' text: counters, gauges, and sums with counts and buckets of what is recorded.
///
/// swift-prometheus could not be fetched where this was written; the part of the format that is needed is small and closed.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
public final class PrometheusRegistry: MetricsFactory {
  private struct Name: Hashable {
    let label: String
    /// `{a="b",…}`, or "".
    let dimensions: String
  }

  private enum Kind: String { case counter, gauge, histogram }

  private struct Series {
    let kind: Kind
    var value = 0.0
    var count = 0
    var buckets: [Int] = []
  }

  private let series = Mutex<[Name: Series]>([:])

  /// Upper bounds of the buckets; one more is without bound.
  private static let bounds = [
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100,
  ]
  /// The most series: labels come from requests' routes and must not grow without bound.
  private static let most = 10_000

  /// No metrics yet.
  public init() {}

  /// The text.
  public var text: String {
    let all = series.withLock { $0 }
    var lines = ""
    for (label, own) in Dictionary(grouping: all, by: \.key.label).sorted(by: { $0.key < $1.key }) {
      guard let kind = own.first?.value.kind else { continue }
      lines += "# TYPE \(label) \(kind.rawValue)\n"
      for (name, one) in own.sorted(by: { $0.key.dimensions < $1.key.dimensions }) {
        guard kind == .histogram else {
          lines += "\(label)\(name.dimensions) \(Self.number(one.value))\n"
          continue
        }
        var sum = 0
        for (place, count) in one.buckets.enumerated() {
          sum += count
          let bound = place < Self.bounds.count ? Self.number(Self.bounds[place]) : "+Inf"
          lines += "\(label)_bucket\(Self.adding("le", bound, to: name.dimensions)) \(sum)\n"
        }
        lines += "\(label)_sum\(name.dimensions) \(Self.number(one.value))\n"
        lines += "\(label)_count\(name.dimensions) \(one.count)\n"
      }
    }
    return lines
  }

  private static func number(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }

  private static func adding(_ key: String, _ value: String, to dimensions: String) -> String {
    dimensions.isEmpty ? "{\(key)=\"\(value)\"}" : dimensions.dropLast() + ",\(key)=\"\(value)\"}"
  }

  /// A name as Prometheus has them.
  private static func name(_ text: String) -> String {
    let name = String(
      text.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
    return name.first?.isNumber == true ? "_" + name : name
  }

  private func name(_ label: String, _ dimensions: [(String, String)]) -> Name {
    let pairs = dimensions.map { key, value in
      let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
        "\n", with: "\\n")
      return "\(Self.name(key))=\"\(escaped)\""
    }
    return Name(
      label: Self.name(label), dimensions: pairs.isEmpty ? "" : "{" + pairs.joined(separator: ",") + "}")
  }

  private func change(_ name: Name, _ kind: Kind, _ body: (inout Series) -> Void) {
    series.withLock { all in
      var own = all[name] ?? Series(kind: kind)
      if all[name] == nil {
        guard all.count < Self.most else { return }
        if kind == .histogram { own.buckets = [Int](repeating: 0, count: Self.bounds.count + 1) }
      }
      guard own.kind == kind else { return }
      body(&own)
      all[name] = own
    }
  }

  // MARK: Handlers

  private final class Handler: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
    TimerHandler
  {
    let registry: PrometheusRegistry
    let name: Name
    let kind: Kind

    init(registry: PrometheusRegistry, name: Name, kind: Kind) {
      (self.registry, self.name, self.kind) = (registry, name, kind)
    }

    func increment(by amount: Int64) { registry.change(name, kind) { $0.value += Double(amount) } }
    func increment(by amount: Double) { registry.change(name, kind) { $0.value += amount } }
    func decrement(by amount: Double) { registry.change(name, kind) { $0.value -= amount } }
    func reset() { registry.change(name, kind) { $0.value = 0 } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { registry.change(name, kind) { $0.value = value } }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
      registry.change(name, kind) { own in
        guard own.kind == .histogram else {
          own.value = value
          return
        }
        own.value += value
        own.count += 1
        own.buckets[
          PrometheusRegistry.bounds.firstIndex { value <= $0 } ?? PrometheusRegistry.bounds.count] += 1
      }
    }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
  }

  private func handler(_ label: String, _ dimensions: [(String, String)], _ kind: Kind) -> Handler {
    Handler(registry: self, name: name(label, dimensions), kind: kind)
  }

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    handler(label, dimensions, .counter)
  }
  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler { handler(label, dimensions, .counter) }
  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    handler(label, dimensions, .gauge)
  }
  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler { handler(label, dimensions, aggregate ? .histogram : .gauge) }
  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    handler(label, dimensions, .histogram)
  }
  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  public func destroyMeter(_ handler: any MeterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}
}
