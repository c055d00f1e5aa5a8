import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

@Suite("Atomic files")
struct AtomicFileTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func contents(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test("A write replaces the whole old file and leaves nothing else in the folder")
  func replaces() throws {
    let path = scratch.file("a.txt")
    try AtomicFile.write(Data("a first and longer text".utf8), to: path)
    try AtomicFile.write(Data("second".utf8), to: path)
    #expect(try contents(path) == "second")
    #expect(scratch.names() == ["a.txt"])
  }

  @Test("A body that fails midway leaves the old file and no temporary")
  func failingBody() throws {
    let path = scratch.file("a.txt")
    try AtomicFile.write(Data("old".utf8), to: path)
    let failure = FileError.cannotWrite(file: path, reason: "made up")
    #expect(throws: failure) {
      try AtomicFile.write(to: path) { file throws(FileError) in
        try file.write("new")
        throw failure
      }
    }
    #expect(try contents(path) == "old")
    #expect(scratch.names() == ["a.txt"])
  }

  @Test("A folder that is missing, is a file, or is the target itself is named with the reason")
  func badPlaces() throws {
    let inMissing = scratch.file("missing/a.txt")
    #expect(throws: FileError.cannotCreate(file: inMissing, reason: systemReason(ENOENT))) {
      try AtomicFile.write(Data(), to: inMissing)
    }
    let inFile = try scratch.write([], as: "plain") + "/a.txt"
    #expect(throws: FileError.cannotCreate(file: inFile, reason: systemReason(ENOTDIR))) {
      try AtomicFile.write(Data(), to: inFile)
    }
    #expect(throws: FileError.cannotCreate(file: scratch.path, reason: "is a folder")) {
      try AtomicFile.write(Data(), to: scratch.path)
    }
    #expect(throws: FileError.cannotCreate(file: "", reason: "is not a file name")) {
      try AtomicFile.write(Data(), to: "")
    }
    #expect(scratch.names() == ["plain"])
  }

  @Test("A device is never replaced by a file")
  func device() {
    #expect(throws: FileError.cannotCreate(file: "/dev/null", reason: "is not a regular file")) {
      try AtomicFile.write(Data("x".utf8), to: "/dev/null")
    }
  }

  @Test(
    "A read-only folder refuses, and the old file stays",
    .enabled(if: getuid() != 0, "root may write anywhere"))
  func readOnlyFolder() throws {
    let path = try scratch.write(Array("old".utf8), as: "a.txt")
    try #require(unsafe chmod(scratch.path, 0o555) == 0)
    defer { _ = unsafe chmod(scratch.path, 0o755) }
    #expect(throws: FileError.cannotCreate(file: path, reason: systemReason(EACCES))) {
      try AtomicFile.write(Data("new".utf8), to: path)
    }
    #expect(try contents(path) == "old")
  }

  @Test("A symbolic link stays a link and its target is replaced")
  func link() throws {
    let target = try scratch.write(Array("old".utf8), as: "target")
    let path = scratch.file("link")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    try AtomicFile.write(Data("new".utf8), to: path)
    #expect(try contents(target) == "new")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == target)
  }

  @Test("Links to links are followed as the system does, a relative one from its own folder")
  func links() throws {
    try Paths.makeFolder(scratch.file("deep/inner"))
    let target = try scratch.write(Array("old".utf8), as: "deep/target")
    for (name, leads) in [("link", "deep/inner"), ("deep/inner/one", "../target"), ("two", "link/one")] {
      try #require(unsafe symlink(leads, scratch.file(name)) == 0)
    }
    try AtomicFile.write(Data("new".utf8), to: scratch.file("two"))
    #expect(try contents(target) == "new")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch.file("two")) == "link/one")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("deep/inner")) == ["one"])
  }

  #if os(Linux)
    @Test("A file is replaced in a folder whose name is not UTF-8, and no other folder is made")
    func otherBytes() throws {
      let name: [CChar] = Array("caf".utf8CString.dropLast()) + [-23, 0]
      let folder = Array(scratch.file("").utf8CString.dropLast()) + name
      try #require(unsafe mkdir(folder, 0o755) == 0)
      // The working folder is the whole process's, so the file is reached by a link.
      try #require(unsafe symlink(name, scratch.file("link")) == 0)
      let path = scratch.file("link/file")
      try AtomicFile.write(Data("old".utf8), to: path)
      try AtomicFile.write(Data("new".utf8), to: path)
      #expect(try contents(path) == "new")
      #expect(scratch.names().count == 2)
      // A link to such a file would have to be written as text.
      try #require(unsafe symlink(folder.dropLast() + Array("/file".utf8CString), scratch.file("file")) == 0)
      #expect(throws: FileError.self) { try AtomicFile.write(Data("3".utf8), to: scratch.file("file")) }
      #expect(try contents(path) == "new")
    }

    @Test("A full device is a typed error")
    func fullDevice() throws {
      let file = try OutputFile(opening: "/dev/full", flags: O_WRONLY)
      #expect(throws: FileError.cannotWrite(file: "/dev/full", reason: systemReason(ENOSPC))) {
        try file.write("x")
      }
    }
  #endif

  @Test("A short write at the file size limit keeps the old file and removes the temporary")
  func shortWrite() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let path = scratch.file("a.txt")
      try AtomicFile.write(Data("old".utf8), to: path)
      _ = signal(SIGXFSZ, SIG_IGN)
      #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      #else
        let resource = RLIMIT_FSIZE
      #endif
      var limit = rlimit(rlim_cur: 1000, rlim_max: 1000)
      try #require(unsafe setrlimit(resource, &limit) == 0)
      #expect(throws: FileError.cannotWrite(file: path, reason: systemReason(EFBIG))) {
        try AtomicFile.write(Data(count: 5000), to: path)
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      #expect(scratch.names() == ["a.txt"])
    }
  }

  static let operations: [WriteFault.Operation] = [.create, .write, .sync, .rename]

  @Test(
    "Whatever fails, the old file stays, no temporary is left, and the file and the reason are named",
    arguments: operations)
  func everyOperation(operation: WriteFault.Operation) throws {
    let path = try scratch.write(Array("old".utf8), as: "a.txt")
    let error = #expect(throws: FileError.self) {
      try WriteFault.$injected.withValue({ found, _ in found == operation ? ENOSPC : 0 }) {
        try AtomicFile.write(Data("new".utf8), to: path)
      }
    }
    #expect(error?.description.hasPrefix(path + ": cannot ") == true)
    #expect(error?.description.hasSuffix(systemReason(ENOSPC)) == true)
    #expect(try contents(path) == "old")
    #expect(scratch.names() == ["a.txt"])
  }

  @Test("A disk that gives back other bytes than were written leaves the old file")
  func readBack() throws {
    let path = try scratch.write(Array("old".utf8), as: "a.txt")
    for damage in [Array("nex".utf8), Array("ne".utf8), Array("news".utf8)] {
      let folder = scratch.path
      #expect(
        throws: FileError.cannotWrite(file: path, reason: "what was read back is not what was written")
      ) {
        try WriteFault.$injected.withValue({ operation, _ in
          guard operation == .sync else { return 0 }
          let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
          for name in names where AtomicFile.isTemporary(name) {
            _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: Data(damage))
          }
          return 0
        }) { try AtomicFile.write(Data("new".utf8), to: path) }
      }
      #expect(try contents(path) == "old")
      #expect(scratch.names() == ["a.txt"])
    }
  }
}
