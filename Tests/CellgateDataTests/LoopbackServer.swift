import Foundation
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A small HTTP/1.1 server on 127.0.0.1 that answers GET as its script says, one request per connection.
final class LoopbackServer: Sendable {
  /// How one request is answered.
  struct Reply: Sendable {
    var status = 200
    var body: [UInt8] = []
    /// Bytes of the body sent before the connection is closed; nil for all that were announced.
    var cutAfter: Int?
    /// Answers 200 with everything whatever range was asked for.
    var ignoresRange = false
    /// The Content-Range of a 206, where it shall be a wrong one.
    var contentRange: String?
    /// Where a redirection leads.
    var location: String?
  }

  /// A request as it came in.
  struct Request: Sendable, Equatable {
    var path: String
    /// The first byte asked for; nil without a Range header.
    var rangeStart: Int?
  }

  private struct Log {
    var replies: [String: [Reply]]
    var requests: [Request] = []
  }

  private let log: Mutex<Log>

  /// The server's address, with a slash at its end.
  let address: String

  /// Starts to answer; each path's replies are given in order, the last one again and again.
  init(_ replies: [String: [Reply]]) throws {
    #if canImport(Glibc)
      let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let socket = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    guard socket >= 0 else { throw POSIXError(.ENOTSOCK) }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &name) { (pointer) in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (address) in
        unsafe bind(socket, address, size) == 0 && listen(socket, 8) == 0
          && getsockname(socket, address, &size) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    address = "http://127.0.0.1:\(UInt16(bigEndian: name.sin_port))/"
    log = Mutex(Log(replies: replies))
    Thread.detachNewThread { [weak self] in
      // The thread owns the listener: closed elsewhere, its number could come back as another server's.
      defer { _ = close(socket) }
      while self != nil {
        var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, 20) > 0 else { continue }
        let connection = accept(socket, nil, nil)
        guard connection >= 0 else { return }
        self?.answer(connection)
        _ = close(connection)
      }
    }
  }

  /// The requests so far.
  var requests: [Request] { log.withLock { $0.requests } }

  private func answer(_ connection: Int32) {
    guard let request = readRequest(connection) else { return }
    let reply = log.withLock { (log) -> Reply in
      log.requests.append(request)
      guard var queue = log.replies[request.path], let first = queue.first else { return Reply(status: 404) }
      if queue.count > 1 { queue.removeFirst() }
      log.replies[request.path] = queue
      return first
    }
    guard reply.status == 200 else {
      return send(connection, reply.status, reply.location.map { ["Location": $0] } ?? [:], [])
    }
    guard let start = request.rangeStart, !reply.ignoresRange else {
      return send(connection, 200, [:], reply.body, cutAfter: reply.cutAfter)
    }
    guard start < reply.body.count else {
      return send(connection, 416, ["Content-Range": "bytes */\(reply.body.count)"], [])
    }
    let range = "bytes \(start)-\(reply.body.count - 1)/\(reply.body.count)"
    send(
      connection, 206, ["Content-Range": reply.contentRange ?? range], Array(reply.body[start...]),
      cutAfter: reply.cutAfter)
  }

  private func readRequest(_ connection: Int32) -> Request? {
    var head: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !String(decoding: head, as: UTF8.self).contains("\r\n\r\n") {
      let count = unsafe buffer.withUnsafeMutableBytes { (bytes) in
        unsafe recv(connection, bytes.baseAddress, bytes.count, 0)
      }
      guard count > 0 else { return nil }
      head += buffer[..<count]
    }
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count == 3, words[0] == "GET" else { return nil }
    let range = lines.first { $0.lowercased().hasPrefix("range: bytes=") }
    let start = range.flatMap { Int($0.dropFirst("range: bytes=".count).prefix { $0 != "-" }) }
    return Request(path: String(words[1].dropFirst()), rangeStart: start)
  }

  private func send(
    _ connection: Int32, _ status: Int, _ headers: [String: String], _ body: [UInt8], cutAfter: Int? = nil
  ) {
    let lines = headers.map { "\($0.key): \($0.value)\r\n" }.sorted().joined()
    let head =
      "HTTP/1.1 \(status) Answer\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\(lines)\r\n"
    let bytes = Array(head.utf8) + body.prefix(cutAfter ?? body.count)
    #if canImport(Darwin)
      var on: Int32 = 1
      _ = unsafe setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
      let flags: Int32 = 0
    #else
      let flags = Int32(MSG_NOSIGNAL)
    #endif
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { (all) in
        unsafe sendBytes(connection, all.baseAddress.map { unsafe $0 + done }, bytes.count - done, flags)
      }
      guard count > 0 else { return }
      done += count
    }
    _ = shutdown(connection, Int32(SHUT_WR))
  }
}

private func sendBytes(_ socket: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
  unsafe send(socket, bytes, count, flags)
}
