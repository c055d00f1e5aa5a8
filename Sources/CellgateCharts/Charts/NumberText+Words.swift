import CellgateBasics

extension NumberText {
  /// In the decimal places given: "12.30".
  package static func fixed(_ value: Double, _ places: Int) -> String {
    value.isFinite ? String.printf("%.\(places)f", value) : number(value)
  }

  /// "1 seed", "3 seeds".
  package static func plural(_ value: Int, _ word: String) -> String {
    "\(count(value)) \(word)" + (value == 1 ? "" : "s")
  }

  /// "a, b and c".
  package static func list(_ words: [String], _ last: String = "and") -> String {
    guard words.count > 1, let end = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(last) " + end
  }
}
