import CellgateFiles
import Foundation
import GRDB

/// What can go wrong with a memory. Each is described by one line that names the file, session or field.
public enum MemoryError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file isn't a database, or not one of a memory.
  case notAMemory(path: String, found: String)
  /// The file is a memory whose contents can't be read.
  case damaged(path: String, reason: String)
  /// Another program held the file for longer than the time given.
  case locked(path: String, seconds: Double)
  /// The file was written by a later version of this library.
  case newer(path: String)
  /// The file can't be opened or written.
  case storage(path: String, reason: String)
  /// The disk is full; what was acknowledged before is kept.
  case full(path: String)
  /// There is no such session, record or focus.
  case unknown(what: String, name: String)
  /// What was asked for contradicts what is stored.
  case conflict(what: String)
  /// A field of a request has a value that can't be used.
  case invalid(field: String, expected: String, found: String)
  /// A line of a file that is imported can't be used; nothing of the file was stored.
  case line(file: String, line: Int, reason: String)
  /// The encoder failed.
  case encoder(reason: String)

  /// What a service answers: groups of errors.
  public enum Group: String, Sendable {
    /// The request is at fault.
    case invalid
    /// It asks for what isn't there.
    case notFound = "not_found"
    /// It contradicts what is stored.
    case conflict
    /// Trying again may help.
    case unavailable
    /// The store or the encoder is at fault.
    case failed
  }

  /// The group that the error belongs to.
  public var group: Group {
    switch self {
    case .invalid, .line: .invalid
    case .unknown: .notFound
    case .conflict: .conflict
    case .locked: .unavailable
    case .notAMemory, .damaged, .newer, .storage, .full, .encoder: .failed
    }
  }

  public var description: String {
    let text =
      switch self {
      case .notAMemory(let path, let found):
        "\(path): expected the database of an agent's memory, found \(found)"
      case .damaged(let path, let reason): "\(path): the database is damaged: \(reason)"
      case .locked(let path, let seconds):
        "\(path): another program has held the database for more than \(seconds.formatted()) s"
      case .newer(let path): "\(path): written by a later version, which this one can't read"
      case .storage(let path, let reason): "\(path): \(reason)"
      case .full(let path): "\(path): the disk is full; nothing of the last request was stored"
      case .unknown(let what, let name): "there is no \(what) \(name)"
      case .conflict(let what): what
      case .invalid(let field, let expected, let found): "\(field): expected \(expected), found \(found)"
      case .line(let file, let line, let reason): "\(file), line \(line): \(reason); nothing was imported"
      case .encoder(let reason): "encoder: \(reason)"
      }
    return text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// An error of SQLite's at a file.
  init(_ error: DatabaseError, path: String, seconds: Double) {
    let reason = "SQLite: \(error.message ?? "error \(error.extendedResultCode.rawValue)")"
    switch error.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked(path: path, seconds: seconds)
    case .SQLITE_NOTADB: self = .notAMemory(path: path, found: "a file that SQLite can't read")
    case .SQLITE_CORRUPT: self = .damaged(path: path, reason: reason)
    case .SQLITE_FULL: self = .full(path: path)
    default: self = .storage(path: path, reason: reason)
    }
  }
}
