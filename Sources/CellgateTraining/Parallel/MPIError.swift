/// Why processes that `mpirun` started can't train together.
public enum MPIError: Error, Equatable {
  /// The package was built without its trait MPI.
  case notBuilt
  /// No library of MPI can be opened.
  case noLibrary(names: [String], reason: String)
  /// A library lacks a function.
  case missing(library: String, function: String)
  /// The library doesn't start.
  case refused(library: String, status: Int)
}

extension MPIError: CustomStringConvertible {
  /// One line.
  public var description: String {
    switch self {
    case .notBuilt:
      "mpirun: expected a program with MPI, found one without: swift build -c release --traits MPI"
    case .noLibrary(let names, let reason):
      "mpirun: expected the library \(names.joined(separator: " or ")), or its path in CELLGATE_MPI, found none: \(reason)"
    case .missing(let library, let function):
      "\(library): expected a library of MPI with the function \(function), found none"
    case .refused(let library, let status):
      "\(library): expected MPI to start, found error \(status)"
    }
  }
}
