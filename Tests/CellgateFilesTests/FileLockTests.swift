import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("File locks")
struct FileLockTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func open() throws -> OutputFile {
    try OutputFile(opening: scratch.file("lock"), flags: O_WRONLY | O_CREAT)
  }

  /// Runs `body` on a file system where the calls fail with these errors, 0 for none.
  private func failing(_ lock: Int32, _ recordLock: Int32 = 0, _ body: () throws -> Void) rethrows {
    try WriteFault.$injected.withValue(
      { operation, _ in
        switch operation {
        case .lock: lock
        case .recordLock: recordLock
        default: 0
        }
      }, operation: body)
  }

  private func expectExclusive() throws {
    let first = try open()
    #expect(first.lock() == .held)
    let second = try open()
    #expect(second.lock() == .inUse)
    // Closing another descriptor of the file must not give the lock away.
    try second.close()
    #expect(try open().lock() == .inUse)
    try first.close()
    #expect(try open().lock() == .held)
  }

  @Test("A lock is held against every other opening of the file until it is closed")
  func exclusive() throws { try expectExclusive() }

  #if os(Linux)
    @Test(
      "Where flock is missing another lock is held as well", arguments: [ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL])
    func fallsBack(code: Int32) throws { try failing(code) { try expectExclusive() } }

    @Test("The other lock in somebody else's hands is in use too", arguments: [EAGAIN, EACCES])
    func otherInUse(code: Int32) throws {
      try failing(ENOLCK, code) {
        let answer = try open().lock()
        #expect(answer == .inUse)
      }
    }
  #endif

  @Test("Without any lock the system's reason is given, and never that the file is in use")
  func unsupported() throws {
    try failing(ENOLCK, EINVAL) {
      let answers = [try open().lock(), try open().lock()]
      #expect(answers == Array(repeating: .unsupported(reason: systemReason(ENOLCK)), count: 2))
    }
  }
}
