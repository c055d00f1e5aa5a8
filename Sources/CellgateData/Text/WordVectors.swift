import CellgateBasics
import CellgateFiles

/// Vectors of words that were learned elsewhere, from a text file in the form of GloVe or of word2vec, gzipped or not.
///
/// ```swift
/// let vectors = try WordVectors(contentsOf: "glove.6B.100d.txt", words: ["king", "queen"])
/// vectors["king"]                         // 100 numbers
/// ```
///
/// A line is a word and its numbers with spaces between. word2vec's files begin with a line of the number of words and that of
/// numbers.
public struct WordVectors: Sendable, Equatable {
  /// Numbers of each vector, E.
  public let size: Int
  private let vectors: [String: [Float]]

  /// The most numbers of a vector.
  private static let most = 1 << 16

  /// Reads the vectors of `words` where the file has them, else those of the words in lower case. Of words that stand there twice the
  /// first counts. Throws `table` for a file that can't be read, and `unfit` with the line of what is wrong.
  public init(contentsOf path: String, words: Set<String>) throws(TaskDataError) {
    var reader = Reader(path: path, wanted: words.union(words.map { $0.lowercased() }))
    do throws(TableError) {
      try TableBytes(path).forEachPiece { piece in
        reader.take(piece)
        return reader.problem == nil
      }
    } catch { throw .table(error) }
    reader.finish()
    if let problem = reader.problem { throw .unfit(file: path, reason: problem) }
    guard let size = reader.size, reader.isSeen else {
      throw .unfit(file: path, reason: "expected a line with a word and its numbers, found none")
    }
    (self.size, vectors) = (size, reader.vectors)
  }

  /// As `init(contentsOf:words:)`, and throws `unfit` where vectors have not `size` numbers, the size of an embedding, or where no word
  /// has one.
  package init(contentsOf path: String, words: Set<String>, size: Int) throws(TaskDataError) {
    try self.init(contentsOf: path, words: words)
    guard self.size == size else {
      throw .unfit(
        file: path,
        reason: "expected \(size) numbers for each word, as --embedding says, found \(self.size)")
    }
    guard count > 0 else {
      throw .unfit(
        file: path, reason: "expected vectors of words of the text, found none of its \(words.count)")
    }
  }

  /// How many of the words that were asked for have a vector, some of them in lower case.
  public var count: Int { vectors.count }

  /// The vector of a word, or of the word in lower case; nil where there is none.
  public subscript(word: String) -> [Float]? { vectors[word] ?? vectors[word.lowercased()] }

  /// Takes a file line by line.
  private struct Reader {
    let path: String
    let wanted: Set<String>
    var vectors: [String: [Float]] = [:]
    var size: Int?
    /// Whether there was a vector.
    var isSeen = false
    /// What is wrong, with its line.
    var problem: String?
    private var rest: [UInt8] = []
    private var line = 0

    init(path: String, wanted: Set<String>) { (self.path, self.wanted) = (path, wanted) }

    mutating func take(_ piece: ArraySlice<UInt8>) {
      var start = piece.startIndex
      while problem == nil, let end = piece[start...].firstIndex(of: UInt8(ascii: "\n")) {
        if rest.isEmpty {
          read(piece[start..<end])
        } else {
          rest += piece[start..<end]
          let whole = rest
          rest = []
          read(whole[...])
        }
        start = end + 1
      }
      rest += piece[start...]
    }

    mutating func finish() {
      if problem == nil { read(rest[...]) }
    }

    private mutating func read(_ bytes: ArraySlice<UInt8>) {
      line += 1
      let fields = bytes.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
      guard !fields.isEmpty else { return }
      func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field, as: UTF8.self) }
      if line == 1, fields.count == 2, Int(text(fields[0])) != nil, let own = Int(text(fields[1])) {
        guard (1...WordVectors.most).contains(own) else {
          problem = "line 1: expected 1 to \(WordVectors.most) numbers for each word, found \(own)"
          return
        }
        size = own
        return
      }
      let expected = size ?? fields.count - 1
      guard expected >= 1, expected <= WordVectors.most, fields.count > expected else {
        problem =
          "line \(line): expected a word and \(size.map { "\($0) numbers" } ?? "its numbers"), found \(fields.count - 1) after the first word"
        return
      }
      size = expected
      isSeen = true
      // A few words of GloVe's have spaces inside.
      let numbers = fields.suffix(expected)
      let end = fields[fields.count - expected - 1].endIndex
      let word = text(bytes[fields[0].startIndex..<end])
      guard wanted.contains(word), vectors[word] == nil else { return }
      var vector: [Float] = []
      for field in numbers {
        guard let number = Float(text(field)), number.isFinite else {
          problem =
            "line \(line): expected \(expected) numbers after the word, found '\(quotedName(text(field)))'"
          return
        }
        vector.append(number)
      }
      vectors[word] = vector
    }
  }
}
