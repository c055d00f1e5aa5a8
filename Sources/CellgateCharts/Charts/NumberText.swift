import CellgateBasics

/// Numbers and times as people read them.
package enum NumberText {
  /// "67,072".
  package static func count(_ value: some BinaryInteger) -> String {
    let digits = Array(String(value.magnitude))
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return (value < 0 ? "−" : "") + result
  }

  /// A count that was a mean or a median, to the nearest whole number; what is too large for one as `number` has it.
  package static func count(_ value: Double) -> String {
    abs(value) < 1e15 ? count(Int(value.rounded())) : number(value)
  }

  /// Four significant digits or so: "0.01234", "1,234", "2.1e-05".
  package static func number(_ value: Double, digits: Int = 4) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "−∞" : "∞" }
    guard value != 0 else { return "0" }
    let magnitude = abs(value)
    if magnitude < 1e-4 || magnitude >= 1e7 { return String.printf("%.\(max(0, digits - 2))e", value) }
    if magnitude >= 1000 { return count(Int(value.rounded())) }
    let places = max(0, digits - 1 - Int(floor(log10(magnitude))))
    return String.printf("%.\(min(places, 7))f", value)
  }

  /// "0:42", "12:05" or "1:02:05".
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 3.6e7 else { return "–" }
    let whole = Int(seconds.rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    return hours > 0
      ? String.printf("%d:%02d:%02d", hours, minutes, rest) : String.printf("%d:%02d", minutes, rest)
  }

  /// "1.5 GB", powers of 1000.
  package static func bytes(_ value: Double) -> String {
    guard value.isFinite else { return "more memory than can be counted" }
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    var value = value, unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    if value >= 1e6 { return String.printf("%.1e", value) + " " + units[unit] }
    return value >= 100 || unit == 0
      ? "\(count(Int(value.rounded()))) \(units[unit])" : String.printf("%.1f", value) + " " + units[unit]
  }
}
