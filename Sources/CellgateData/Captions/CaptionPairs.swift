/// Captions to be scored and the references of the same pictures.
public struct CaptionPairs: Sendable, Equatable {
  /// The pictures, in the order of the references.
  public private(set) var ids: [String] = []
  /// A caption of each picture.
  public private(set) var candidates: [String] = []
  /// The references of each picture, one or more.
  public private(set) var references: [[String]] = []

  /// Reads a file of candidates and one of references, of any kinds that name their pictures, or of texts with a picture a line,
  /// of which there may be several with references. Any of them may be gzipped.
  ///
  /// The candidates' pictures are scored; references of others are left out. Candidates without references are an error,
  /// `noReferences`, or with `onlyCommon` left out too. Two candidates of a picture are an error, `duplicatePicture`.
  public init(
    candidates: String, references files: [String], split: CaptionSet.Split? = nil, onlyCommon: Bool = false
  ) throws(CaptionDataError) {
    guard let first = files.first else { throw .empty(file: "references", what: "a file") }
    let own = try CaptionFile(candidates)
    var other = try CaptionFile(first)
    for file in files.dropFirst() { try other.add(try CaptionFile(file)) }
    guard !own.pictures.isEmpty else { throw .empty(file: candidates, what: "captions") }
    guard !other.pictures.isEmpty else { throw .empty(file: first, what: "references") }
    if own.isPlain, other.isPlain, own.pictures.count != other.pictures.count {
      throw .lineCounts(
        file: first, expected: other.pictures.count, other: candidates, found: own.pictures.count)
    }
    if own.isPlain != other.isPlain {
      throw .otherFormat(
        file: own.isPlain ? candidates : first, expected: "pictures with ids, as the other file has",
        found: "a text with a caption a line")
    }
    var captions: [String: String] = [:]
    var known: Set<String> = []
    for picture in own.pictures {
      guard picture.captions.count <= 1 else { throw .duplicatePicture(file: candidates, id: picture.id) }
      if let caption = picture.captions.first { captions[picture.id] = caption }
      known.insert(picture.id)
    }
    let inPart = split.map { split in
      other.pictures.filter { $0.split == split || (split == .train && $0.split == .restval) }
    }
    if let split, inPart?.isEmpty == true { throw .emptySplit(file: first, split: split.rawValue) }
    var silent: [String] = []
    for picture in inPart ?? other.pictures {
      known.remove(picture.id)
      guard let caption = captions[picture.id] else { continue }
      guard !picture.captions.isEmpty else {
        silent.append(picture.id)
        continue
      }
      ids.append(picture.id)
      self.candidates.append(caption)
      references.append(picture.captions)
    }
    let unknown = own.pictures.map(\.id).filter(known.contains) + silent
    guard onlyCommon || unknown.isEmpty else {
      throw .noReferences(candidates: candidates, references: first, ids: unknown)
    }
    guard !ids.isEmpty else {
      throw .noReferences(candidates: candidates, references: first, ids: own.pictures.map(\.id))
    }
  }
}
