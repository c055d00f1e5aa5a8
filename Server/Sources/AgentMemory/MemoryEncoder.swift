import Foundation

/// Makes unit vectors of texts, so that texts of a similar meaning have a large inner product.
public protocol MemoryEncoder: Sendable {
  /// Names the encoder: vectors of encoders with different names are never compared.
  var name: String { get }
  /// The numbers of a vector.
  var dimension: Int { get }
  /// A vector of length 1 for each text, or zeros for a text without anything to encode.
  func vectors(_ texts: [String]) throws -> [[Float]]
}

/// An encoder that needs no model: each word, and each three letters of a word, adds to one number of the vector, which a hash chooses.
///
/// It finds words and their other forms, not meanings: `deploy` is near `deployment`, `car` isn't near `automobile`. Words of three
/// letters or fewer count a quarter, as they are mostly those that every text has.
public struct HashedWordEncoder: MemoryEncoder {
  public let dimension: Int
  public var name: String { "hashed-words-\(dimension)" }

  /// An encoder with vectors of `dimension` numbers, 8 at least.
  public init(dimension: Int = 256) { self.dimension = max(8, dimension) }

  public func vectors(_ texts: [String]) -> [[Float]] { texts.map(vector) }

  private func vector(_ text: String) -> [Float] {
    var counts: [String: Float] = [:]
    for word in SearchTerms.words(text) { counts[word, default: 0] += 1 }
    var vector = [Float](repeating: 0, count: dimension)
    // In the order of the words, so that the sums have the same bits in each run.
    for (word, count) in counts.sorted(by: { $0.key < $1.key }) {
      let letters = Array(word.utf8)
      let weight = (1 + log(count)) * (letters.count <= 3 ? 0.25 : 1)
      add(weight, Self.hash(letters, letters.indices, start: Self.start), to: &vector)
      guard letters.count > 3 else { continue }
      let parts = letters.count - 2
      let share = weight / Float(parts).squareRoot()
      for first in 0..<parts {
        add(share, Self.hash(letters, first..<first + 3, start: Self.start &* Self.prime), to: &vector)
      }
    }
    let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? vector.map { $0 / length } : vector
  }

  private static let start: UInt64 = 0xcbf2_9ce4_8422_2325, prime: UInt64 = 0x0100_0000_01b3

  /// The FNV-1a hash of some bytes.
  private static func hash(_ bytes: [UInt8], _ part: Range<Int>, start: UInt64) -> UInt64 {
    var hash = start
    for place in part { hash = (hash ^ UInt64(bytes[place])) &* prime }
    return hash ^ hash >> 32
  }

  /// Adds to the number that a hash names, with the hash's sign.
  private func add(_ weight: Float, _ hash: UInt64, to vector: inout [Float]) {
    vector[Int(hash % UInt64(dimension))] += hash >> 63 == 0 ? weight : -weight
  }
}
