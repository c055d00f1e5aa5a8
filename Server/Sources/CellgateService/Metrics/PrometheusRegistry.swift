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

  /// The numbers of a name; each has a lock of its own, so that counting looks up no name.
  private final class Series: Sendable {
    struct Numbers {
      var value = 0.0
      var count = 0
      var buckets: [Int] = []
    }

    let kind: Kind
    let numbers: Mutex<Numbers>

    init(_ kind: Kind) {
      self.kind = kind
      let buckets = kind == .histogram ? PrometheusRegistry.bounds.count + 1 : 0
      numbers = Mutex(Numbers(buckets: [Int](repeating: 0, count: buckets)))
    }
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
      for (name, series) in own.sorted(by: { $0.key.dimensions < $1.key.dimensions }) {
        let one = series.numbers.withLock { $0 }
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

  /// The series of a name. One more than there may be, and one of a name that has another kind, counts for nobody.
  private func series(_ name: Name, _ kind: Kind) -> Series {
    series.withLock { all in
      if let own = all[name], own.kind == kind { return own }
      let own = Series(kind)
      if all[name] == nil, all.count < Self.most { all[name] = own }
      return own
    }
  }

  // MARK: Handlers

  private final class Handler: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
    TimerHandler
  {
    private let series: Series

    init(_ series: Series) { self.series = series }

    private func change(_ body: (inout Series.Numbers) -> Void) { series.numbers.withLock { body(&$0) } }

    func increment(by amount: Int64) { change { $0.value += Double(amount) } }
    func increment(by amount: Double) { change { $0.value += amount } }
    func decrement(by amount: Double) { change { $0.value -= amount } }
    func reset() { change { $0.value = 0 } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { change { $0.value = value } }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
      guard series.kind == .histogram else { return set(value) }
      let bounds = PrometheusRegistry.bounds
      let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
      change { own in
        own.value += value
        own.count += 1
        own.buckets[bucket] += 1
      }
    }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
  }

  private func handler(_ label: String, _ dimensions: [(String, String)], _ kind: Kind) -> Handler {
    Handler(series(name(label, dimensions), kind))
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
