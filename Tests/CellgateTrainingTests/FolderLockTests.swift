import CellgateExperiments
import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Locks of folders")
struct FolderLockTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Runs `body` on a file system where flock fails, and the other lock too if that has an error.
  private func failing(_ lock: Int32, _ recordLock: Int32, _ body: () throws -> Void) rethrows {
    try WriteFault.$injected.withValue(
      { operation, _ in
        switch operation {
        case .lock: lock
        case .recordLock: recordLock
        default: 0
        }
      }, operation: body)
  }

  #if os(Linux)
    @Test(
      "A run's folder is held on a file system without flock too", arguments: [ENOLCK, ENOSYS, EOPNOTSUPP])
    func otherLock(code: Int32) throws {
      let path = scratch.file("run")
      try failing(code, 0) {
        let run = try RunDirectory(creating: path, settings: MeanTask.defaults)
        #expect(run.lockWarning == nil)
        #expect(throws: RunError.inUse(folder: path)) { try RunDirectory(resuming: path) }
        withExtendedLifetime(run) {}
      }
    }
  #endif

  @Test("On a file system without locks a folder is used with a warning, by a run and by a comparison")
  func noLock() throws {
    try failing(ENOLCK, ENOLCK) {
      let path = scratch.file("run")
      let run = try RunDirectory(creating: path, settings: MeanTask.defaults)
      let expected =
        "\(path): the file system has no locks (\(systemReason(ENOLCK))); nothing keeps another run out of this folder"
      #expect(run.lockWarning == expected)
      #expect(try RunDirectory(resuming: path).lockWarning == expected)
      let comparison = try Comparison(
        ComparisonSettings(MeanTask.defaults, cells: ["lstm"]), task: MeanTask.self,
        directory: scratch.file("comparison"))
      #expect(comparison.lockWarning?.hasPrefix(scratch.file("comparison") + ": ") == true)
    }
    #expect(try RunDirectory(resuming: scratch.file("run")).lockWarning == nil)
  }
}
