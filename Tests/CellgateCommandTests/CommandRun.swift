import CellgateTestSupport
import Foundation
import Testing

/// A finished run of the executable in a folder of its own.
struct CommandRun {
  /// The exit code, or 128 plus the signal that ended the process.
  let status: Int32
  /// Standard output.
  let output: String
  /// Standard error.
  let error: String

  /// The lines of standard error.
  var errorLines: [String] { error.split(separator: "\n").map(String.init) }

  /// Standard output as JSON, one value a line.
  func records() throws -> [[String: Any]] {
    try output.split(separator: "\n").map { line in
      let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
      return try #require(value as? [String: Any], "no object: \(line)")
    }
  }

  /// Standard output as one JSON array of objects.
  func list() throws -> [[String: Any]] {
    let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
    return try #require(value as? [[String: Any]])
  }
}

/// A temporary folder in which the executable is run; removed with the value.
final class Workplace {
  private let scratch: Scratch
  /// The folder's path.
  var path: String { scratch.path }

  init() throws { scratch = try Scratch() }

  /// The executable beside the tests.
  static let executable: String = {
    #if os(macOS)
      let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? Bundle.main
      let folder = bundle.bundleURL.deletingLastPathComponent()
    #else
      let folder = Bundle.main.bundleURL
    #endif
    return folder.appendingPathComponent("cellgate").path
  }()

  /// Starts the executable; its output goes to files in the folder.
  func start(_ arguments: [String], environment: [String: String] = [:]) throws -> StartedCommand {
    try StartedCommand(Self.executable, arguments, in: path, environment: environment)
  }

  /// Runs a line of bash to its end.
  func run(shell line: String) throws -> CommandRun {
    try StartedCommand("/bin/bash", ["-c", line], in: path, environment: [:]).wait()
  }

  /// Runs the executable to its end.
  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> CommandRun {
    try start(arguments, environment: environment).wait()
  }

  /// Runs the executable with arguments as in a shell: words between spaces.
  func run(line: String, environment: [String: String] = [:]) throws -> CommandRun {
    try start(line.split(separator: " ").map(String.init), environment: environment).wait()
  }

  /// A file in the folder as text.
  func text(_ file: String) throws -> String {
    try String(contentsOfFile: path + "/" + file, encoding: .utf8)
  }

  /// A file in the folder as bytes.
  func data(_ file: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path + "/" + file)) }

  /// Whether there is such a file or folder.
  func has(_ file: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + file) }

  /// The names in a folder, sorted.
  func names(in folder: String) -> [String] {
    scratch.names(folder)
  }
}

/// A process that runs.
final class StartedCommand {
  private let process = Process()
  private let ended = DispatchSemaphore(value: 0)
  private let scratch: Scratch
  private let files: (output: String, error: String)

  init(_ executable: String, _ arguments: [String], in folder: String, environment: [String: String]) throws {
    scratch = try Scratch()
    files = (scratch.file("out"), scratch.file("err"))
    for file in [files.output, files.error] { try Data().write(to: URL(fileURLWithPath: file)) }
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ["HOME": folder, "COLUMNS": "100"].merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: files.output))
    let error = try FileHandle(forWritingTo: URL(fileURLWithPath: files.error))
    // A process keeps its handles for longer than it runs, and each later one would have to close them.
    defer { for handle in [output, error] { try? handle.close() } }
    (process.standardOutput, process.standardError) = (output, error)
    process.terminationHandler = { [ended] _ in ended.signal() }
    try process.run()
  }

  /// What standard output holds so far.
  var output: String { (try? String(contentsOfFile: files.output, encoding: .utf8)) ?? "" }

  /// Presses Ctrl-C.
  func interrupt() { _ = Foundation.kill(process.processIdentifier, SIGINT) }

  /// Ends the process at once, wherever it is.
  func kill() { _ = Foundation.kill(process.processIdentifier, SIGKILL) }

  /// Waits until the condition holds or the process has ended; false in the second case.
  func wait(until condition: () -> Bool) -> Bool {
    while process.isRunning {
      if condition() { return true }
      usleep(5_000)
    }
    return condition()
  }

  /// Waits for the end; a process that hangs is killed.
  func wait() throws -> CommandRun {
    if ended.wait(timeout: .now() + 120) == .timedOut {
      kill()
      ended.wait()
    }
    let status = process.terminationStatus
    return CommandRun(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status, output: output,
      error: try String(contentsOfFile: files.error, encoding: .utf8))
  }
}
