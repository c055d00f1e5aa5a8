import Cellgate
import CellgateBasics
import CellgateFiles

/// Sound that is transcribed in pieces of 20 ms, each of which is timed.
struct TranscribeSession {
  private let transcriber: Transcriber
  private let search: Transcriber.Search
  private var times: (sum: Duration, most: Duration, count: Int) = (.zero, .zero, 0)

  /// Pieces of a second.
  private static let pieces = 50
  /// Bytes that are waited for at most.
  private static let readSize = 1 << 12

  init(_ transcriber: Transcriber, search: Transcriber.Search) {
    (self.transcriber, self.search) = (transcriber, search)
  }

  /// Milliseconds that a piece took, on average and at most; nil without one.
  var latency: (mean: Double, most: Double)? {
    guard times.count > 0 else { return nil }
    return (1000 * (times.sum / Double(times.count) / .seconds(1)), 1000 * (times.most / .seconds(1)))
  }

  /// The transcript of a WAV file. Throws what is wrong with it.
  mutating func file(_ path: String) throws -> Transcriber.Transcript {
    let sound = try Transcriber.sound(path)
    var running = TranscriptStream(transcriber, rate: sound.rate, search: search)
    _ = try take(sound.samples[...], &running, rate: sound.rate) { _ in }
    return running.finish()
  }

  /// The transcript of the WAV file at standard input; `body` is given the characters that are sure by now. Throws what is wrong
  /// with it.
  mutating func input(_ body: (String) -> Void) throws -> Transcriber.Transcript {
    let name = "standard input"
    var stream = WAVStream(name)
    var running: TranscriptStream?
    var waiting: [Float] = []
    var shown = ""
    func show(_ text: String) {
      shown += text
      body(text)
    }
    while true {
      let bytes = try StandardInput.read(most: Self.readSize)
      try Interruption.check()
      if bytes.isEmpty { break }
      waiting += try stream.append(bytes)
      guard let rate = stream.rate else { continue }
      try Transcriber.check(rate: rate, of: name)
      var own = running ?? TranscriptStream(transcriber, rate: rate, search: search)
      running = nil
      let whole = waiting.count / max(1, rate / Self.pieces) * max(1, rate / Self.pieces)
      try take(waiting[..<whole], &own, rate: rate, show)
      waiting.removeFirst(whole)
      running = own
    }
    try stream.finish()
    guard var running else { fail("TranscribeSession: expected a rate of what came, found none") }
    show(running.append(waiting))
    let transcript = running.finish()
    // What came with the last windows.
    body(String(transcript.text.unicodeScalars.dropFirst(shown.unicodeScalars.count)))
    return transcript
  }

  private mutating func take(
    _ samples: ArraySlice<Float>, _ running: inout TranscriptStream, rate: Int, _ body: (String) -> Void
  ) throws {
    let size = max(1, rate / Self.pieces)
    for start in stride(from: samples.startIndex, to: samples.endIndex, by: size) {
      let clock = ContinuousClock()
      let began = clock.now
      body(running.append(Array(samples[start..<min(start + size, samples.endIndex)])))
      let time = clock.now - began
      times = (times.sum + time, max(times.most, time), times.count + 1)
      try Interruption.check()
    }
  }
}
