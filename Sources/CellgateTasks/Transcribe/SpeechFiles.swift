import CellgateBasics
import CellgateData
import CellgateFiles

/// Recordings and their transcripts: WAV files in a folder, or those that a manifest names.
///
/// In a folder, and the folders in it, the transcript of `a.wav` is the text of `a.txt`; without one it is the digit of a name such as
/// `7_jackson_32.wav`. A manifest has a JSON object a line, `{"audio": "a.wav", "text": "seven", "split": "test"}`, or it is a table
/// with such columns; paths are those from its folder. What has no transcript can be transcribed, and nothing is learned of it.
struct SpeechFiles {
  /// A recording.
  struct Item: Equatable {
    /// The WAV file.
    let audio: String
    /// What it is called in errors and predictions.
    let name: String
    /// What is said in it; nil where nobody says.
    let text: String?
    /// train, valid or test; nil where nobody says.
    let split: String?
    /// Where that stands: "manifest.jsonl: line 3", or the WAV file.
    let place: String
  }

  let path: String
  private(set) var items: [Item] = []

  /// Reads a folder or a manifest. Throws what is wrong with it, also where there is no recording.
  init(_ path: String) throws(TaskDataError) {
    self.path = path
    if Paths.isFolder(path) {
      try read(folder: path, name: "", depth: 0)
    } else if Self.isSound(path) {
      throw .unfit(file: path, reason: "expected a folder or a manifest of recordings, found a WAV file")
    } else {
      try readManifest()
    }
    if items.isEmpty { throw .unfit(file: path, reason: "expected WAV files, found none") }
  }

  static func isSound(_ path: String) -> Bool { path.lowercased().hasSuffix(".wav") }

  // MARK: Folders

  private static let deepest = 16

  private mutating func read(folder: String, name: String, depth: Int) throws(TaskDataError) {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw .file(.cannotOpen(file: folder, reason: "the folder can't be read"))
    }
    for own in names.filter({ !$0.hasPrefix(".") }).sorted() {
      let path = folder + "/" + own
      if Paths.isFolder(path) {
        if depth < Self.deepest { try read(folder: path, name: name + own + "/", depth: depth + 1) }
      } else if Self.isSound(own) {
        let beside = Paths.withoutExtension(path) + ".txt"
        let hasText = FileManager.default.fileExists(atPath: beside)
        items.append(
          Item(
            audio: path, name: name + own,
            text: hasText
              ? String(try TextFile(beside).text) : Self.digit(of: own),
            split: nil, place: path))
      }
    }
  }

  /// The digits before the speaker and the number of a recording, as in `7_jackson_32.wav`.
  private static func digit(of name: String) -> String? {
    let parts = Paths.withoutExtension(name).split(separator: "_", omittingEmptySubsequences: false)
    func isNumber(_ text: Substring) -> Bool {
      !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard parts.count == 3, isNumber(parts[0]), isNumber(parts[2]) else { return nil }
    return String(parts[0])
  }

  // MARK: Manifests

  private mutating func readManifest() throws(TaskDataError) {
    let lines = try TextLines.read(path)
    let isJSON = lines.first { !$0.trimmed.isEmpty }?.trimmed.hasPrefix("{") ?? true
    if isJSON {
      for (place, line) in lines.enumerated() where !line.trimmed.isEmpty {
        try add(json: line, place: "\(path): line \(place + 1)")
      }
    } else {
      try readTable()
    }
  }

  private mutating func add(json line: String, place: String) throws(TaskDataError) {
    let object: JSONTree
    do throws(JSONError) { object = try JSONTree(data: Array(line.utf8), file: place) } catch {
      throw .unfit(file: place, reason: "expected a JSON object with audio and text, found other text")
    }
    guard let audio = object["audio"]?.string else {
      throw .unfit(file: place, reason: "expected a JSON object with audio, the path of a WAV file")
    }
    func text(_ key: String) throws(TaskDataError) -> String? {
      guard let value = object[key], !value.isNull else { return nil }
      guard let text = value.string else {
        throw .unfit(file: place, reason: "\(key): expected a text, found another value")
      }
      return text
    }
    try add(audio, text: try text("text"), split: try text("split"), place: place)
  }

  private static let audioNames = ["audio", "path", "file"]
  private static let textNames = ["text", "sentence", "transcript"]

  private mutating func readTable() throws(TaskDataError) {
    let table: DataTable
    do throws(TableError) { table = try DataTable(path, options: .init(hasHeader: true)) } catch {
      throw .table(error)
    }
    func column(_ names: [String]) -> TableColumn? {
      table.columns.first { names.contains($0.name.lowercased()) }
    }
    guard let audio = column(Self.audioNames) else {
      throw .unfit(
        file: path, reason: "expected a column of WAV files, \(Self.audioNames.joined(separator: ", "))")
    }
    let (texts, splits) = (column(Self.textNames), column(["split"]))
    for row in 0..<table.rows {
      let place = "\(path): line \(table.lines[row])"
      guard let file = audio[row] else {
        throw .unfit(file: place, reason: "expected a WAV file, found nothing")
      }
      // An empty cell is an empty transcript.
      try add(file, text: texts.map { $0[row] ?? "" }, split: splits?[row], place: place)
    }
  }

  private static let splits = [
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
    "dev": "valid", "test": "test",
  ]

  private mutating func add(
    _ audio: String, text: String?, split: String?, place: String
  ) throws(TaskDataError) {
    if let split, Self.splits[split.lowercased()] == nil {
      throw .unfit(
        file: place, reason: "split: expected train, valid or test, found '\(quotedName(split))'")
    }
    items.append(
      Item(
        audio: audio.hasPrefix("/") ? audio : Paths.folder(in: Paths.absolute(path)) + "/" + audio,
        name: audio, text: text,
        split: split.flatMap { Self.splits[$0.lowercased()] }, place: place))
  }

  // MARK: What is learned from

  /// The items, all of which have a transcript; throws the first one that has none.
  func transcribed() throws(TaskDataError) -> [Item] {
    if let item = items.first(where: { $0.text == nil }) {
      throw .unfit(
        file: item.place,
        reason: Paths.isFolder(path)
          ? "expected a transcript beside it, \(quotedName(Paths.withoutExtension(item.name))).txt, found none"
          : "expected a text, the transcript, found none")
    }
    return items
  }

  /// A SHA-256 digest of names, transcripts, parts and recordings.
  func digest() throws(TaskDataError) -> String {
    var lines: [String] = []
    for item in items {
      let own: String
      do throws(FileError) { own = try SHA256.hex(ofFile: item.audio) } catch { throw .file(error) }
      lines.append("\(item.name)\t\(item.text ?? "")\t\(item.split ?? "")\t\(own)")
    }
    return SHA256.hex(Array(lines.joined(separator: "\n").utf8))
  }
}
