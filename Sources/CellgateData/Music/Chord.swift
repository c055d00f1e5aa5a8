/// Keys of a piano that sound together; none of them is silence.
public struct Chord: Hashable, Sendable {
  /// A piano's keys by their MIDI numbers: A0 to C8; 60 is the middle C.
  public static let piano = 21...108

  /// A bit for each key, A0 the lowest.
  private var bits: UInt128 = 0

  /// No key.
  public static let silence = Chord()

  /// Silence.
  public init() {}

  /// Keys by their MIDI numbers; those that a piano doesn't have are left out.
  public init(_ keys: some Sequence<Int>) { for key in keys { insert(key) } }

  /// Adds a key; one that a piano doesn't have is left out.
  public mutating func insert(_ key: Int) {
    guard Self.piano.contains(key) else { return }
    bits |= 1 << UInt128(key - Self.piano.lowerBound)
  }

  /// Whether a key sounds.
  public func contains(_ key: Int) -> Bool {
    Self.piano.contains(key) && bits >> UInt128(key - Self.piano.lowerBound) & 1 == 1
  }

  /// The keys' MIDI numbers, the lowest first.
  public var keys: [Int] {
    var (keys, rest) = ([Int](), bits)
    while rest != 0 {
      keys.append(Self.piano.lowerBound + rest.trailingZeroBitCount)
      rest &= rest - 1
    }
    return keys
  }

  /// How many keys sound.
  public var count: Int { bits.nonzeroBitCount }
  /// Whether no key sounds.
  public var isSilence: Bool { bits == 0 }

  /// The keys of both.
  public func union(_ other: Chord) -> Chord {
    var chord = self
    chord.bits |= other.bits
    return chord
  }

  /// The keys of both at once.
  public func intersection(_ other: Chord) -> Chord {
    var chord = self
    chord.bits &= other.bits
    return chord
  }

  /// How many semitones down and up the keys can be moved on a piano.
  public var room: ClosedRange<Int> {
    guard bits != 0 else { return -Self.piano.count...Self.piano.count }
    return -bits.trailingZeroBitCount...Self.piano.count - 1 - (127 - bits.leadingZeroBitCount)
  }

  /// The keys moved up by so many semitones, down where negative; those that leave the piano are left out.
  public func transposed(by semitones: Int) -> Chord {
    var chord = self
    chord.bits = semitones < 0 ? bits >> UInt128(-semitones) : bits << UInt128(semitones)
    chord.bits &= 1 << UInt128(Self.piano.count) - 1
    return chord
  }

  /// The name of a key: "C4" is the middle C.
  public static func name(of key: Int) -> String {
    let names = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
    return names[(key % 12 + 12) % 12] + "\(key >= 0 ? key / 12 - 1 : -1)"
  }
}
