import Foundation
import Testing

#if os(Linux)
  @Suite("Refused memory")
  struct RefusedMemoryTests {
    @Test("Memory that the system refuses ends a command in one line that says how much was asked for")
    func limited() throws {
      let workplace = try Workplace()
      let run = try workplace.run(
        shell: """
          ulimit -v 1000000
          exec '\(Workplace.executable)' train adding --length 50 --batch 20000 --hidden 32 --threads 1 --out r
          """)
      #expect(run.status == 71)
      #expect(run.errorLines.count == 1, "\(run.error)")
      #expect(
        run.error.contains(#/^cellgate: the system refused [0-9.]+ [kMG]B of memory \([0-9]+ bytes\)\n$/#),
        "\(run.error)")
    }
  }
#endif
