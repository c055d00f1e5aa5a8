import CellgateFiles

/// The captions of a file of any of the forms known, gzipped or not.
package struct CaptionFile {
  /// The forms, for an error.
  static let forms =
    "captions: Karpathy's dataset_*.json, COCO annotations, COCO results, JSON Lines or a Flickr token file"

  /// Pictures in the order of the file, each id once, with its captions.
  package private(set) var pictures: [CaptionSet.Picture] = []
  /// Whether it is a text without names of pictures: each line is the caption of one, and its id is its number from 1.
  package private(set) var isPlain = false

  private let file: String
  /// Captions that stand by themselves, with the id of their picture, and their places by it.
  private var captioned: [CaptionSet.Picture] = []
  private var index: [String: Int] = [:]
  /// The pictures of a list of their own; nil when there is none.
  private var listed: [CaptionSet.Picture]?

  /// Reads a file; its kind is known by its content.
  package init(_ path: String) throws(CaptionDataError) {
    file = path
    if Paths.isFolder(path) { throw .files(.cannotOpen(file: path, reason: "is a folder")) }
    var isJSON = false
    do throws(JSONError) {
      var reader = try JSONReader(path: path)
      isJSON = try reader.startsAsJSON()
      if isJSON { try read(&reader) }
    } catch { throw .json(error) }
    if !isJSON { try readText() }
    try finish()
  }

  /// Brings the captions to the listed pictures.
  private mutating func finish() throws(CaptionDataError) {
    guard var listed else {
      pictures = captioned
      return
    }
    var places: [String: Int] = [:]
    for (place, picture) in listed.enumerated() {
      guard places.updateValue(place, forKey: picture.id) == nil else {
        throw .duplicatePicture(file: file, id: picture.id)
      }
    }
    for picture in captioned {
      guard let place = places[picture.id] else { throw .pictureMissing(file: file, id: picture.id) }
      listed[place].captions += picture.captions
    }
    pictures = listed
  }

  /// Adds the lines of another text as further captions of the same pictures.
  mutating func add(_ other: CaptionFile) throws(CaptionDataError) {
    guard isPlain, other.isPlain else {
      throw .otherFormat(
        file: isPlain ? other.file : file,
        expected: "a text with a caption a line, as there are several files",
        found: "pictures with ids")
    }
    guard pictures.count == other.pictures.count else {
      throw .lineCounts(file: file, expected: pictures.count, other: other.file, found: other.pictures.count)
    }
    for place in pictures.indices { pictures[place].captions += other.pictures[place].captions }
  }

  private mutating func add(_ captions: [String], id: String) {
    if let place = index[id] {
      captioned[place].captions += captions
    } else {
      index[id] = captioned.count
      captioned.append(.init(id: id, captions: captions))
    }
  }
}

// MARK: JSON

extension CaptionFile {
  private mutating func read(_ reader: inout JSONReader) throws(JSONError) {
    if try reader.kind() == .array {
      try reader.beginArray()
      while try reader.nextElement() { try readRecord(&reader) }
      return try reader.end()
    }
    repeat {
      if try readRecord(&reader, mayBeDataSet: captioned.isEmpty) { return try reader.end() }
    } while try reader.nextValue()
  }

  /// Reads an object: captions of a picture as COCO's results and annotations have them, `image_id` and `caption`, or several in
  /// `captions`. With `mayBeDataSet` it may hold lists of `images` and `annotations`, too; true when it does.
  @discardableResult
  private mutating func readRecord(
    _ reader: inout JSONReader, mayBeDataSet: Bool = false
  ) throws(JSONError) -> Bool {
    var (id, captions): (String?, [String]?) = (nil, nil)
    var isDataSet = false
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "image_id": id = try reader.identifier()
      case "caption": captions = (captions ?? []) + [try reader.string()]
      case "captions": captions = (captions ?? []) + (try reader.strings())
      case "images" where mayBeDataSet:
        isDataSet = true
        listed = listed ?? []
        try reader.beginArray()
        while try reader.nextElement() { listed?.append(try Self.image(&reader)) }
      case "annotations" where mayBeDataSet:
        isDataSet = true
        try reader.beginArray()
        while try reader.nextElement() { try readRecord(&reader) }
      default: try reader.skip()
      }
    }
    if isDataSet { return true }
    guard let id else {
      throw reader.error(
        expected: mayBeDataSet ? Self.forms : "an object with 'image_id'", found: "an object without")
    }
    guard let captions else {
      throw reader.error(expected: "a 'caption' of picture \(id)", found: "an object without")
    }
    add(captions, id: id)
    return false
  }

  /// An entry of a list of pictures: COCO's has `id` and `file_name`, Karpathy's `filename`, `split` and `sentences`, and where it
  /// is one of COCO's `cocoid`.
  private static func image(_ reader: inout JSONReader) throws(JSONError) -> CaptionSet.Picture {
    var (id, cocoID, name, split): (String?, String?, String?, CaptionSet.Split?) = (nil, nil, nil, nil)
    var captions: [String] = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "id": id = try reader.identifier()
      case "cocoid": cocoID = try reader.identifier()
      case "file_name", "filename": name = try reader.string()
      case "split":
        let text = try reader.string()
        guard let known = CaptionSet.Split(rawValue: text) else {
          throw reader.error(expected: "train, restval, val or test", found: "'\(quotedName(text))'")
        }
        split = known
      case "sentences":
        try reader.beginArray()
        while try reader.nextElement() { captions.append(try sentence(&reader)) }
      default: try reader.skip()
      }
    }
    guard let known = cocoID ?? id ?? name else {
      throw reader.error(expected: "a picture with 'id' or 'filename'", found: "an object without")
    }
    return .init(id: known, name: name, split: split, captions: captions)
  }

  /// The text of a sentence of Karpathy's, `raw`, or its `tokens` where it has no text.
  private static func sentence(_ reader: inout JSONReader) throws(JSONError) -> String {
    var (raw, tokens): (String?, [String]?) = (nil, nil)
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "raw": raw = try reader.string()
      case "tokens": tokens = try reader.strings()
      default: try reader.skip()
      }
    }
    guard let text = raw ?? tokens?.joined(separator: " ") else {
      throw reader.error(expected: "a sentence with 'raw' or 'tokens'", found: "an object without")
    }
    return text
  }
}

extension JSONReader {
  /// Reads the number or the name of a picture.
  fileprivate mutating func identifier() throws(JSONError) -> String {
    guard try kind() == .number else { return try string() }
    let text = try numberText()
    guard let number = Int(text) ?? Double(text).flatMap(Int.init(exactly:)) else {
      throw error(expected: "a whole number or a string", found: text)
    }
    return String(number)
  }

  /// Reads an array of strings.
  fileprivate mutating func strings() throws(JSONError) -> [String] {
    var strings: [String] = []
    try beginArray()
    while try nextElement() { strings.append(try string()) }
    return strings
  }
}

// MARK: Texts

extension CaptionFile {
  /// Flickr's token files have `NAME#NUMBER`, a tab and a caption a line; another text has a caption a line.
  private mutating func readText() throws(CaptionDataError) {
    let lines: [String]
    do throws(TaskDataError) { lines = try TextLines.read(file) } catch { throw .text(error) }
    isPlain = lines.first { !$0.isEmpty }.flatMap(Self.token) == nil
    for (number, line) in lines.enumerated() {
      if isPlain {
        add([line], id: String(number + 1))
      } else if let (id, caption) = Self.token(line) {
        add([caption], id: id)
      } else if !line.isEmpty {
        throw .line(file: file, line: number + 1, expected: "NAME#NUMBER, a tab and a caption", found: line)
      }
    }
  }

  private static func token(_ line: String) -> (id: String, caption: String)? {
    let parts = line.unicodeScalars.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let mark = parts[0].lastIndex(of: "#"), mark > parts[0].startIndex else {
      return nil
    }
    let number = parts[0][parts[0].index(after: mark)...]
    guard !number.isEmpty, number.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    return (String(parts[0][..<mark]), String(parts[1]))
  }
}
