import CellgateFiles

/// What is wrong with the files that a task learns from.
public enum TaskDataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// None of these files exists; `command` would get them.
  case missing(tried: [String], command: String)
  /// A file is not what its format asks for.
  case idx(IDXError)
  /// An array has other sizes than the task's.
  case wrongDimensions(file: String, expected: String, found: [Int])
  /// A class is not one of those there are.
  case labelOutOfRange(file: String, row: Int, classes: Int, found: Int)
  /// There is not one label for each image.
  case countMismatch(images: String, imageCount: Int, labels: String, labelCount: Int)
  /// A task that reads a text of the user's own was given none.
  case noText(task: String)
  /// A task that reads a file of the user's own was given none; `what` is what stands in it.
  case noFile(task: String, what: String)
  /// A folder stands where a text file is expected.
  case folder(path: String)
  /// The operating system refused.
  case file(FileError)
  /// A gzipped file is damaged.
  case gzip(GzipError)
  /// A text is not UTF-8 from a byte on, counted from 0.
  case notUTF8(file: String, offset: Int)
  /// A text is of another encoding than UTF-8, to all appearances; `offset` is that of the first byte that shows it, and
  /// `iconv` what the program of that name calls the encoding.
  case otherEncoding(file: String, offset: Int, encoding: String, iconv: String)
  /// A part of a text has too few characters, or words or pieces, for one update.
  case tooShort(file: String, part: String, expected: Int, found: Int, unit: String = "characters")
  /// A text is not the one that the run began with, by its SHA-256 digest.
  case changed(file: String, expected: String, found: String)
  /// The training part of a text has another number of symbols than the run's settings say.
  case otherSymbols(file: String, expected: Int, found: Int)
  /// A character, at a place counted from 0, that the training data have none of.
  case unknownCharacter(file: String, character: Unicode.Scalar, place: Int)
  /// A character, at a place counted from 0, that the model to be scored doesn't know and has no symbol for.
  case unknownToModel(file: String, character: Unicode.Scalar, place: Int)
  /// A file of arrays is wrong.
  indirect case arrays(ArrayFileError)
  /// A sound is wrong.
  case sound(WAVError)
  /// A table is wrong.
  indirect case table(TableError)
  /// A MIDI file is wrong.
  indirect case midi(MIDIError)
  /// A raw video is wrong.
  indirect case video(Y4MError)
  /// A picture is wrong.
  indirect case picture(PictureError)
  /// A MATLAB file is wrong.
  indirect case matlab(MATLABError)
  /// A file is not what the options say of it.
  case unfit(file: String, reason: String)
  /// The captions or the features of pictures are wrong.
  indirect case captions(CaptionDataError)
  /// A table of series is wrong.
  indirect case series(SeriesError)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .missing(let tried, let command):
      "\(tried.joined(separator: ", nor ")): no such file; get it with: \(command)"
    case .captions(let error): error.description
    case .table(let error): error.description
    case .midi(let error): error.description
    case .video(let error): error.description
    case .picture(let error): error.description
    case .matlab(let error): error.description
    case .sound(let error): error.description
    case .arrays(let error): error.description
    case .unfit(let file, let reason): "\(file): \(reason)"
    case .series(let error): error.description
    case .idx(let error): error.description
    case .wrongDimensions(let file, let expected, let found):
      "\(file): expected dimensions \(expected), found \(found)"
    case .labelOutOfRange(let file, let row, let classes, let found):
      "\(file): label \(row): expected 0 to \(classes - 1), found \(found)"
    case .countMismatch(let images, let imageCount, let labels, let labelCount):
      "\(labels): expected a label for each of the \(imageCount) images of \(images), found \(labelCount)"
    case .noText(let task): "\(task): expected a UTF-8 text of your own, with --data FILE"
    case .noFile(let task, let what): "\(task): expected \(what) of your own, with --data FILE"
    case .folder(let path): "\(path): expected a text file, found a folder"
    case .file(let error): error.description
    case .gzip(let error): error.description
    case .notUTF8(let file, let offset): "\(file): expected UTF-8 text, found other bytes at byte \(offset)"
    case .otherEncoding(let file, let offset, let encoding, let iconv):
      "\(file): expected UTF-8 text, found other bytes at byte \(offset), as in \(encoding); "
        + "convert it, such as with: iconv -f \(iconv) -t UTF-8"
    case .tooShort(let file, let part, let expected, let found, let unit):
      "\(file): \(part) part: expected \(expected) \(unit) or more for one update, found \(found)"
    case .changed(let file, let expected, let found):
      "\(file): changed since the run began: expected SHA-256 \(quotedName(expected)), found \(quotedName(found))"
    case .otherSymbols(let file, let expected, let found):
      "\(file): expected \(expected) symbols, the settings' data.symbols, found \(found)"
    case .unknownCharacter(let file, let character, let place):
      "\(file): character \(place): expected one of the training data, found '\(quotedName(String(character)))'"
    case .unknownToModel(let file, let character, let place):
      "\(file): character \(place): the model doesn't know '\(quotedName(String(character)))' "
        + "and has no symbol for unknown characters"
    }
  }
}
