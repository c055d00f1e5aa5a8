import CellgateBasics

/// The processors that this process may use.
public enum Processors {
  /// How many: those that the system lets it run on (`taskset`), or fewer where its control group has a quota of
  /// processor time (containers), of which a part counts as a whole; at least 1.
  public static var available: Int {
    let limits = ProcessorLimits()
    return count(
      online: ProcessInfo.processInfo.activeProcessorCount, allowed: limits.allowed, quota: limits.quota)
  }

  static func count(online: Int, allowed: Int?, quota: Double?) -> Int {
    let most = max(1, min(online, allowed ?? online))
    guard let quota, quota < Double(most) else { return most }
    return max(1, Int(quota.rounded(.up)))
  }
}

/// What Linux allows this process of the machine's processors. What can't be read or makes no sense limits nothing.
struct ProcessorLimits {
  /// Stands before every path; "" outside of tests.
  var root = ""

  /// How many processors the process may run on; nil where the system doesn't say.
  var allowed: Int? {
    let key = "Cpus_allowed_list:"
    guard let line = lines("/proc/self/status").first(where: { $0.hasPrefix(key) }) else { return nil }
    // "0-3,8".
    var count = 0
    for range in line.dropFirst(key.count).split(separator: ",") {
      let ends = range.split(separator: "-").map { Int($0.trimmed) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, last >= first,
        last < 1 << 20
      else { return nil }
      count += last - first + 1
    }
    return count > 0 ? count : nil
  }

  /// Processors' worth of time that the process may use: the least quota of its control groups and of the groups
  /// above them, of either version; nil without a quota.
  var quota: Double? {
    let groups = lines("/proc/self/cgroup")
    return lines("/proc/self/mountinfo").flatMap { line in
      guard let mount = Mount(line) else { return [Double]() }
      return groups.compactMap { mount.folder(ofGroup: $0) }.flatMap { folder in
        Self.withParents(folder, upTo: mount.point).compactMap { quota(in: $0, version: mount.version) }
      }
    }.min()
  }

  /// A mounted hierarchy of control groups.
  private struct Mount {
    let version: Int
    let point: String
    let root: String

    /// A line of `mountinfo`; nil for other file systems, and hierarchies without the processors' controller.
    init?(_ line: Substring) {
      let halves = line.split(separator: " - ", omittingEmptySubsequences: false)
      guard halves.count == 2 else { return nil }
      let (mount, type) = (halves[0].split(separator: " "), halves[1].split(separator: " "))
      guard mount.count >= 5, let name = type.first else { return nil }
      switch name {
      case "cgroup2": version = 2
      case "cgroup" where type.last?.split(separator: ",").contains("cpu") == true: version = 1
      default: return nil
      }
      root = Self.unescaped(mount[3])
      point = Self.unescaped(mount[4])
    }

    /// The folder of the group in a line of `/proc/self/cgroup`: "ID:CONTROLLERS:PATH".
    func folder(ofGroup line: Substring) -> String? {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      let belongs = version == 2 ? parts[0] == "0" : parts[1].split(separator: ",").contains("cpu")
      guard belongs else { return nil }
      let path = String(parts[2])
      // A container sees its own group as the root of the hierarchy, under its name outside.
      let isBelow = root == "/" || path == root || path.hasPrefix(root + "/")
      let rest = isBelow && !path.contains("..") ? path.dropFirst(root == "/" ? 0 : root.count) : ""
      return point + (rest == "/" ? "" : rest)
    }

    /// Spaces and the like are written as three octal digits.
    private static func unescaped(_ text: Substring) -> String {
      var result = String(text)
      for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        result = result.replacing(code, with: character)
      }
      return result
    }
  }

  private static func withParents(_ folder: String, upTo top: String) -> [String] {
    var folders = [folder]
    while let last = folders.last, last.count > top.count, let slash = last.lastIndex(of: "/") {
      folders.append(String(last[..<slash]))
    }
    return folders
  }

  private func quota(in folder: String, version: Int) -> Double? {
    let words =
      version == 2
      ? (lines(folder + "/cpu.max").first ?? "").split(separator: " ")
      : ["cpu.cfs_quota_us", "cpu.cfs_period_us"].compactMap { lines(folder + "/" + $0).first }
    // "max", or -1, is no limit.
    guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]),
      quota > 0, period > 0, (quota / period).isFinite
    else { return nil }
    return quota / period
  }

  private func lines(_ path: String) -> [Substring] {
    ((try? String(contentsOfFile: root + path, encoding: .utf8)) ?? "").split(separator: "\n")
  }
}
