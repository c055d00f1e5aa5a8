import Cellgate
import CellgateBasics
import CellgateFiles

/// What names of MIDI files end with.
enum MIDIName {
  static func isOne(_ name: String) -> Bool {
    let lower = name.lowercased()
    return lower.hasSuffix(".mid") || lower.hasSuffix(".midi")
  }
}

/// Writes a tune of a model of music: `cellgate generate` with `--out`.
struct MusicWriter {
  let model: String
  let out: String
  let prime: String?
  let frames: Int
  let tempo: Double?
  let sampling: Sampling
  let seed: UInt64
  let trustsWeights: Bool

  func run(json: Bool) throws {
    let generator = try MusicGenerator(model: model, trustingWeights: trustsWeights)
    if !generator.hasChords, sampling.topK != nil || sampling.topP != nil {
      throw CommandFailure(
        .usage,
        "--top-k, --top-p: are for symbols, and each key of this model is drawn by itself (--form keys)")
    }
    guard frames <= PianoRoll.mostFrames else {
      throw CommandFailure(
        .usage, "--length: expected at most \(PianoRoll.mostFrames) frames, found \(frames)")
    }
    let given = try prime.map { path throws(TaskDataError) -> MIDIFile in
      do throws(MIDIError) { return try MIDIFile(path) } catch { throw .midi(error) }
    }
    let begin = try given.map { tune throws(TaskDataError) -> PianoRoll in
      try PianoRoll(tune, step: generator.step, name: Paths.name(of: prime ?? ""), file: prime ?? "")
    }
    let quarters = tempo ?? given.map { 60e6 / Double($0.microsecondsPerQuarter) } ?? 120
    Interruption.install()
    let roll = generator.roll(
      frames: frames, after: begin, sampling: sampling, seed: seed, shouldStop: { Interruption.isRequested })
    try Interruption.check()
    let tune = roll.midi(step: generator.step, tempo: quarters)
    try tune.write(to: out)
    if json {
      JSONValue.object([
        ("model", .string(model)), ("out", .string(out)), ("frames", .integer(roll.frames.count)),
        ("prime_frames", .integer(begin?.frames.count ?? 0)), ("notes", .integer(tune.notes.count)),
        ("step", .number(generator.step)), ("tempo", .number(quarters)),
        ("temperature", .number(sampling.temperature)), ("top_k", .optional(sampling.topK)),
        ("top_p", .optional(sampling.topP)), ("seed", .unsigned(seed)),
      ]).print()
      return
    }
    let seconds = Double(roll.frames.count) * generator.step * 60 / quarters
    Console.print(
      "\n  \(Text.plural(tune.notes.count, "note")) in \(Text.plural(roll.frames.count, "frame")), "
        + "\(Text.number(seconds)) seconds: \(out)\n")
  }
}
