import CellgateFormats

/// What is wrong with the files that a task learns from.
public enum TaskDataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// None of these files exists; `command` would get them.
  case missing(tried: [String], command: String)
  /// A file is not what its format asks for.
  case idx(IDXError)
  /// An array has other sizes than the task's.
  case wrongDimensions(file: String, expected: String, found: [Int])
  /// A class is not one of those there are.
  case labelOutOfRange(file: String, row: Int, classes: Int, found: Int)
  /// There is not one label for each image.
  case countMismatch(images: String, imageCount: Int, labels: String, labelCount: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String {
    switch self {
    case .missing(let tried, let command):
      "\(tried.joined(separator: ", nor ")): no such file; get it with: \(command)"
    case .idx(let error): error.description
    case .wrongDimensions(let file, let expected, let found):
      "\(file): expected dimensions \(expected), found \(found)"
    case .labelOutOfRange(let file, let row, let classes, let found):
      "\(file): label \(row): expected 0 to \(classes - 1), found \(found)"
    case .countMismatch(let images, let imageCount, let labels, let labelCount):
      "\(labels): expected a label for each of the \(imageCount) images of \(images), found \(labelCount)"
    }
  }
}
