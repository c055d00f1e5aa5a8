import ArgumentParser
import Cellgate
import CellgateFiles

/// An option's whole number as it was typed; `OptionProblems` reads it, so that all mistakes are reported together.
struct WholeNumber: ExpressibleByArgument {
  let text: String

  init(argument: String) { text = argument }
  init(_ value: Int) { text = "\(value)" }
  var defaultValueDescription: String { text }

  /// Whether the text has digits alone: if it can't be read, the number is too large.
  var isWhole: Bool { !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
}

/// An option's number as it was typed; `OptionProblems` reads it.
struct RealNumber: ExpressibleByArgument {
  let text: String

  init(argument: String) { text = argument }
  init(_ value: Double) { text = "\(value)" }
  var defaultValueDescription: String { text }
}

/// Reads options and collects what is wrong with them.
struct OptionProblems {
  /// What is wrong so far, a line each.
  private(set) var lines: [String] = []

  /// Notes a problem.
  mutating func add(_ line: String) { lines.append(line) }

  /// The number, or the lower bound after noting what is wrong.
  mutating func whole(_ option: String, _ number: WholeNumber, in range: ClosedRange<Int>) -> Int {
    if let value = Int(number.text), range.contains(value) { return value }
    let expected =
      range.upperBound == .max
      ? "a whole number of at least \(Text.count(range.lowerBound))"
      : "a whole number from \(Text.count(range.lowerBound)) to \(Text.count(range.upperBound))"
    add("\(option): expected \(expected), found '\(quotedName(number.text))'")
    return range.lowerBound
  }

  /// The number, nil if none was given.
  mutating func whole(_ option: String, _ number: WholeNumber?, in range: ClosedRange<Int>) -> Int? {
    guard let number else { return nil }
    let value: Int = whole(option, number, in: range)
    return value
  }

  /// The value of a renamed option, under its name or the one of earlier versions; both together are noted.
  mutating func renamed(
    _ option: String, _ value: WholeNumber?, _ former: String, _ formerValue: WholeNumber?
  ) -> WholeNumber? {
    if value != nil, formerValue != nil {
      add("--\(option) and --\(former): expected only one of them, which are one option")
    }
    return value ?? formerValue
  }

  /// A seed, nil after noting what is wrong.
  mutating func seed(_ number: WholeNumber, _ option: String = "--seed") -> UInt64? {
    if let value = UInt64(number.text) { return value }
    let expected = number.isWhole ? "up to \(UInt64.max)" : "of at least 0"
    add("\(option): expected a whole number \(expected), found '\(quotedName(number.text))'")
    return nil
  }

  /// The number if it is finite and fits, nil otherwise; `expected` says in words what fits.
  mutating func real(
    _ option: String, _ number: RealNumber?, _ expected: String, _ fits: (Double) -> Bool
  ) -> Double? {
    guard let number else { return nil }
    if let value = Double(number.text), value.isFinite, fits(value) { return value }
    add("\(option): expected \(expected), found '\(quotedName(number.text))'")
    return nil
  }

  /// The precision of this name, nil after noting that there is none.
  mutating func precision(_ name: String) -> Precision? {
    if let precision = Precision(rawValue: name) { return precision }
    add("--precision: " + Names.unknown("precision", name, known: Precision.allCases.map(\.rawValue)))
    return nil
  }

  /// What help texts say about the option, of training and of trained models.
  static let precisionHelp =
    "What the factors of matrix products are rounded to: f32, or bf16 on processors with AVX512-BF16."
  static let trainedPrecisionHelp =
    "What the factors of the recurrent layers' products are rounded to: f32, bf16 on processors with AVX512-BF16, or int8: all matrices as signed bytes."

  /// The precision of this name, which this processor has; nil after noting that it is none, or where none is given.
  mutating func trainedPrecision(_ name: String?) -> Precision? {
    guard let name, let precision = precision(name) else { return nil }
    if let problem = precision.problem(on: .active) {
      add("--precision: \(problem)")
      return nil
    }
    return precision
  }

  /// Throws all problems together, if there are any.
  func check() throws(CommandFailure) {
    if !lines.isEmpty { throw CommandFailure(problems: lines) }
  }
}
