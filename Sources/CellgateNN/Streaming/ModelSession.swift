import CellgateBasics

/// A sequence that goes on step by step: the states of a ``ModelStream`` after its last step, and nothing else.
///
/// A small value. Copies go on independently; a copy that is kept is where the sequence can go on from again. `bytes`
/// keeps it in a database or sends it to another process that has the same model, and Codable does the same.
///
/// ```swift
/// var session = stream.session()
/// let scores = try stream.step(&session, [0.5, -0.2])
/// let saved = session.bytes
/// session = try stream.session(saved)
/// ```
public struct ModelSession: Sendable {
  /// The states, one after another: of each recurrent layer each of the cell's states.
  public internal(set) var states: [Float]
  /// That of the model: the same for the same layers and weights.
  public let signature: UInt64

  init(states: [Float], signature: UInt64) {
    self.states = states
    self.signature = signature
  }

  // MARK: Bytes

  /// The version of the layout of the bytes.
  public static let formatVersion = 1

  private static let magic = Array("CGSS".utf8)
  /// Bytes before the states: magic, version, signature, how many states.
  private static let headSize = 4 + 4 + 8 + 8

  /// The session as bytes: "CGSS", the version (4 bytes), the signature (8), how many states (8), the states (4 each), and a
  /// checksum (8), all little-endian. 16 + 8 + 4 · states + 8 bytes.
  public var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.reserveCapacity(Self.headSize + 4 * states.count + 8)
    func append(_ word: some FixedWidthInteger) {
      for shift in stride(from: 0, to: word.bitWidth, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> shift))
      }
    }
    append(UInt32(Self.formatVersion))
    append(signature)
    append(UInt64(states.count))
    for state in states { append(state.bitPattern) }
    append(Self.checksum(bytes))
    return bytes
  }

  /// The session of such bytes. Throws `badSession` for any others.
  public init(bytes: [UInt8]) throws(StreamError) {
    guard bytes.count >= Self.headSize + 8, bytes.starts(with: Self.magic) else {
      throw .badSession(
        expected: "\(Self.headSize + 8) bytes or more that begin with CGSS",
        found: bytes.starts(with: Self.magic) ? "\(bytes.count) bytes" : "others")
    }
    func word(at start: Int, _ count: Int) -> UInt64 {
      bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let version = word(at: 4, 4), count = word(at: 16, 8)
    guard version == UInt64(Self.formatVersion) else {
      throw .badSession(expected: "bytes of version \(Self.formatVersion)", found: "version \(version)")
    }
    let room = bytes.count - Self.headSize - 8
    guard room % 4 == 0, count == UInt64(room / 4) else {
      throw .badSession(expected: "\(count) states", found: "\(room) bytes for them")
    }
    guard word(at: bytes.count - 8, 8) == Self.checksum(bytes.dropLast(8)) else {
      throw .badSession(expected: "the checksum of the bytes", found: "another")
    }
    self.init(
      states: (0..<room / 4).map {
        Float(bitPattern: UInt32(word(at: Self.headSize + 4 * $0, 4)))
      }, signature: word(at: 8, 8))
  }

  private static func checksum(_ bytes: some Collection<UInt8>) -> UInt64 {
    var sum = StreamSignature()
    sum.add(bytes: bytes)
    return sum.value
  }
}

extension ModelSession: Equatable {
  /// Whether they are states of the same model with the same bits: NaN equals itself.
  public static func == (left: ModelSession, right: ModelSession) -> Bool {
    left.signature == right.signature && left.states.count == right.states.count
      && zip(left.states, right.states).allSatisfy { $0.bitPattern == $1.bitPattern }
  }
}

extension ModelSession: Codable {
  /// Reads `bytes`, as text in base 64 in JSON.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.singleValueContainer()
    let data = try values.decode(Data.self)
    do throws(StreamError) { try self.init(bytes: Array(data)) } catch {
      throw DecodingError.dataCorruptedError(in: values, debugDescription: error.description)
    }
  }

  /// Writes `bytes`.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.singleValueContainer()
    try values.encode(Data(bytes))
  }
}
