import CellgateBasics
import CellgateFiles
import CellgateTraining

/// Puts the folders of a comparison's or reproduction's shards together into one, which then goes on like any other.
///
/// Runs that have ended are copied; what is not complete stays where it is, and may be made there and merged later. A run
/// that several folders have is taken from the first. Merging again into the same folder adds what is new.
public struct FolderMerge {
  /// What the folders are parts of.
  public enum Subject: Sendable, Equatable {
    case comparison(ComparisonSettings)
    case reproduction(Experiment)

    /// What the folder is one of. Throws `notARun`, `badConfig` or `file`.
    public init(of folder: String) throws(RunError) {
      if let experiment = try Reproduction.experiment(of: folder) {
        self = .reproduction(experiment)
      } else {
        self = .comparison(try Comparison.settings(of: folder))
      }
    }

    private var cells: String {
      switch self {
      case .comparison(let settings): settings.cells.joined(separator: ",")
      case .reproduction(let experiment): experiment.cells.joined(separator: ",")
      }
    }
    private var seeds: Int {
      switch self {
      case .comparison(let settings): settings.seeds
      case .reproduction(let experiment): experiment.seeds
      }
    }

    /// What keeps two folders from being parts of one: the first setting that differs.
    fileprivate func firstDifference(from other: Subject) -> (name: String, own: String, other: String)? {
      let difference: (name: String, own: String, other: String)? =
        switch (self, other) {
        case (.comparison(let own), .comparison(let other)): own.firstDifference(from: other)
        case (.reproduction(let own), .reproduction(let other)): own.firstDifference(from: other)
        case (.comparison, .reproduction): ("command", "compare", "reproduce")
        case (.reproduction, .comparison): ("command", "reproduce", "compare")
        }
      if let difference { return difference }
      if cells != other.cells { return ("cells", cells, other.cells) }
      return seeds == other.seeds ? nil : ("seeds", "\(seeds)", "\(other.seeds)")
    }
  }

  /// What the folders are parts of.
  public let subject: Subject
  /// The names of the runs that were copied now.
  public private(set) var copied: [String] = []

  /// Puts what has ended in some folders into another, new or of an earlier merge. Nothing in `folders` changes. Throws
  /// `otherSettings` for folders of different settings, `notARun`, `exists`, `inUse`, `badConfig`, `cannotCreate` or `file`.
  public init(_ folders: [String], into path: String) throws(RunError) {
    require(!folders.isEmpty, "FolderMerge: expected one or more folders, found none")
    let subjects = try folders.map { (folder) throws(RunError) in try Subject(of: folder) }
    subject = subjects[0]
    for (folder, other) in zip(folders, subjects) { try Self.check(subject, other, folder: folder) }
    let files = [RunDirectory.configFile(path), path + "/experiment.json"]
    let isThere = files.contains(where: RunDirectory.exists)
    if isThere {
      try Self.check(subject, Subject(of: path), folder: path)
    } else {
      try FolderLock.makeFolder(path)
    }
    let lock = try FolderLock(path)
    try withExtendedLifetime(lock) { () throws(RunError) in
      try writeSettings(to: path)
      for folder in folders { try copyRuns(from: folder, to: path) }
      if case .reproduction = subject { try mergeResults(of: folders, in: path) }
    }
  }

  private static func check(_ own: Subject, _ other: Subject, folder: String) throws(RunError) {
    guard let (name, expected, found) = own.firstDifference(from: other) else { return }
    throw .otherSettings(folder: folder, setting: name, expected: expected, found: found)
  }

  private func writeSettings(to path: String) throws(RunError) {
    do throws(FileError) {
      try AtomicFile.removeLeftovers(in: path)
      switch subject {
      case .comparison(let settings):
        try AtomicFile.write(settings.encoded(), to: RunDirectory.configFile(path))
      case .reproduction(let experiment):
        try AtomicFile.write(ConfigFile.encode(experiment), to: path + "/experiment.json")
      }
    } catch { throw .file(error) }
  }

  /// Whether the run in a folder has its result, or has diverged.
  private static func hasEnded(_ run: String) -> Bool {
    RunDirectory.exists(RunDirectory.configFile(run))
      && (RunDirectory.exists(run + "/result.json") || RunDirectory.exists(RunDirectory.divergenceFile(run)))
  }

  private mutating func copyRuns(from folder: String, to path: String) throws(RunError) {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
      throw .file(.cannotOpen(file: folder, reason: "cannot be listed"))
    }
    for name in names where Self.hasEnded(folder + "/" + name) && !Self.hasEnded(path + "/" + name) {
      // A copy that is cut off has another name, and is made again.
      let target = path + "/" + name, part = target + ".part"
      do {
        for old in [part, target] where RunDirectory.exists(old) {
          try FileManager.default.removeItem(atPath: old)
        }
        try FileManager.default.copyItem(atPath: folder + "/" + name, toPath: part)
        try FileManager.default.moveItem(atPath: part, toPath: target)
      } catch {
        let source = quotedName(folder + "/" + name)
        throw .file(.cannotWrite(file: target, reason: "cannot be copied from \(source)"))
      }
      copied.append(name)
    }
  }

  /// What the shards' searches found, as one search; and how long all took together.
  private func mergeResults(of folders: [String], in path: String) throws(RunError) {
    var search: SearchResults?
    var results: ReproductionResults?
    var seconds = 0.0
    // What earlier merges found stays.
    for folder in [path] + folders {
      if RunDirectory.exists(folder + "/search.json") {
        let file = folder + "/search.json"
        let own = try ConfigFile.decode(SearchResults.self, RunDirectory.read(file), file: file)
        search = search.map { $0.merged(with: own) } ?? own
      }
      let file = folder + "/results.json"
      guard RunDirectory.exists(file) else { continue }
      let own = try ConfigFile.decode(ReproductionResults.self, RunDirectory.read(file), file: file)
      if folder != path { seconds += own.wallSeconds }
      results = results ?? own
    }
    if let known = results?.wallSeconds { results?.wallSeconds = max(seconds, known) }
    do throws(FileError) {
      if let search { try AtomicFile.write(search.encoded(), to: path + "/search.json") }
      if let results { try AtomicFile.write(results.encoded(), to: path + "/results.json") }
    } catch { throw .file(error) }
  }
}

extension SearchResults {
  /// The searches of both; of one that both have, the one that is over, or else the first.
  fileprivate func merged(with other: SearchResults) -> SearchResults {
    var all = self
    for cell in other.cells {
      let isSame = { (own: SearchedCell) in own.trials.map(\.run) == cell.trials.map(\.run) }
      if let place = all.cells.firstIndex(where: isSame) {
        if all.cells[place].chosen == nil { all.cells[place] = cell }
      } else {
        all.cells.append(cell)
      }
    }
    all.complete = all.cells.allSatisfy { $0.chosen != nil }
    return all
  }
}
