#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Whether other programs want the processors that a team needs at the same time.
///
/// Threads that meet at barriers are fast while each has a processor, and slower than a single one when they wait for
/// a member that has none. So members count how often they lost their processor; after jobs in which that happened
/// often, teams are not tried for some jobs, for more and more as long as it goes on.
struct Contention {
  private var paused = 0
  private var pause = 1
  /// Since the last judgement.
  private var seen = (switches: 0, milliseconds: 0.0)

  private static let longestPause = 64

  /// Whether the job that begins should do without teams.
  mutating func advisesAgainstTeams() -> Bool {
    if paused == 0 { return false }
    paused -= 1
    return true
  }

  /// Draws the conclusion from how often a job's threads lost their processors, and how long it took. In a short job
  /// that happens once or twice at most, so that jobs are judged together; one that tries teams again after a pause
  /// is judged by itself.
  mutating func note(switches: Int, milliseconds: Double) {
    seen.switches += switches
    seen.milliseconds += milliseconds
    let allowance = pause > 1 ? 0.0 : 8.0
    if Double(seen.switches) > allowance + seen.milliseconds / 8 {
      paused = pause
      pause = min(2 * pause, Self.longestPause)
    } else if pause > 1 || seen.milliseconds > 100 {
      pause = 1
    } else {
      return
    }
    seen = (0, 0)
  }

  /// How often this thread has lost its processor so far; 0 where the system doesn't say.
  static func involuntarySwitches() -> Int {
    #if os(Linux)
      let thisThread: Int32 = 1  // RUSAGE_THREAD, which glibc shows to GNU sources alone
      var usage = rusage()
      guard unsafe getrusage(thisThread, &usage) == 0 else { return 0 }
      return usage.ru_nivcsw
    #else
      return 0
    #endif
  }
}
