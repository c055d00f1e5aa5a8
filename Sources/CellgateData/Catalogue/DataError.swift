import CellgateBasics
import CellgateFiles

/// Why a data set cannot be named, found, fetched or stored.
public enum DataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The catalogue has no data set of this name.
  case unknownSet(name: String, known: [String])
  /// A file that a task needs is not in the data directory.
  case missing(file: String, set: String)
  /// A file or folder of the data directory cannot be written.
  case cannotStore(FileError)
  /// Another process is fetching this file.
  case inUse(file: String)
  /// A file must be downloaded, and the program that does it can't be started.
  case noCurl(file: String, reason: String)
  /// No mirror gave the file; each attempt with its address and reason.
  case downloadFailed(file: String, attempts: [String])

  /// One line naming the file or data set, and the reason.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .unknownSet(let name, let known):
      "unknown data set '\(quotedName(name))'; known: \(known.joined(separator: ", "))"
    case .missing(let file, let set): "\(file): no such file; get it with: cellgate data fetch \(set)"
    case .cannotStore(let error): error.description
    case .inUse(let file): "\(file): another process is fetching this file"
    case .noCurl(let file, let reason): "\(file): cannot fetch: the program curl can't be started: \(reason)"
    case .downloadFailed(let file, let attempts):
      "\(file): cannot fetch: \(attempts.isEmpty ? "no mirror" : attempts.joined(separator: "; "))"
    }
  }
}
