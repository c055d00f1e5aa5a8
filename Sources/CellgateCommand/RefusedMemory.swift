import Cellgate
import CellgateTensor

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Memory that the system refuses: it ends the command with one line that says how much was asked for.
enum RefusedMemory {
  /// From now on.
  static func endInOneLine() {
    MemoryRefusal.end { bytes in
      Console.printError(
        "cellgate: the system refused \(Text.bytes(Double(bytes))) of memory (\(bytes) bytes)")
      _exit(CommandFailure.Code.system.rawValue)
    }
    // What isn't a tensor's memory Swift asks for, which prints such a line itself before it aborts.
    signal(SIGABRT) { _ in _exit(CommandFailure.Code.system.rawValue) }
  }
}
