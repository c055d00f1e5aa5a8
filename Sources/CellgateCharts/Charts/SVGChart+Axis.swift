import CellgateBasics

extension SVGChart {
  /// Maps values to positions along one side of the plot, and knows its ticks.
  struct Axis {
    let scale: Scale
    /// The values at the two ends; on a logarithmic axis both are positive.
    let range: ClosedRange<Double>
    /// Values with a label and a grid line.
    let ticks: [Double]
    /// Values with a fainter grid line only.
    let minorTicks: [Double]

    /// An axis over `values`, each of which must have a place on it.
    init(_ values: [Double], scale: Scale, padding: Double, fromZero: Bool = false) {
      self.scale = scale
      let low = values.min() ?? 0
      let high = values.max() ?? 1
      switch scale {
      case .linear:
        range = Self.linearRange(low, high, padding: padding, fromZero: fromZero)
        ticks = Self.linearTicks(range, count: 6)
        minorTicks = []
      case .log:
        let (a, b) = (log10(low), log10(high))
        let pad = max((b - a) * padding, a == b ? 0.3 : 0.02)
        let decades = (a - pad)...(b + pad)
        range =
          max(
            pow(10, decades.lowerBound), .leastNormalMagnitude)...min(
            pow(10, decades.upperBound), .greatestFiniteMagnitude)
        (ticks, minorTicks) = Self.logTicks(range)
      }
    }

    /// An axis of named places 0 ..< count.
    init(places count: Int) {
      scale = .linear
      range = -0.5...(Double(count) - 0.5)
      ticks = (0..<count).map(Double.init)
      minorTicks = []
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper; nil when it has no place.
    func position(_ value: Double) -> Double? {
      guard Self.hasPlace(value, scale) else { return nil }
      switch scale {
      case .linear: return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
      case .log:
        return (log10(value) - log10(range.lowerBound)) / (log10(range.upperBound) - log10(range.lowerBound))
      }
    }

    /// True for what an axis can show: numbers up to 10³⁰⁰, whose differences are finite; on a logarithmic axis
    /// normal positive ones.
    static func hasPlace(_ value: Double, _ scale: Scale) -> Bool {
      abs(value) <= 1e300 && (scale == .linear || value >= .leastNormalMagnitude)
    }

    private static func linearRange(
      _ low: Double, _ high: Double, padding: Double, fromZero: Bool
    ) -> ClosedRange<Double> {
      guard high > low else {
        let pad = max(abs(low) * 0.5, low == 0 ? 1 : .leastNormalMagnitude)
        return (low - pad)...(high + pad)
      }
      let pad = (high - low) * padding
      let isNearZero = fromZero && low >= 0 && low < high * 0.35
      return (isNearZero ? 0 : low - pad)...(high + pad)
    }

    /// Multiples of 1, 2 or 5 times a power of ten inside the range, about `count` of them.
    static func linearTicks(_ range: ClosedRange<Double>, count: Int) -> [Double] {
      let rough = (range.upperBound - range.lowerBound) / Double(count)
      let power = pow(10, floor(log10(rough)))
      guard power.isNormal else { return [] }
      let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? 10 * power
      let first = ceil(range.lowerBound / step - 1e-9)
      let last = floor(range.upperBound / step + 1e-9)
      // A range that is tiny against its distance from zero has no room for ticks in a Double.
      guard last >= first, last - first <= 40, abs(first) < 1e15, abs(last) < 1e15 else { return [] }
      return (Int(first)...Int(last)).map { multiple in
        // Dividing by whole powers of ten gives 0.3 where multiplying by 0.1 gives 0.30000000000000004.
        let tick = step < 1 ? Double(multiple) / (1 / step).rounded() : Double(multiple) * step
        return step < 1 && 1 / step > 1e15 ? Double(multiple) * step : tick
      }
    }

    private static func logTicks(_ range: ClosedRange<Double>) -> ([Double], [Double]) {
      let first = Int(floor(log10(range.lowerBound)))
      let last = Int(ceil(log10(range.upperBound)))
      let every = max(1, (last - first) / 8)
      let decades = stride(from: first, through: last, by: 1).map { (exponent: $0, value: power($0)) }
      func inside(_ factors: [Double]) -> [Double] {
        decades.flatMap { decade in factors.map { $0 * decade.value } }.filter { range.contains($0) }
      }
      let major = decades.filter { $0.exponent % every == 0 && range.contains($0.value) }.map(\.value)
      // Of many decades the lines between would be a grey haze.
      if major.count >= 3 { return (major, last - first <= 6 ? inside([2, 3, 4, 5, 6, 7, 8, 9]) : []) }
      let some = inside([1, 2, 5])
      if some.count >= 3 { return (some, inside([3, 4, 6, 7, 8, 9])) }
      return (linearTicks(range, count: 5).filter { $0 > 0 }, [])
    }

    private static func power(_ exponent: Int) -> Double {
      exponent < 0 ? 1 / pow(10, Double(-exponent)) : pow(10, Double(exponent))
    }

    /// A tick's text: thousands separated, as many decimals as the tick needs, a power of ten where it is shorter.
    static func label(_ value: Double) -> String {
      if value == 0 { return "0" }
      let size = abs(value)
      if size >= 1e6 || size < 1e-3 {
        let exponent = Int(floor(log10(size) + 1e-9))
        let mantissa = number(value / pow(10, Double(exponent)), decimals: 3)
        let raised = "10" + String(exponent).map { superscripts[$0] ?? $0 }
        return mantissa == "1" ? raised : mantissa == "-1" ? "−" + raised : "\(mantissa)·\(raised)"
      }
      return number(value, decimals: 7)
    }

    private static let superscripts: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸",
      "9": "⁹",
    ]

    private static func number(_ value: Double, decimals: Int) -> String {
      let (whole, fraction) = SVGChart.decimal(value, decimals)
      let isNegative = whole.hasPrefix("-")
      let digits = Array(isNegative ? whole.dropFirst() : whole[...])
      var grouped = ""
      for (place, digit) in digits.enumerated() {
        if place > 0, (digits.count - place) % 3 == 0 { grouped += "," }
        grouped.append(digit)
      }
      return (isNegative ? "−" : "") + grouped + (fraction.isEmpty ? "" : "." + fraction)
    }
  }

  /// A number's digits before and after the point, trailing zeros dropped, independent of any locale. A number too large
  /// to have digits after the point, or not finite, comes as `NumberText.number` writes it.
  package static func decimal(_ value: Double, _ decimals: Int) -> (whole: String, fraction: String) {
    let factor = pow(10, Double(decimals))
    guard abs(value * factor) < 9e18 else { return (NumberText.number(value), "") }
    let scaled = Int((value * factor).rounded())
    let whole = abs(scaled) / Int(factor)
    var digits = String(abs(scaled) % Int(factor))
    digits = String(repeating: "0", count: max(0, decimals - digits.count)) + digits
    while digits.last == "0" { digits.removeLast() }
    return ((scaled < 0 ? "-" : "") + String(whole), decimals == 0 ? "" : digits)
  }
}
