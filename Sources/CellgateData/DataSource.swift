/// Where a task's data come from.
public enum DataSource: Sendable, Equatable {
  /// Nothing was said: the data are made, lie where a run's settings say, or are a set in the usual data directory.
  case unspecified
  /// A file of the user's own.
  case file(String)
  /// A folder that holds the files.
  case folder(String)
  /// A set of the catalogue, in a folder of its name below the data directory.
  case set(DataSet, directory: String)

  /// The file's or folder's path; nil where nothing was said.
  public var path: String? {
    switch self {
    case .unspecified: nil
    case .file(let path), .folder(let path): path
    case .set(let set, let directory): directory + "/" + set.name
    }
  }

  /// The folder in which the files of `set` are looked for.
  public func folder(of set: DataSet) -> String { path ?? DataDirectory().path + "/" + set.name }
}

/// What data a task needs.
public enum DataRequirement: Sendable, Equatable {
  /// None: they are made.
  case none
  /// A set of the catalogue.
  case set(DataSet)
  /// A file of the user's own.
  case file
  /// A folder of the user's own.
  case folder

  /// What is meant by a data directory: a set in it, or the file that was given in its place as an option.
  public func source(in directory: DataDirectory) -> DataSource {
    switch self {
    case .none: .unspecified
    case .set(let set): .set(set, directory: directory.path)
    case .file: directory.origin == .option ? .file(directory.path) : .unspecified
    case .folder: directory.origin == .option ? .folder(directory.path) : .unspecified
    }
  }
}
