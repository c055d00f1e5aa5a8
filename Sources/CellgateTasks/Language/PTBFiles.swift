import CellgateBasics
import CellgateData

/// The files of the set `ptb`, gzipped or not: `ptb.char.train.txt`, characters with spaces between, and `ptb.train.txt`,
/// words; of validation and test alike.
enum PTBFiles {
  /// A part of the text and the file that it comes from.
  typealias Part = (file: String, text: [Unicode.Scalar])

  private static let parts = ["train", "valid", "test"]

  /// The characters of the training, validation and test parts, `_` for a space and a newline for the end of a line.
  static func characters(in folder: String) throws(TaskDataError) -> [Part] {
    var read: [Part] = []
    for part in parts { read.append(try characters(part, in: folder)) }
    return read
  }

  /// The characters of one part, from the file of characters or that of words.
  static func characters(_ part: String, in folder: String) throws(TaskDataError) -> Part {
    let (characters, words) = ("\(folder)/ptb.char.\(part).txt", "\(folder)/ptb.\(part).txt")
    let path = try first(of: [characters, characters + ".gz", words, words + ".gz"])
    return (path, stream(Array(try TextFile(path).text), between: path.hasPrefix(characters) ? nil : "_"))
  }

  /// The words of the training, validation and test parts, a newline after each line.
  static func words(in folder: String) throws(TaskDataError) -> [Part] {
    var read: [Part] = []
    for part in parts {
      let words = "\(folder)/ptb.\(part).txt"
      let path = try first(of: [words, words + ".gz"])
      read.append((path, stream(Array(try TextFile(path).text), between: " ")))
    }
    return read
  }

  private static func first(of paths: [String]) throws(TaskDataError) -> String {
    guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw .missing(tried: paths, command: "cellgate data fetch ptb")
    }
    return path
  }

  /// The tokens of each line with `separator` between them, and a newline after them.
  static func stream(_ text: [Unicode.Scalar], between separator: Unicode.Scalar?) -> [Unicode.Scalar] {
    var stream: [Unicode.Scalar] = []
    stream.reserveCapacity(text.count)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for line in lines {
      for (index, token) in line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" }).enumerated()
      {
        if index > 0, let separator { stream.append(separator) }
        stream.append(contentsOf: token)
      }
      stream.append("\n")
    }
    return stream
  }
}
