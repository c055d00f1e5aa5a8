import CellgateFiles
import CellgateTensor
import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// One HTTP request for a file's bytes from an offset on, written to its part as they come.
final class Transfer: NSObject, URLSessionDataDelegate, Sendable {
  /// How a request ended.
  enum Outcome: Sendable, Equatable {
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
  }

  private struct State: ~Copyable {
    var received: Int
    var didRestart = false
    var outcome: Outcome?
    let part: OutputFile
  }

  private let file: DataFile
  private let offset: Int
  private let state: Mutex<State>
  private let progress: @Sendable (FetchProgress) -> Void
  private let done = DispatchSemaphore(value: 0)

  /// A request for `file` from `offset` on, appended to the file at `partPath`; throws `cannotCreate`.
  init(
    file: DataFile, offset: Int, partPath: String, progress: @escaping @Sendable (FetchProgress) -> Void
  ) throws(FileError) {
    self.file = file
    self.offset = offset
    self.progress = progress
    state = Mutex(
      State(received: offset, part: try OutputFile(opening: partPath, flags: O_WRONLY | O_APPEND)))
  }

  /// True when the server sent the file from its first byte on although the rest was asked for.
  var didRestart: Bool { state.withLock { $0.didRestart } }

  /// Sends the request and waits for its end.
  func run(_ url: URL) -> Outcome {
    if let code = Self.threadRefusal() {
      return .refused("no thread could be started: \(unsafe String(cString: strerror(code)))")
    }
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 30
    let session = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
    var request = URLRequest(url: url)
    request.cachePolicy = .reloadIgnoringLocalCacheData
    // The file's own gzip must arrive as it is.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    if offset > 0 { request.setValue("bytes=\(offset)-", forHTTPHeaderField: "Range") }
    session.dataTask(with: request).resume()
    done.wait()
    session.finishTasksAndInvalidate()
    return state.withLock { $0.outcome ?? .ended }
  }

  /// The error number of a system that doesn't start the threads of a transfer, for which it would wait forever.
  private static func threadRefusal() -> Int32? {
    let isTried = DispatchSemaphore(value: 0)
    var (started, code) = (0, Int32(0))
    while started < threads, code == 0 {
      code = ThreadStarter.current.start("cellgate-probe", 1 << 20) { isTried.wait() }
      if code == 0 { started += 1 }
    }
    for _ in 0..<started { isTried.signal() }
    return code == 0 ? nil : code
  }

  /// More than the queues of a session and the search for the server's address use.
  private static let threads = 6

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    let outcome = state.withLock { (state) -> Outcome? in
      state.outcome = accept(response, &state)
      return state.outcome
    }
    completionHandler(outcome == nil ? .allow : .cancel)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let received = state.withLock { (state) -> Int? in
      guard state.outcome == nil else { return nil }
      guard data.count <= file.bytes - state.received else {
        state.outcome = .tooLong
        return nil
      }
      do throws(FileError) {
        try state.part.write(data)
      } catch {
        state.outcome = .disk(error)
        return nil
      }
      state.received += data.count
      return state.received
    }
    guard let received else { return dataTask.cancel() }
    progress(FetchProgress(file: file, received: received, total: file.bytes))
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    if let error {
      let reason = quotedName(error.localizedDescription)
      state.withLock { $0.outcome = $0.outcome ?? .cut(reason) }
    }
    done.signal()
  }

  /// Nil when the answer's body belongs into the part, which starts anew when the server sends everything.
  private func accept(_ response: URLResponse, _ state: inout State) -> Outcome? {
    guard let answer = response as? HTTPURLResponse else { return .refused("not an HTTP answer") }
    switch answer.statusCode {
    case 200:
      guard offset > 0 else { return nil }
      do throws(FileError) { try state.part.truncate(to: 0) } catch { return .disk(error) }
      state.received = 0
      state.didRestart = true
      return nil
    case 206:
      let range = answer.value(forHTTPHeaderField: "Content-Range") ?? "none"
      return offset > 0 && range.hasPrefix("bytes \(offset)-")
        ? nil : .refused("expected Content-Range from byte \(offset), found \(quotedName(range))")
    case 416: return .rangeRefused
    default: return .refused("HTTP status \(answer.statusCode)")
    }
  }
}
