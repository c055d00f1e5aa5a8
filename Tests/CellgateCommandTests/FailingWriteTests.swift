import Foundation
import Testing

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

@Suite("Failing writes")
struct FailingWriteTests {
  static let run = "train adding --length 4 --hidden 32 --batch 2 --threads 1 --evaluation-interval 20"

  /// Runs a run to its end and expects it to be like one in the folder `whole`.
  private func expectSame(_ workplace: Workplace, _ line: String) throws {
    let resumed = try workplace.run(line: line + " --out parts --resume")
    #expect(resumed.status == 0, "\(resumed.error)")
    #expect(try workplace.run(line: line + " --out whole").status == 0)
    for file in ["metrics.csv", "model.safetensors"] {
      #expect(try workplace.data("parts/" + file) == workplace.data("whole/" + file))
    }
  }

  /// Expects a run to have ended because a file could not be written, after its first checkpoint.
  private func expectFailure(_ run: CommandRun, _ reason: String) {
    #expect(run.status == 74)
    #expect(run.error.contains("cellgate: parts/"), "\(run.error)")
    #expect(run.error.contains(reason), "\(run.error)")
    #expect(run.error.hasSuffix("; the checkpoint of step 0 stays\n"), "\(run.error)")
  }

  private static let line = run + " --steps 60 --save-every 30"

  /// A run that ended at its second checkpoint: the first takes 54 kB, one that holds the best model too 72 kB.
  private func stopped(_ workplace: Workplace) throws -> CommandRun {
    try workplace.run(
      shell: "ulimit -f 64; exec '\(Workplace.executable)' \(Self.line) --out parts")
  }

  @Test("A disk that has no room for a checkpoint ends the run; with room again it ends like any other")
  func noRoom() throws {
    let workplace = try Workplace()
    let run = try stopped(workplace)
    #expect(run.errorLines.count == 1)
    expectFailure(run, "parts/checkpoint-000030.safetensors: cannot write: File too large")
    #expect(!workplace.names(in: "parts").contains { $0.hasSuffix(".tmp") })
    try expectSame(workplace, Self.line)
  }

  @Test("A name that is taken by a folder ends the run in the same way")
  func taken() throws {
    let workplace = try Workplace()
    _ = try stopped(workplace)
    let taken = workplace.path + "/parts/checkpoint-000030.safetensors"
    try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: false)
    let run = try workplace.run(line: Self.line + " --out parts --resume --json")
    #expect(run.errorLines.count == 2)
    #expect(run.errorLines.first?.hasSuffix("cannot open: is a folder; the run goes on from step 0") == true)
    expectFailure(run, "parts/checkpoint-000030.safetensors: cannot create: is a folder")
    try FileManager.default.removeItem(atPath: taken)
    try expectSame(workplace, Self.line)
  }

  @Test(
    "A folder that may no longer be written ends the run",
    .enabled(if: getuid() != 0, "root may write anywhere"))
  func notAllowed() throws {
    let workplace = try Workplace()
    _ = try stopped(workplace)
    try #require(unsafe chmod(workplace.path + "/parts", 0o555) == 0)
    let run = try workplace.run(line: Self.line + " --out parts --resume --json")
    _ = unsafe chmod(workplace.path + "/parts", 0o755)
    #expect(run.errorLines.count == 1)
    expectFailure(run, "cannot create: Permission denied")
    try expectSame(workplace, Self.line)
  }

  @Test(
    "A damaged checkpoint is reported in a line and the one before is continued; two are refused and left alone"
  )
  func damaged() throws {
    let workplace = try Workplace()
    let line = Self.run + " --steps 60 --save-every 25"
    #expect(try workplace.run(line: line + " --out parts").status == 0)
    func damage(_ step: Int) throws {
      let path = workplace.path + "/parts/checkpoint-0000\(step).safetensors"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[bytes.count - 5] ^= 1
      try bytes.write(to: URL(fileURLWithPath: path))
    }
    try FileManager.default.removeItem(atPath: workplace.path + "/parts/result.json")
    try damage(60)
    let resumed = try workplace.run(line: line + " --out parts --resume")
    #expect(resumed.status == 0)
    #expect(resumed.errorLines.count == 1)
    #expect(resumed.error.hasPrefix("cellgate: parts/checkpoint-000060.safetensors: damaged: "))
    #expect(resumed.error.contains("; the run goes on from step 50"))
    try expectSame(workplace, line)

    try FileManager.default.removeItem(atPath: workplace.path + "/parts/result.json")
    try damage(50)
    try damage(60)
    let rows = try workplace.data("parts/metrics.csv")
    let refused = try workplace.run(line: line + " --out parts --resume")
    #expect(refused.status == 65)
    #expect(refused.errorLines.count == 1)
    #expect(refused.error.hasPrefix("cellgate: parts: no checkpoint to continue from: "))
    #expect(try workplace.data("parts/metrics.csv") == rows)
  }
}
