import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateData

@Suite("Data sets")
struct DataSetTests {
  private static let dataFolder = ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? ""

  @Test("Each entry of the catalogue is complete", arguments: DataSet.all)
  func complete(set: DataSet) throws {
    #expect(try DataSet.named(set.name) == set)
    #expect(!set.summary.isEmpty && !set.licence.isEmpty && !set.files.isEmpty && !set.mirrors.isEmpty)
    #expect(Set(set.files.map(\.path)).count == set.files.count)
    for file in set.files {
      #expect(file.path.hasPrefix(set.name + "/"))
      #expect(file.sha256.count == 64 && file.sha256.allSatisfy { $0.isHexDigit && !$0.isUppercase })
      #expect(file.bytes > 0)
    }
    for mirror in set.mirrors {
      #expect(mirror.hasSuffix("/") && URL(string: mirror)?.scheme == "https")
    }
  }

  @Test("Names are unique, and an unknown one is refused with those there are")
  func names() {
    #expect(Set(DataSet.all.map(\.name)).count == DataSet.all.count)
    #expect(throws: DataError.unknownSet(name: "minst", known: DataSet.all.map(\.name))) {
      try DataSet.named("minst")
    }
  }

  @Test("The data directory is the option, else the variable, else the user's cache")
  func directory() {
    let environment = ["CELLGATE_DATA": "/data", "HOME": "/home/me", "XDG_CACHE_HOME": "/cache"]
    #expect(DataDirectory(option: "/o", environment: environment).path == "/o")
    #expect(DataDirectory(option: "", environment: environment).path == "/data")
    #expect(DataDirectory(environment: environment).origin == .environment)
    #expect(DataDirectory(environment: ["HOME": "/home/me"]).origin == .cache)
    #if os(macOS)
      #expect(DataDirectory(environment: ["HOME": "/home/me"]).path == "/home/me/Library/Caches/cellgate")
    #else
      let cached = ["CELLGATE_DATA": "", "HOME": "/home/me", "XDG_CACHE_HOME": "/cache"]
      #expect(DataDirectory(environment: cached).path == "/cache/cellgate")
      let relative = ["HOME": "/home/me", "XDG_CACHE_HOME": "cache"]
      #expect(DataDirectory(environment: relative).path == "/home/me/.cache/cellgate")
    #endif
  }

  @Test("Verify reports whole, missing, wrong size and wrong checksum, and names the file")
  func verify() throws {
    let scratch = try Scratch()
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  // of "abc"
    let files = ["whole", "absent", "long", "bad", "folder"].map {
      DataFile(path: "s/\($0)", sha256: sum, bytes: 3)
    }
    let set = DataSet(name: "s", summary: "", licence: "", files: files, mirrors: [])
    try scratch.write(Array("abc".utf8), as: "s/whole")
    try scratch.write(Array("abcd".utf8), as: "s/long")
    try scratch.write(Array("abd".utf8), as: "s/bad")
    try scratch.write([], as: "s/folder/x")
    let checks = set.verify(in: DataDirectory(option: scratch.path))
    let badSum = "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"
    #expect(
      checks.map(\.state) == [
        .whole, .missing, .wrongSize(expected: 3, found: 4),
        .wrongChecksum(expected: sum, found: badSum),
        .unreadable(.cannotOpen(file: scratch.path + "/s/folder", reason: "is a folder")),
      ])
    #expect(checks.map(\.isWhole) == [true, false, false, false, false])
    #expect(checks[2].description == "\(scratch.path)/s/long: expected 3 bytes, found 4")
  }

  @Test(
    "A task's missing file is reported with the command that gets it; a plain file does for a gzipped one")
  func require() throws {
    let scratch = try Scratch()
    let directory = DataDirectory(option: scratch.path)
    let file = DataFile(path: "s/a.gz", sha256: "", bytes: 1)
    let set = DataSet(name: "s", summary: "", licence: "", files: [file], mirrors: [])
    let error = DataError.missing(file: scratch.path + "/s/a.gz", set: "s")
    #expect(throws: error) { try set.require(in: directory) }
    #expect(error.description.hasSuffix("/s/a.gz: no such file; get it with: cellgate data fetch s"))
    try scratch.write([1], as: "s/a")
    try set.require(in: directory)
  }

  @Test("A plain file may be gzipped on the disk, and is checked as what it decompresses to")
  func gzipped() throws {
    let scratch = try Scratch()
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  // of "abc"
    let file = DataFile(path: "s/a", sha256: sum, bytes: 3)
    let set = DataSet(name: "s", summary: "", licence: "", files: [file], mirrors: [])
    let directory = DataDirectory(option: scratch.path)
    func state() -> DataCheck.State? { set.verify(in: directory).first?.state }
    try scratch.write(Gzip.compress(Array("abc".utf8)), as: "s/a.gz")
    #expect(state() == .whole)
    try set.require(in: directory)
    try scratch.write(Gzip.compress(Array("abd".utf8)), as: "s/a.gz")
    guard case .wrongChecksum(sum, _)? = state() else {
      return _ = Issue.record("a wrong checksum was not seen")
    }
    try scratch.write(Gzip.compress(Array("abcd".utf8)), as: "s/a.gz")
    #expect(state() == .wrongSize(expected: 3, found: 4))
    try scratch.write(Array("abc".utf8), as: "s/a.gz")
    #expect(state() == .damaged(.notGzip(file: scratch.path + "/s/a.gz")))
  }

  @Test(
    "The real MNIST and Penn Treebank files are whole",
    .enabled(if: !dataFolder.isEmpty, "set CELLGATE_DATA to the data directory"))
  func realFiles() {
    let checks = DataSet.mnist.verify(in: DataDirectory(option: Self.dataFolder))
    #expect(checks.map(\.state) == [.whole, .whole, .whole, .whole])
    #expect(
      DataSet.ptb.verify(in: DataDirectory(option: Self.dataFolder)).map(\.state) == [.whole, .whole, .whole])
  }
}
