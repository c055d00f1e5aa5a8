import Cellgate
import Hummingbird
import NIOCore

/// An answer that is sent as it comes, as server-sent events: `data: {…}` and a blank line for each.
///
/// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
enum EventStream {
  /// What is sent.
  typealias Send = @Sendable (JSONTree) -> Void

  /// Sends what `produce` gives, then `[DONE]`. What it throws is sent as an event of an error, as the status is sent already. A
  /// client that goes away stops it; one that doesn't read is cut off after the time that a request may take, and a few
  /// seconds.
  ///
  /// What is not read yet is held in memory, and bounded by what a request may ask for.
  static func response(
    _ request: ServiceRequest, produce: @escaping @Sendable (@escaping Send) async throws -> Void
  ) -> Response {
    let (channel, settings) = (request.context.channel, request.settings)
    let body = ResponseBody { writer in
      let (events, source) = AsyncStream.makeStream(of: JSONTree.self)
      let producer = Task {
        do { try await produce { source.yield($0) } } catch let error as ServiceError {
          source.yield(error.tree)
        } catch is CancellationError {
        } catch {
          source.yield(ServiceError(.internalServerError, "the service failed").tree)
        }
        source.finish()
      }
      // A reader that stands still would hold a write for ever.
      let guardian = Task {
        try await Task.sleep(for: .seconds(settings.seconds + settings.readingSeconds))
        try await channel?.close()
      }
      defer {
        producer.cancel()
        guardian.cancel()
      }
      for await event in events {
        try await writer.write(ByteBuffer(string: "data: \(event.text)\n\n"))
      }
      try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
      try await writer.finish(nil)
    }
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"], body: body)
  }
}
