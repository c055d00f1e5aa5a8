import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateTasks
import CellgateTraining

extension Report {
  /// Reads runs of the tasks there are, with samples from `data`; a text of the user's own is looked for where it was,
  /// unless `data` was given and is a file. A run with a file that is wrong is left out; where that leaves none the first
  /// error is thrown. Throws `notARun` for a folder without runs.
  public init(
    of folders: [String], cells: [Cell] = Cell.all, data: DataDirectory = DataDirectory(),
    trustingWeights: Bool = false
  ) throws(RunError) {
    try self.init(of: folders, tasks: Tasks.all, cells: cells, trustingWeights: trustingWeights) { task in
      let source = Tasks.source(of: data, for: task)
      guard case .file(let path) = source else { return source }
      return FileManager.default.fileExists(atPath: path) && !Paths.isFolder(path) ? source : .unspecified
    }
  }
}
