import CellgateBasics
import CellgateData
import CellgateFiles

/// Texts, WAV files or sequences of frames in a folder for each class, a file or folder each, whose name names it in predictions.
struct FolderRows {
  private let folder: String

  /// Whether a path is that of a folder.
  static func isOne(_ path: String) -> Bool { Paths.isFolder(path) }

  /// A folder.
  init(_ folder: String) { self.folder = folder }

  /// The folders of classes with what is in them, both in the order of their names; what lies in the folder itself has no class.
  /// Hidden files don't count. Throws for a folder that can't be read.
  private func files() throws(TaskDataError) -> [(label: String?, path: String)] {
    var files: [(label: String?, path: String)] = []
    for name in try Self.names(in: folder) {
      let path = folder + "/" + name
      if Paths.isFolder(path), !ClipFile.isOne(path) {
        for inner in try Self.names(in: path) {
          let own = path + "/" + inner
          if !Paths.isFolder(own) || ClipFile.isOne(own) { files.append((name, own)) }
        }
      } else {
        files.append((nil, path))
      }
    }
    return files
  }

  private static func names(in folder: String) throws(TaskDataError) -> [String] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw .file(.cannotOpen(file: folder, reason: "the folder can't be read"))
    }
    return names.filter { !$0.hasPrefix(".") }.sorted()
  }

  /// What a folder has.
  enum Kind {
    case texts
    /// Sounds as series of the power in bands up to a frequency.
    case bands(highest: Int)
    /// Sounds as series of features.
    case features(AudioFeatures)
    /// Sequences of frames with so many numbers each.
    case clips(width: Int)
  }

  /// What a file is, by its name.
  private enum Content: String {
    case text = "a text"
    case sound = "a WAV file"
    case clip = "a sequence of frames"

    init(_ path: String) {
      self = path.lowercased().hasSuffix(".wav") ? .sound : ClipFile.isOne(path) ? .clip : .text
    }
  }

  /// Texts, or sounds or frames as series; throws for a file that is none of these, and for a folder of several kinds. `known` has what a model's training
  /// data decided, and `audio` is what features of sounds a new model takes.
  func rows(
    known: Preprocessing.RowSource, audio: AudioFeatures.Kind?
  ) throws(TaskDataError) -> (rows: [SequenceRows.Row], kind: Kind) {
    let files = try files()
    guard let first = files.first else {
      throw .unfit(
        file: folder,
        reason: "expected a folder of texts, WAV files or sequences of frames for each class, found no file")
    }
    let content = Content(first.path)
    if let other = files.first(where: { Content($0.path) != content }) {
      throw .unfit(file: other.path, reason: "expected \(content.rawValue) as the first file is one")
    }
    var rows: [SequenceRows.Row] = []
    for (label, path) in files {
      rows.append(.init(id: (label.map { $0 + "/" } ?? "") + Paths.name(of: path), line: 1, label: label))
    }
    switch content {
    case .text:
      for (place, file) in files.enumerated() {
        rows[place].text = String(try TextFile(file.path).text)
      }
      return (rows, .texts)
    case .clip:
      var width: Int?
      for (place, file) in files.enumerated() {
        let read = try ClipFile(file.path).frames()
        if let width, read.width != width {
          throw .unfit(
            file: file.path,
            reason: "expected frames of \(width) numbers as in \(first.path), found \(read.width)")
        }
        (rows[place].numbers, width) = (read.numbers, read.width)
      }
      return (rows, .clips(width: width ?? 0))
    case .sound: break
    }
    var sounds: [WAVFile] = []
    for file in files { sounds.append(try SpeechEncoder.sound(file.path)) }
    let rate = sounds.map(\.rate).min() ?? 0
    if let features = known.audio ?? audio.map({ AudioFeatures($0, rate: rate) }) {
      if let problem = features.problem { throw .unfit(file: folder, reason: "features: \(problem)") }
      for (place, sound) in sounds.enumerated() {
        rows[place].numbers = features(sound.samples, rate: sound.rate)
      }
      return (rows, .features(features))
    }
    let frames = SpectrumFrames(highest: max(101, known.highestFrequency ?? rate / 2))
    var plans: [Int: SpectrumPlan] = [:]
    for (place, sound) in sounds.enumerated() {
      let plan = plans[sound.rate] ?? frames.plan(rate: sound.rate)
      plans[sound.rate] = plan
      rows[place].numbers = plan(sound.samples)
    }
    return (rows, .bands(highest: frames.highest))
  }

  /// A SHA-256 digest of the names and the contents of all files.
  func digest() throws(TaskDataError) -> String {
    var lines: [String] = []
    for (label, path) in try files() {
      let own = try Paths.isFolder(path) ? FrameSequences.digest(path) : SHA256.hex(ofTaskFile: path)
      lines.append((label ?? "") + "/" + Paths.name(of: path) + " " + own)
    }
    return SHA256.hex(Array(lines.joined(separator: "\n").utf8))
  }
}
