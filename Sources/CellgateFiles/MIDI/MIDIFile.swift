import CellgateBasics

/// The notes of a Standard MIDI File, of format 0 or 1.
///
///     let tune = try MIDIFile("tune.mid")
///     print(tune.notes.count, 60_000_000 / tune.microsecondsPerQuarter)   // notes, quarters a minute
///
/// Source: https://midi.org/standard-midi-files-specification.
public struct MIDIFile: Sendable, Equatable {
  /// A note.
  public struct Note: Sendable, Equatable {
    /// The key, 0 to 127; 60 is the middle C.
    public var key: Int
    /// When it begins, in ticks.
    public var start: Int
    /// When it ends, in ticks.
    public var end: Int
    /// The channel, 0 to 15; 9 is percussion.
    public var channel: Int
    /// How hard the key was struck, 1 to 127.
    public var velocity: Int

    /// A note.
    public init(key: Int, start: Int, end: Int, channel: Int = 0, velocity: Int = 80) {
      (self.key, self.start, self.end) = (key, start, end)
      (self.channel, self.velocity) = (channel, velocity)
    }
  }

  /// Ticks of a quarter note, 1 to 32,767.
  public var ticksPerQuarter: Int
  /// The tempo that the file begins with: the duration of a quarter note; 500,000 where nothing is said, 120 quarters a minute.
  public var microsecondsPerQuarter: Int
  /// The notes of all tracks, by their beginning, then by their key.
  public var notes: [Note]

  /// A tune.
  public init(notes: [Note], ticksPerQuarter: Int = 480, microsecondsPerQuarter: Int = 500_000) {
    (self.notes, self.ticksPerQuarter) = (notes, ticksPerQuarter)
    self.microsecondsPerQuarter = microsecondsPerQuarter
  }

  /// Reads a file. Throws what is wrong with it first.
  public init(_ path: String) throws(MIDIError) {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(path).readAll() } catch { throw .file(error) }
    try self.init(bytes: bytes, file: path)
  }

  /// Reads the bytes of a file; `file` is its name in errors. Throws what is wrong with them first.
  public init(bytes: [UInt8], file: String) throws(MIDIError) {
    var reader = MIDIReader(bytes: bytes, file: file)
    self = try reader.tune()
  }

  /// Whether bytes begin as a MIDI file does.
  public static func isOne(_ bytes: [UInt8]) -> Bool { bytes.starts(with: Array("MThd".utf8)) }

  // MARK: Writing

  /// The tune as a file of format 0: a tempo and the notes. A note that is no longer than 0 ticks is left out.
  public var bytes: [UInt8] {
    struct Event: Comparable {
      var time: Int, isOn: Bool, key: Int, channel: Int, velocity: Int

      /// At one time notes end before others begin.
      static func < (one: Event, other: Event) -> Bool {
        (one.time, one.isOn ? 1 : 0, one.channel, one.key) < (
          other.time, other.isOn ? 1 : 0, other.channel, other.key
        )
      }
    }
    var track: [UInt8] = [0, 0xFF, 0x51, 3]
    track += Self.bigEndian(microsecondsPerQuarter, 3)
    let events = notes.filter { $0.end > $0.start && $0.start >= 0 }.flatMap { note in
      [
        Event(time: note.start, isOn: true, key: note.key, channel: note.channel, velocity: note.velocity),
        Event(time: note.end, isOn: false, key: note.key, channel: note.channel, velocity: 0),
      ]
    }
    var time = 0
    for event in events.sorted() {
      track += Self.variable(event.time - time)
      time = event.time
      track += [
        UInt8(event.isOn ? 0x90 : 0x80) | UInt8(event.channel & 0xF), UInt8(event.key & 0x7F),
        UInt8(event.velocity & 0x7F),
      ]
    }
    track += [0, 0xFF, 0x2F, 0]
    return Array("MThd".utf8) + Self.bigEndian(6, 4) + Self.bigEndian(0, 2) + Self.bigEndian(1, 2)
      + Self.bigEndian(ticksPerQuarter, 2) + Array("MTrk".utf8) + Self.bigEndian(track.count, 4) + track
  }

  /// Writes the file, whole or not at all; throws `FileError`.
  public func write(to path: String) throws(FileError) { try AtomicFile.write(Data(bytes), to: path) }

  private static func bigEndian(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
  }

  /// A number of 28 bits or fewer in bytes of seven bits, of which all but the last have the highest bit.
  private static func variable(_ value: Int) -> [UInt8] {
    var (bytes, rest) = ([UInt8(value & 0x7F)], value >> 7)
    while rest > 0, bytes.count < 4 {
      bytes.insert(UInt8(rest & 0x7F) | 0x80, at: 0)
      rest >>= 7
    }
    return bytes
  }
}
