import CellgateFiles

/// What is wrong with the captions and features of pictures.
public enum CaptionDataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// JSON that can't be read, or that is none of the forms known.
  case json(JSONError)
  /// A text that can't be read.
  case text(TaskDataError)
  /// An npy or npz file that can't be read.
  case numpy(NumpyError)
  /// A safetensors file that can't be read.
  case safetensors(SafetensorsError)
  /// The operating system refused.
  case files(FileError)
  /// A file is none of captions; `expected` names the forms.
  case otherFormat(file: String, expected: String, found: String)
  /// A line of a text has another form.
  case line(file: String, line: Int, expected: String, found: String)
  /// A file has nothing in it.
  case empty(file: String, what: String)
  /// Two entries have the same id.
  case duplicatePicture(file: String, id: String)
  /// Captions name pictures that the same file's list of pictures doesn't have.
  case pictureMissing(file: String, id: String)
  /// Pictures without a caption.
  case noCaptions(file: String, ids: [String])
  /// There is no picture of a part.
  case emptySplit(file: String, split: String)
  /// There are not three lists of pictures.
  case splitLists(found: [String])
  /// A list names a picture that the captions' file doesn't have.
  case unknownPicture(file: String, line: Int, name: String, captions: String)
  /// A list names a picture that another list has, too.
  case inTwoSplits(file: String, line: Int, id: String, other: String)
  /// Captions to be scored have no references.
  case noReferences(candidates: String, references: String, ids: [String])
  /// Texts that belong together line by line have different numbers of lines.
  case lineCounts(file: String, expected: Int, other: String, found: Int)
  /// Pictures have captions and no features.
  case noFeatures(file: String, ids: [String])
  /// Features are of a form that is not known.
  case featureShape(file: String, name: String?, expected: String, found: [Int])
  /// Features of a picture have another width than those of others.
  case featureWidth(file: String, name: String?, expected: Int, found: Int)
  /// Numbers of a type that features don't have.
  case featureType(file: String, name: String?, expected: String, found: String)
  /// There is not one name for each row of features, or not one row for each picture.
  case rowCount(file: String, rows: Int, other: String, found: Int)
  /// A feature of a picture is NaN or infinite.
  case featureNotFinite(file: String, name: String)

  /// One line naming the file and the entry, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .json(let error): error.description
    case .text(let error): error.description
    case .numpy(let error): error.description
    case .safetensors(let error): error.description
    case .files(let error): error.description
    case .otherFormat(let file, let expected, let found):
      "\(file): expected \(expected), found \(quotedName(found))"
    case .line(let file, let line, let expected, let found):
      "\(file): line \(line): expected \(expected), found '\(quotedName(found))'"
    case .empty(let file, let what): "\(file): expected \(what), found none"
    case .duplicatePicture(let file, let id):
      "\(file): picture \(quotedName(id)): expected once, found twice"
    case .pictureMissing(let file, let id):
      "\(file): caption of picture \(quotedName(id)): expected a picture of the file's list, found none of this id"
    case .noCaptions(let file, let ids): "\(file): no caption of \(Self.pictures(ids))"
    case .emptySplit(let file, let split):
      "\(file): expected pictures of the part '\(split)', found none"
    case .splitLists(let found):
      "lists of pictures: expected three, TRAIN,VAL,TEST, of which one may be 'rest', found \(found.count): "
        + quotedName(found.joined(separator: ","))
    case .unknownPicture(let file, let line, let name, let captions):
      "\(file): line \(line): expected a picture of \(captions), found '\(quotedName(name))'"
    case .inTwoSplits(let file, let line, let id, let other):
      "\(file): line \(line): picture \(quotedName(id)): expected it in one list, found it in that of '\(other)' too"
    case .noReferences(let candidates, let references, let ids):
      "\(candidates): expected captions of pictures that \(references) has references of, found \(Self.pictures(ids))"
    case .lineCounts(let file, let expected, let other, let found):
      "\(other): expected \(expected) lines, as \(file) has, found \(found)"
    case .noFeatures(let file, let ids): "\(file): no features of \(Self.pictures(ids))"
    case .featureShape(let file, let name, let expected, let found):
      "\(Self.place(file, name)): expected \(expected), found shape \(found)"
    case .featureWidth(let file, let name, let expected, let found):
      "\(Self.place(file, name)): expected features of width \(expected), found \(found)"
    case .featureType(let file, let name, let expected, let found):
      "\(Self.place(file, name)): expected \(expected), found \(found)"
    case .rowCount(let file, let rows, let other, let found):
      "\(other): expected \(rows) names, one for each row of \(file), found \(found)"
    case .featureNotFinite(let file, let name):
      "\(file): picture \(quotedName(name)): expected finite numbers, found NaN or infinity"
    }
  }

  private static func place(_ file: String, _ name: String?) -> String {
    name.map { "\(file): '\(quotedName($0))'" } ?? file
  }

  /// "picture 3", "pictures 3, 4 and 5", "3 pictures and 17 more".
  private static func pictures(_ ids: [String]) -> String {
    let shown = ids.prefix(5).map(quotedName)
    let rest = ids.count - shown.count
    if ids.count == 1 { return "picture \(shown[0])" }
    return "\(ids.count) pictures: " + shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }
}
