import CellgateBasics
import CellgateTraining

extension RunDiagnostics {
  /// Those of the run in a folder, or of the runs in the folders inside it: a comparison's in the order of its cells;
  /// empty when nothing was observed. Throws as `init(of:)`.
  public static func all(in folder: String) throws(RunError) -> [RunDiagnostics] {
    if exist(in: folder) { return [try RunDiagnostics(of: folder)] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var runs: [RunDiagnostics] = []
    for run in names.sorted().map({ folder + "/" + $0 }) where exist(in: run) {
      runs.append(try RunDiagnostics(of: run))
    }
    let config = RunDirectory.configFile(folder)
    guard RunDirectory.exists(config),
      let comparison = try? ConfigFile.decode(
        ComparisonSettings.self, RunDirectory.read(config), file: config)
    else { return runs }
    return comparison.cells.flatMap { cell in runs.filter { $0.settings.cell == cell } }
      + runs.filter { !comparison.cells.contains($0.settings.cell) }
  }
}
