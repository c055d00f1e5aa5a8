import AgentMemory
import Foundation

/// Times a store, or writes to one and says what was acknowledged:
///
///     swift run -c release --package-path Server agent-memory-probe measure 1000000
///     agent-memory-probe write memory.sqlite 1000
@main
enum Probe {
  static func main() {
    do { try run(CommandLine.arguments.dropFirst()) } catch {
      FileHandle.standardError.write(Data("agent-memory-probe: \(error)\n".utf8))
      exit(74)
    }
  }

  private static func run(_ arguments: ArraySlice<String>) throws {
    switch (arguments.first, arguments.count) {
    case ("write", 3):
      let count = Int(arguments[3]) ?? 0
      try write(arguments[2], count)
    case ("measure", 2...3):
      let folder = arguments.count == 3 ? arguments[3] : NSTemporaryDirectory()
      try Measurement(messages: Int(arguments[2]) ?? 0, folder: folder).run()
    default:
      FileHandle.standardError.write(
        Data("usage: agent-memory-probe write FILE COUNT | measure MESSAGES [FOLDER]\n".utf8))
      exit(64)
    }
  }

  /// Stores messages one by one and prints the number of each once it is stored.
  private static func write(_ file: String, _ count: Int) throws {
    let memory = try MemoryStore(file)
    try memory.createSession("kill")
    for number in 0..<count {
      let stored = try memory.append(
        [MessageDraft(role: "tool", content: "message number\(number) of the test")], to: "kill")
      FileHandle.standardOutput.write(Data("\(stored[0].id) \(number)\n".utf8))
    }
  }
}
