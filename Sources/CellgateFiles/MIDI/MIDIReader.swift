/// Reads the chunks and events of a Standard MIDI File.
struct MIDIReader {
  let bytes: [UInt8]
  let file: String
  private var offset = 0
  /// Where the chunk that is read ends.
  private var end = 0
  /// Which it is, for errors.
  private var place = "header"
  /// The first tempo by its time.
  private var tempo: (time: Int, microseconds: Int)?
  private var notes: [MIDIFile.Note] = []

  init(bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// The notes of all tracks.
  mutating func tune() throws(MIDIError) -> MIDIFile {
    guard MIDIFile.isOne(bytes) else { throw .notMIDI(file: file, bytes: bytes.count) }
    offset = 8
    let size = try chunkSize()
    guard size >= 6 else {
      throw .malformed(
        file: file, place: place, byte: 4, expected: "a header of 6 bytes", found: "\(size)")
    }
    end = offset + size
    let (format, tracks, division) = (number(at: 8, 2), number(at: 10, 2), number(at: 12, 2))
    guard format < 2 else {
      throw .unsupported(
        file: file, expected: "a MIDI file of format 0 or 1", found: "format \(format)")
    }
    guard division & 0x8000 == 0 else {
      throw .unsupported(
        file: file, expected: "times in ticks of a quarter note", found: "times in SMPTE frames of a second")
    }
    guard division > 0 else {
      throw .malformed(
        file: file, place: place, byte: 12, expected: "1 tick or more of a quarter note", found: "0")
    }
    var read = 0
    offset = end
    while read < tracks {
      place = "track \(read + 1) of \(tracks)"
      guard bytes.count - offset >= 8 else {
        throw .truncated(
          file: file, place: place, expected: "a chunk", found: "\(bytes.count - offset) bytes")
      }
      let isTrack = bytes[offset..<offset + 4].elementsEqual("MTrk".utf8)
      offset += 8
      end = offset + (try chunkSize())
      if isTrack {
        try track()
        read += 1
      }
      offset = end
    }
    return MIDIFile(
      notes: notes.sorted {
        ($0.start, $0.key, $0.channel, $0.end, $0.velocity) < (
          $1.start, $1.key, $1.channel, $1.end, $1.velocity
        )
      },
      ticksPerQuarter: division, microsecondsPerQuarter: tempo?.microseconds ?? 500_000)
  }

  private func number(at offset: Int, _ count: Int) -> Int {
    bytes[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
  }

  /// The size of the chunk whose bytes begin here, which are all there.
  private func chunkSize() throws(MIDIError) -> Int {
    guard offset <= bytes.count else {
      throw .truncated(file: file, place: place, expected: "its size", found: "\(bytes.count) bytes in all")
    }
    let size = number(at: offset - 4, 4)
    guard size <= bytes.count - offset else {
      throw .truncated(
        file: file, place: place, expected: "\(size) bytes", found: "\(bytes.count - offset)")
    }
    return size
  }

  // MARK: Events

  private func malformed(_ expected: String, _ found: String) -> MIDIError {
    .malformed(file: file, place: place, byte: offset, expected: expected, found: found)
  }

  private mutating func byte(_ what: String) throws(MIDIError) -> UInt8 {
    guard offset < end else {
      throw .truncated(file: file, place: place, expected: what, found: "the end of the track")
    }
    offset += 1
    return bytes[offset - 1]
  }

  /// A number in up to four bytes of seven bits.
  private mutating func variable(_ what: String) throws(MIDIError) -> Int {
    var value = 0
    for _ in 0..<4 {
      let byte = try byte(what)
      value = value << 7 | Int(byte & 0x7F)
      if byte < 0x80 { return value }
    }
    throw malformed("\(what) in 4 bytes or fewer", "more")
  }

  /// A byte of an event, below 128.
  private mutating func data() throws(MIDIError) -> Int {
    let value = try byte("the rest of an event")
    guard value < 0x80 else {
      offset -= 1
      throw malformed("a number below 128 in an event", "\(value)")
    }
    return Int(value)
  }

  private mutating func track() throws(MIDIError) {
    /// Notes that sound, by channel and key, the first first: another may begin before one has ended.
    var sounding: [Int: [(start: Int, velocity: Int)]] = [:]
    var (time, running) = (0, UInt8(0))
    while offset < end {
      time += try variable("a time")
      var status = try byte("an event")
      if status < 0x80 {
        guard running != 0 else {
          offset -= 1
          throw malformed("an event's kind, as none came before", "the number \(status)")
        }
        status = running
        offset -= 1
      }
      let channel = Int(status & 0xF)
      switch status {
      case 0x80..<0xA0:
        running = status
        let (key, velocity) = (try data(), try data())
        let note = channel << 7 | key
        if status >= 0x90, velocity > 0 {
          sounding[note, default: []].append((time, velocity))
        } else if let first = sounding[note]?.first {
          sounding[note]?.removeFirst()
          notes.append(
            .init(key: key, start: first.start, end: time, channel: channel, velocity: first.velocity))
        }
      case 0xA0..<0xF0:
        running = status
        _ = try data()
        if status < 0xC0 || status >= 0xE0 { _ = try data() }
      case 0xF0, 0xF7: try skip(try variable("a size"))
      case 0xFF:
        let kind = try byte("an event's kind")
        let size = try variable("a size")
        let first = offset
        try skip(size)
        if kind == 0x51, size == 3, tempo.map({ time < $0.time }) ?? true {
          tempo = (time, max(1, number(at: first, 3)))
        }
        if kind == 0x2F { offset = end }
      default:
        offset -= 1
        throw malformed("an event of a file", "the status \(status), which only cables carry")
      }
    }
    // What never ends sounds until the track ends.
    for (note, open) in sounding {
      for one in open where time > one.start {
        notes.append(
          .init(
            key: note & 0x7F, start: one.start, end: time, channel: note >> 7, velocity: one.velocity))
      }
    }
  }

  private mutating func skip(_ size: Int) throws(MIDIError) {
    guard size <= end - offset else {
      throw .truncated(
        file: file, place: place, expected: "\(size) bytes of an event", found: "\(end - offset)")
    }
    offset += size
  }
}
