/// What is wrong with a MIDI file.
public enum MIDIError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file doesn't begin as Standard MIDI Files do.
  case notMIDI(file: String, bytes: Int)
  /// The file's format or its unit of time is not read; `found` names it.
  case unsupported(file: String, expected: String, found: String)
  /// A chunk or an event ends too early.
  case truncated(file: String, place: String, expected: String, found: String)
  /// Something is not what it should be; `byte` counts from the file's start.
  case malformed(file: String, place: String, byte: Int, expected: String, found: String)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .notMIDI(let file, let bytes):
      "\(file): expected a MIDI file, which begins with MThd, found \(bytes) other bytes"
    case .unsupported(let file, let expected, let found): "\(file): expected \(expected), found \(found)"
    case .truncated(let file, let place, let expected, let found):
      "\(file): \(place): expected \(expected), found \(found); the file is cut off"
    case .malformed(let file, let place, let byte, let expected, let found):
      "\(file): \(place), byte \(byte): expected \(expected), found \(found)"
    }
  }
}
