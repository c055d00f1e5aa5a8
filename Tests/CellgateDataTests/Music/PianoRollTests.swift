import CellgateData
import CellgateFiles
import CellgateTestSupport
import Testing

@Suite("Piano-rolls")
struct PianoRollTests {
  private func roll(_ notes: [MIDIFile.Note], step: Double = 0.25) throws -> [[Int]] {
    try PianoRoll(MIDIFile(notes: notes, ticksPerQuarter: 96), step: step, name: "t", file: "t.mid").frames
      .map(\.keys)
  }

  @Test("Notes begin and end with the nearest frame, and take one at least")
  func frames() throws {
    // A frame is 24 ticks; the first note begins the roll.
    #expect(
      try roll([.init(key: 60, start: 100, end: 146), .init(key: 64, start: 113, end: 115)]) == [
        [60], [60, 64],
      ])
    #expect(
      try roll([.init(key: 60, start: 0, end: 24), .init(key: 62, start: 72, end: 96)]) == [
        [60], [], [], [62],
      ])
    #expect(try roll([.init(key: 60, start: 0, end: 96)], step: 1) == [[60]])
    #expect(
      try roll([
        .init(key: 10, start: 0, end: 24), .init(key: 40, start: 0, end: 24, channel: 9),
        .init(key: 60, start: 48, end: 72),
      ]) == [[60]])
  }

  @Test("A roll written as MIDI and read again is the same", arguments: [0.125, 0.25, 1.0 / 3, 1.0])
  func roundTrip(step: Double) throws {
    var random = Mutations(seed: 1)
    var frames = (0..<64).map { _ in Chord((0..<random.below(4)).map { _ in 40 + random.below(30) }) }
    (frames[0], frames[63]) = (Chord([60]), Chord([50, 62]))
    let tune = PianoRoll(frames: frames).midi(step: step, tempo: 90)
    #expect(abs(60e6 / Double(tune.microsecondsPerQuarter) - 90) < 1e-3)
    let read = try MIDIFile(bytes: tune.bytes, file: "t.mid")
    #expect(try PianoRoll(read, step: step, name: "", file: "t.mid").frames == frames)
  }

  @Test("Files of MATLAB, MIDI and folders of it are read")
  func files() throws {
    let scratch = try Scratch()
    let made = MATLABBytes()
    let parts = [
      [[Chord([60]), Chord([62, 64])]], [[Chord([21])]], [[.silence, Chord([108])], [Chord([50])], []],
    ]
    let path = try scratch.write(
      made.rolls(training: parts[0], validation: parts[1], test: parts[2]), as: "a.mat")
    let files = try PianoRollFiles(path, step: 1)
    let read = try #require(files.parts)
    #expect(read.training.map(\.frames) == parts[0] && read.validation.map(\.frames) == parts[1])
    // A tune without frames is left out.
    #expect(read.test.map(\.frames) == Array(parts[2].dropLast()) && files.tunes.count == 4)
    #expect(read.test[1].name == "testdata 2")
    let tune = PianoRoll(frames: [Chord([60]), Chord([62])]).midi(step: 0.25).bytes
    for name in [
      "tunes/b 10.mid", "tunes/b 9.MID", "tunes/more/c.midi", "tunes/readme.txt", "tunes/.hidden.mid",
    ] {
      try scratch.write(tune, as: name)
    }
    let folder = try PianoRollFiles(scratch.file("tunes"), step: 0.25)
    #expect(folder.parts == nil && folder.tunes.map(\.name) == ["b 9", "b 10", "more/c"])
    #expect(folder.sha256 == (try PianoRollFiles.digest(scratch.file("tunes"))))
    // MIDI by its first bytes, whatever its name.
    #expect(try PianoRollFiles(try scratch.write(tune, as: "x.bin"), step: 0.25).tunes[0].frames.count == 2)
  }

  @Test("What is wrong with the files is one line that names the file")
  func errors() throws {
    let scratch = try Scratch()
    let made = MATLABBytes()
    func failure(_ bytes: [UInt8], as name: String) throws -> String {
      let path = try scratch.write(bytes, as: name)
      return try #require(throws: TaskDataError.self) { try PianoRollFiles(path, step: 1) }.description
    }
    let rolls = made.cells("traindata", [made.roll([Chord([60])])])
    #expect(
      try failure(made.header + rolls, as: "a.mat").contains(
        "a.mat: 'validdata': expected a cell array of piano-rolls [T, 88] of this name, found the variables 'traindata'"
      ))
    #expect(
      try failure(
        made.header + made.bytes("traindata", [1, 88], [UInt8](repeating: 0, count: 88)), as: "b.mat"
      )
      .contains("'traindata': expected a cell array of piano-rolls [T, 88], found numbers [1, 88]"))
    #expect(
      try failure(made.header + made.cells("traindata", [made.bytes("", [1, 2], [0, 1])]), as: "c.mat")
        .contains(
          "'traindata', cell 1: expected a piano-roll [T, 88], found numbers [1, 2]"))
    #expect(
      try failure(made.header + made.cells("traindata", []), as: "d.mat").contains(
        "found none that has a frame"))
    #expect(
      try failure([1, 2, 3, 4, 5], as: "e.mat").contains(
        "expected MIDI (.mid), a folder of it, or a MATLAB file of version 5 (.mat), found 5 other bytes"))
    #expect(try failure([0x89, 0x48, 0x44, 0x46], as: "f.mat").contains("version 7.3, which is HDF5"))
    #expect(try failure([1, 2, 3], as: "g.mid").contains("expected a MIDI file, which begins with MThd"))
    #expect(try failure(MIDIFile(notes: []).bytes, as: "h.mid").contains("h.mid: expected notes, found none"))
    let drums = MIDIFile(notes: [.init(key: 40, start: 0, end: 9, channel: 9)])
    #expect(
      try failure(drums.bytes, as: "i.mid").contains("found percussion or keys outside a piano's 88 alone"))
    let long = MIDIFile(notes: [.init(key: 40, start: 0, end: 1 << 27)], ticksPerQuarter: 1)
    #expect(try failure(long.bytes, as: "j.mid").contains("expected at most 1048576 frames"))
    try scratch.write([1], as: "empty/readme.txt")
    let none = try #require(throws: TaskDataError.self) { try PianoRollFiles(scratch.file("empty"), step: 1) }
    #expect(none.description.contains("empty: expected MIDI files (.mid), found none"))
    #expect(throws: TaskDataError.file(.missing(file: "nowhere.mat"))) {
      try PianoRollFiles("nowhere.mat", step: 1)
    }
  }
}
