import ArgumentParser
import Cellgate
import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Why a command ends with an error: what is printed, a line each, and the exit code.
struct CommandFailure: Error {
  /// Exit codes: those of `sysexits.h`, and two more.
  enum Code: Int32 {
    /// A run that failed: its loss became NaN or infinite, a file that was checked is not whole.
    case failed = 1
    /// A wrong option or an unknown name.
    case usage = 64
    /// A file whose content is wrong.
    case data = 65
    /// A file that is missing or can't be opened.
    case noInput = 66
    /// A service, library or program that isn't there.
    case unavailable = 69
    /// The system refused something that no work goes without, such as memory.
    case system = 71
    /// A file or folder that can't be created.
    case cannotCreate = 73
    /// Reading or writing failed.
    case inputOutput = 74
  }

  /// The exit code.
  let status: Int32
  /// The lines for standard error, without the leading "cellgate: ".
  let lines: [String]
  /// What shows a mistake to people below the lines: a line of a file with a caret below it.
  var excerpt: String?

  /// A failure with one of the codes.
  init(_ code: Code, _ lines: String...) {
    status = code.rawValue
    self.lines = lines
  }

  /// All that is wrong with the options.
  init(problems: [String]) {
    status = Code.usage.rawValue
    lines = problems
  }

  /// A command that was asked to stop: 128 plus the signal's number, 130 after Ctrl-C. Says nothing more.
  static func interrupted(by signal: Int32) -> CommandFailure {
    CommandFailure(status: 128 + signal, lines: [])
  }

  /// A failure with one of the codes.
  init(_ code: Code, lines: [String]) { self.init(status: code.rawValue, lines: lines) }

  private init(status: Int32, lines: [String]) {
    self.status = status
    self.lines = lines
  }

  /// What is wrong with a cell's file.
  init(_ error: CellTextError) {
    let code: Code
    switch error {
    case .file(let error): code = Self.code(of: error)
    case .mistake: code = .data
    }
    self.init(code, error.description)
    excerpt = error.excerpt
  }

  /// A library's error as a failure: its one line and the exit code for it; nil for unknown errors.
  init?(_ error: any Error) {
    if let failure = error as? CommandFailure {
      self = failure
    } else if let error = error as? CellTextError {
      self.init(error)
    } else if let code = Self.anyCode(of: error) {
      self.init(code, "\(error)")
    } else {
      return nil
    }
  }

  /// The exit code for a library's error, that of the innermost cause.
  private static func anyCode(of error: any Error) -> Code? {
    switch error {
    case is OptimizerError, is CellError, is SettingsErrors, is ModelRetrofitError: .usage
    case is ModelDataError: .data
    case is MPIError: .unavailable
    case let error as PictureError:
      switch error {
      case .file(let error): code(of: error)
      case .noJPEGLibrary: .unavailable
      case .tooManyBytes, .unknownKind, .tooLarge, .damaged: .data
      }
    case let error as PictureNetworkError:
      switch error {
      case .weights(.file(let error)): code(of: error)
      default: .data
      }
    case let error as ArrayFileError: code(of: error)
    case let error as FileError: code(of: error)
    case let error as VectorIndexError: code(of: error)
    case let error as DataError: code(of: error)
    case let error as TaskDataError: code(of: error)
    case let error as WAVError: code(of: .sound(error))
    case let error as CaptionDataError: code(of: error)
    case let error as ImportError:
      switch error {
      case .file(let error): code(of: error)
      default: .data
      }
    case let error as ExportError:
      switch error {
      case .file(let error): code(of: error)
      case .unsupported: .data
      }
    case let error as MeteorError:
      switch error {
      case .file(let error), .jar(.file(let error)): code(of: error)
      case .jar, .paraphrases: .data
      }
    case let error as TrainingError:
      switch error {
      case .settings: .usage
      case .data(let error): code(of: error)
      case .run(let error): code(of: error)
      case .diverged: .failed
      }
    case let error as RunError: code(of: error)
    case let error as GenerationError:
      switch error {
      case .run(let error): code(of: error)
      case .notALanguageModel, .unknownCharacter, .unknownWord: .usage
      case .otherModel, .notOfMusic: .data
      }
    default: nil
    }
  }

  private static func code(of error: FileError) -> Code {
    switch error {
    case .missing, .cannotOpen: .noInput
    case .cannotCreate: .cannotCreate
    case .cannotRead, .cannotWrite: .inputOutput
    }
  }

  private static func code(of error: VectorIndexError) -> Code {
    switch error {
    case .file(let error): code(of: error)
    case .inUse: .cannotCreate
    case .damaged, .badKeys: .data
    }
  }

  private static func code(of error: ArrayFileError) -> Code {
    switch error {
    case .file(let error), .numpy(.file(let error)), .safetensors(.file(let error)): code(of: error)
    case .ending, .severalArrays: .usage
    case .numpy, .safetensors: .data
    }
  }

  private static func code(of error: DataError) -> Code {
    switch error {
    case .unknownSet: .usage
    case .missing: .noInput
    case .cannotStore, .inUse: .cannotCreate
    case .noCurl: .unavailable
    case .downloadFailed: .inputOutput
    }
  }

  private static func code(of error: TaskDataError) -> Code {
    switch error {
    case .missing, .idx(.missing): .noInput
    case .idx(.file(let error)): code(of: error)
    case .file(let error): code(of: error)
    case .noText, .noFile: .usage
    case .folder: .noInput
    case .captions(let error): code(of: error)
    case .arrays(let error): code(of: error)
    case .table(.file(let error)), .table(.json(.file(let error))), .midi(.file(let error)),
      .matlab(.file(let error)), .sound(.file(let error)), .video(.file(let error)),
      .picture(.file(let error)):
      code(of: error)
    case .idx, .wrongDimensions, .labelOutOfRange, .countMismatch, .gzip, .notUTF8, .tooShort, .changed,
      .otherSymbols, .unknownCharacter, .unknownToModel, .otherEncoding, .table, .unfit, .series, .midi,
      .matlab, .sound, .video, .picture:
      .data
    }
  }

  private static func code(of error: CaptionDataError) -> Code {
    switch error {
    case .files(let error), .json(.file(let error)), .numpy(.file(let error)), .safetensors(.file(let error)):
      code(of: error)
    case .text(let error): code(of: error)
    case .splitLists: .usage
    default: .data
    }
  }

  private static func code(of error: RunError) -> Code {
    switch error {
    case .exists, .notAReproduction, .parentMissing, .cannotCreate, .inUse: .cannotCreate
    case .notARun: .noInput
    case .otherSettings, .cannotExtend: .usage
    case .notSaved: .inputOutput
    case .noCheckpoint: .data
    case .file(let error), .tensors(.file(let error)), .metrics(.file(let error)): code(of: error)
    case .badConfig, .tensors, .notFinite, .badState, .metrics, .unverifiedModel, .otherModel, .badModel:
      .data
    }
  }
}
