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

@Suite("Paths")
struct PathsTests {
  private let scratch: Scratch
  /// The scratch folder as the system names it.
  private let root: String

  /// `deep/inner` and `link`, which leads to it.
  init() throws {
    scratch = try Scratch()
    let resolved = unsafe realpath(scratch.path, nil)
    defer { unsafe free(resolved) }
    root = try #require(unsafe resolved.map { unsafe String(cString: $0) })
    try Paths.makeFolder(root + "/deep/inner")
    try #require(unsafe symlink("deep/inner", root + "/link") == 0)
  }

  @Test(
    "A link is no folder whose `..` is the one around it: the absolute path names the file that the system opens"
  )
  func links() throws {
    _ = try scratch.write([1], as: "deep/file")
    _ = try scratch.write([2], as: "file")
    let found = Paths.absolute(root + "/link/../file")
    #expect(found == root + "/deep/file")
    #expect(try InputFile(found).readAll() == [1])
    #expect(Paths.absolute(root + "/deep/../file") == root + "/file")
  }

  @Test("Other paths keep their links, and lose only what says nothing")
  func plain() throws {
    #expect(Paths.absolute(root + "/link//./file") == root + "/link/file")
    #expect(Paths.absolute("/") == "/")
    let here = try #require(Paths.workingFolder)
    #expect(Paths.absolute("a/./b") == here + "/a/b")
    #expect(Paths.absolute("./a") == here + "/a")
    // What leads nowhere can't be resolved and stays.
    #expect(Paths.absolute("/nowhere/../file") == "/nowhere/../file")
  }

  @Test("Folders are made with those above them, through links as the system reads them")
  func folders() throws {
    try Paths.makeFolder(root + "/link/../new/one/")
    #expect(Paths.isFolder(root + "/deep/new/one"))
    try Paths.makeFolder(root + "/link/../new/one")
    _ = try scratch.write([1], as: "file")
    let file = root + "/file"
    #expect(throws: FileError.cannotCreate(file: file, reason: systemReason(EEXIST))) {
      try Paths.makeFolder(file)
    }
    #expect(throws: FileError.self) { try Paths.makeFolder(file + "/x") }
    #expect(throws: FileError.self) { try Paths.makeFolder("") }
  }

  @Test("Two paths of one folder have one identity, two folders have two, and what is missing has none")
  func identity() {
    #expect(Paths.Identity(of: root + "/link") == Paths.Identity(of: root + "/deep/./inner"))
    #expect(Paths.Identity(of: root + "/deep") != Paths.Identity(of: root))
    #expect(Paths.Identity(of: root + "/none") == nil)
  }
}
