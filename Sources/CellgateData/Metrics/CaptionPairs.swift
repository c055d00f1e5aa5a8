import CellgateFiles

/// Captions to be scored beside what people wrote of the same pictures.
public struct CaptionPairs: Sendable, Equatable {
  /// What results call each picture, in the order of the candidates' file; a line's number from 1 of plain texts.
  public let ids: [String]
  /// The caption to be scored of each picture.
  public let candidates: [String]
  /// The references of each picture, one or more.
  public let references: [[String]]

  /// Brings the captions of a file to their references.
  ///
  /// Files with names of pictures, of any form that ``CaptionSet`` reads, are joined by the pictures' ids; each candidate must
  /// have references, and with `needsAll` each picture of the references a candidate. Of plain texts, with a caption a line, line n
  /// belongs to line n of each of the references' files, of which there may be several; an empty line of all but the first of
  /// them is no reference. Throws what is wrong with a file, `duplicatePicture`, `noReferences`, `noCandidates` or `lineCounts`.
  public init(
    candidates file: String, references files: [String], needsAll: Bool = false
  ) throws(CaptionDataError) {
    let own = try CaptionFile(file)
    var others: [CaptionFile] = []
    for path in files { others.append(try CaptionFile(path)) }
    guard let first = others.first else { throw .empty(file: file, what: "files of references") }
    if own.isPlain || others.contains(where: \.isPlain) {
      guard own.isPlain, others.allSatisfy(\.isPlain) else {
        throw .otherFormat(
          file: own.isPlain ? files[0] : file,
          expected: "a text with a caption a line, as \(own.isPlain ? file : files[0]) is",
          found: "captions with names of pictures")
      }
      for (path, other) in zip(files, others) where other.pictures.count != own.pictures.count {
        throw .lineCounts(file: file, expected: own.pictures.count, other: path, found: other.pictures.count)
      }
      ids = own.pictures.map(\.id)
      candidates = own.pictures.map { $0.captions.first ?? "" }
      references = own.pictures.indices.map { line in
        let first = first.pictures[line].captions.first ?? ""
        return [first]
          + others.dropFirst().compactMap { $0.pictures[line].captions.first }.filter { !$0.isEmpty }
      }
    } else {
      var known: [String: [String]] = [:]
      for other in others {
        for picture in other.pictures where !picture.captions.isEmpty {
          known[picture.id, default: []] += picture.captions
        }
      }
      if let twice = own.pictures.first(where: { $0.captions.count > 1 }) {
        throw .duplicatePicture(file: file, id: twice.id)
      }
      let captioned = own.pictures.filter { !$0.captions.isEmpty }
      let strange = captioned.filter { known[$0.id] == nil }
      guard strange.isEmpty else {
        throw .noReferences(candidates: file, references: files[0], ids: strange.map(\.id))
      }
      if needsAll {
        let present = Set(captioned.map(\.id))
        let missing = known.keys.filter { !present.contains($0) }.sorted()
        guard missing.isEmpty else {
          throw .noCandidates(candidates: file, references: files[0], ids: missing)
        }
      }
      ids = captioned.map(\.id)
      candidates = captioned.map { $0.captions[0] }
      references = captioned.map { known[$0.id] ?? [] }
    }
    if candidates.isEmpty { throw .empty(file: file, what: "captions") }
  }
}
