import Cellgate

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a service is allowed to take and to hold. Every value has a default; `--config FILE.json` sets them by the names below
/// in snake case.
public struct ServiceSettings: Sendable, Equatable {
  /// Where the service listens.
  public var host = "127.0.0.1"
  /// The port; 0 for one that the system chooses.
  public var port = 8080
  /// The file with the API keys; nil where every key is accepted.
  public var keys: String?
  /// Whether other machines may ask without a key.
  public var open = false
  /// The folder that sessions are kept in; nil where they are in memory alone.
  public var store: String?

  /// The file of an agent's memory, made if it isn't there; nil for no memory.
  public var memory: String?
  /// The model of `cellgate train encoder` that makes the memory's vectors; nil for hashed words.
  public var memoryEncoder: String?

  /// The most bytes of a request's body.
  public var bodyBytes = 4 << 20
  /// The most tokens that a request may have and ask for, all its texts together.
  public var tokens = 8192
  /// The most texts, rows or choices of a request.
  public var items = 10_000
  /// Seconds that a request may take.
  public var seconds = 60.0
  /// Seconds after `seconds` within which a stream must have been read.
  var readingSeconds = 10.0
  /// Seconds that a connection may stand idle.
  public var idleSeconds = 60.0
  /// Seconds that streams may still take when the service is asked to end.
  public var shutdownSeconds = 30.0
  /// The most connections at a time; more wait to be accepted.
  public var connections = 1024

  /// The most sequences of a model that wait or are stepped; more get 429.
  public var queue = 1024
  /// The most sequences that are stepped together.
  public var batch = 64
  /// Batches of a model that are stepped side by side, each on a thread of its own.
  public var lanes = 1
  /// The most predictions of a model that wait; more get 429.
  public var predictions = 16

  /// The most sessions, those on the disk included; more get 429.
  public var sessions = 10_000
  /// Seconds without a step after which a session is moved to the store.
  public var sessionIdleSeconds = 300.0
  /// Seconds without a step after which a session ends.
  public var sessionLifeSeconds = 86_400.0

  /// The defaults.
  public init() {}

  /// Whether the service listens on the local host alone.
  public var isLocal: Bool { AccessMiddleware.isLocal(host) }

  /// Reads a JSON file into settings that are set already; paths in it are taken as they stand. Throws `config`.
  public mutating func read(_ path: String) throws(ServiceSetupError) {
    let tree: JSONTree
    do throws(JSONError) { tree = try JSONTree(path: path) } catch { throw .config("\(error)") }
    guard let members = tree.object else { throw .config("\(path): expected an object of settings") }
    for member in members {
      func bad(_ expected: String) -> ServiceSetupError {
        .config("\(path): \(member.key): expected \(expected), found \(String(member.value.text.prefix(80)))")
      }
      if let place = Self.texts[member.key] {
        guard let text = member.value.string else { throw bad("a text") }
        self[keyPath: place] = text
      } else if member.key == "host" {
        guard let text = member.value.string else { throw bad("a text") }
        host = text
      } else if member.key == "open" {
        guard let value = member.value.bool else { throw bad("true or false") }
        open = value
      } else if let (place, range) = Self.numbers[member.key] {
        guard let value = member.value.integer, range.contains(value) else {
          throw bad("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        self[keyPath: place] = value
      } else if let place = Self.seconds[member.key] {
        guard let value = member.value.number, value > 0, value <= 1e9 else {
          throw bad("a number of seconds above 0")
        }
        self[keyPath: place] = value
      } else {
        throw .config(
          "\(path): expected settings (\(Self.names.joined(separator: ", "))), found '\(member.key.prefix(80))'"
        )
      }
    }
  }

  private static let texts: [String: any WritableKeyPath<ServiceSettings, String?> & Sendable] = [
    "keys": \.keys, "store": \.store, "memory": \.memory, "memory_encoder": \.memoryEncoder,
  ]
  private static let numbers:
    [String: (any WritableKeyPath<ServiceSettings, Int> & Sendable, ClosedRange<Int>)] = [
      "port": (\.port, 0...65_535), "body_bytes": (\.bodyBytes, 1024...1 << 30),
      "tokens": (\.tokens, 1...1 << 24), "items": (\.items, 1...1 << 20),
      "connections": (\.connections, 1...1 << 20), "queue": (\.queue, 1...1 << 20),
      "batch": (\.batch, 1...4096), "lanes": (\.lanes, 1...256), "predictions": (\.predictions, 1...4096),
      "sessions": (\.sessions, 0...1 << 24),
    ]
  private static let seconds: [String: any WritableKeyPath<ServiceSettings, Double> & Sendable] = [
    "seconds": \.seconds, "idle_seconds": \.idleSeconds, "shutdown_seconds": \.shutdownSeconds,
    "session_idle_seconds": \.sessionIdleSeconds, "session_life_seconds": \.sessionLifeSeconds,
  ]
  /// The names that a file may have.
  public static var names: [String] {
    (["host", "open"] + texts.keys + numbers.keys + seconds.keys).sorted()
  }
}

/// Why a service can't begin.
public enum ServiceSetupError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A file of settings or keys is wrong.
  case config(String)
  /// A model can't be served.
  case model(String)
  /// The store can't be used.
  case store(String)

  /// The error in one line.
  public var description: String {
    switch self {
    case .config(let text), .model(let text), .store(let text): text
    }
  }
}
