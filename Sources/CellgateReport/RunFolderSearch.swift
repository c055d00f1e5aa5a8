import CellgateFiles
import CellgateTraining
import Foundation

/// Finds the folders of runs.
enum RunFolderSearch {
  /// How deep below a folder its runs are looked for.
  private static let depth = 6

  /// The folders of runs at each of these paths, each once: a path is a run's folder, or a folder with such folders
  /// somewhere below it. Throws `notARun` for a path without any.
  static func runs(at paths: [String]) throws(RunError) -> [[String]] {
    var found: [[String]] = []
    var known: Set<Paths.Identity> = []
    for path in paths {
      let runs = runs(in: path, depth)
      guard !runs.isEmpty else { throw .notARun(folder: path) }
      found.append(runs.filter { Paths.Identity(of: $0).map { known.insert($0).inserted } ?? false })
    }
    return found
  }

  private static func runs(in path: String, _ depth: Int) -> [String] {
    let config = RunDirectory.configFile(path)
    let hasConfig = RunDirectory.exists(config)
    if hasConfig, namesTask(config) { return [path] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let folders = names.filter { !$0.hasPrefix(".") }
      .sorted { $0.compare($1, options: [.numeric, .caseInsensitive]) == .orderedAscending }
      .map { path.hasSuffix("/") ? path + $0 : path + "/" + $0 }.filter(Paths.isFolder)
    let inner = depth > 0 ? folders.flatMap { runs(in: $0, depth - 1) } : []
    // Settings of something else, a comparison, stand beside runs; settings that stand alone are a damaged run's.
    return inner.isEmpty && hasConfig ? [path] : inner
  }

  private static func namesTask(_ file: String) -> Bool {
    guard let data = FileManager.default.contents(atPath: file),
      let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
    else { return false }
    return object["task"] is String && object["cell"] is String
  }
}
