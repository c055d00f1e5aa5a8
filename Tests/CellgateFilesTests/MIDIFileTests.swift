import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@Suite("MIDI files")
struct MIDIFileTests {
  private func word(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
  }

  private func file(_ tracks: [[UInt8]], format: Int = 0, division: Int = 96) -> [UInt8] {
    Array("MThd".utf8) + word(6, 4) + word(format, 2) + word(tracks.count, 2) + word(division, 2)
      + tracks.flatMap { Array("MTrk".utf8) + word($0.count, 4) + $0 }
  }

  private let end: [UInt8] = [0, 0xFF, 0x2F, 0]

  private func read(_ track: [UInt8]) throws -> MIDIFile {
    try MIDIFile(bytes: file([track + end]), file: "f.mid")
  }

  private func failure(_ bytes: [UInt8]) throws -> String {
    try #require(throws: MIDIError.self) { try MIDIFile(bytes: bytes, file: "f.mid") }.description
  }

  private func note(_ key: Int, _ start: Int, _ end: Int, _ channel: Int = 0, _ velocity: Int = 80)
    -> MIDIFile.Note
  {
    MIDIFile.Note(key: key, start: start, end: end, channel: channel, velocity: velocity)
  }

  @Test("Running status, note-on without velocity, other events and the tempo are read")
  func events() throws {
    let tune = try read(
      [0, 0xFF, 0x51, 3, 0x0F, 0x42, 0x40]  // a second a quarter
        + [0, 0xFF, 0x03, 2, 0x41, 0x42]  // a name
        + [0, 0xC0, 5]  // a sound
        + [0, 0x90, 60, 80, 0, 64, 80]  // two notes with running status
        + [0, 0xF0, 3, 1, 2, 0xF7]  // system exclusive
        + [0x81, 0x00, 60, 0]  // 128 ticks later, still running: off
        + [0, 0xB0, 7, 100, 0, 0xE0, 1, 2]  // a controller and the pitch wheel
        + [10, 0x80, 64, 0])
    #expect(tune.notes == [note(60, 0, 128), note(64, 0, 138)])
    #expect(tune.microsecondsPerQuarter == 1_000_000 && tune.ticksPerQuarter == 96)
  }

  @Test("Notes that overlap on one key end in their order; what never ends sounds until the track ends")
  func overlapping() throws {
    let tune = try read(
      [0, 0x90, 60, 1, 10, 60, 2, 10, 60, 0, 10, 60, 0, 5, 60, 0, 0, 62, 3, 0, 0x91, 62, 4, 7, 0x91, 62, 0])
    #expect(
      tune.notes == [
        note(60, 0, 20, 0, 1), note(60, 10, 30, 0, 2), note(62, 35, 42, 0, 3), note(62, 35, 42, 1, 4),
      ])
  }

  @Test("The tracks of format 1 sound together, and other chunks are left alone")
  func tracks() throws {
    var bytes = file(
      [
        [0, 0xFF, 0x51, 3, 0x07, 0xA1, 0x20] + end, [5, 0x90, 60, 80, 5, 60, 0] + end,
        [0, 0x91, 50, 80, 5, 50, 0],
      ],
      format: 1)
    bytes.insert(contentsOf: Array("XFIH".utf8) + word(3, 4) + [1, 2, 3], at: 14)
    let tune = try MIDIFile(bytes: bytes, file: "f.mid")
    #expect(tune.notes == [note(50, 0, 5, 1), note(60, 5, 10)])
    #expect(tune.microsecondsPerQuarter == 500_000)
  }

  @Test("What is written is read as it was")
  func roundTrip() throws {
    let notes = (0..<200).map {
      note(30 + $0 * 7 % 60, $0 * 40, $0 * 40 + 30 + $0 * 97, $0 % 3, 1 + $0 % 100)
    }
    let tune = MIDIFile(notes: notes, ticksPerQuarter: 480, microsecondsPerQuarter: 612_345)
    #expect(try MIDIFile(bytes: tune.bytes, file: "f.mid") == tune)
    #expect(try MIDIFile(bytes: MIDIFile(notes: []).bytes, file: "f.mid").notes.isEmpty)
  }

  @Test("What is wrong is one line with its place")
  func errors() throws {
    let notes: [UInt8] = [0, 0x90, 60, 80, 10, 60, 0]
    let good = file([notes + end])
    #expect(try failure([]) == "f.mid: expected a MIDI file, which begins with MThd, found 0 other bytes")
    #expect(try failure(Array("MThd".utf8)).contains("header: expected its size"))
    #expect(
      try failure(Array(good[..<10])).contains("header: expected 6 bytes, found 2; the file is cut off"))
    #expect(try failure(Array(good[..<14])).contains("track 1 of 1: expected a chunk, found 0 bytes"))
    #expect(
      try failure(Array(good.dropLast(4))).contains(
        "track 1 of 1: expected 11 bytes, found 7; the file is cut off"))
    #expect(
      try failure(file([notes], format: 2)).contains("expected a MIDI file of format 0 or 1, found format 2"))
    #expect(try failure(file([notes], division: 0xE728)).contains("found times in SMPTE frames of a second"))
    #expect(try failure(file([notes], division: 0)).contains("1 tick or more"))
    #expect(
      try failure(file([[0, 60, 80]])).contains(
        "byte 23: expected an event's kind, as none came before, found the number 60"))
    #expect(
      try failure(file([[0, 0x90, 60]])).contains("expected the rest of an event, found the end of the track")
    )
    #expect(
      try failure(file([[0, 0x90, 60, 0x90]])).contains("expected a number below 128 in an event, found 144"))
    #expect(try failure(file([[0xFF, 0xFF, 0xFF, 0xFF, 1]])).contains("a time in 4 bytes or fewer"))
    #expect(try failure(file([[0, 0xFF, 0x01, 9, 1]])).contains("expected 9 bytes of an event, found 1"))
    #expect(try failure(file([[0, 0xF4, 1]])).contains("the status 244, which only cables carry"))
  }

  @Test("Mutations of good files are read or refused, and crash nothing")
  func fuzz() throws {
    let notes = (0..<40).map { note(40 + $0, $0 * 20, $0 * 20 + 50, $0 % 2) }
    let one = MIDIFile(notes: notes).bytes
    let two = file(
      [[0, 0xF0, 3, 1, 2, 0xF7, 0, 0x90, 60, 80, 9, 60, 0] + end, [0, 0xC0, 1, 5, 0x91, 50, 80] + end],
      format: 1)
    let rounds = ProcessInfo.processInfo.environment["CELLGATE_FUZZ_ROUNDS"].flatMap(Int.init) ?? 2000
    var mutations = Mutations(seed: 5)
    var refused = 0
    for round in 0..<rounds {
      do {
        let tune = try MIDIFile(bytes: mutations.mutated(round % 2 == 0 ? one : two), file: "f")
        #expect(tune.notes.allSatisfy { $0.end >= $0.start && (0..<128).contains($0.key) })
      } catch { refused += 1 }
    }
    #expect(refused > rounds / 4 && refused < rounds)
  }
}
