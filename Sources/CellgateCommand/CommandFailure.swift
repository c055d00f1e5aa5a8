import ArgumentParser
import Cellgate
import Foundation

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Why a command ends with an error: what is printed, a line each, and the exit code.
struct CommandFailure: Error {
  /// Exit codes: those of `sysexits.h`, and two more.
  enum Code: Int32 {
    /// A run that failed: its loss became NaN or infinite, a file that was checked is not whole.
    case failed = 1
    /// A wrong option or an unknown name.
    case usage = 64
    /// A file whose content is wrong.
    case data = 65
    /// A file that is missing or can't be opened.
    case noInput = 66
    /// The network or a service that is out of reach.
    case unavailable = 69
    /// A file or folder that can't be created.
    case cannotCreate = 73
    /// Reading or writing failed.
    case inputOutput = 74
  }

  /// The exit code.
  let status: Int32
  /// The lines for standard error, without the leading "cellgate: ".
  let lines: [String]

  /// A failure with one of the codes.
  init(_ code: Code, _ lines: String...) {
    status = code.rawValue
    self.lines = lines
  }

  /// All that is wrong with the options.
  init(problems: [String]) {
    status = Code.usage.rawValue
    lines = problems
  }

  /// A command that was told to stop: 128 plus the signal's number, 130 after Ctrl-C. Says nothing more.
  static func interrupted(by signal: Int32) -> CommandFailure {
    CommandFailure(status: 128 + signal, lines: [])
  }

  private init(status: Int32, lines: [String]) {
    self.status = status
    self.lines = lines
  }

  /// The exit code for an error of the library or of the operating system.
  static func code(of error: any Error) -> Code? {
    switch error {
    case let error as FileError:
      switch error {
      case .missing, .cannotOpen: .noInput
      case .cannotCreate: .cannotCreate
      case .cannotRead, .cannotWrite: .inputOutput
      }
    case is OptimizerError, is CellError: .usage
    default: nil
    }
  }
}
