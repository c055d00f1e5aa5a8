import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What stands at the other end of standard output or standard error: a terminal, or a pipe or file.
struct Terminal: Sendable {
  /// Whether a person looks at it: lines may be drawn again.
  let isInteractive: Bool
  /// Columns; nil when it is no terminal.
  let width: Int?
  /// Whether text may carry colours.
  let hasColours: Bool

  /// Standard output.
  static let output = Terminal(descriptor: STDOUT_FILENO)
  /// Standard error.
  static let error = Terminal(descriptor: STDERR_FILENO)

  private init(descriptor: Int32) {
    let environment = ProcessInfo.processInfo.environment
    let isTerminal = isatty(descriptor) == 1
    isInteractive = isTerminal && environment["TERM"] != "dumb"
    hasColours = isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
    width = isTerminal ? Self.columns(of: descriptor) : nil
  }

  private static func columns(of descriptor: Int32) -> Int {
    var size = winsize()
    if unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 80
  }

  /// The text in a style, or as it is where there are no colours.
  func styled(_ text: String, _ style: Style) -> String {
    hasColours && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }
}

/// How text stands out on a terminal.
enum Style: String {
  case bold = "1"
  case dim = "2"
  case red = "31"
  case green = "32"
  case yellow = "33"
  case cyan = "36"
}
