extension CaptionSet {
  /// Reads the captions of a file of any of the kinds known, gzipped or not, and puts its pictures into the parts that three
  /// lists name, where there are some: see `split(by:)`. Throws what is wrong with a file.
  public init(_ path: String, splits: [String] = []) throws(CaptionDataError) {
    let file = try CaptionFile(path)
    guard !file.isPlain else {
      throw .otherFormat(
        file: path, expected: CaptionFile.forms, found: "a text whose lines name no picture")
    }
    guard !file.pictures.isEmpty else { throw .empty(file: path, what: "pictures with captions") }
    try self.init(file: path, pictures: file.pictures)
    if !splits.isEmpty { try split(by: splits) }
  }
}
