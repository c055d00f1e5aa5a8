import Cellgate
import Foundation

/// The machine that the numbers are of.
struct Machine: Encodable {
  let command = "machine"
  let processor: String
  let cores: Int
  let isa: String
  let memoryBytes: UInt64
  /// The caches of the first core in bytes, "L1", "L2" and "L3", where the system tells them.
  let caches: [String: Int]

  init() {
    cores = ProcessInfo.processInfo.activeProcessorCount
    isa = "\(InstructionSet.active)"
    memoryBytes = ProcessInfo.processInfo.physicalMemory
    let names = Self.lines("/proc/cpuinfo").filter { $0.hasPrefix("model name") }
    processor =
      names.first.flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) }
      ?? "unknown"
    caches = Self.caches()
  }

  private static func lines(_ path: String) -> [Substring] {
    ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
  }

  private static func caches() -> [String: Int] {
    var sizes: [String: Int] = [:]
    for index in 0..<8 {
      let folder = "/sys/devices/system/cpu/cpu0/cache/index\(index)/"
      guard let level = lines(folder + "level").first, let type = lines(folder + "type").first,
        let size = lines(folder + "size").first, type != "Instruction", let number = Int(size.dropLast())
      else { continue }
      sizes["L\(level)"] = number * (size.hasSuffix("M") ? 1 << 20 : 1 << 10)
    }
    return sizes
  }
}

/// A process's memory.
struct ResidentSize {
  /// Bytes in use, and the most that were.
  let now, peak: Int

  init() throws(GridError) {
    #if os(Linux)
      let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
      func bytes(_ key: String) throws(GridError) -> Int {
        for line in status.split(separator: "\n") where line.hasPrefix(key + ":") {
          if let number = Int(line.split(whereSeparator: \.isWhitespace)[1]) { return number << 10 }
        }
        throw GridError("/proc/self/status: expected \(key)")
      }
      now = try bytes("VmRSS")
      peak = try bytes("VmHWM")
    #else
      throw GridError("memory: measured on Linux only")
    #endif
  }
}
