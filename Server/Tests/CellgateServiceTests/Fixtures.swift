import Cellgate
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import CellgateService

/// Models of a few units, whose files are made here, and services of them.
enum Fixtures {
  /// A folder that nobody else has.
  static func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("cellgate-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// A model of the characters of "\n abcde.", as `cellgate train text` makes it.
  static func text(seed: UInt64 = 3) throws -> String {
    let characters = "\n abcde."
    let model = Sequential(
      Embedding(characters.unicodeScalars.count, 7), Recurrent(.lstmWM, 12, returnSequences: true),
      Dense(characters.unicodeScalars.count), input: .sequence())
    return try saved(
      model, seed: seed, ["vocabulary": characters, "vocabulary_unknown": "false", "cell": "lstm-wm"])
  }

  /// Three numbers a step, two out.
  static func sensor(seed: UInt64 = 5) throws -> String {
    let model = Sequential(
      Recurrent(.lstmWM, 16, returnSequences: true), Dense(2), input: .sequence(3))
    var own = Preprocessing()
    own.inputScaler = Scaler(means: [1, 2, 3], deviations: [2, 1, 0.5])
    return try saved(model, seed: seed, [:], own)
  }

  /// Texts of two classes.
  static func reviews(seed: UInt64 = 2) throws -> String {
    let words = ["good", "bad", "film", "a"]
    let model = Sequential(Embedding(words.count + 2, 5), LSTM(6), Dense(2), input: .sequence())
    var own = Preprocessing()
    (own.words, own.length, own.labels) = (words, 6, ["no", "yes"])
    var rows = Preprocessing.RowSource()
    (rows.text, rows.label) = ("review", "liked")
    own.rows = rows
    return try saved(model, seed: seed, [:], own)
  }

  /// Sounds of two classes.
  static func sounds(seed: UInt64 = 4) throws -> String {
    let features = AudioFeatures(rate: 4000, bands: 8)
    var own = rowsOf(width: features.width)
    own.rows?.audio = features
    return try saved(
      Sequential(LSTM(5), Dense(2), input: .sequence(features.width)), seed: seed, [:], own)
  }

  /// Clips of two classes, of three numbers a frame.
  static func clips(seed: UInt64 = 6) throws -> String {
    var own = rowsOf(width: 3)
    own.rows?.hasClips = true
    own.rows?.dimensions = 3
    return try saved(Sequential(LSTM(5), Dense(2), input: .sequence(3)), seed: seed, [:], own)
  }

  /// Texts in folders, of two classes.
  static func folders(seed: UInt64 = 7) throws -> String {
    var own = rowsOf(width: nil)
    (own.words, own.length) = (["good", "bad"], 4)
    own.rows?.text = ""
    return try saved(
      Sequential(Embedding(4, 3), LSTM(5), Dense(2), input: .sequence()), seed: seed, [:], own)
  }

  private static func rowsOf(width: Int?) -> Preprocessing {
    var own = Preprocessing()
    (own.labels, own.rows) = (["no", "yes"], Preprocessing.RowSource())
    own.inputScaler = width.map {
      Scaler(means: .init(repeating: 0, count: $0), deviations: .init(repeating: 1, count: $0))
    }
    return own
  }

  /// What is said in sounds, in the letters a, b and c.
  static func speech(seed: UInt64 = 8) throws -> String {
    let features = AudioFeatures(rate: 4000, bands: 8)
    var own = rowsOf(width: features.width)
    (own.labels, own.rows) = (nil, nil)
    own.speech = SpeechPreprocessing(features: features, stack: 2, alphabet: "abc")
    return try saved(
      Sequential(LSTM(9, returnSequences: true), Dense(4), input: .sequence(2 * features.width)), seed: seed,
      [:],
      own)
  }

  /// The keys of a tune's frames.
  static func tunes(seed: UInt64 = 9) throws -> String {
    var own = Preprocessing()
    own.music = Preprocessing.Music(step: 0.5, frequencies: .init(repeating: 0.1, count: 88))
    return try saved(
      Sequential(LSTM(7, returnSequences: true), Dense(88), input: .sequence(88)), seed: seed, [:], own)
  }

  /// Vectors of texts.
  static func encoder(seed: UInt64 = 10) throws -> String {
    var own = Preprocessing()
    (own.words, own.encodesTexts) = (["good", "bad", "film"], true)
    return try saved(Sequential(Embedding(5, 4), LSTM(6), input: .sequence()), seed: seed, [:], own)
  }

  /// A WAV file of 16 bits with a tone.
  static func wav(_ frequency: Double, samples: Int = 2000, rate: Int = 4000) -> Data {
    func bytes(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let data = (0..<samples).flatMap {
      bytes(Int(20_000 * sin(2 * .pi * frequency * Double($0) / Double(rate))), 2)
    }
    let format = bytes(1, 2) + bytes(1, 2) + bytes(rate, 4) + bytes(2 * rate, 4) + bytes(2, 2) + bytes(16, 2)
    return Data(
      Array("RIFF".utf8) + bytes(36 + data.count, 4) + Array("WAVEfmt ".utf8) + bytes(16, 4) + format
        + Array("data".utf8) + bytes(data.count, 4) + data)
  }

  private static func saved(
    _ model: Model, seed: UInt64, _ metadata: [String: String], _ preprocessing: Preprocessing? = nil
  ) throws -> String {
    try model.build(seed: seed)
    model.metadata = metadata
    if let preprocessing { model.preprocessing = preprocessing }
    let path = try folder() + "/model.safetensors"
    try model.save(path)
    return path
  }

  /// A service of models by name.
  static func service(
    _ models: [(id: String, path: String)], keys: APIKeys? = nil, endpoints: [Endpoint] = [],
    change: (inout ServiceSettings) -> Void = { _ in }
  ) throws -> CellgateService {
    var settings = ServiceSettings()
    settings.port = 0
    change(&settings)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let metrics = ServiceMetrics()
    let served = try models.map {
      try ServedModel(id: $0.id, path: $0.path, settings: settings, metrics: metrics, now: 0)
    }
    return try CellgateService(
      models: ModelList(served), settings: settings, keys: keys, metrics: metrics, logger: logger,
      endpoints: endpoints)
  }
}

extension CellgateService {
  /// Calls `body` with a client of the service's router.
  func asked(_ body: @escaping @Sendable (Client) async throws -> Void) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    try await Application(router: router, logger: logger).test(.router) { client in
      try await body(Client(client: client))
    }
  }

  /// Calls `body` with the port on which the service listens meanwhile.
  func running(_ body: (Int) async throws -> Void) async throws {
    let (running, isRunning) = AsyncStream.makeStream(of: Int.self)
    let application = application { isRunning.yield($0.localAddress?.port ?? 0) }
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let group = ServiceGroup(configuration: .init(services: [application], logger: logger))
    let ended = Task { try await group.run() }
    var ports = running.makeAsyncIterator()
    let port = try #require(await ports.next())
    let result: Result<Void, any Error>
    do { result = .success(try await body(port)) } catch { result = .failure(error) }
    await group.triggerGracefulShutdown()
    try await ended.value
    try result.get()
  }
}

/// Asks a service in JSON.
struct Client: Sendable {
  let client: any TestClientProtocol
  var headers: HTTPFields = [.contentType: "application/json"]

  /// The status and the body of an answer.
  struct Answer: Sendable {
    let status: Int
    let text: String
    let headers: HTTPFields
    /// The body as JSON; null where it is none.
    var tree: JSONTree { (try? JSONTree(data: Array(text.utf8), file: "answer")) ?? .null }
    subscript(name: String) -> JSONTree { tree[name] ?? .null }
    /// The message of an error.
    var message: String { tree["error"]?["message"]?.string ?? "" }
    var code: String { tree["error"]?["code"]?.string ?? "" }
    /// The events of a stream but the last, which must be [DONE].
    var events: [JSONTree] {
      let parts = text.components(separatedBy: "\n\n")
      guard parts.suffix(2) == ["data: [DONE]", ""] else { return [] }
      return parts.dropLast(2).compactMap {
        try? JSONTree(data: Array($0.dropFirst("data: ".count).utf8), file: "event")
      }
    }
  }

  func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) async throws -> Answer {
    let response = try await client.execute(
      uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
    return Answer(
      status: response.status.code, text: String(buffer: response.body), headers: response.headers)
  }
  func get(_ path: String) async throws -> Answer { try await ask(.get, path) }
  func post(_ path: String, _ body: String = "{}") async throws -> Answer { try await ask(.post, path, body) }
  func post(_ path: String, _ body: JSONTree) async throws -> Answer { try await ask(.post, path, body.text) }
}

extension JSONTree {
  /// The numbers of a list.
  var numbers: [Float] { (array ?? []).compactMap { $0.number.map { Float($0) } } }
  /// The first of a list.
  var first: JSONTree { array?.first ?? .null }
}
