import CellgateBasics
import CellgateCells
import CellgateTensor
import CellgateTraining

/// The machine that numbers were measured on.
public struct Machine: Codable, Equatable, Sendable {
  /// The processor's name; "unknown" where the system doesn't say.
  public var processor: String
  /// Cores that this process may use.
  public var cores: Int
  /// The set of vector instructions in use: "avx512".
  public var instructionSet: String
  /// Memory in bytes that this process may use.
  public var memoryBytes: Double
  /// The operating system and its version.
  public var system: String

  /// This one.
  public static var current: Machine {
    Machine(
      processor: processorName, cores: Processors.available,
      instructionSet: "\(InstructionSet.active)", memoryBytes: MemoryEstimate.available,
      system: ProcessInfo.processInfo.operatingSystemVersionString)
  }

  private static var processorName: String {
    #if os(macOS)
      var size = 0
      guard unsafe sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0) == 0, size > 1 else {
        return "unknown"
      }
      var bytes = [UInt8](repeating: 0, count: size)
      guard unsafe sysctlbyname("machdep.cpu.brand_string", &bytes, &size, nil, 0) == 0 else {
        return "unknown"
      }
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    #else
      let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
      let name = line?.split(separator: ":", maxSplits: 1).last?.trimmed
      return name ?? "unknown"
    #endif
  }
}

/// This version of Cellgate.
public enum CellgateVersion {
  /// "0.1.0".
  public static let current = "0.1.0"
}
