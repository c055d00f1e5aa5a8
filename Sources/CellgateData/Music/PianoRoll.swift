import CellgateBasics
import CellgateFiles

/// A tune as frames of equal duration, each the keys of a piano that sound in it.
///
/// Keys that sound in two frames one after the other are one note: a roll doesn't know of notes that are struck again.
public struct PianoRoll: Sendable, Equatable {
  /// What it is called: its file's name, or its number.
  public var name: String
  /// The keys that sound in each frame.
  public var frames: [Chord]

  /// The most frames of a roll made of a MIDI file.
  public static let mostFrames = 1 << 20

  /// A roll.
  public init(name: String = "", frames: [Chord]) { (self.name, self.frames) = (name, frames) }

  // MARK: MIDI

  /// The notes of a tune in frames of `step` quarter notes. A note begins with the frame whose beginning is nearest, and takes one
  /// frame or more; what is before the first note is left out. So are percussion (channel 10) and notes of no piano's key. Throws
  /// `unfit` without notes, or with too many frames.
  public init(
    _ tune: MIDIFile, step: Double, name: String, file: String
  ) throws(TaskDataError) {
    require(step > 0 && step.isFinite, "PianoRoll: expected a step above 0, found \(step)")
    let notes = tune.notes.filter { $0.channel != 9 && Chord.piano.contains($0.key) }
    guard let first = notes.map(\.start).min() else {
      throw .unfit(
        file: file,
        reason: "expected notes, found "
          + (tune.notes.isEmpty ? "none" : "percussion or keys outside a piano's 88 alone"))
    }
    let ticks = step * Double(tune.ticksPerQuarter)
    func frame(_ tick: Int) -> Double { (Double(tick - first) / ticks).rounded() }
    let last = notes.map { max(frame($0.end), frame($0.start) + 1) }.max() ?? 0
    guard last <= Double(Self.mostFrames) else {
      throw .unfit(
        file: file,
        reason: "expected at most \(Self.mostFrames) frames of \(step) quarter notes, found \(last)")
    }
    var frames = [Chord](repeating: .silence, count: Int(last))
    for note in notes {
      let begin = Int(frame(note.start))
      for place in begin..<max(Int(frame(note.end)), begin + 1) { frames[place].insert(note.key) }
    }
    self.init(name: name, frames: frames)
  }

  /// The roll in a MIDI file, in frames of `step` quarter notes. Throws what is wrong with the file.
  public init(midi path: String, step: Double) throws(TaskDataError) {
    let tune: MIDIFile
    do throws(MIDIError) { tune = try MIDIFile(path) } catch { throw .midi(error) }
    try self.init(tune, step: step, name: Paths.withoutExtension(Paths.name(of: path)), file: path)
  }

  /// The tune as MIDI, of frames of `step` quarter notes and so many quarter notes a minute.
  public func midi(step: Double, tempo: Double = 120) -> MIDIFile {
    let ticksPerQuarter = 480
    func tick(_ frame: Int) -> Int { Int((Double(frame) * step * Double(ticksPerQuarter)).rounded()) }
    var (notes, begins) = ([MIDIFile.Note](), [Int: Int]())
    for (place, chord) in (frames + [.silence]).enumerated() {
      for (key, begin) in begins where !chord.contains(key) {
        notes.append(.init(key: key, start: tick(begin), end: tick(place)))
        begins[key] = nil
      }
      for key in chord.keys where begins[key] == nil { begins[key] = place }
    }
    return MIDIFile(
      notes: notes.sorted { ($0.start, $0.key) < ($1.start, $1.key) }, ticksPerQuarter: ticksPerQuarter,
      microsecondsPerQuarter: Int(min(max(60_000_000 / tempo, 1), 16_777_215).rounded()))
  }

  // MARK: Arrays

  /// The roll of a matrix of a row for each frame and a column for each of a piano's 88 keys, in which what isn't 0 sounds; nil for
  /// one of other columns.
  init?(_ matrix: MATLABFile.Matrix, name: String) {
    guard matrix.columns == Chord.piano.count || matrix.rows == 0 else { return nil }
    var frames = [Chord](repeating: .silence, count: matrix.rows)
    for (column, key) in Chord.piano.enumerated() {
      for row in 0..<matrix.rows where matrix[row, column] != 0 { frames[row].insert(key) }
    }
    self.init(name: name, frames: frames)
  }
}
