import Cellgate
import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Where runs go, and what is said when they are stopped.
enum RunFolders {
  /// Makes a folder of that name below `runs`, which is made if needed, with the first number after it that is free if
  /// there is one already. It is this command's alone, however many start at once.
  static func new(_ name: String) throws(CommandFailure) -> String {
    let folder = try known(name)
    var path = folder, number = 2
    while unsafe mkdir(path, 0o777) != 0 {
      let code = errno
      guard code == EEXIST else {
        throw CommandFailure(
          .cannotCreate, "\(path): cannot create: \(Console.reason(code)); give a folder with --out")
      }
      path = "\(folder)-\(number)"
      number += 1
    }
    return path
  }

  /// The folder of that name below `runs`, which is made if needed; the folder itself may be there.
  static func known(_ name: String) throws(CommandFailure) -> String {
    do throws(FileError) { try Paths.makeFolder("runs") } catch {
      throw CommandFailure(.cannotCreate, "\(error); give a folder with --out")
    }
    return "runs/\(name)"
  }

  /// Says where a run stopped and how it is continued, by `command` or else by resuming, and ends the command.
  static func reportInterruption(
    at step: Int?, folder: String, command: String? = nil, json: Bool
  ) throws -> Never {
    let command = command ?? TypedCommand.resuming(folder)
    if json {
      let record: JSONValue = [
        "record": "interrupted", "step": .optional(step), "directory": .string(folder),
        "resume": .string(command),
      ]
      record.print()
    } else {
      let place = step.map { " after step \(Text.count($0))" } ?? ""
      Console.print("\n  Stopped\(place); everything is saved in \(folder). Continue with:\n")
      Console.print("  \(command)\n")
    }
    try Interruption.check()
    throw CommandFailure(.failed, "stopped")
  }
}
