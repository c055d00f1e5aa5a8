import CellgateBasics

/// The folder that holds the data sets, each in a folder of its own name.
public struct DataDirectory: Sendable, Equatable {
  /// What chose the folder.
  public enum Origin: Sendable, Equatable { case option, environment, cache }

  /// The folder's path.
  public let path: String
  /// What chose it.
  public let origin: Origin

  /// The folder given by `--data`, else by `$CELLGATE_DATA`, else `cellgate` in the user's cache directory:
  /// `$XDG_CACHE_HOME` or `~/.cache` on Linux, `~/Library/Caches` on macOS. Empty texts count as not given.
  public init(
    option: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    if let option, !option.isEmpty {
      (path, origin) = (option, .option)
    } else if let set = environment["CELLGATE_DATA"], !set.isEmpty {
      (path, origin) = (set, .environment)
    } else {
      (path, origin) = (Self.cacheDirectory(environment) + "/cellgate", .cache)
    }
  }

  /// The path of a data set's file.
  public func path(of file: DataFile) -> String { path + "/" + file.path }

  private static func cacheDirectory(_ environment: [String: String]) -> String {
    let home =
      environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
      ?? FileManager.default.homeDirectoryForCurrentUser.path
    #if os(macOS)
      return home + "/Library/Caches"
    #else
      // The XDG specification has relative paths ignored.
      if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return cache }
      return home + "/.cache"
    #endif
  }
}
