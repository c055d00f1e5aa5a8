import CellgateBasics
import CellgateFiles

/// The tunes of a user's own files: a MATLAB file of the sets of polyphonic music, a folder of MIDI files, or one of them.
///
/// The MATLAB files are those of Boulanger-Lewandowski et al. (2012, https://arxiv.org/abs/1206.6392): the variables `traindata`,
/// `validdata` and `testdata` are cell arrays of matrices [T, 88], one a tune.
public struct PianoRollFiles: Sendable {
  /// Tunes for training, validation and the test; nil of MIDI files, which come without parts.
  public let parts: (training: [PianoRoll], validation: [PianoRoll], test: [PianoRoll])?
  /// All tunes in their order.
  public let tunes: [PianoRoll]
  /// The SHA-256 digest of the file; of a folder that of its files' names and digests.
  public let sha256: String

  /// Reads a file or a folder. MIDI files are taken in frames of `step` quarter notes. Throws what is wrong with it.
  public init(_ path: String, step: Double) throws(TaskDataError) {
    if Paths.isFolder(path) {
      let names = try Self.names(in: path)
      var (tunes, lines) = ([PianoRoll](), "")
      for name in names {
        let roll = try PianoRoll(midi: path + "/" + name, step: step)
        tunes.append(PianoRoll(name: Paths.withoutExtension(name), frames: roll.frames))
        lines += name + " " + (try Self.digest(path + "/" + name)) + "\n"
      }
      (parts, self.tunes, sha256) = (nil, tunes, SHA256.hex(Array(lines.utf8)))
      return
    }
    sha256 = try Self.digest(path)
    if Self.isMIDI(path) {
      (parts, tunes) = (nil, [try PianoRoll(midi: path, step: step)])
      return
    }
    let file: MATLABFile
    do throws(MATLABError) { file = try MATLABFile(path) } catch {
      if case .notMATLAB(let file, let bytes) = error {
        throw .unfit(
          file: file,
          reason:
            "expected MIDI (.mid), a folder of it, or a MATLAB file of version 5 (.mat), found \(bytes) other bytes"
        )
      }
      throw .matlab(error)
    }
    let read = try ["traindata", "validdata", "testdata"].map { name throws(TaskDataError) in
      try Self.rolls(name, of: file, path)
    }
    parts = (read[0], read[1], read[2])
    tunes = read.flatMap { $0 }
  }

  /// The digest of a file or folder, by which it is known again; throws what is wrong with it.
  public static func digest(_ path: String) throws(TaskDataError) -> String {
    guard !Paths.isFolder(path) else {
      var lines = ""
      for name in try names(in: path) { lines += name + " " + (try digest(path + "/" + name)) + "\n" }
      return SHA256.hex(Array(lines.utf8))
    }
    do throws(FileError) { return try SHA256.hex(ofFile: path) } catch { throw .file(error) }
  }

  private static func isMIDI(_ path: String) -> Bool {
    let name = path.lowercased()
    if name.hasSuffix(".mid") || name.hasSuffix(".midi") { return true }
    guard let file = try? InputFile(path),
      let bytes: [UInt8] = try? file.read(at: 0, count: min(4, file.size))
    else { return false }
    return MIDIFile.isOne(bytes)
  }

  /// The MIDI files in a folder and those inside it, in the order of their names.
  private static func names(in folder: String) throws(TaskDataError) -> [String] {
    let all: [String]
    do { all = try FileManager.default.subpathsOfDirectory(atPath: folder) } catch {
      throw .file(.cannotOpen(file: folder, reason: "the folder can't be listed"))
    }
    let names = all.filter { name in
      let lower = name.lowercased()
      return (lower.hasSuffix(".mid") || lower.hasSuffix(".midi")) && !Paths.name(of: name).hasPrefix(".")
        && !Paths.isFolder(folder + "/" + name)
    }
    guard !names.isEmpty else {
      throw .unfit(
        file: folder, reason: "expected MIDI files (.mid), found \(all.isEmpty ? "an empty folder" : "none")")
    }
    return names.sorted { naturallyPrecedes($0, $1) }
  }

  private static func rolls(
    _ name: String, of file: MATLABFile, _ path: String
  ) throws(TaskDataError) -> [PianoRoll] {
    func unexpected(_ expected: String, _ found: String) -> TaskDataError {
      .matlab(.malformed(file: path, place: "'\(name)'", expected: expected, found: found))
    }
    guard let value = file[name] else {
      let names = file.variables.prefix(8).map { "'\(quotedName($0.name))'" }.joined(separator: ", ")
      throw unexpected(
        "a cell array of piano-rolls [T, 88] of this name",
        names.isEmpty ? "no variables" : "the variables \(names)")
    }
    guard case .cells(let cells) = value else {
      throw unexpected("a cell array of piano-rolls [T, 88]", value.kind)
    }
    var rolls: [PianoRoll] = []
    for (place, cell) in cells.enumerated() {
      guard case .matrix(let matrix) = cell, let roll = PianoRoll(matrix, name: "\(name) \(place + 1)") else {
        throw .matlab(
          .malformed(
            file: path, place: "'\(name)', cell \(place + 1)", expected: "a piano-roll [T, 88]",
            found: cell.kind))
      }
      if !roll.frames.isEmpty { rolls.append(roll) }
    }
    guard !rolls.isEmpty else { throw unexpected("piano-rolls [T, 88]", "none that has a frame") }
    return rolls
  }
}
