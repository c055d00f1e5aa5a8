import CellgateFiles

/// Why a file of another tool can't be imported.
public enum ImportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the system refused.
  case file(FileError)
  /// A file of no known kind.
  case unknownFormat(file: String, known: [String])
  /// A file that is torn or lies about itself: what was expected and what was found.
  case damaged(file: String, reason: String)
  /// A file that is whole and asks for something that Cellgate lacks or refuses, by its name.
  case unsupported(file: String, reason: String)
  /// Weights without an architecture where a model that runs is needed.
  case noArchitecture(framework: String)
  /// Numbers that don't fit the model that they are to be part of.
  case doesNotFit(framework: String, reason: String)
  /// A sample that doesn't fit the model.
  case badSample(run: String, reason: String)

  /// One line.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): "\(error)"
    case .unknownFormat(let file, let known):
      "\(file): expected a file of \(known.joined(separator: ", ")), found another kind"
    case .damaged(let file, let reason), .unsupported(let file, let reason): "\(file): \(reason)"
    case .noArchitecture(let framework):
      "weights of \(framework) without an architecture: expected one, found none"
    case .doesNotFit(let framework, let reason): "\(framework): \(reason)"
    case .badSample(let run, let reason): "sample \(quotedName(run)): \(reason)"
    }
  }
}
