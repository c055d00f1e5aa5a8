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

@Suite("The service")
struct ServiceTests {
  @Test("Every route is documented and every documented operation is served, those of other parts too")
  func document() async throws {
    let extra = Endpoint(
      .post, "/v1/memory/{id}/search", "searchMemory", "Searches.",
      body: JSONSchema.object([("query", JSONSchema.text)]),
      answer: .init("What was found.")
    ) { request in .json(["id": .string(try request.parameter("id"))]) }
    let service = try Fixtures.service([("text", Fixtures.text())], endpoints: [extra])
    let endpoints = service.endpoints
    try await service.asked { client in
      let document = try await client.get("/openapi.json")
      #expect(document["openapi"].string == "3.1.0")
      var documented: Set<String> = []
      for path in document["paths"].object ?? [] {
        for operation in path.value.object ?? [] {
          documented.insert("\(operation.key.uppercased()) \(path.key)")
          let names = path.key.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            $0.dropFirst().dropLast()
          }
          let parameters = (operation.value["parameters"]?.array ?? []).filter { $0["in"]?.string == "path" }
          #expect(parameters.compactMap { $0["name"]?.string } == names.map(String.init))
          let method = try #require(HTTPRequest.Method(operation.key.uppercased()))
          let answer = try await client.ask(
            method, path.key.replacingOccurrences(of: "{id}", with: "x"), method == .get ? nil : "{}")
          #expect(![405, 500].contains(answer.status), "\(operation.key) \(path.key): \(answer.text)")
          #expect(answer.code != "unknown_path")
          // What is answered is documented.
          #expect(operation.value["responses"]?["\(answer.status)"] != nil, "\(path.key) \(answer.status)")
        }
      }
      let served = Set(endpoints.map { "\($0.method.rawValue) \($0.path)" }).subtracting(["GET /openapi.json"]
      )
      #expect(documented == served)
      let own = try await client.post("/v1/memory/7/search")
      #expect(own["id"].string == "7")
    }
  }

  @Test("Where there are keys, only who has one that is valid may ask")
  func keys() async throws {
    let text = """
      # for tests
      0123456789abcdef0123 one
      fedcba98765432100123 two 2020-01-01
      """
    let keys = try APIKeys(text: text, file: "keys")
    let service = try Fixtures.service([("text", Fixtures.text())], keys: keys)
    try await service.asked { client in
      func asked(_ key: String?, _ path: String = "/v1/models") async throws -> Client.Answer {
        var headers: HTTPFields = [.contentType: "application/json"]
        if let key { headers[.authorization] = key }
        return try await Client(client: client.client, headers: headers).get(path)
      }
      #expect(try await asked("Bearer 0123456789abcdef0123").status == 200)
      for (key, code) in [
        (nil, "missing_api_key"), ("0123456789abcdef0123", "invalid_api_key"),
        ("Bearer 0123456789abcdef012", "invalid_api_key"), ("Bearer ", "invalid_api_key"),
        ("Bearer fedcba98765432100123", "expired_api_key"),
      ] {
        let answer = try await asked(key)
        #expect(answer.status == 401 && answer.code == code, "\(key ?? "")")
        #expect(answer.headers[.wwwAuthenticate] == "Bearer")
      }
      for path in ["/healthz", "/", "/openapi.json"] { #expect(try await asked(nil, path).status == 200) }
      #expect(try await asked(nil, "/metrics").status == 401)
      #expect(try await asked(nil, "/nowhere").status == 401)
    }
    for (text, words) in [
      ("", "a key a line"), ("short", "16 bytes"), ("0123456789abcdef a b c", "KEY [NAME [UNTIL]]"),
      ("0123456789abcdef a soon", "a date"),
    ] {
      let error = #expect(throws: ServiceSetupError.self) { try APIKeys(text: text, file: "keys") }
      #expect(error?.description.contains(words) == true)
    }
  }

  @Test("Only names of the local host are answered where there are no keys")
  func hosts() {
    for host in ["localhost", "127.0.0.1:8080", "[::1]:80", "LOCALHOST:1", "::1", "127.1.2.3"] {
      #expect(AccessMiddleware.isLocal(host), "\(host)")
    }
    for host in [
      "0.0.0.0", "example.org", "127.0.0.1.example.org", "localhost.example.org:80", "", "10.0.0.1",
    ] {
      #expect(!AccessMiddleware.isLocal(host), "\(host)")
    }
  }

  @Test("A model whose file is replaced is served as it was loaded")
  func replaced() async throws {
    let path = try Fixtures.text()
    let service = try Fixtures.service([("text", path)])
    let text = try TextGenerator(model: path).text(seed: 5)
    let expected = String(String.UnicodeScalarView(text.prefix(50)))
    try Data("nothing".utf8).write(to: URL(fileURLWithPath: path))
    try await service.asked { client in
      let answer = try await client.post("/v1/completions", ["max_tokens": 50, "seed": 5])
      #expect(answer["choices"].first["text"]?.string == expected)
    }
  }

  @Test("A service that is asked to end sends its streams to their end, and writes its sessions")
  func shutdown() async throws {
    let (running, isRunning) = AsyncStream.makeStream(of: Int.self)
    let (asked, isAsked) = AsyncStream.makeStream(of: Void.self)
    let slow = Endpoint(
      .get, "/slow", "slow", "Sends an event, waits until the service is asked to end, and sends another.",
      answer: .init("Events.", types: ["text/event-stream"])
    ) { request in
      EventStream.response(request) { send in
        send(1)
        isAsked.finish()
        try await gracefulShutdown()
        try await Task.sleep(for: .milliseconds(50))
        send(2)
      }
    }
    let folder = try Fixtures.folder()
    let service = try Fixtures.service([("text", Fixtures.text())], endpoints: [slow]) { $0.store = folder }
    let application = service.application { isRunning.yield($0.localAddress?.port ?? 0) }
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let group = ServiceGroup(configuration: .init(services: [application], logger: logger))
    let ended = Task { try await group.run() }
    var ports = running.makeAsyncIterator()
    let port = try #require(await ports.next())
    try await TestClient.withClient(host: "127.0.0.1", port: port) { client in
      let created = try await client.post(
        "/v1/sessions", headers: [.contentType: "application/json"], body: ByteBuffer(string: "{}"))
      #expect(created.status == .created)
      async let response = client.get("/slow")
      for await _ in asked {}
      await group.triggerGracefulShutdown()
      let answer = try await response
      #expect(String(buffer: try #require(answer.body)) == "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n")
    }
    try await ended.value
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
  }

  @Test("What was asked is counted, in Prometheus' form")
  func metrics() async throws {
    try await Fixtures.service([("text", Fixtures.text())]).asked { client in
      _ = try await client.post("/v1/completions", ["max_tokens": 3])
      _ = try await client.get("/v1/sessions/1234")
      let text = try await client.get("/metrics").text
      for line in [
        "# TYPE cellgate_requests_total counter",
        #"cellgate_requests_total{method="POST",route="/v1/completions",status="200"} 1"#,
        #"cellgate_requests_total{method="GET",route="/v1/sessions/{id}",status="404"} 1"#,
        #"cellgate_tokens_total{kind="completion",model="text"} 3"#,
        #"cellgate_request_seconds_bucket{route="/v1/completions",le="+Inf"} 1"#,
      ] { #expect(text.components(separatedBy: "\n").contains(line), "\(line)") }
    }
  }

  @Test("Settings are read from JSON, and what is wrong with them is named")
  func settings() throws {
    let file = try Fixtures.folder() + "/server.json"
    func read(_ text: String) throws -> ServiceSettings {
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
      var settings = ServiceSettings()
      try settings.read(file)
      return settings
    }
    let settings = try read(
      #"{"port": 9000, "host": "::1", "session_idle_seconds": 2.5, "store": "kept", "open": true}"#)
    #expect(
      settings.port == 9000 && settings.sessionIdleSeconds == 2.5 && settings.store == "kept" && settings.open
    )
    for (text, words) in [
      ("[]", "an object"), (#"{"prt": 1}"#, "batch, body_bytes"), (#"{"port": 70000}"#, "port: expected"),
      (#"{"seconds": -1}"#, "seconds above 0"), (#"{"host": 3}"#, "host: expected a text"), ("{", "JSON"),
    ] {
      let error = #expect(throws: ServiceSetupError.self) { try read(text) }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
  }

  @Test("The page needs nothing from elsewhere")
  func page() {
    #expect(!Page.text.contains("http://") && !Page.text.contains("https://") && !Page.text.contains("src="))
    #expect(Page.text.contains("name=\"viewport\"") && Page.text.contains("lang=\"en\""))
  }
}
