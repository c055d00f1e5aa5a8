/// Pieces of texts, learned by byte-pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909): the 256 bytes, so
/// that nothing is unknown, and what comes of merging two pieces that often stand together.
///
/// ```swift
/// let pieces = BytePairVocabulary(learning: training.unicodeScalars, count: 2_000)
/// let indices = pieces.encode("a text".unicodeScalars)
/// pieces.decode(indices)                  // "a text"
/// ```
///
/// A piece lies within a word, the space before it included, within a number, other characters, or spaces. Index 0 to 255 are the
/// bytes of UTF-8, and each merge is one more index, in the order in which they were learned.
public struct BytePairVocabulary: Sendable, Equatable {
  /// Two pieces that together are one.
  public struct Merge: Sendable, Equatable {
    /// The index of the first.
    public var left: Int32
    /// The index of the second.
    public var right: Int32

    /// A merge of two pieces.
    public init(_ left: Int32, _ right: Int32) { (self.left, self.right) = (left, right) }

    /// Different for different merges.
    var key: UInt64 { UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right)) }
  }

  /// The merges; that of place i makes the piece 256 + i.
  public let merges: [Merge]
  /// The bytes of each piece.
  private let pieces: [[UInt8]]
  /// The index that a merge makes, by its key.
  private let made: [UInt64: Int32]

  /// The most pieces, and the most bytes of one: those of a unit.
  static let most = 1 << 20, mostBytes = 4 * BytePairUnits.mostCharacters

  /// The vocabulary of these merges; nil unless each is of pieces that come before it, no two are the same, and no piece is longer
  /// than those that are learned.
  public init?(merges: [Merge]) {
    var pieces = (0..<256).map { [UInt8($0)] }
    var made: [UInt64: Int32] = [:]
    guard merges.count <= Self.most else { return nil }
    for merge in merges {
      let known = 0..<Int32(pieces.count)
      guard known.contains(merge.left), known.contains(merge.right), made[merge.key] == nil else {
        return nil
      }
      let piece = pieces[Int(merge.left)] + pieces[Int(merge.right)]
      guard piece.count <= Self.mostBytes else { return nil }
      made[merge.key] = Int32(pieces.count)
      pieces.append(piece)
    }
    (self.merges, self.pieces, self.made) = (merges, pieces, made)
  }

  /// The vocabulary of the merges in a text, as `text` writes them; nil where they can't be.
  package init?(text: String) {
    var merges: [Merge] = []
    for pair in text.split(separator: ",") {
      let numbers = pair.split(separator: " ").map { Int32($0) }
      guard numbers.count == 2, let left = numbers[0], let right = numbers[1] else { return nil }
      merges.append(.init(left, right))
    }
    self.init(merges: merges)
  }

  /// The merges as text, with spaces inside of each and commas between.
  package var text: String { merges.map { "\($0.left) \($0.right)" }.joined(separator: ",") }

  /// The pieces of a text to train on, `count` of them, or fewer where no two pieces stand together twice. Of pairs that are equally
  /// frequent the one of smaller indices is merged first: equal texts give equal pieces.
  public init(learning text: some Sequence<Unicode.Scalar>, count: Int) {
    var learner = BytePairLearner(text)
    let merges = learner.merges(most: count - 256)
    self = Self(merges: merges) ?? Self()
  }

  /// The bytes alone.
  public init() {
    (merges, pieces, made) = ([], (0..<256).map { [UInt8($0)] }, [:])
  }

  /// How many pieces there are, V.
  public var count: Int { pieces.count }

  /// The bytes of a piece, of which there may be some of a character alone.
  public func bytes(_ index: Int32) -> [UInt8] { pieces[Int(index)] }

  /// Characters that begin in a piece.
  public func characters(_ index: Int32) -> Int { pieces[Int(index)].count { $0 & 0xC0 != 0x80 } }

  /// The pieces of a text.
  public func encode(_ text: some Sequence<Unicode.Scalar>) -> [Int32] {
    var indices: [Int32] = []
    forEachPiece(of: text) { indices.append($0) }
    return indices
  }

  /// Calls `body` with each piece of a text.
  func forEachPiece(of text: some Sequence<Unicode.Scalar>, _ body: (Int32) -> Void) {
    var known: [[UInt8]: [Int32]] = [:]
    forEachPiece(of: text, &known, body)
  }

  /// The pieces of each of some texts, which have many words in common.
  package func encode(each texts: [[Unicode.Scalar]]) -> [[Int32]] {
    var known: [[UInt8]: [Int32]] = [:]
    return texts.map { text in
      var indices: [Int32] = []
      forEachPiece(of: text, &known) { indices.append($0) }
      return indices
    }
  }

  private func forEachPiece(
    of text: some Sequence<Unicode.Scalar>, _ known: inout [[UInt8]: [Int32]], _ body: (Int32) -> Void
  ) {
    BytePairUnits.forEach(of: text) { unit in
      let own = known[unit] ?? merged(unit)
      known[unit] = own
      own.forEach(body)
    }
  }

  /// The text of pieces; bytes that are no UTF-8 are U+FFFD, and those of a character that isn't whole at the end are left out.
  public func decode(_ indices: some Sequence<Int32>) -> String {
    var writer = TokenWriter(.pieces(self))
    var text = String.UnicodeScalarView()
    for index in indices { text.append(contentsOf: writer.write(index)) }
    return String(text)
  }

  /// The pieces of a unit: of the merges that can be made the first one is made, as long as there are any.
  private func merged(_ unit: [UInt8]) -> [Int32] {
    var indices = unit.map { Int32($0) }
    func merge(_ place: Int) -> Int32 { made[Merge(indices[place], indices[place + 1]).key] ?? .max }
    var candidates = (0..<max(0, indices.count - 1)).map(merge)
    while let best = candidates.min(), best < .max, let place = candidates.firstIndex(of: best) {
      indices[place] = best
      indices.remove(at: place + 1)
      candidates.remove(at: place)
      if place > 0 { candidates[place - 1] = merge(place - 1) }
      if place < candidates.count { candidates[place] = merge(place) }
    }
    return indices
  }

  /// Equal merges.
  public static func == (left: BytePairVocabulary, right: BytePairVocabulary) -> Bool {
    left.merges == right.merges
  }
}
