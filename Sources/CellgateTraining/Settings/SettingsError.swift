import CellgateBasics
import CellgateFiles

/// One thing that is wrong with a run's settings.
public enum SettingsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A name that is none of those there are; `nearest` are the likeliest ones meant.
  case unknownName(option: String, found: String, nearest: [String], known: [String])
  /// A value out of its range.
  case outOfRange(option: String, expected: String, found: String)
  /// A value that this processor can't work with.
  case unsupported(option: String, reason: String)
  /// The text of a cell that can't be read, or is not that of the cell it should be.
  case badCell(option: String, reason: String)
  /// Sizes that need more memory than the machine has, in bytes; `available` is infinite when no machine has it.
  case tooLarge(option: String, needed: Double, available: Double)

  /// The option's name: `hidden`, `learning-rate`, or a task's own.
  public var option: String {
    switch self {
    case .unknownName(let option, _, _, _), .outOfRange(let option, _, _), .tooLarge(let option, _, _),
      .unsupported(let option, _), .badCell(let option, _):
      option
    }
  }

  /// One line naming the option, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .unknownName(let option, let found, let nearest, let known):
      nearest.isEmpty
        ? "\(option): unknown name '\(quotedName(found))'; known: \(known.isEmpty ? "none" : known.joined(separator: ", "))"
        : "\(option): unknown name '\(quotedName(found))'; did you mean \(nearest.joined(separator: " or "))?"
    case .outOfRange(let option, let expected, let found):
      "\(option): expected \(expected), found \(quotedName(found))"
    case .unsupported(let option, let reason), .badCell(let option, let reason):
      "\(option): \(reason)"
    case .tooLarge(let option, let needed, let available):
      "\(option): this needs about \(Self.size(needed)) of memory, "
        + (available.isFinite ? "the machine has \(Self.size(available))" : "more than any machine has")
    }
  }

  /// The name `found` of an option is none of `known`.
  public static func unknownName(option: String, found: String, known: [String]) -> SettingsError {
    .unknownName(option: option, found: found, nearest: nearestNames(to: found, among: known), known: known)
  }

  /// A number of bytes in words: "17 GB", "2.1 TB".
  package static func size(_ bytes: Double) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    var (value, unit) = (bytes, 0)
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    if value >= 1e6 { return String.printf("%.1e \(units[unit])", value) }
    return String.printf(value < 10 && unit > 0 ? "%.1f \(units[unit])" : "%.0f \(units[unit])", value)
  }
}

/// All that is wrong with a run's settings, to be reported at once; never empty.
public struct SettingsErrors: Error, Equatable, Sendable, CustomStringConvertible {
  /// The errors, in the order of the settings.
  public let errors: [SettingsError]

  /// These errors, of which there is at least one.
  public init(_ errors: [SettingsError]) {
    require(!errors.isEmpty, "SettingsErrors: expected one or more errors, found none")
    self.errors = errors
  }

  /// One line with all errors.
  public var description: String { oneLine(joined(errors.map(\.description), most: 8)) }
}
