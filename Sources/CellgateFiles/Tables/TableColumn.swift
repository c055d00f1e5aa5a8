import CellgateBasics

/// A column of a table: numbers, or texts, with some missing.
///
/// A value is missing that is empty or NA, N/A, NaN, null or their like. A column whose values are all numbers or missing is one
/// of numbers, and its values as they were written are still at hand.
public struct TableColumn: Sendable {
  /// What the values are.
  public enum Kind: String, Sendable { case numbers, texts }

  /// The name in the header, or the place from 1 on where there is none.
  public let name: String
  /// The numbers of a column of them, NaN where one is missing; nil of a column of texts.
  public private(set) var numbers: [Double]? = []
  /// How many values are missing.
  public private(set) var missing = 0
  /// The first row, from 0, whose value is no number; nil where all are.
  public private(set) var firstText: Int?
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  private let hasDecimalComma: Bool

  init(name: String, hasDecimalComma: Bool) { (self.name, self.hasDecimalComma) = (name, hasDecimalComma) }

  /// The column without its values.
  var emptied: TableColumn { TableColumn(name: name, hasDecimalComma: hasDecimalComma) }

  /// How many values there are.
  public var count: Int { ends.count }
  /// What the values are.
  public var kind: Kind { numbers == nil ? .texts : .numbers }

  /// The value of a row as it was written; nil for one that is missing.
  public subscript(row: Int) -> String? {
    let field = field(row)
    return Self.isMissing(field) ? nil : String(decoding: field, as: UTF8.self)
  }

  private func field(_ row: Int) -> ArraySlice<UInt8> { bytes[(row == 0 ? 0 : ends[row - 1])..<ends[row]] }

  mutating func append(_ field: ArraySlice<UInt8>) {
    let isMissing = Self.isMissing(field)
    if isMissing { missing += 1 }
    if numbers != nil {
      if let number = isMissing ? .nan : Self.number(field, hasDecimalComma: hasDecimalComma) {
        numbers?.append(number)
      } else {
        numbers = nil
        firstText = count
      }
    }
    bytes += field
    ends.append(bytes.count)
  }

  /// What stands for a value that isn't there, in small letters.
  private static let marks = ["", "na", "n/a", "#n/a", "nan", "null", "<na>"].map { Array($0.utf8) }

  static func isMissing(_ field: ArraySlice<UInt8>) -> Bool {
    if field.isEmpty { return true }
    guard field.count < 16, let first = field.first, first == 0x20 || first == 0x23 || first >= 0x3C else {
      return false
    }
    let small = trimmed(field).map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
    return marks.contains(small)
  }

  private static func trimmed(_ field: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var field = field
    while let first = field.first, first == 0x20 || first == 0x09 { field = field.dropFirst() }
    while let last = field.last, last == 0x20 || last == 0x09 { field = field.dropLast() }
    return field
  }

  /// The number that a field is, infinity included; nil for other texts.
  static func number(_ field: ArraySlice<UInt8>, hasDecimalComma: Bool) -> Double? {
    let field = trimmed(field)
    // Digits with a point, exactly: a whole number below 2⁵³ over a power of ten of at most 10²².
    var (value, digits, decimals, hasPoint) = (UInt64(0), 0, 0, false)
    var rest = field
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    for byte in rest {
      switch byte {
      case 0x30...0x39 where digits < 15:
        value = value * 10 + UInt64(byte - 0x30)
        digits += 1
        if hasPoint { decimals += 1 }
      case 0x2E where !hasPoint, 0x2C where !hasPoint && hasDecimalComma: hasPoint = true
      default: return slowNumber(field, hasDecimalComma: hasDecimalComma)
      }
    }
    guard digits > 0 else { return nil }
    let number = Double(value) / powers[decimals]
    return isNegative ? -number : number
  }

  private static let powers: [Double] = (0...15).map { power in
    (0..<power).reduce(1) { value, _ in value * 10 }
  }

  private static func slowNumber(_ field: ArraySlice<UInt8>, hasDecimalComma: Bool) -> Double? {
    // Letters other than those of numbers end it here: Double also reads hexadecimal numbers and payloads of NaN.
    let known = Set("0123456789+-.,eEinftyINFTY".utf8)
    guard !field.isEmpty, field.count < 400, field.allSatisfy(known.contains) else { return nil }
    let (comma, point) = (UInt8(ascii: ","), UInt8(ascii: "."))
    guard hasDecimalComma, !field.contains(point) else {
      return Double(String(decoding: field, as: UTF8.self))
    }
    return Double(String(decoding: field.map { $0 == comma ? point : $0 }, as: UTF8.self))
  }
}
