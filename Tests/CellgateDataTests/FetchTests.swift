import CellgateFiles
import CellgateTensor
import CellgateTestSupport
import Foundation
import Synchronization
import Testing

@testable import CellgateData

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

@Suite("Fetching data sets")
struct FetchTests {
  static let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 977) }
  static let other = body.map { $0 ^ 1 }

  let scratch: Scratch
  let directory: DataDirectory
  let set = DataSet(
    name: "s", summary: "", licence: "",
    files: [DataFile(path: "s/a.bin", sha256: SHA256.hex(body), bytes: body.count)], mirrors: [])

  init() throws {
    scratch = try Scratch()
    directory = DataDirectory(option: scratch.path)
  }

  private typealias Reply = LoopbackServer.Reply

  private func server(_ replies: Reply...) throws -> LoopbackServer {
    try LoopbackServer(["a.bin": replies])
  }

  private func failure(_ attempts: String...) -> DataError {
    .downloadFailed(file: scratch.path + "/s/a.bin", attempts: attempts)
  }

  /// The whole file stands in its place and nothing else is in the folder.
  private func expectWhole(_ sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(scratch.read("s/a.bin") == Self.body, sourceLocation: sourceLocation)
    #expect(scratch.names("s") == ["a.bin"], sourceLocation: sourceLocation)
  }

  @Test("A fetch starts no thread")
  func noThreads() throws {
    let server = try server(Reply(body: Self.body))
    try ThreadStarter.$current.withValue(.allowing(0)) {
      _ = try set.fetch(into: directory, mirrors: [server.address])
    }
    expectWhole()
  }

  @Test("Without the program curl the error says so, and what an earlier fetch left stays")
  func noCurl() throws {
    let expected = DataError.noCurl(file: scratch.path + "/s/a.bin", reason: "No such file or directory")
    let server = try server(Reply(body: Self.body))
    func fetch() throws {
      try Curl.$command.withValue(["no-such-program"]) {
        _ = try set.fetch(into: directory, mirrors: [server.address])
      }
    }
    #expect(throws: expected) { try fetch() }
    #expect(scratch.names("s").isEmpty)
    try scratch.write(Array(Self.body.prefix(50_000)), as: "s/a.bin.part")
    #expect(throws: expected) { try fetch() }
    #expect(scratch.read("s/a.bin.part")?.count == 50_000)
    #expect(server.requests.isEmpty)
  }

  @Test(
    "What curl says on its way out is the reason, and of many lines the first",
    arguments: [
      ("echo 'curl: (6) Could not resolve host' >&2; exit 6", "Could not resolve host"),
      ("exit 3", "curl ended with exit code 3"), ("kill -9 $$", "curl was ended by signal 9"),
      ("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done >&2; exit 1", "0"),
      ("echo hello", "not an HTTP answer"), ("", "not an HTTP answer"),
      ("printf 'HTTP/1.1 304 Same\r\n\r\n'", "HTTP status 304"),
      ("printf 'HTTP/1.1 302 There\r\n\r\nbody'", "HTTP status 302"),
      ("printf 'HTTP/1.1 abc\r\n\r\n'", "not an HTTP answer"),
      ("yes HTTP/1.1 200", "not an HTTP answer"),
    ])
  func otherPrograms(_ script: String, _ reason: String) throws {
    #expect(throws: failure("http://127.0.0.1/a.bin: \(reason)")) {
      try Curl.$command.withValue(["/bin/sh", "-c", script]) {
        _ = try set.fetch(into: directory, mirrors: ["http://127.0.0.1/"])
      }
    }
  }

  @Test("A redirection is followed, to http and https alone")
  func redirection() throws {
    let good = try server(Reply(body: Self.body))
    let here = try server(Reply(status: 302, location: good.address + "a.bin"))
    try set.fetch(into: directory, mirrors: [here.address])
    expectWhole()
    try FileManager.default.removeItem(atPath: scratch.path + "/s/a.bin")
    let elsewhere = try server(Reply(status: 302, location: "file:///etc/passwd"))
    #expect(throws: DataError.self) { try set.fetch(into: directory, mirrors: [elsewhere.address]) }
    #expect(scratch.names("s").isEmpty)
  }

  @Test("A whole download is stored, its progress reported, and a second fetch asks for nothing")
  func whole() throws {
    let server = try server(Reply(body: Self.body))
    let log = ProgressLog()
    let fetched = try set.fetch(into: directory, mirrors: [server.address]) { log.append($0) }
    #expect(fetched == set.files)
    expectWhole()
    let progress = log.all
    #expect(progress.last?.received == Self.body.count)
    #expect(progress.allSatisfy { $0.total == Self.body.count && $0.file == set.files[0] })
    #expect(progress.map(\.received) == progress.map(\.received).sorted())
    #expect(try set.fetch(into: directory, mirrors: [server.address]).isEmpty)
    #expect(server.requests.count == 1)
  }

  @Test("A connection cut midway is resumed from where it broke")
  func resumesInOneFetch() throws {
    let server = try server(Reply(body: Self.body, cutAfter: 70_000), Reply(body: Self.body))
    try set.fetch(into: directory, mirrors: [server.address])
    expectWhole()
    #expect(server.requests.map(\.rangeStart) == [nil, 70_000])
  }

  @Test("A part left by an earlier fetch is resumed, and kept when the mirror is out of reach")
  func resumesLater() throws {
    try scratch.write(Array(Self.body.prefix(50_000)), as: "s/a.bin.part")
    let broken = try server(Reply(status: 500))
    #expect(throws: failure("\(broken.address)a.bin: HTTP status 500")) {
      try set.fetch(into: directory, mirrors: [broken.address])
    }
    #expect(scratch.read("s/a.bin.part")?.count == 50_000)
    let server = try server(Reply(body: Self.body))
    try set.fetch(into: directory, mirrors: [server.address])
    expectWhole()
    #expect(server.requests.map(\.rangeStart) == [50_000])
  }

  @Test("A server that ignores the range starts the file anew")
  func ignoredRange() throws {
    try scratch.write(Array(Self.other.prefix(50_000)), as: "s/a.bin.part")
    let server = try server(Reply(body: Self.body, ignoresRange: true))
    try set.fetch(into: directory, mirrors: [server.address])
    expectWhole()
    #expect(server.requests.count == 1)
  }

  @Test("A part of other bytes, of the whole size, or too long is thrown away and the file fetched whole")
  func badParts() throws {
    for (part, starts) in [
      (Array(Self.other.prefix(50_000)), [50_000, nil]), (Self.other, [nil]), (Self.other + [0], [nil]),
    ] as [([UInt8], [Int?])] {
      let server = try server(Reply(body: Self.body))
      try? FileManager.default.removeItem(atPath: scratch.path + "/s/a.bin")
      try scratch.write(part, as: "s/a.bin.part")
      try set.fetch(into: directory, mirrors: [server.address])
      expectWhole()
      #expect(server.requests.map(\.rangeStart) == starts)
    }
  }

  @Test("A part that is whole already is put in place without a request")
  func wholePart() throws {
    try scratch.write(Self.body, as: "s/a.bin.part")
    try set.fetch(into: directory, mirrors: [])
    expectWhole()
  }

  @Test("Status 416 throws the part away and asks for the whole file")
  func rangeRefused() throws {
    try scratch.write(Array(Self.body.prefix(50_000)), as: "s/a.bin.part")
    let server = try server(Reply(status: 416), Reply(body: Self.body))
    try set.fetch(into: directory, mirrors: [server.address])
    expectWhole()
    #expect(server.requests.map(\.rangeStart) == [50_000, nil])
  }

  @Test("A wrong Content-Range is refused")
  func wrongRange() throws {
    try scratch.write(Array(Self.body.prefix(50_000)), as: "s/a.bin.part")
    let server = try server(Reply(body: Self.body, contentRange: "bytes 0-9/10"))
    let reason = "expected Content-Range from byte 50000, found bytes 0-9/10"
    #expect(throws: failure("\(server.address)a.bin: \(reason)")) {
      try set.fetch(into: directory, mirrors: [server.address])
    }
  }

  @Test("Wrong bytes are rejected and nothing is left in place")
  func wrongChecksum() throws {
    let server = try server(Reply(body: Self.other))
    #expect(throws: failure("\(server.address)a.bin: wrong checksum")) {
      try set.fetch(into: directory, mirrors: [server.address])
    }
    #expect(scratch.names("s").isEmpty)
  }

  @Test("A file that is too long or too short is rejected")
  func wrongLength() throws {
    let long = try server(Reply(body: Self.body + [0]))
    #expect(throws: failure("\(long.address)a.bin: sends more than 200000 bytes")) {
      try set.fetch(into: directory, mirrors: [long.address])
    }
    #expect(scratch.names("s").isEmpty)
    let short = try server(Reply(body: Array(Self.body.dropLast())))
    #expect(throws: DataError.self) { try set.fetch(into: directory, mirrors: [short.address]) }
    #expect(scratch.read("s/a.bin") == nil)
    #expect(short.requests.count < 20)
  }

  @Test("The next mirror is tried after a missing file, a server error, wrong bytes, and no server")
  func mirrors() throws {
    let missing = try LoopbackServer([:])
    let broken = try server(Reply(status: 500))
    let wrong = try server(Reply(body: Self.other))
    let good = try server(Reply(body: Self.body))
    let addresses = [missing, broken, wrong].map(\.address) + ["http://127.0.0.1:1/", good.address]
    try set.fetch(into: directory, mirrors: addresses)
    expectWhole()
    #expect(good.requests == [.init(path: "a.bin", rangeStart: nil)])
    #expect(missing.requests.count == 1 && broken.requests.count == 1 && wrong.requests.count == 1)
  }

  @Test("When no mirror has the file the error names it and each attempt in one line")
  func allFail() throws {
    let missing = try LoopbackServer([:])
    let error = failure(
      "\(missing.address)a.bin: HTTP status 404", "file:///etc/a.bin: not an http address")
    #expect(throws: error) {
      try set.fetch(into: directory, mirrors: [missing.address, "file:///etc/"])
    }
    #expect(!error.description.contains("\n"))
    #expect(scratch.names("s").isEmpty)
  }

  @Test("A wrong file stays until the right one is there to replace it")
  func existingFile() throws {
    try scratch.write([1, 2, 3], as: "s/a.bin")
    let wrong = try server(Reply(body: Self.other))
    #expect(throws: DataError.self) { try set.fetch(into: directory, mirrors: [wrong.address]) }
    #expect(scratch.read("s/a.bin") == [1, 2, 3])
    let good = try server(Reply(body: Self.body))
    try set.fetch(into: directory, mirrors: [good.address])
    expectWhole()
  }

  @Test("A data directory that is a file is an error that names it")
  func badDirectory() throws {
    try scratch.write([], as: "plain")
    let directory = DataDirectory(option: scratch.path + "/plain")
    #expect(
      throws: DataError.cannotStore(
        .cannotCreate(file: directory.path + "/s", reason: systemReason(ENOTDIR)))
    ) { try set.fetch(into: directory, mirrors: []) }
  }

  @Test("On a file system without locks a file is fetched, with one warning")
  func noLocks() throws {
    let server = try server(Reply(body: Self.body))
    var warnings: [String] = []
    try WriteFault.$injected.withValue({ operation, _ in
      [.lock, .recordLock].contains(operation) ? ENOLCK : 0
    }) {
      _ = try set.fetch(into: directory, mirrors: [server.address], warn: { warnings.append($0) })
    }
    expectWhole()
    #expect(warnings.count == 1)
    #expect(warnings.first?.hasPrefix(scratch.path + "/s/a.bin: the file system has no locks") == true)
  }

  @Test("A file that another process is fetching is left alone")
  func inUse() throws {
    try scratch.write([1], as: "s/a.bin.part")
    let held = try OutputFile(opening: scratch.path + "/s/a.bin.part", flags: O_WRONLY)
    #expect(held.lock() == .held)
    #expect(throws: DataError.inUse(file: scratch.path + "/s/a.bin")) {
      try set.fetch(into: directory, mirrors: [])
    }
    #expect(scratch.read("s/a.bin.part") == [1])
  }
}

/// Collects progress from another thread.
private final class ProgressLog: Sendable {
  private let entries = Mutex<[FetchProgress]>([])

  func append(_ progress: FetchProgress) { entries.withLock { $0.append(progress) } }

  var all: [FetchProgress] { entries.withLock { $0 } }
}
