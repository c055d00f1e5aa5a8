import CellgateBasics
import CellgateFiles
import CellgateTraining

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
      .sorted(by: naturallyPrecedes)
      .map { path.hasSuffix("/") ? path + $0 : path + "/" + $0 }.filter(Paths.isFolder)
    let inner = depth > 0 ? folders.flatMap { runs(in: $0, depth - 1) } : []
    // Settings of something else, a comparison, stand beside runs; settings that stand alone are a damaged run's.
    return inner.isEmpty && hasConfig ? [path] : inner
  }

  /// What every run's settings name.
  private struct TaskAndCell: Decodable {
    let task: String, cell: String
  }

  private static func namesTask(_ file: String) -> Bool {
    guard let data = FileManager.default.contents(atPath: file),
      (try? JSONDecoder().decode(TaskAndCell.self, from: data)) != nil
    else { return false }
    return true
  }
}
