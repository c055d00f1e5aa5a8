import Cellgate
import Foundation

/// Where runs go, and how they are continued.
enum RunFolders {
  /// The folder of that name below `runs`, with a number behind it if there is one already.
  static func new(_ name: String) -> String {
    let folder = "runs/\(name)"
    var path = folder, number = 2
    while FileManager.default.fileExists(atPath: path) {
      path = "\(folder)-\(number)"
      number += 1
    }
    return path
  }

  /// The command that was typed, with what makes it continue the run in a folder.
  static func resumeCommand(_ folder: String) -> String {
    var words = CommandLine.arguments
    let hasFolder = words.contains { $0 == "--out" || $0.hasPrefix("--out=") }
    if !hasFolder { words += ["--out", folder] }
    if !words.contains("--resume") { words.append("--resume") }
    return words.map(Text.shellWord).joined(separator: " ")
  }
}
