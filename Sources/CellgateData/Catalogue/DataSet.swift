import CellgateBasics
import CellgateFiles

/// One file of a data set: where it lies in the data directory, and what it must be.
public struct DataFile: Sendable, Equatable {
  /// The path below the data directory and, its last part, below a mirror's address.
  public let path: String
  /// The SHA-256 digest, 64 lower-case hexadecimal digits.
  public let sha256: String
  /// The size in bytes.
  public let bytes: Int

  /// A file and what it must be.
  public init(path: String, sha256: String, bytes: Int) {
    self.path = path
    self.sha256 = sha256
    self.bytes = bytes
  }

  /// The last part of the path.
  public var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// A data set of the catalogue: its files, where they come from and under what terms.
///
/// To add one, write a file beside `DataSet+MNIST.swift` and name it in `all`.
public struct DataSet: Sendable, Equatable {
  /// The name on the command line, also the folder in the data directory.
  public let name: String
  /// One line for the list.
  public let summary: String
  /// Its authors and the terms of use.
  public let licence: String
  /// The files, in the order they are fetched.
  public let files: [DataFile]
  /// Addresses of folders that hold the files, each with a slash at its end, the preferred one first.
  public let mirrors: [String]

  /// An entry of the catalogue.
  public init(name: String, summary: String, licence: String, files: [DataFile], mirrors: [String]) {
    self.name = name
    self.summary = summary
    self.licence = licence
    self.files = files
    self.mirrors = mirrors
  }

  /// The catalogue.
  public static let all: [DataSet] = [.mnist, .ptb]

  /// The data set of this name; throws `DataError.unknownSet` with the names there are.
  public static func named(_ name: String) throws(DataError) -> DataSet {
    guard let set = all.first(where: { $0.name == name }) else {
      throw .unknownSet(name: name, known: all.map(\.name))
    }
    return set
  }

  /// The size of all files in bytes.
  public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }
}
