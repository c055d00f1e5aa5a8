import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTensor

@Suite struct ProcessorsTests {
  @Test("There is one at least, and no more than the machine has")
  func here() {
    #expect(Processors.available >= 1)
    #expect(Processors.available <= ProcessInfo.processInfo.processorCount)
  }

  @Test("A quota counts up to the next whole processor, and is never more than what is allowed")
  func counts() {
    #expect(Processors.count(online: 8, allowed: nil, quota: nil) == 8)
    #expect(Processors.count(online: 8, allowed: 3, quota: nil) == 3)
    #expect(Processors.count(online: 8, allowed: 64, quota: nil) == 8)
    #expect(Processors.count(online: 8, allowed: 8, quota: 2) == 2)
    #expect(Processors.count(online: 8, allowed: 8, quota: 2.5) == 3)
    #expect(Processors.count(online: 8, allowed: 2, quota: 2.5) == 2)
    #expect(Processors.count(online: 8, allowed: nil, quota: 0.01) == 1)
    #expect(Processors.count(online: 8, allowed: nil, quota: 1e300) == 8)
    #expect(Processors.count(online: 0, allowed: 0, quota: nil) == 1)
  }

  @Test(
    "The processors that a process may run on are a list of ranges",
    arguments: [
      ("0-1", 2), ("3", 1), ("0-3,8,10-11", 7), ("", nil), ("x", nil), ("3-1", nil), ("-1", nil),
      ("0-99999999999999999999", nil),
    ])
  func allowed(list: String, count: Int?) throws {
    let files = ["/proc/self/status": "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\n"]
    #expect(try limits(files) { $0.allowed } == count)
  }

  /// What the limits are where the system has these files.
  private func limits<Limit>(_ files: [String: String], _ limit: (ProcessorLimits) -> Limit?) throws -> Limit?
  {
    let scratch = try Scratch()
    for (path, text) in files { try scratch.write(Array(text.utf8), as: path) }
    return withExtendedLifetime(scratch) { limit(ProcessorLimits(root: scratch.path)) }
  }

  private func quota(_ files: [String: String]) throws -> Double? { try limits(files) { $0.quota } }

  private static let second =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

  @Test("Control groups of version 2: the least quota of the group and of those above it")
  func secondVersion() throws {
    var files = ["/proc/self/mountinfo": Self.second, "/proc/self/cgroup": "0::/a/b\n"]
    #expect(try quota(files) == nil)
    files["/sys/fs/cgroup/a/b/cpu.max"] = "max 100000\n"
    #expect(try quota(files) == nil)
    files["/sys/fs/cgroup/a/cpu.max"] = "250000 100000\n"
    #expect(try quota(files) == 2.5)
    files["/sys/fs/cgroup/a/b/cpu.max"] = "50000 100000\n"
    #expect(try quota(files) == 0.5)
    // A container: its group is the root.
    #expect(
      try quota([
        "/proc/self/mountinfo": Self.second, "/proc/self/cgroup": "0::/\n",
        "/sys/fs/cgroup/cpu.max": "300000 100000",
      ]) == 3)
  }

  @Test("Control groups of version 1, also where a container's group is mounted as the root")
  func firstVersion() throws {
    let cpu = "/sys/fs/cgroup/cpu,cpuacct"
    var files = [
      "/proc/self/mountinfo": """
      25 17 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
      32 25 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
      33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
      34 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

      """,
      "/proc/self/cgroup": "5:cpuset:/x\n4:cpu,cpuacct:/docker/7\n0::/\n",
      cpu + "/cpu.cfs_quota_us": "-1\n", cpu + "/cpu.cfs_period_us": "100000\n",
      cpu + "/docker/7/cpu.cfs_quota_us": "400000\n", cpu + "/docker/7/cpu.cfs_period_us": "100000\n",
    ]
    #expect(try quota(files) == 4)
    files["/proc/self/mountinfo"] =
      "33 25 0:29 /docker/7 /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    files[cpu + "/cpu.cfs_quota_us"] = "150000\n"
    #expect(try quota(files) == 1.5)
  }

  @Test(
    "What makes no sense limits nothing",
    arguments: [
      "", "max", "100000", "x y", "0 100000", "-5 100000", "100000 0", "1 2 3", "nan 100000", "1e400 1",
    ])
  func nonsense(text: String) throws {
    let files = [
      "/proc/self/mountinfo": "x\n - \n1 2 3 - cgroup2\n" + Self.second,
      "/proc/self/cgroup": "0\n::\n0::/../../etc\n", "/sys/fs/cgroup/cpu.max": text,
    ]
    #expect(try quota(files) == nil)
  }
}
