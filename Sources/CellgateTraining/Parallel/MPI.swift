import CellgateBasics
import CellgateNN

/// The processes that `mpirun` started, on one machine or many.
///
/// Open MPI and MPICH are opened at run time, whichever started the process, by a package that was built with the trait MPI.
public enum MPI {
  /// How many of the processes are on this machine; 1 where that isn't known.
  public static var processesHere: Int {
    for name in ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"] {
      if let count = variable(name).flatMap({ Int($0) }), count > 0 { return count }
    }
    return 1
  }

  /// The processes, once each of them has called this; nil for a process alone. To be left with `end` before the process exits: one that
  /// exits otherwise ends all.
  public static func join() throws(MPIError) -> (any ProcessGroup)? {
    guard let kind else { return nil }
    #if MPI
      let group = try MPIGroup(names: variable("CELLGATE_MPI").map { [$0] } ?? kind.libraries)
      if group.count > 1 { return group }
      group.end()
      return nil
    #else
      if kind.count == 1 { return nil }
      throw .notBuilt
    #endif
  }

  /// Leaves a group, once each of its processes has called this.
  public static func end(_ group: any ProcessGroup) {
    #if MPI
      (group as? MPIGroup)?.end()
    #endif
  }

  /// Whose `mpirun` it was: the names of its library, and how many processes there are where that is known.
  private static var kind: (libraries: [String], count: Int?)? {
    if let size = variable("OMPI_COMM_WORLD_SIZE") { return (["libmpi.so.40", "libmpi.so"], Int(size)) }
    if let size = variable("PMI_SIZE") {
      return (["libmpich.so.12", "libmpi.so.12", "libmpich.so"], Int(size))
    }
    if variable("PMIX_RANK") != nil { return (["libmpi.so.40", "libmpi.so"], nil) }
    return nil
  }

  private static func variable(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }
}
