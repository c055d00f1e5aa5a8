import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// One HTTP request for a file's bytes from an offset on, which `curl` sends; the bytes are written to the file's part
/// as they come.
struct Transfer {
  /// How a request ended.
  enum Outcome: Equatable {
    /// The server sent all that it announced.
    case ended
    /// The connection failed.
    case cut(String)
    /// Status 416: the server has nothing from the offset on.
    case rangeRefused
    /// The server sends more than the file may have.
    case tooLong
    /// Another status, or an answer that does not fit the question.
    case refused(String)
    /// The part could not be written.
    case disk(FileError)
    /// There is no `curl`.
    case noProgram(String)
  }

  private let file: DataFile
  private let offset: Int
  private let part: OutputFile
  private let progress: (FetchProgress) -> Void
  private var received: Int
  private var head = HTTPHead()

  /// True when the server sent the file from its first byte on although the rest was asked for.
  private(set) var didRestart = false

  /// A request for `file` from `offset` on, appended to the file at `partPath`; throws `cannotCreate`.
  init(file: DataFile, offset: Int, partPath: String, progress: @escaping (FetchProgress) -> Void)
    throws(FileError)
  {
    (self.file, self.offset, self.progress, received) = (file, offset, progress, offset)
    part = try OutputFile(opening: partPath, flags: O_WRONLY | O_APPEND)
  }

  /// Sends the request to an http or https address and waits for its end.
  mutating func run(_ address: String) -> Outcome {
    let curl: Curl
    do throws(Curl.StartError) { curl = try Curl(arguments(address)) } catch {
      switch error {
      case .missing(let reason): return .noProgram(reason)
      case .refused(let reason): return .refused("no process could be started: \(reason)")
      }
    }
    while let bytes = curl.read() {
      if let outcome = take(bytes) {
        curl.stop()
        return outcome
      }
    }
    if let reason = curl.end() { return .cut(reason) }
    return head.isWhole ? .ended : .refused(head.status.map { "HTTP status \($0)" } ?? "not an HTTP answer")
  }

  private func arguments(_ address: String) -> [String] {
    // The file's own gzip must arrive as it is. A server that is silent for 30 seconds is given up.
    var list = [
      "--silent", "--show-error", "--globoff", "--include", "--suppress-connect-headers", "--location",
      "--max-redirs",
      "10", "--proto", "=http,https", "--header", "Accept-Encoding: identity", "--connect-timeout", "30",
      "--speed-limit", "1", "--speed-time", "30",
    ]
    if offset > 0 { list += ["--range", "\(offset)-"] }
    return list + ["--url", address]
  }

  /// Nil when the request goes on.
  private mutating func take(_ bytes: [UInt8]) -> Outcome? {
    var body = bytes[...]
    if !head.isWhole {
      guard let rest = head.take(bytes) else { return .refused("not an HTTP answer") }
      guard head.isWhole else { return nil }
      if let outcome = accept() { return outcome }
      body = rest
    }
    guard !body.isEmpty else { return nil }
    guard body.count <= file.bytes - received else { return .tooLong }
    do throws(FileError) { try part.write(Array(body)) } catch { return .disk(error) }
    received += body.count
    progress(FetchProgress(file: file, received: received, total: file.bytes))
    return nil
  }

  /// Nil when the answer's body belongs into the part, which starts anew when the server sends everything.
  private mutating func accept() -> Outcome? {
    switch head.status {
    case 200:
      guard offset > 0 else { return nil }
      do throws(FileError) { try part.truncate(to: 0) } catch { return .disk(error) }
      received = 0
      didRestart = true
      return nil
    case 206:
      let range = head["content-range"] ?? "none"
      return offset > 0 && range.hasPrefix("bytes \(offset)-")
        ? nil : .refused("expected Content-Range from byte \(offset), found \(quotedName(range))")
    case 416: return .rangeRefused
    case let status: return .refused("HTTP status \(status ?? 0)")
    }
  }
}
