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
/// a member that has none. So the thread that calls counts how often it lost its processor; after a job in which that
/// happened often, teams are not tried for some jobs, for more and more as long as it goes on.
struct Contention {
  private var paused = 0
  private var pause = 1
  private var switchesBefore = 0
  private var start = ContinuousClock.now

  private static let longestPause = 64

  /// Whether the job that begins should do without teams.
  mutating func advisesAgainstTeams() -> Bool {
    if paused == 0 { return false }
    paused -= 1
    return true
  }

  /// A job with teams begins.
  mutating func begin() {
    switchesBefore = Self.involuntarySwitches()
    start = .now
  }

  /// It has ended.
  mutating func end() {
    let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
    note(switches: Self.involuntarySwitches() - switchesBefore, milliseconds: milliseconds)
  }

  /// Draws the conclusion from how often the thread lost its processor in how long a job.
  mutating func note(switches: Int, milliseconds: Double) {
    if Double(switches) > 4 + milliseconds / 8 {
      paused = pause
      pause = min(2 * pause, Self.longestPause)
    } else {
      pause = 1
    }
  }

  /// How often this thread has lost its processor so far; 0 where the system doesn't tell.
  private static func involuntarySwitches() -> Int {
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
