import Cellgate
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import NIOPosix
import Testing

@testable import CellgateService

/// Clients that don't do what clients should, over connections as they are.
@Suite("Connections")
struct ConnectionTests {
  private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Calls `body` with a connection, which is closed then, whatever the service still sends.
  private static func connected<Value: Sendable>(
    _ port: Int,
    _ body:
      @Sendable (NIOAsyncChannelInboundStream<ByteBuffer>, NIOAsyncChannelOutboundWriter<ByteBuffer>)
      async throws -> Value
  ) async throws -> Value {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
      host: "127.0.0.1", port: port
    ) { channel in
      channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
    }
    return try await channel.executeThenClose(body)
  }

  private static func request(_ method: String, _ path: String, _ body: String, length: Int? = nil)
    -> ByteBuffer
  {
    ByteBuffer(
      string: "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)")
  }

  @Test("A client that goes away in the middle of a stream ends it, and its session can be used again")
  func vanished() async throws {
    // More than can be written in the time that a request has.
    let service = try Fixtures.service([("text", Fixtures.text())]) { $0.tokens = 1 << 24 }
    try await service.running { port in
      try await TestClient.withClient(host: "127.0.0.1", port: port) { client in
        let created = try await client.post(
          "/v1/sessions", headers: [.contentType: "application/json"], body: ByteBuffer(string: "{}"))
        let tree = try JSONTree(data: Array(String(buffer: try #require(created.body)).utf8), file: "answer")
        let id = try #require(tree["id"]?.string)
        let read = try await Self.connected(port) { inbound, outbound in
          try await outbound.write(
            Self.request(
              "POST", "/v1/sessions/\(id)/completions",
              "{\"stream\": true, \"max_tokens\": \(1 << 24), \"temperature\": 1}"))
          var text = ""
          for try await bytes in inbound {
            text += String(buffer: bytes)
            if text.contains("data: {") { break }
          }
          return text
        }
        #expect(read.hasPrefix("HTTP/1.1 200"))
        // It is being stepped until the service knows that nobody reads.
        var status = 409
        for _ in 0..<400 where status == 409 {
          status = Int(try await client.get("/v1/sessions/\(id)/state").status.code)
          try await Task.sleep(for: .milliseconds(25))
        }
        #expect(status == 200)
      }
    }
  }

  @Test("A reader that stands still is cut off")
  func slowReader() async throws {
    let megabyte = String(repeating: "a", count: 1 << 20)
    let flood = Endpoint(
      .get, "/flood", "flood", "Sends much.", answer: .init("Events.", types: ["text/event-stream"])
    ) { request in
      EventStream.response(request) { send in for _ in 0..<64 { send(.string(megabyte)) } }
    }
    let path = try Fixtures.text()
    let service = try Fixtures.service([("text", path)], endpoints: [flood]) {
      ($0.seconds, $0.readingSeconds) = (0.2, 0.2)
    }
    try await service.running { port in
      let (count, end) = try await Self.connected(port) { inbound, outbound in
        try await outbound.write(Self.request("GET", "/flood", ""))
        try await Task.sleep(for: .seconds(1.5))
        var (count, end) = (0, "")
        do {
          for try await bytes in inbound {
            count += bytes.readableBytes
            end = String(String(buffer: bytes).suffix(32))
          }
        } catch is IOError {}  // It may be reset.
        return (count, end)
      }
      #expect(count > 0 && count < 60 << 20 && !end.contains("[DONE]"), "\(count) bytes")
    }
    // Who reads gets all of it.
    try await Fixtures.service([("text", path)], endpoints: [flood]).running { port in
      let whole = try await Self.connected(port) { inbound, outbound in
        try await outbound.write(Self.request("GET", "/flood", ""))
        var count = 0
        for try await bytes in inbound {
          count += bytes.readableBytes
          if count > 64 << 20, String(buffer: bytes).hasSuffix("0\r\n\r\n") { break }
        }
        return count
      }
      #expect(whole > 64 << 20)
    }
  }

  @Test("A body that comes byte by byte closes its connection after the time of a request")
  func slowWriter() async throws {
    let service = try Fixtures.service([("text", Fixtures.text())]) { $0.seconds = 0.3 }
    try await service.running { port in
      let start = ContinuousClock.now
      try await Self.connected(port) { inbound, outbound in
        try await outbound.write(Self.request("POST", "/v1/completions", "{", length: 1000))
        do { for try await _ in inbound {} } catch is IOError {}
      }
      #expect(ContinuousClock.now - start < .seconds(20))
      let ends = try await TestClient.withClient(host: "127.0.0.1", port: port) {
        try await $0.get("/healthz").status
      }
      #expect(ends == .ok)
    }
  }

  @Test("A head that comes byte by byte doesn't keep its connection open")
  func slowHead() async throws {
    let service = try Fixtures.service([("text", Fixtures.text())]) { $0.idleSeconds = 0.4 }
    try await service.running { port in
      let isClosed = try await Self.connected(port) { inbound, outbound in
        let writing = Task {
          try await outbound.write(ByteBuffer(string: "GET /healthz HTTP/1.1\r\nX-Long: "))
          for _ in 0..<200 {
            try await outbound.write(ByteBuffer(string: "a"))
            try await Task.sleep(for: .milliseconds(100))
          }
        }
        defer { writing.cancel() }
        let start = ContinuousClock.now
        do { for try await _ in inbound {} } catch is IOError {}
        return ContinuousClock.now - start < .seconds(15)
      }
      #expect(isClosed)
    }
  }

  @Test("What is no HTTP is refused, and connections that say nothing are let go")
  func noise() async throws {
    let service = try Fixtures.service([("text", Fixtures.text())]) { $0.idleSeconds = 0.3 }
    try await service.running { port in
      for bytes in [
        "", "\u{0}\u{1}\u{2}\r\n\r\n", "GET", "GET / HTTP/9.9\r\n\r\n",
        String(repeating: "a", count: 100_000),
      ] {
        let answer = try await Self.connected(port) { inbound, outbound in
          var text = ""
          do {
            if !bytes.isEmpty { try await outbound.write(ByteBuffer(string: bytes)) }
            for try await part in inbound { text += String(buffer: part) }
          } catch is IOError {}
          return text
        }
        #expect(
          answer.isEmpty || answer.hasPrefix("HTTP/1.1 400") || answer.hasPrefix("HTTP/1.1 505"), "\(answer)")
      }
      let ends = try await TestClient.withClient(host: "127.0.0.1", port: port) {
        try await $0.get("/healthz").status
      }
      #expect(ends == .ok)
    }
  }
}
