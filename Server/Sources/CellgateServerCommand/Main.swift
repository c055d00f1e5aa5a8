import AgentMemory
import ArgumentParser
import CellgateService
import CoreMetrics
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `cellgate-server`: models as a service.
@main struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cellgate-server",
    abstract: "Serve models over HTTP.",
    discussion: """
      Each MODEL is a model's file or the folder of a run; NAME=MODEL gives it a name, else it has that of the file or folder. It \
      is loaded once: a file that is replaced later changes nothing until the service begins anew.

      Without --keys every key is accepted, and only the local host is listened on, unless --open says otherwise. \
      Options stand above --config, whose JSON has the names that a wrong name is answered with.

      EXAMPLES:
        cellgate-server model.safetensors
        cellgate-server text=runs/text-lstm-wm sensors=runs/forecast-gru
        cellgate-server model.safetensors --keys keys.txt --host 0.0.0.0
        cellgate-server model.safetensors --store sessions --config server.json
        cellgate-server --memory memory.sqlite --memory-encoder runs/encoder-lstm
      """)

  @Argument(help: ArgumentHelp("Models' files, or folders of runs.", valueName: "model"))
  var models: [String] = []

  @Option(help: "The address to listen on; 127.0.0.1 if you leave it out.")
  var host: String?

  @Option(help: "The port to listen on; 8080 if you leave it out, 0 for a free one.")
  var port: Int?

  @Option(help: ArgumentHelp("A file of API keys, a line each: KEY [NAME [UNTIL]].", valueName: "file"))
  var keys: String?

  @Option(help: ArgumentHelp("A JSON file of settings.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp("A folder for sessions that stand still; made if it isn't there.", valueName: "folder")
  )
  var store: String?

  @Option(
    help: ArgumentHelp(
      "A file for an agent's memory, served under /v1/memory; made if it isn't there.", valueName: "file"))
  var memory: String?

  @Option(
    help: ArgumentHelp(
      "The model of 'cellgate train encoder' that makes the memory's vectors; hashed words if you leave it out.",
      valueName: "model"))
  var memoryEncoder: String?

  @Option(help: ArgumentHelp("The most sessions.", valueName: "n"))
  var sessions: Int?

  @Option(
    help: ArgumentHelp("Seconds without a step after which a session is moved to --store.", valueName: "x"))
  var sessionIdle: Double?

  @Option(help: ArgumentHelp("Sequences that are stepped together.", valueName: "n"))
  var batch: Int?

  @Option(
    help: ArgumentHelp(
      "Batches of a model that are stepped side by side, each on a thread. Changes no result.", valueName: "n"
    ))
  var lanes: Int?

  @Option(
    help: ArgumentHelp("What is logged: debug, info, warning or error, and more.", valueName: "level"))
  var log: String = "info"

  @Flag(help: "Listen on other addresses than the local host's without --keys as well.")
  var open = false

  @Flag(help: "Load models without the checksum of their bytes.")
  var trustWeights = false

  func run() async throws {
    do { try await serve() } catch let error as ServiceSetupError {
      try? FileHandle.standardError.write(contentsOf: Data("cellgate-server: \(error)\n".utf8))
      throw ExitCode(65)
    }
  }

  private func settings() throws -> ServiceSettings {
    var settings = ServiceSettings()
    if let config { try settings.read(config) }
    if let host { settings.host = host }
    if let port {
      guard (0...65_535).contains(port) else {
        throw ValidationError("--port: expected 0 to 65535, found \(port)")
      }
      settings.port = port
    }
    if let keys { settings.keys = keys }
    if let store { settings.store = store }
    if let memory { settings.memory = memory }
    if let memoryEncoder { settings.memoryEncoder = memoryEncoder }
    guard settings.memoryEncoder == nil || settings.memory != nil else {
      throw ValidationError("--memory-encoder: expected --memory as well")
    }
    if open { settings.open = true }
    for (name, value, place, range) in [
      ("--sessions", sessions, \ServiceSettings.sessions, 0...1 << 24),
      ("--batch", batch, \ServiceSettings.batch, 1...4096),
      ("--lanes", lanes, \ServiceSettings.lanes, 1...256),
    ] {
      guard let value else { continue }
      guard range.contains(value) else {
        throw ValidationError("\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
      }
      settings[keyPath: place] = value
    }
    if let sessionIdle {
      guard sessionIdle > 0, sessionIdle.isFinite else {
        throw ValidationError("--session-idle: expected seconds above 0, found \(sessionIdle)")
      }
      settings.sessionIdleSeconds = sessionIdle
    }
    guard !models.isEmpty || settings.memory != nil else {
      throw ValidationError("expected a model, or --memory, found neither")
    }
    guard settings.keys != nil || settings.open || settings.isLocal else {
      throw ValidationError(
        "--host: expected the local host without --keys, found \(settings.host); --open serves everyone")
    }
    return settings
  }

  /// The routes of the agent's memory; none without one.
  private func memoryEndpoints(_ settings: ServiceSettings) throws -> [Endpoint] {
    guard let path = settings.memory else { return [] }
    do throws(MemoryError) {
      var options = MemoryStore.Options()
      if let encoder = settings.memoryEncoder { options.encoder = try ModelEncoder(encoder) }
      return MemoryRoutes(try MemoryStore(path, options: options), settings: settings).endpoints
    } catch { throw ServiceSetupError.store("\(error)") }
  }

  private func serve() async throws {
    guard let level = Logger.Level(rawValue: log) else {
      throw ValidationError(
        "--log: expected one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")), found '\(log)'"
      )
    }
    let settings = try settings()
    let metrics = ServiceMetrics()
    MetricsSystem.bootstrap(metrics.registry)
    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    var logger = Logger(label: "cellgate-server")
    logger.logLevel = level
    let keys = try settings.keys.map { try APIKeys(file: $0) }
    let served = try models.map { argument in
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      let hasName = parts.count == 2 && !parts[0].contains("/")
      let path = hasName ? parts[1] : argument
      let model = try ServedModel(
        id: hasName ? parts[0] : ModelList.name(of: path), path: path, settings: settings, metrics: metrics,
        now: Int(Date().timeIntervalSince1970), trustingWeights: trustWeights)
      logger.info("loaded", metadata: ["model": "\(model.id)", "kind": "\(model.kind)"])
      return model
    }
    let service = try CellgateService(
      models: ModelList(served), settings: settings, keys: keys, metrics: metrics, logger: logger,
      endpoints: memoryEndpoints(settings))
    // What a client that went away is sent would end the process.
    signal(SIGPIPE, SIG_IGN)
    var configuration = ServiceGroupConfiguration(
      services: [service.application], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(settings.shutdownSeconds)
    try await ServiceGroup(configuration: configuration).run()
  }
}
