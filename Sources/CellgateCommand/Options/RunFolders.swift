import Cellgate
import Foundation

/// Where runs go, and what is said when they are stopped.
enum RunFolders {
  /// The folder of that name below `runs`, which is made if needed, with a number behind it if there is one
  /// already.
  static func new(_ name: String) throws(CommandFailure) -> String {
    let folder = try known(name)
    var path = folder, number = 2
    while FileManager.default.fileExists(atPath: path) {
      path = "\(folder)-\(number)"
      number += 1
    }
    return path
  }

  /// The folder of that name below `runs`, which is made if needed; the folder itself may be there.
  static func known(_ name: String) throws(CommandFailure) -> String {
    do {
      try FileManager.default.createDirectory(atPath: "runs", withIntermediateDirectories: true)
    } catch {
      throw CommandFailure(.cannotCreate, "runs: cannot create: \(reason(error)); give a folder with --out")
    }
    return "runs/\(name)"
  }

  /// Why the system refused.
  static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return underlying.map { Console.reason(Int32($0.code)) } ?? "not allowed"
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
